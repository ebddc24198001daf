//! The kernel's part of an address space: where it maps what it allocates itself.

use std::collections::BTreeMap;

const PAGE: u64 = 4096;

/// Ranges of at least this size start at a multiple of it, for the sake of huge pages.
const HUGE: u64 = 2 << 20;

/// Which addresses are free. The smallest hole that is large enough is taken, from its start.
#[derive(Debug)]
pub(crate) struct KernelVa {
    /// Size by start.
    holes: BTreeMap<u64, u64>,
}

impl KernelVa {
    /// A part of the address space, without anything in it.
    pub(crate) fn new(start: u64, end: u64) -> Self {
        Self { holes: BTreeMap::from([(start, end - start)]) }
    }

    /// Reserves `size` bytes, a multiple of 4 KiB; the address, or `None` if there is no room.
    pub(crate) fn allocate(&mut self, size: u64) -> Option<u64> {
        let align = if size >= HUGE { HUGE } else { PAGE };
        let fitting = self.holes.iter().filter_map(|(&start, &len)| {
            let at = start.next_multiple_of(align);
            (len >= (at - start).checked_add(size)?).then_some((len, start, at))
        });
        let (len, start, at) = fitting.min()?;
        self.holes.remove(&start);
        if at > start {
            self.holes.insert(start, at - start);
        }
        let end = at + size;
        if start + len > end {
            self.holes.insert(end, start + len - end);
        }
        Some(at)
    }

    /// Gives back what [`KernelVa::allocate`] reserved.
    pub(crate) fn free(&mut self, at: u64, size: u64) {
        let (mut start, mut len) = (at, size);
        if let Some(after) = self.holes.remove(&(start + len)) {
            len += after;
        }
        if let Some((&before, &size)) = self.holes.range(..start).next_back() {
            if before + size == start {
                start = before;
                len += size;
            }
        }
        self.holes.insert(start, len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 1 << 47;
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;

    #[test]
    fn heaps_come_where_the_driver_put_them() {
        let mut va = KernelVa::new(BASE, 1 << 48);
        let sizes = [8 * KIB, 128 * KIB, 132 * KIB, MIB, 2 * MIB, 8 * MIB, MIB, MIB, MIB];
        let at = sizes.map(|size| va.allocate(size).unwrap() - BASE);
        let expected =
            [0, 0x2000, 0x22000, 0x43000, 0x20_0000, 0x40_0000, 0xc0_0000, 0xd0_0000, 0xe0_0000];
        assert_eq!(at, expected);
        // Into the hole that the alignment left.
        assert_eq!(va.allocate(128 * KIB), Some(BASE + 0x14_3000));
        assert_eq!(va.allocate(2 * MIB), Some(BASE + 0x100_0000));
    }

    #[test]
    fn the_smallest_hole_is_taken_and_holes_grow_together() {
        let mut va = KernelVa::new(BASE, BASE + 64 * PAGE);
        let ranges: Vec<_> = (1..=6).map(|n| (va.allocate(n * PAGE).unwrap(), n * PAGE)).collect();
        for index in [1, 3] {
            va.free(ranges[index].0, ranges[index].1);
        }
        assert_eq!(va.allocate(3 * PAGE), Some(ranges[3].0));
        va.free(ranges[3].0, 3 * PAGE);
        for index in [5, 0, 2, 4] {
            va.free(ranges[index].0, ranges[index].1);
        }
        assert_eq!(va.holes, BTreeMap::from([(BASE, 64 * PAGE)]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut va = KernelVa::new(BASE, BASE + 4 * PAGE);
        assert_eq!(va.allocate(5 * PAGE), None);
        assert_eq!(va.allocate(!(PAGE - 1)), None);
        assert_eq!(va.allocate(4 * PAGE), Some(BASE));
        assert_eq!(va.allocate(PAGE), None);
        assert!(va.holes.is_empty());
    }
}
