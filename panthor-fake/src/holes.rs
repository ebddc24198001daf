//! Free address ranges, by start.

use std::collections::BTreeMap;

/// Removes the free ranges adjacent to `len` bytes at `start`, and returns the merged range.
/// `len_of` returns the length of a free range.
pub(crate) fn take_neighbours<V>(
    free: &mut BTreeMap<u64, V>,
    (mut start, mut len): (u64, u64),
    len_of: impl Fn(&V) -> u64,
) -> (u64, u64) {
    if let Some(after) = free.remove(&(start + len)) {
        len += len_of(&after);
    }
    let before = free.range(..start).next_back().map(|(&at, range)| (at, len_of(range)));
    if let Some((at, size)) = before.filter(|(at, size)| at + size == start) {
        free.remove(&at);
        start = at;
        len += size;
    }
    (start, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_touches_goes() {
        let free = BTreeMap::from([(0, 10_u64), (20, 10), (40, 10)]);
        for (range, whole, left) in [
            ((12, 5), (12, 5), vec![0, 20, 40]),
            ((10, 5), (0, 15), vec![20, 40]),
            ((15, 5), (15, 15), vec![0, 40]),
            ((30, 10), (20, 30), vec![0]),
            ((50, 1), (40, 11), vec![0, 20]),
        ] {
            let mut free = free.clone();
            assert_eq!(take_neighbours(&mut free, range, |&len| len), whole);
            assert_eq!(free.into_keys().collect::<Vec<_>>(), left);
        }
    }
}
