//! Storage of recorded queue submits, inline while they fit.

use panthor_sys as sys;

use crate::spilling::Spilling;
use crate::sync_ops::SyncOp;

/// One queue submit in the uAPI's layout.
pub(super) use sys::drm_panthor_queue_submit as RawSubmit;

/// Queue submits that a submission stores without heap memory.
const INLINE_SUBMITS: usize = 8;
/// Sync operations that a submission stores without heap memory: 8 for each inline queue submit.
const INLINE_SYNCS: usize = 8 * INLINE_SUBMITS;

/// Queue submits and their sync operations, in one list in the order of the queue submits.
#[derive(Debug)]
pub(super) struct Submits {
    /// Queue submits. Before [`laid_out`](Self::laid_out), only the `count` of their `syncs` is
    /// valid.
    submits: Spilling<RawSubmit, INLINE_SUBMITS>,
    syncs: Spilling<SyncOp, INLINE_SYNCS>,
}

impl Submits {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { submits: Spilling::new(), syncs: Spilling::new() }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.submits.as_slice().len()
    }

    #[inline]
    pub(super) fn push(&mut self, submit: RawSubmit) {
        self.submits.push(submit);
    }

    /// Returns the queue submit pushed last.
    #[inline]
    pub(super) fn last_mut(&mut self) -> Option<&mut RawSubmit> {
        self.submits.as_mut_slice().last_mut()
    }

    /// Adds a sync operation to the queue submit pushed last.
    #[inline]
    pub(super) fn push_sync(&mut self, sync: SyncOp) {
        if let Some(last) = self.last_mut() {
            last.syncs.count += 1;
            self.syncs.push(sync);
        }
    }

    /// Returns every sync operation with the index of its queue submit.
    pub(super) fn syncs(&self) -> impl Iterator<Item = (usize, &SyncOp)> + Clone {
        let owners = self.submits.as_slice().iter().enumerate();
        let owners = owners
            .flat_map(|(index, submit)| std::iter::repeat_n(index, submit.syncs.count as usize));
        owners.zip(self.syncs.as_slice())
    }

    /// Returns the queue submits, each with a pointer to its sync operations. The pointers are
    /// valid during the borrow.
    #[inline]
    pub(super) fn laid_out(&mut self) -> &[RawSubmit] {
        let mut rest = self.syncs.as_slice();
        let submits = self.submits.as_mut_slice();
        for submit in &mut *submits {
            let (own, others) = rest.split_at(submit.syncs.count as usize);
            submit.syncs = sys::drm_panthor_obj_array::from_slice(own);
            rest = others;
        }
        submits
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.submits.clear();
        self.syncs.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns `submits` queue submits with `syncs` sync operations each, with consecutive
    /// handles.
    fn filled(submits: u32, syncs: u32) -> Submits {
        let mut all = Submits::new();
        for queue_index in 0..submits {
            all.push(RawSubmit { queue_index, ..RawSubmit::default() });
            for sync in 0..syncs {
                all.push_sync(SyncOp { handle: queue_index * syncs + sync, ..SyncOp::default() });
            }
        }
        all
    }

    fn check(submits: u32, syncs: u32) {
        let mut all = filled(submits, syncs);
        let handles: Vec<_> = all.syncs().map(|(index, sync)| (index, sync.handle)).collect();
        let expected: Vec<_> =
            (0..submits * syncs).map(|handle| ((handle / syncs) as usize, handle)).collect();
        assert_eq!(handles, expected);

        let base = all.syncs.as_slice().as_ptr().addr() as u64;
        for (index, submit) in (0..).zip(all.laid_out()) {
            assert_eq!((submit.queue_index, submit.syncs.count), (index, syncs));
            assert_eq!(submit.syncs.stride, 16);
            assert_eq!(submit.syncs.array, base + u64::from(index * syncs) * 16);
        }
        assert_eq!(all.len(), submits as usize);
    }

    #[test]
    fn each_queue_submit_points_to_its_own() {
        for (submits, syncs) in [(1, 0), (1, 1), (3, 2), (8, 8), (9, 1), (1, 65), (20, 20)] {
            check(submits, syncs);
        }
    }

    #[test]
    fn eight_queue_submits_with_eight_syncs_each_need_no_heap() {
        let mut all = filled(8, 8);
        all.laid_out();
        assert_eq!((all.submits.heap_capacity(), all.syncs.heap_capacity()), (0, 0));
        let more = filled(9, 8);
        assert!(more.submits.heap_capacity() >= 9 && more.syncs.heap_capacity() >= 72);
    }

    #[test]
    fn a_cleared_one_starts_anew() {
        let mut all = filled(20, 20);
        all.clear();
        assert_eq!((all.len(), all.syncs().count()), (0, 0));
        all.push(RawSubmit::default());
        all.push_sync(SyncOp { handle: 7, ..SyncOp::default() });
        assert_eq!(
            all.syncs().map(|(index, sync)| (index, sync.handle)).collect::<Vec<_>>(),
            [(0, 7)]
        );
    }
}
