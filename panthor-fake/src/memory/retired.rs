//! Memory of BOs that are gone, but that other processes may still have mapped: a mapping keeps what it shows.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::Memory;
use crate::lock::lock;

/// So much is kept before it is worth looking who has it mapped, beyond what was kept the last time.
const STEP_BYTES: u64 = 64 << 20;
const STEP_RANGES: usize = 1024;

/// A process that was permitted to map a BO has done so after this time.
const GRACE: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Retired {
    ranges: Vec<(Range<u64>, Instant)>,
    bytes: u64,
    /// When to look.
    limit: (u64, usize),
}

impl Default for Retired {
    fn default() -> Self {
        Self { ranges: Vec::new(), bytes: 0, limit: (STEP_BYTES, STEP_RANGES) }
    }
}

impl Memory {
    /// Keeps what [`Memory::allocate`] reserved for processes that have it mapped; the last was permitted to
    /// do so at that time.
    pub(crate) fn retire(&self, offset: u64, size: u64, permitted: Instant) {
        let mut retired = lock(&self.retired);
        retired.ranges.push((offset..offset + size, permitted));
        retired.bytes += size;
    }

    /// Whether so much is kept that it should be looked who has it mapped.
    pub(crate) fn should_reclaim(&self) -> bool {
        let retired = lock(&self.retired);
        retired.bytes > retired.limit.0 || retired.ranges.len() > retired.limit.1
    }

    /// Gives back what was retired and was unmapped when somebody looked, at that time or later.
    pub(crate) fn reclaim(&self, looked: Instant, is_unmapped: impl Fn(&Range<u64>) -> bool) {
        let mut retired = lock(&self.retired);
        let (gone, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut retired.ranges).into_iter().partition(|(range, permitted)| {
                looked.saturating_duration_since(*permitted) > GRACE && is_unmapped(range)
            });
        retired.bytes = kept.iter().map(|(range, _)| range.end - range.start).sum();
        retired.limit = (retired.bytes + STEP_BYTES, kept.len() + STEP_RANGES);
        retired.ranges = kept;
        drop(retired);
        for (range, _) in gone {
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
        let long_ago = Instant::now().checked_sub(GRACE * 2).unwrap();
        for at in [mapped, other] {
            memory.write(at, &[7]).unwrap();
            memory.retire(at, 4096, long_ago);
        }
        let content = |at| {
            let mut byte = [0];
            memory.read(at, &mut byte).unwrap();
            byte[0]
        };
        memory.reclaim(Instant::now(), |range| range.start != mapped);
        assert_eq!((content(mapped), content(other)), (7, 0));
        assert!(memory.is_allocated(mapped, 4096) && !memory.is_allocated(other, 1));
        memory.reclaim(Instant::now(), |_| true);
        assert_eq!(content(mapped), 0);
    }

    #[test]
    fn what_was_just_permitted_waits() {
        let memory = Memory::new().unwrap();
        let at = memory.allocate(4096).unwrap();
        memory.retire(at, 4096, Instant::now());
        memory.reclaim(Instant::now(), |_| true);
        assert!(memory.is_allocated(at, 4096));
    }

    #[test]
    fn a_look_is_worth_it_only_after_more_has_come() {
        let memory = Memory::new().unwrap();
        let long_ago = Instant::now().checked_sub(GRACE * 2).unwrap();
        let keep = || {
            let at = memory.allocate(STEP_BYTES).unwrap();
            memory.retire(at, STEP_BYTES, long_ago);
        };
        keep();
        assert!(!memory.should_reclaim());
        keep();
        assert!(memory.should_reclaim());
        memory.reclaim(Instant::now(), |_| false);
        assert!(!memory.should_reclaim());
    }
}
