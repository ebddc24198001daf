//! Decisions where public sources are silent.

/// A decision of the engine on a question that public sources do not settle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Choice {
    /// The subject.
    pub subject: &'static str,
    /// The decision.
    pub choice: &'static str,
    /// The reason.
    pub reason: &'static str,
}

macro_rules! choices {
    ($($subject:literal: $choice:literal, $reason:literal;)*) => {
        /// The decisions of the engine on questions that public sources do not settle.
        ///
        /// | subject | decision | reason |
        /// |---|---|---|
        $(#[doc = concat!("| ", $subject, " | ", $choice, " | ", $reason, " |")])*
        pub const CHOICES: &[Choice] = &[$(
            Choice { subject: $subject, choice: $choice, reason: $reason },
        )*];
    };
}

choices! {
    "recoverable fault":
        "the instruction has no effect, the queue enters its error state and continues with the next instruction",
        "the driver's own signal comes before its ERROR_BARRIER and needs the moves before the signal";
    "error state":
        "work of RUN instructions and FINISH_TILING is dropped and completes; all else executes",
        "signals must reach the waiters, with the error in the status word";
    "error state, end": "ERROR_BARRIER only", "the driver puts one behind each job";
    "error status in STORE_STATE": "the exception code, 0 without an error", "32 bits, 0 for none";
    "fatal exceptions":
        "all but 0x44, 0x4b and 0x50 to 0x60", "the driver's two reports, CS_FAULT and CS_FATAL";
    "unassigned opcodes, sub-opcodes and named values, odd pairs, missing registers":
        "CS_INVALID_INSTRUCTION (0x49)", "the driver's names for 0x50 and up are those of shader faults";
    "reserved bits": "ignored, reported as a hazard and counted", "drivers leave them zero";
    "CALL or JUMP with an address or length that is no multiple of 8, or whose end overflows":
        "CS_INVALID_INSTRUCTION", "the queue itself cannot execute the instruction";
    "ring buffer that is misaligned or empty": "CS_CONFIG_FAULT at the first instruction", "the driver's are aligned";
    "JUMP in the ring buffer": "CS_INVALID_INSTRUCTION", "the driver owns the ring buffer's frame";
    "CALL or JUMP with length 0": "returns at once; the frame still counts against the limit", "no special case";
    "BRANCH behind the end of its stream": "CS_INVALID_INSTRUCTION; the end itself is fine", "no instruction is there";
    "BRANCH before the start of its stream": "executes what is there", "a frame has an end, but no start";
    "misaligned accesses":
        "CS_BUS_FAULT (0x48) at the issue: 4 bytes for transfers, the size of the value for sync objects and states",
        "the smallest alignment that keeps an access in one word";
    "accesses that the MMU refuses": "the queue halts, with the MMU's fault", "the driver disables the address space";
    "scoreboard entries that the queue lacks":
        "CS_CONFIG_FAULT (0x40) for selectors and signals; never busy in a mask",
        "masks of all entries are common";
    "operations in flight": "at most 64 per queue; the next one waits", "hardware has a limit, which is not known";
    "transfers":
        "memory is accessed at the issue; only the scoreboard completes later; early uses are reported as hazards",
        "the result of a program does not depend on the seed, and each hazard is reported with its register";
    "operands of deferred operations": "registers are read at the issue", "drivers reuse them at once";
    "order of deferred operations":
        "those whose entries become free together start in the order of issue",
        "drivers set and reset an event behind the same entries";
    "error status of deferred signals": "that at the start of the signal", "the signal is the effect";
    "delays": "from 0 to the configured number of ticks, by seed; a tick is one attempt at an instruction", "any order is legal";
    "NEXT_SB_ENTRY": "the next free entry behind the selected one, round robin; CS_CONFIG_FAULT for an empty mask", "its name";
    "state words": "CS_CONFIG_FAULT for an entry or a mask that does not fit", "the queue cannot use the value";
    "shared scoreboard entries":
        "SHARED_SB_INC waits for its mask and increments; SHARED_SB_DEC waits for a count and decrements; counted",
        "no driver uses them";
    "resources": "granted at once; a RUN without its resource is reported, counted and executes", "drivers may rely on either";
    "caches": "none: memory is coherent; a flush counts its flush ID and its scoreboard entry", "no driver can tell, except by forgetting flushes";
    "flush IDs": "a flush is omitted if a later one than the ID has happened, compared modulo 2^32", "IDs wrap";
    "status word": "the status is written before the value, and read after the value", "a waiter sees both";
    "status word of SYNC_WAIT": "without reject, a status that is not 0 sets the error state (0x4b) without a fault", "inherit";
    "HEAP_OPERATION without HEAP_SET": "CS_CONFIG_FAULT", "no heap has the counter";
    "FINISH_FRAGMENT without HEAP_SET": "CS_CONFIG_FAULT, except for an empty list", "drivers finish frames without tiling";
    "heap counters": "counted by heap context, for all queues of the group", "a heap's queues share them";
    "exception handlers":
        "the first queue to run that has a handler runs it between two instructions, also while blocked, in a ninth frame",
        "the handler of the fragment queue frees what the tiler needs";
    "exception handler with length 0": "removed", "drivers remove with address and length 0";
    "PROT_REGION": "the queue stays there and requests protected mode", "the driver does not answer";
    "progress counters": "incremented when an instruction retires, or when its operation completes", "the work is done then";
    "shifts by a register": "the low 5 or 6 bits of src1", "the width of immediate distances";
    "subtraction and shifts": "src0 is the left operand", "order of the fields";
    "bit-fields": "bits behind the register are no part of a field; a field without bits is 0", "no special case";
    "staging registers of RUN_TILING": "those of RUN_IDVS", "both describe a draw";
    "staging registers of RUN_FULLSCREEN on architecture 10": "r40, r42, r56 as later", "they hold the same for draws";
    "initial state": "registers, state words, selectors and counters are 0", "drivers rely on zero registers";
}
