//! The order of transfers, work and signals, for hazards.

use crate::operand::{SbEntry, SbMask};

/// Stores and work that no WAIT has covered, and the operations behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct Ordering {
    /// The entries with such stores.
    stores: u16,
    /// The entries with such work.
    work: u16,
    /// By entry: the entries of transfers and work before which its operations do not start.
    behind: [u16; 16],
}

impl Ordering {
    /// Notes a store on `entry`.
    pub fn store(&mut self, entry: SbEntry) {
        self.load(entry);
        self.stores |= entry.mask().bits();
    }

    /// Notes work of a RUN instruction on `entry`.
    pub fn work(&mut self, entry: SbEntry) {
        self.load(entry);
        self.work |= entry.mask().bits();
    }

    /// Notes a load on `entry`.
    pub fn load(&mut self, entry: SbEntry) {
        let bit = entry.mask().bits();
        // Operations that wait already do not wait for this transfer.
        for behind in &mut self.behind {
            *behind &= !bit;
        }
    }

    /// Notes an operation on `signal` that starts after the entries of `wait`.
    pub fn defer(&mut self, wait: SbMask, signal: SbEntry) {
        let before = self.before(wait);
        self.behind[usize::from(signal.number() & 15)] |= before;
    }

    /// Notes a wait of the queue for `mask`. Returns the entries with transfers that have ended.
    pub fn wait(&mut self, mask: SbMask) -> SbMask {
        let before = self.before(mask);
        self.stores &= !before;
        self.work &= !before;
        SbMask::from_bits(before)
    }

    /// Returns the entries with stores that may be incomplete after the entries of `wait` are free.
    pub fn uncovered(&self, wait: SbMask) -> SbMask {
        SbMask::from_bits(self.stores & !self.before(wait))
    }

    /// Returns the entries with work that may be incomplete after the entries of `wait` are free.
    pub fn uncovered_work(&self, wait: SbMask) -> SbMask {
        SbMask::from_bits(self.work & !self.before(wait))
    }

    /// Returns `wait` with the entries that its deferred operations wait for.
    fn before(&self, wait: SbMask) -> u16 {
        wait.iter().fold(wait.bits(), |before, entry| {
            before | self.behind[usize::from(entry.number() & 15)]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operand::entry;

    #[test]
    fn wait_for_the_flush_behind_a_store_covers_the_store() {
        let mut ordering = Ordering::default();
        ordering.store(entry::<0>());
        assert_eq!(ordering.uncovered(SbMask::NONE), entry::<0>().mask());
        ordering.defer(entry::<0>().mask(), entry::<2>());
        assert_eq!(ordering.uncovered(entry::<2>().mask()), SbMask::NONE);
        assert_eq!(ordering.uncovered(entry::<1>().mask()), entry::<0>().mask());
        ordering.wait(entry::<2>().mask());
        assert_eq!(ordering.uncovered(SbMask::NONE), SbMask::NONE);
    }

    #[test]
    fn flush_does_not_cover_a_later_store() {
        let mut ordering = Ordering::default();
        ordering.store(entry::<0>());
        ordering.defer(entry::<0>().mask(), entry::<2>());
        ordering.store(entry::<0>());
        assert_eq!(ordering.uncovered(entry::<2>().mask()), entry::<0>().mask());
    }
}
