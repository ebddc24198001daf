//! Address allocation in the kernel part of a VM.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::holes::take_neighbours;
use crate::vm::{HUGE, PAGE};

/// The free ranges of the kernel part.
///
/// An allocation takes the start of the smallest sufficient hole, and among equals of the newest
/// one. The rest of a hole, before or behind the allocation, counts as a new hole.
#[derive(Debug, Default)]
pub(crate) struct KernelVa {
    /// The holes by start.
    holes: BTreeMap<u64, Hole>,
    /// The number of holes created so far.
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    len: u64,
    /// The creation number, in ascending order.
    number: u64,
}

impl KernelVa {
    /// Creates an empty range of the address space.
    pub(crate) fn new(start: u64, end: u64) -> Self {
        let mut va = Self::default();
        va.add_hole(start, end - start);
        va
    }

    fn add_hole(&mut self, start: u64, len: u64) {
        if len > 0 {
            self.holes.insert(start, Hole { len, number: self.count });
            self.count += 1;
        }
    }

    /// Reserves `size` bytes, a multiple of 4 KiB, and returns the address; `None` if there is no
    /// room.
    pub(crate) fn allocate(&mut self, size: u64) -> Option<u64> {
        let align = if size >= HUGE { HUGE } else { PAGE };
        let fitting = self.holes.iter().filter_map(|(&start, &Hole { len, number })| {
            let at = start.next_multiple_of(align);
            (len >= (at - start).checked_add(size)?).then_some((len, Reverse(number), start, at))
        });
        let (len, _, start, at) = fitting.min()?;
        self.holes.remove(&start);
        let end = at + size;
        self.add_hole(start, at - start);
        self.add_hole(end, start + len - end);
        Some(at)
    }

    /// Frees an allocation.
    pub(crate) fn free(&mut self, at: u64, size: u64) {
        let (start, len) = take_neighbours(&mut self.holes, (at, size), |hole| hole.len);
        self.add_hole(start, len);
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
        // The allocation fits into the alignment gap.
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
        let holes: Vec<_> = va.holes.iter().map(|(&start, hole)| (start, hole.len)).collect();
        assert_eq!(holes, [(BASE, 64 * PAGE)]);
    }

    #[test]
    fn of_equal_holes_the_newest_is_taken() {
        let mut va = KernelVa::new(BASE, BASE + 64 * PAGE);
        let pages: Vec<_> = (0..8).map(|_| va.allocate(PAGE).unwrap()).collect();
        for index in [4, 0, 6, 2] {
            va.free(pages[index], PAGE);
        }
        let taken: Vec<_> = (0..4).map(|_| va.allocate(PAGE).unwrap()).collect();
        assert_eq!(taken, [2, 6, 0, 4].map(|index| pages[index]));
        // The rest of a hole counts as new, even if the hole was the oldest.
        for index in [0, 1, 2, 5] {
            va.free(pages[index], PAGE);
        }
        assert_eq!(va.allocate(2 * PAGE), Some(pages[0]));
        assert_eq!(va.allocate(PAGE), Some(pages[2]));
        assert_eq!(va.allocate(PAGE), Some(pages[5]));
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
