//! Matching of a batch's waits to its signals.

use std::collections::HashMap;

use panthor_sys as sys;

use super::SyncOp;

#[inline]
pub(crate) fn is_signal(sync: &SyncOp) -> bool {
    sync.flags & sys::DRM_PANTHOR_SYNC_OP_SIGNAL != 0
}

/// Returns whether both refer to the same point. The driver, too, compares only handle and point.
#[inline]
pub(crate) fn is_same_point(a: &SyncOp, b: &SyncOp) -> bool {
    a.handle == b.handle && a.timeline_value == b.timeline_value
}

/// Number of sync operations up to which a linear search is cheaper than a table.
const FEW: usize = 64;

/// Index of the first element of a batch that signals a point.
pub(super) struct FirstSignals<'a, E: Copy, I: Iterator<Item = (E, &'a SyncOp)> + Clone> {
    all: I,
    /// Lookup table for large batches, where linear searches would take quadratic time.
    table: Option<HashMap<(u32, u64), E>>,
}

impl<'a, E: Copy, I: Iterator<Item = (E, &'a SyncOp)> + Clone> FirstSignals<'a, E, I> {
    /// Creates the index. `all` yields every sync operation with its element, in order.
    pub(super) fn of(all: I) -> Self {
        let table = all.clone().nth(FEW).is_some().then(|| {
            let mut table = HashMap::new();
            for (element, signal) in all.clone().filter(|(_, sync)| is_signal(sync)) {
                table.entry((signal.handle, signal.timeline_value)).or_insert(element);
            }
            table
        });
        Self { all, table }
    }

    pub(super) fn find(&self, wait: &SyncOp) -> Option<E> {
        match &self.table {
            Some(table) => table.get(&(wait.handle, wait.timeline_value)).copied(),
            None => {
                let mut signals = self.all.clone().filter(|(_, sync)| is_signal(sync));
                signals.find(|(_, signal)| is_same_point(signal, wait)).map(|(element, _)| element)
            }
        }
    }
}

/// Returns the waits for points that the same batch signals, but not before the wait.
///
/// Only an existing fence can end such a wait. Without one, the driver refuses the batch with a
/// kernel warning.
pub(crate) fn self_waits<'a, E: Copy + Ord>(
    all: impl Iterator<Item = (E, &'a SyncOp)> + Clone,
) -> impl Iterator<Item = (E, SyncOp)> {
    let signals = FirstSignals::of(all.clone());
    all.filter(|(_, wait)| !is_signal(wait)).filter_map(move |(element, wait)| {
        (signals.find(wait)? >= element).then_some((element, *wait))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(handle: u32) -> SyncOp {
        SyncOp { flags: sys::DRM_PANTHOR_SYNC_OP_WAIT, handle, timeline_value: 0 }
    }

    fn signal(handle: u32) -> SyncOp {
        SyncOp { flags: sys::DRM_PANTHOR_SYNC_OP_SIGNAL, handle, timeline_value: 0 }
    }

    fn of(all: &[(usize, SyncOp)]) -> Option<(usize, SyncOp)> {
        self_waits(all.iter().map(|(element, sync)| (*element, sync))).next()
    }

    #[test]
    fn few_and_many_are_judged_alike() {
        for count in [1, FEW / 2, FEW / 2 + 1, 10 * FEW] {
            // Each element waits for the signal of the next one. The last wait has no signal.
            let all: Vec<_> =
                (0..count).flat_map(|i| [(i, wait(i as u32 + 1)), (i, signal(i as u32))]).collect();
            let iter = || all.iter().map(|(element, sync)| (*element, sync));
            let own: Vec<_> = self_waits(iter()).map(|(element, _)| element).collect();
            assert_eq!(own, (0..count - 1).collect::<Vec<_>>());
            let signals = FirstSignals::of(iter());
            assert_eq!(signals.table.is_some(), all.len() > FEW);
            assert_eq!(signals.find(&wait(0)), Some(0));
            assert_eq!(signals.find(&wait(count as u32)), None);
        }
        let twice: Vec<_> = (0..2 * FEW).map(|element| (element, signal(1))).collect();
        let signals = FirstSignals::of(twice.iter().map(|(element, sync)| (*element, sync)));
        assert_eq!(signals.find(&wait(1)), Some(0), "the first counts");
    }

    #[test]
    fn a_wait_that_only_its_own_batch_would_end() {
        assert_eq!(of(&[(0, signal(1)), (1, wait(1))]), None);
        assert_eq!(of(&[(1, wait(1)), (1, signal(1))]), Some((1, wait(1))));
        assert_eq!(of(&[(0, wait(1)), (1, signal(1))]), Some((0, wait(1))));
        assert_eq!(of(&[(0, signal(1)), (1, wait(1)), (1, signal(1))]), None);
        assert_eq!(of(&[(0, wait(2)), (1, signal(1))]), None);
    }

    #[test]
    fn other_points_of_a_timeline_do_not_match() {
        let at = |sync, timeline_value| SyncOp { timeline_value, ..sync };
        assert_eq!(of(&[(0, at(wait(1), 3)), (0, at(signal(1), 4))]), None);
        assert_eq!(of(&[(0, at(wait(1), 4)), (0, at(signal(1), 4))]), Some((0, at(wait(1), 4))));
    }
}
