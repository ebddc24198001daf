//! Conversion of range arguments.

use std::ops::{Bound, Range, RangeBounds};

/// Returns `start..end` of any range, with `len` as an open end.
///
/// The function does not check that the range is ordered or within `len`.
#[inline]
pub(crate) fn to_range(range: &impl RangeBounds<u64>, len: u64) -> Range<u64> {
    // Bounds beyond u64 saturate: no object is that large.
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&end) => end.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => len,
    };
    start..end
}

#[cfg(test)]
#[expect(clippy::reversed_empty_ranges)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_range() {
        assert_eq!(to_range(&.., 10), 0..10);
        assert_eq!(to_range(&(2..), 10), 2..10);
        assert_eq!(to_range(&(..3), 10), 0..3);
        assert_eq!(to_range(&(2..=3), 10), 2..4);
        assert_eq!(to_range(&(5..4), 10), 5..4);
        assert_eq!(to_range(&(11..), 10), 11..10);
        assert_eq!(to_range(&(..=u64::MAX), 10), 0..u64::MAX);
    }
}
