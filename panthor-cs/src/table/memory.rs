//! Memory: loads, stores, caches, trace points.

use super::instructions;
use crate::operand::{
    FlushMode, OtherFlushMode, Reg, RegMask, RegPair, SbEntry, SbMask, StoredState, entry,
};

instructions! {
    /// Loads registers from memory, asynchronously on the "other" scoreboard entry.
    ///
    /// Register `base + i` gets the word `i` at the address, for each bit `i` of the mask. Gaps of
    /// the mask are gaps in registers and in memory.
    "LOAD_MULTIPLE" LoadMultiple = 0x14, [10..] {
        /// The register of bit 0 of the mask.
        base: Reg, 48..=55 [10..];
        /// The registers to load.
        mask: RegMask, 16..=31 [10..];
        /// The GPU VA, a multiple of 4.
        address: RegPair, 40..=47 [10..];
        /// The distance from the address in bytes.
        offset: i16, 0..=15 [10..];
    }

    /// Stores registers to memory, asynchronously on the "other" scoreboard entry.
    ///
    /// Register `base + i` goes to the word `i` at the address, for each bit `i` of the mask. Gaps
    /// of the mask are gaps in registers and in memory.
    "STORE_MULTIPLE" StoreMultiple = 0x15, [10..] {
        /// The register of bit 0 of the mask.
        base: Reg, 48..=55 [10..];
        /// The registers to store.
        mask: RegMask, 16..=31 [10..];
        /// The GPU VA, a multiple of 4.
        address: RegPair, 40..=47 [10..];
        /// The distance from the address in bytes.
        offset: i16, 0..=15 [10..];
    }

    /// Stores the clock, a counter or the error state to memory.
    "STORE_STATE" StoreState = 0x28, [10..] {
        /// The state.
        state: StoredState, 32..=33 [10], 32..=39 [11..];
        /// The GPU VA.
        address: RegPair, 40..=47 [10..];
        /// The distance from the address in bytes.
        offset: i16, 0..=15 [10..];
        /// The entries to wait for; the store is deferred unless the mask is empty.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of a deferred store.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }

    /// Flushes caches, asynchronously.
    "FLUSH_CACHE2" FlushCache2 = 0x24, [10..] {
        /// The flush ID: the flush is omitted if there was one since. 0 flushes always.
        flush_id: Reg, 40..=47 [10..];
        /// The mode for the L2 cache.
        l2: FlushMode = FlushMode::NONE, 0..=3 [10..];
        /// The mode for the load/store cache.
        lsc: FlushMode = FlushMode::NONE, 4..=7 [10..];
        /// The mode for the other caches.
        others: OtherFlushMode = OtherFlushMode::NONE, 8..=11 [10..];
        /// The entries to wait for.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of the flush.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }

    /// Writes registers to the instrumentation buffer.
    "TRACE_POINT" TracePoint = 0x32, [10..] {
        /// The first register.
        base: Reg, 32..=39 [10..];
        /// The number of registers.
        count: u8, 40..=47 [10..];
        /// The entries to wait for; the write is deferred unless the mask is empty.
        wait: SbMask = SbMask::NONE, 16..=31 [10..];
        /// The entry of a deferred write.
        signal: SbEntry = entry::<0>(), 48..=51 [10..];
        /// Waits for SB_MASK_WAIT and signals SB_SEL_DEFERRED, in place of `wait` and `signal`.
        indirect: bool = false, 52..=52 [11..];
    }
}
