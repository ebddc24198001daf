//! The mapped ranges of a VM, as derived from a trace.

use std::collections::BTreeMap;

/// The mapped ranges of a VM.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapped {
    /// By start: the end, and whether the range is sparse.
    ranges: BTreeMap<u64, (u64, bool)>,
    pub(super) bytes: Bytes,
}

/// Mapped bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Bytes {
    /// Bytes mapped to BOs.
    pub(super) real: u64,
    pub(super) sparse: u64,
}

impl Bytes {
    pub(super) fn sum(self) -> u64 {
        self.real + self.sparse
    }

    fn of(&mut self, sparse: bool) -> &mut u64 {
        if sparse { &mut self.sparse } else { &mut self.real }
    }
}

impl Mapped {
    /// Maps a range and replaces overlapping ranges. Ignores an empty range and one that wraps
    /// around.
    pub(super) fn map(&mut self, va: u64, size: u64, sparse: bool) {
        let Some(end) = va.checked_add(size).filter(|&end| end > va) else { return };
        self.unmap(va, size);
        self.ranges.insert(va, (end, sparse));
        *self.bytes.of(sparse) += size;
    }

    /// Unmaps a range.
    pub(super) fn unmap(&mut self, va: u64, size: u64) {
        let Some(end) = va.checked_add(size).filter(|&end| end > va) else { return };
        let before = self.ranges.range(..va).next_back();
        let first = before.filter(|(_, (to, _))| *to > va).map_or(va, |(&start, _)| start);
        let affected: Vec<_> =
            self.ranges.range(first..end).map(|(&s, &(e, k))| (s, e, k)).collect();
        for (start, to, sparse) in affected {
            self.ranges.remove(&start);
            *self.bytes.of(sparse) -= to.min(end) - start.max(va);
            if start < va {
                self.ranges.insert(start, (va, sparse));
            }
            if to > end {
                self.ranges.insert(end, (to, sparse));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pages of a small VM, for comparison.
    #[test]
    fn it_counts_as_single_pages_do() {
        let mut mapped = Mapped::default();
        let mut pages = [None; 32];
        let mut random = 1_u64;
        for _ in 0..2000 {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let (va, size) = ((random >> 33) % 24, (random >> 40) % 9);
            let kind = [None, Some(false), Some(true)][(random >> 50) as usize % 3];
            match kind {
                None => mapped.unmap(va, size),
                Some(sparse) => mapped.map(va, size, sparse),
            }
            pages[va as usize..(va + size) as usize].fill(kind);
            let count = |sparse| pages.iter().filter(|&&page| page == Some(sparse)).count() as u64;
            assert_eq!(mapped.bytes, Bytes { real: count(false), sparse: count(true) });
        }
    }

    #[test]
    fn what_wraps_around_is_nothing() {
        let mut mapped = Mapped::default();
        mapped.map(u64::MAX, 2, false);
        mapped.unmap(0, 0);
        mapped.unmap(u64::MAX - 1, u64::MAX);
        assert_eq!(mapped.bytes, Bytes::default());
    }
}
