//! State of the whole GPU: clocks and flush IDs.

/// State that all groups of a GPU share.
pub trait Gpu {
    /// Returns the system counter, as DEV_QUERY_TIMESTAMP_INFO does.
    fn timestamp(&mut self) -> u64;

    /// Returns the GPU's cycle counter.
    fn cycles(&mut self) -> u64;

    /// Returns the number of disjoint events, after which cycle counts do not compare.
    fn disjoint_count(&mut self) -> u64 {
        0
    }

    /// Returns the flush ID of the latest flush, which userspace reads in the flush-ID mapping.
    fn latest_flush(&mut self) -> u32;

    /// Flushes the caches and increments the flush ID.
    fn flush(&mut self);
}

impl<G: Gpu + ?Sized> Gpu for &mut G {
    fn timestamp(&mut self) -> u64 {
        (**self).timestamp()
    }
    fn cycles(&mut self) -> u64 {
        (**self).cycles()
    }
    fn disjoint_count(&mut self) -> u64 {
        (**self).disjoint_count()
    }
    fn latest_flush(&mut self) -> u32 {
        (**self).latest_flush()
    }
    fn flush(&mut self) {
        (**self).flush();
    }
}

/// A GPU with clocks that advance by one at each reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SimulatedGpu {
    /// The next timestamp.
    pub timestamp: u64,
    /// The next cycle count.
    pub cycles: u64,
    /// The flush ID of the latest flush.
    pub latest_flush: u32,
}

impl SimulatedGpu {
    /// Returns a GPU with clocks that start at 0, and with the flush ID 1.
    pub const fn new() -> Self {
        Self { timestamp: 0, cycles: 0, latest_flush: 1 }
    }
}

impl Default for SimulatedGpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Gpu for SimulatedGpu {
    fn timestamp(&mut self) -> u64 {
        let now = self.timestamp;
        self.timestamp = now.wrapping_add(1);
        now
    }
    fn cycles(&mut self) -> u64 {
        let now = self.cycles;
        self.cycles = now.wrapping_add(1);
        now
    }
    fn latest_flush(&mut self) -> u32 {
        self.latest_flush
    }
    fn flush(&mut self) {
        // 0 stands for "always" in FLUSH_CACHE2 and is no ID.
        self.latest_flush = self.latest_flush.wrapping_add(1).max(1);
    }
}
