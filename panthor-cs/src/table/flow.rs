//! Control flow: moves, waits, branches, calls.

use super::instructions;
use crate::operand::{Condition, ExceptionType, Reg, RegPair, SbMask};

instructions! {
    /// Does nothing.
    ///
    /// Hardware ignores all bits. Drivers put metadata there.
    "NOP" Nop = 0x00, [10..] {
        /// Metadata.
        payload: u64 = 0, 0..=47 [10..];
        /// The type of the metadata.
        kind: u8 = 0, 48..=55 [10..];
    }

    /// Does nothing, and carries metadata of the driver.
    "ENOP" Enop = 0x80, [14..] {
        /// Metadata, 56 bits.
        payload: u64 = 0, 0..=55 [14..];
    }

    /// Moves a 48-bit immediate into a register pair, zero-extended.
    "MOVE48" Move48 = 0x01, [10..] {
        /// The destination.
        dst: RegPair, 48..=55 [10..];
        /// The immediate, 48 bits.
        imm: u64, 0..=47 [10..];
    }

    /// Moves a 32-bit immediate into a register.
    "MOVE32" Move32 = 0x02, [10..] {
        /// The destination.
        dst: Reg, 48..=55 [10..];
        /// The immediate.
        imm: u32, 0..=31 [10..];
    }

    /// Waits until all scoreboard entries of a mask are zero.
    "WAIT" Wait = 0x03, [10..] {
        /// The entries, of which architecture 10 has 8.
        mask: SbMask, 16..=23 [10], 16..=31 [11..];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [10..=13];
        /// Waits for the state word SB_MASK_WAIT, not for `mask`.
        indirect: bool = false, 33..=33 [11..];
    }

    /// Branches if a register, as a signed number, meets a condition against 0.
    "BRANCH" Branch = 0x16, [10..] {
        /// The condition.
        condition: Condition, 28..=30 [10], 28..=31 [11..];
        /// The register.
        value: Reg, 40..=47 [10..];
        /// The distance in instructions, from the instruction behind the branch.
        offset: i16, 0..=15 [10..];
    }

    /// Calls a stream, which returns at its end.
    "CALL" Call = 0x20, [10..] {
        /// The GPU VA of the stream.
        address: RegPair, 40..=47 [10..];
        /// The length of the stream in bytes, a multiple of 8.
        length: Reg, 32..=39 [10..];
    }

    /// Continues with another stream in place of the rest of this one.
    "JUMP" Jump = 0x21, [10..] {
        /// The GPU VA of the stream.
        address: RegPair, 40..=47 [10..];
        /// The length of the stream in bytes, a multiple of 8.
        length: Reg, 32..=39 [10..];
    }

    /// Registers a stream that runs on an exception; address 0 with length 0 removes the handler.
    "SET_EXCEPTION_HANDLER" SetExceptionHandler = 0x19, [10..] {
        /// The exception.
        exception: ExceptionType, 0..=7 [10..];
        /// The GPU VA of the stream.
        address: RegPair, 40..=47 [10..];
        /// The length of the stream in bytes, a multiple of 8.
        length: Reg, 32..=39 [10..];
    }

    /// Ends the error state of the queue.
    "ERROR_BARRIER" ErrorBarrier = 0x2f, [10..] {}

    /// Runs the instructions that follow in protected mode.
    "PROT_REGION" ProtRegion = 0x29, [10..] {
        /// The number of instructions.
        count: u16, 0..=15 [10..];
    }
}
