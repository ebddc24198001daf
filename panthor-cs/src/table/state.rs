//! State of a queue: scoreboard selectors, resources, progress counters.

use super::instructions;
use crate::operand::{Reg, RegPair, SbEntry, SbFormat, SbMask, SbSelector, State};

instructions! {
    /// Selects the scoreboard entries of RUN instructions and of LOAD_MULTIPLE and STORE_MULTIPLE.
    "SET_SB_ENTRY" SetSbEntry = 0x17, [10..] {
        /// The entry of RUN instructions.
        endpoint: SbEntry, 0..=3 [10..];
        /// The entry of LOAD_MULTIPLE and STORE_MULTIPLE.
        other: SbEntry, 4..=7 [10..];
    }

    /// Waits for a free scoreboard entry of SB_MASK_STREAM, selects the entry and reports the entry
    /// in a register.
    "NEXT_SB_ENTRY" NextSbEntry = 0x1a, [11..] {
        /// The selector to change.
        selector: SbSelector, 32..=35 [11..];
        /// The form of the report.
        format: SbFormat, 36..=36 [11..];
        /// The register for the report.
        dst: Reg, 48..=55 [11..];
    }

    /// Sets a word of state from a register.
    "SET_STATE" SetState = 0x1b, [11..] {
        /// The word of state.
        state: State, 32..=39 [11..];
        /// The register with the value.
        src: Reg, 40..=47 [11..];
    }

    /// Sets a word of state.
    "SET_STATE_IMM32" SetStateImm32 = 0x1c, [11..] {
        /// The word of state.
        state: State, 32..=39 [11..];
        /// The value.
        value: u32, 0..=31 [11..];
    }

    /// Takes a scoreboard entry that the queues of the group share.
    "SHARED_SB_INC" SharedSbInc = 0x1e, [11..] {
        /// The shared entry.
        shared: SbEntry, 48..=51 [11..];
        /// The entries to wait for.
        wait: SbMask = SbMask::NONE, 16..=31 [11..];
        /// Waits for the state word SB_MASK_WAIT, not for `wait`.
        indirect: bool = false, 52..=52 [11..];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [11..=13];
    }

    /// Returns a scoreboard entry that the queues of the group share.
    "SHARED_SB_DEC" SharedSbDec = 0x1f, [11..] {
        /// The shared entry.
        shared: SbEntry, 48..=51 [11..];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [11..=13];
    }

    /// Requests resources for RUN instructions, and releases those that the instruction does not
    /// name.
    "REQ_RESOURCE" ReqResource = 0x22, [10..] {
        /// The compute endpoint.
        compute: bool, 0..=0 [10..];
        /// The fragment endpoint.
        fragment: bool, 1..=1 [10..];
        /// The tiler.
        tiler: bool, 2..=2 [10..];
        /// The IDVS endpoint.
        idvs: bool, 3..=3 [10..];
        /// The ray tracing unit.
        ray_tracing: bool, 4..=4 [11..];
    }

    /// Waits until the progress counter of another queue of the group reaches a value.
    "PROGRESS_WAIT" ProgressWait = 0x18, [10..=13] {
        /// The number of the queue.
        queue: u8, 0..=4 [10..=13];
        /// The register pair with the value.
        value: RegPair, 40..=47 [10..=13];
    }

    /// Sets the progress counter of the queue from a register pair.
    "PROGRESS_STORE" ProgressStore = 0x2a, [10..=13] {
        /// The source.
        src: RegPair, 40..=47 [10..=13];
    }

    /// Loads the progress counter of the queue into a register pair.
    "PROGRESS_LOAD" ProgressLoad = 0x2b, [10..=13] {
        /// The destination.
        dst: RegPair, 48..=55 [10..=13];
    }
}
