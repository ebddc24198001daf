//! The tiler heap.

use super::instructions;
use crate::operand::{HeapCounter, RegPair, SbEntry, SbMask, entry};

instructions! {
    /// Sets the tiler heap context of the queue, as TILER_HEAP_CREATE returned the context.
    "HEAP_SET" HeapSet = 0x30, [10..] {
        /// The GPU VA of the context.
        address: RegPair, 40..=47 [10..];
    }

    /// Increments a counter of the tiler heap, by which the kernel decides at an out-of-memory
    /// event.
    "HEAP_OPERATION" HeapOperation = 0x31, [10..] {
        /// The counter.
        counter: HeapCounter, 32..=33 [10], 32..=34 [11..];
        /// The entries to wait for; the operation is deferred unless the mask is empty.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of a deferred operation.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }

    /// Returns a list of chunks to the tiler heap.
    "FINISH_FRAGMENT" FinishFragment = 0x0b, [10..] {
        /// Counts a completed fragment job.
        count: bool, 0..=0 [10..];
        /// The GPU VA of the first chunk; 0 for an empty list.
        first: RegPair, 40..=47 [10..];
        /// The GPU VA of the last chunk; 0 for an empty list.
        last: RegPair, 32..=39 [10..];
        /// The entries to wait for; the operation is deferred unless the mask is empty.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of a deferred operation.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }
}
