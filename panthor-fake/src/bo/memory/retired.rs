//! Retired memory: ranges of destroyed BOs that other processes may still have mapped.

use std::ops::Range;

use super::Memory;
use crate::lock::lock;

/// The growth of retired memory that triggers another scan of the mappings.
const STEP_BYTES: u64 = 64 << 20;
const STEP_RANGES: usize = 1024;

#[derive(Debug)]
pub(super) struct Retired {
    ranges: Vec<Range<u64>>,
    bytes: u64,
    /// The bytes and ranges above which a scan is due.
    limit: (u64, usize),
}

impl Default for Retired {
    fn default() -> Self {
        Self { ranges: Vec::new(), bytes: 0, limit: (STEP_BYTES, STEP_RANGES) }
    }
}

impl Retired {
    fn add(&mut self, range: Range<u64>) {
        self.bytes += range.end - range.start;
        self.ranges.push(range);
    }
}

impl Memory {
    /// Retires a range of [`Memory::allocate`] that processes may have mapped.
    pub(crate) fn retire(&self, offset: u64, size: u64) {
        lock(&self.retired).add(offset..offset + size);
    }

    /// Returns whether a retired range starts at an offset.
    pub(crate) fn is_retired(&self, offset: u64) -> bool {
        lock(&self.retired).ranges.iter().any(|range| range.start == offset)
    }

    /// Returns whether retired memory exceeds the scan threshold.
    pub(crate) fn should_reclaim(&self) -> bool {
        let retired = lock(&self.retired);
        retired.bytes > retired.limit.0 || retired.ranges.len() > retired.limit.1
    }

    /// Frees the retired ranges that no process has mapped. `look` scans all mappings.
    pub(crate) fn reclaim<U: Fn(&Range<u64>) -> bool>(&self, look: impl FnOnce() -> U) {
        let candidates = {
            let mut retired = lock(&self.retired);
            retired.bytes = 0;
            std::mem::take(&mut retired.ranges)
        };
        if candidates.is_empty() {
            return;
        }
        // In this order: a permit granted after the range was retired is refused, and a permit that
        // ended before this point has led to a mapping that the scan sees.
        let pending = self.permits.pending();
        let is_unmapped = look();
        let overlap = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
        let (gone, kept): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|range| {
            is_unmapped(range) && !pending.iter().any(|pending| overlap(pending, range))
        });
        let mut retired = lock(&self.retired);
        kept.into_iter().for_each(|range| retired.add(range));
        retired.limit = (retired.bytes + STEP_BYTES, retired.ranges.len() + STEP_RANGES);
        drop(retired);
        for range in gone {
            self.free(range.start, range.end - range.start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_keeps_its_contents_and_its_place() {
        let memory = Memory::new().unwrap();
        let (mapped, other) = (memory.allocate(4096).unwrap(), memory.allocate(4096).unwrap());
        for at in [mapped, other] {
            memory.write(at, &[7]).unwrap();
            memory.retire(at, 4096);
        }
        let content = |at| {
            let mut byte = [0];
            memory.read(at, &mut byte).unwrap();
            byte[0]
        };
        memory.reclaim(|| |range: &Range<u64>| range.start != mapped);
        assert_eq!((content(mapped), content(other)), (7, 0));
        assert!(memory.is_allocated(mapped, 4096) && !memory.is_allocated(other, 1));
        assert!(memory.is_retired(mapped) && !memory.is_retired(other));
        memory.reclaim(|| |_: &Range<u64>| true);
        assert_eq!(content(mapped), 0);
    }

    #[test]
    fn what_is_about_to_be_mapped_waits() {
        let memory = Memory::new().unwrap();
        let at = memory.allocate(8192).unwrap();
        let thread = nix::unistd::gettid();
        memory.permits.grant(thread, at + 4096..at + 8192);
        memory.retire(at, 8192);
        memory.reclaim(|| |_: &Range<u64>| true);
        assert!(memory.is_allocated(at, 8192));
        memory.permits.end(thread);
        memory.reclaim(|| |_: &Range<u64>| true);
        assert!(!memory.is_allocated(at, 1));
    }

    #[test]
    fn what_is_retired_during_a_look_waits_for_the_next() {
        let memory = Memory::new().unwrap();
        let [first, second] = [(); 2].map(|()| memory.allocate(4096).unwrap());
        memory.retire(first, 4096);
        memory.reclaim(|| {
            memory.retire(second, 4096);
            |_: &Range<u64>| true
        });
        assert!(!memory.is_allocated(first, 1) && memory.is_retired(second));
    }

    #[test]
    fn a_look_is_worth_it_only_after_more_has_come() {
        let memory = Memory::new().unwrap();
        let keep = || {
            let at = memory.allocate(STEP_BYTES).unwrap();
            memory.retire(at, STEP_BYTES);
        };
        keep();
        assert!(!memory.should_reclaim());
        keep();
        assert!(memory.should_reclaim());
        memory.reclaim(|| |_: &Range<u64>| false);
        assert!(!memory.should_reclaim());
    }
}
