//! Synchronization objects.
//!
//! A 32-bit object is a sequence number and a status word, a 64-bit object a 64-bit sequence
//! number, a status word and padding. Both are naturally aligned.

use super::instructions;
use crate::operand::{Reg, RegPair, SbEntry, SbMask, Scope, SyncCondition, entry};

instructions! {
    /// Adds to a 32-bit sync object, and writes its status.
    "SYNC_ADD32" SyncAdd32 = 0x25, [10..] {
        /// The scope of the signal.
        scope: Scope, 1..=2 [10..];
        /// Writes the error state of the queue as the status, not 0.
        propagate: bool, 0..=0 [10..];
        /// The GPU VA of the sync object.
        address: RegPair, 40..=47 [10..];
        /// The register with the value.
        data: Reg, 32..=39 [10..];
        /// The entries to wait for; the signal is deferred unless the mask is empty.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of a deferred signal.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }

    /// Sets a 32-bit sync object, and writes its status.
    "SYNC_SET32" SyncSet32 = 0x26, [10..] {
        /// The scope of the signal.
        scope: Scope, 1..=2 [10..];
        /// Writes the error state of the queue as the status, not 0.
        propagate: bool, 0..=0 [10..];
        /// The GPU VA of the sync object.
        address: RegPair, 40..=47 [10..];
        /// The register with the value.
        data: Reg, 32..=39 [10..];
        /// The entries to wait for; the signal is deferred unless the mask is empty.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of a deferred signal.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }

    /// Blocks the queue until a 32-bit sync object meets a condition.
    "SYNC_WAIT32" SyncWait32 = 0x27, [10..] {
        /// The condition.
        condition: SyncCondition, 28..=31 [10..];
        /// Faults on a status that is not 0; otherwise the queue inherits the error.
        reject: bool, 0..=0 [10..];
        /// The GPU VA of the sync object.
        address: RegPair, 40..=47 [10..];
        /// The register with the reference.
        data: Reg, 32..=39 [10..];
    }

    /// Adds to a 64-bit sync object, and writes its status.
    "SYNC_ADD64" SyncAdd64 = 0x33, [10..] {
        /// The scope of the signal.
        scope: Scope, 1..=2 [10..];
        /// Writes the error state of the queue as the status, not 0.
        propagate: bool, 0..=0 [10..];
        /// The GPU VA of the sync object.
        address: RegPair, 40..=47 [10..];
        /// The register pair with the value.
        data: RegPair, 32..=39 [10..];
        /// The entries to wait for; the signal is deferred unless the mask is empty.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of a deferred signal.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }

    /// Sets a 64-bit sync object, and writes its status.
    "SYNC_SET64" SyncSet64 = 0x34, [10..] {
        /// The scope of the signal.
        scope: Scope, 1..=2 [10..];
        /// Writes the error state of the queue as the status, not 0.
        propagate: bool, 0..=0 [10..];
        /// The GPU VA of the sync object.
        address: RegPair, 40..=47 [10..];
        /// The register pair with the value.
        data: RegPair, 32..=39 [10..];
        /// The entries to wait for; the signal is deferred unless the mask is empty.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of a deferred signal.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }

    /// Blocks the queue until a 64-bit sync object meets a condition.
    "SYNC_WAIT64" SyncWait64 = 0x35, [10..] {
        /// The condition.
        condition: SyncCondition, 28..=31 [10..];
        /// Faults on a status that is not 0; otherwise the queue inherits the error.
        reject: bool, 0..=0 [10..];
        /// The GPU VA of the sync object.
        address: RegPair, 40..=47 [10..];
        /// The register pair with the reference.
        data: RegPair, 32..=39 [10..];
    }
}
