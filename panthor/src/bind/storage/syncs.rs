//! Recorded sync operations of a batch.

use arrayvec::ArrayVec;

use crate::bind::SyncOp;

/// Batch-wide sync operations that a batch stores without heap memory.
const INLINE_SYNCS: usize = 4;

/// The sync operations of a batch.
#[derive(Debug)]
pub struct Syncs {
    /// Batch-wide sync operations: the waits, then the signals.
    inline: ArrayVec<SyncOp, INLINE_SYNCS>,
    /// Number of batch-wide signals.
    signals: usize,
    rare: Option<Box<RareSyncs>>,
}

/// Sync operations that most batches do not have.
#[derive(Debug, Default)]
struct RareSyncs {
    /// All batch-wide sync operations, after `inline` has overflowed.
    of_batch: Vec<SyncOp>,
    /// Sync operations of single operations, in recorded order.
    of_ops: Vec<OpSync>,
}

/// A sync operation of one recorded operation.
#[derive(Debug, Clone, Copy)]
pub(in crate::bind) struct OpSync {
    pub(in crate::bind) op: usize,
    pub(in crate::bind) sync: SyncOp,
}

impl Syncs {
    #[inline(always)]
    pub(in crate::bind) fn new() -> Self {
        Self { inline: ArrayVec::new_const(), signals: 0, rare: None }
    }

    #[inline]
    pub(in crate::bind) fn push_wait(&mut self, wait: SyncOp) {
        self.push(wait);
        if self.signals > 0 {
            self.move_before_signals();
        }
    }

    #[inline]
    pub(in crate::bind) fn push_signal(&mut self, signal: SyncOp) {
        self.push(signal);
        self.signals += 1;
    }

    #[inline]
    fn push(&mut self, sync: SyncOp) {
        if let Err(full) = self.inline.try_push(sync) {
            self.push_to_heap(full.element());
        }
    }

    #[inline(never)]
    fn push_to_heap(&mut self, sync: SyncOp) {
        let heap = &mut self.rare.get_or_insert_default().of_batch;
        if heap.is_empty() {
            heap.extend_from_slice(&self.inline);
        }
        heap.push(sync);
    }

    /// Moves the wait that was pushed last before the signals.
    #[inline(never)]
    fn move_before_signals(&mut self) {
        let all = match &mut self.rare {
            Some(rare) if !rare.of_batch.is_empty() => &mut rare.of_batch[..],
            _ => &mut self.inline[..],
        };
        let waits = all.len() - 1 - self.signals;
        all[waits..].rotate_right(1);
    }

    pub(in crate::bind) fn push_of_op(&mut self, sync: OpSync) {
        self.rare.get_or_insert_default().of_ops.push(sync);
    }

    /// Returns the batch-wide sync operations, waits first, and the number of waits.
    #[inline]
    pub(in crate::bind) fn of_batch(&self) -> (&[SyncOp], usize) {
        let all = match &self.rare {
            Some(rare) if !rare.of_batch.is_empty() => &rare.of_batch[..],
            _ => &self.inline[..],
        };
        (all, all.len() - self.signals)
    }

    /// Returns the sync operations of single operations.
    pub(in crate::bind) fn of_ops(&self) -> &[OpSync] {
        self.rare.as_ref().map_or(&[], |rare| &rare.of_ops)
    }

    #[inline]
    pub(in crate::bind) fn has_own_of_ops(&self) -> bool {
        self.rare.is_some() && !self.of_ops().is_empty()
    }

    #[inline]
    pub(in crate::bind) fn clear(&mut self) {
        self.inline.clear();
        self.signals = 0;
        if let Some(rare) = &mut self.rare {
            rare.of_batch.clear();
            rare.of_ops.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_before_signals() {
        let sync = |handle| SyncOp { handle, ..SyncOp::default() };
        let mut syncs = Syncs::new();
        for pairs in [0, 1, 2, 3, 10] {
            syncs.clear();
            for handle in 0..pairs {
                syncs.push_signal(sync(100 + handle));
                syncs.push_wait(sync(handle));
            }
            let (all, waits) = syncs.of_batch();
            let handles: Vec<_> = all.iter().map(|sync| sync.handle).collect();
            let expected: Vec<_> = (0..pairs).chain(100..100 + pairs).collect();
            assert_eq!((handles, waits), (expected, pairs as usize));
        }
    }
}
