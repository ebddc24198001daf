//! Ranges as callers write them.

use std::ops::{Bound, Range, RangeBounds};

/// `start..end` of any range, an open end being `len`; `None` when it ends before it starts or beyond
/// what a `u64` holds. Whether it lies within `len` is not looked at.
#[inline]
pub(crate) fn to_range(range: &impl RangeBounds<u64>, len: u64) -> Option<Range<u64>> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&start) => start.checked_add(1)?,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&end) => end.checked_add(1)?,
        Bound::Excluded(&end) => end,
        Bound::Unbounded => len,
    };
    (start <= end).then_some(start..end)
}

#[cfg(test)]
#[expect(clippy::reversed_empty_ranges)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_range() {
        assert_eq!(to_range(&.., 10), Some(0..10));
        assert_eq!(to_range(&(2..), 10), Some(2..10));
        assert_eq!(to_range(&(..3), 10), Some(0..3));
        assert_eq!(to_range(&(2..=3), 10), Some(2..4));
        assert_eq!(to_range(&(5..4), 10), None);
        assert_eq!(to_range(&(11..), 10), None);
        assert_eq!(to_range(&(..=u64::MAX), 10), None);
    }
}
