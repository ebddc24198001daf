//! Sync operations of an asynchronous batch: each belongs to an operation, in one array for all.

use panthor_sys as sys;

use super::plan::Plan;
use super::storage::{OpSync, Syncs};
use super::{Op, SyncOp};
use crate::sync_ops::{self, is_same_point, is_signal};

/// Gives the batch's waits to its first operation and its signals to its last, which is another one.
/// `syncs`, the waits before the signals, stays where it is until the driver has seen `ops`.
pub(super) fn attach_batch(ops: &mut [Op], syncs: &[SyncOp], waits: usize) {
    let last = ops.len() - 1;
    let (waits, signals) = syncs.split_at(waits);
    ops[0].syncs = sys::drm_panthor_obj_array::from_slice(waits);
    ops[last].syncs = sys::drm_panthor_obj_array::from_slice(signals);
}

/// Lays all sync operations out in the order of the operations, with the index of the operation that
/// each belongs to. A recorded operation that became several waits before the first of them and signals
/// after the last.
pub(super) fn arrange(plan: &Plan, batch: &[SyncOp], op_syncs: &[OpSync]) -> Vec<OpSync> {
    let last = plan.ops.len() - 1;
    let of_batch =
        batch.iter().map(|&sync| OpSync { op: if is_signal(&sync) { last } else { 0 }, sync });
    let of_ops = op_syncs.iter().map(|&OpSync { op, sync }| {
        let (first, last) = plan.span(op);
        OpSync { op: if is_signal(&sync) { last } else { first }, sync }
    });
    let mut all: Vec<_> = of_batch.chain(of_ops).collect();
    all.sort_by_key(|sync| sync.op);
    all
}

/// Points each operation to its own of `syncs`, which are `arranged` without the index.
pub(super) fn attach_arranged(ops: &mut [Op], arranged: &[OpSync], syncs: &[SyncOp]) {
    let mut start = 0;
    for run in arranged.chunk_by(|a, b| a.op == b.op) {
        let end = start + run.len();
        ops[run[0].op].syncs = sys::drm_panthor_obj_array::from_slice(&syncs[start..end]);
        start = end;
    }
}

/// All sync operations of a recorded batch, with the element that each belongs to: the batch as a whole waits
/// with its first operation and signals after all.
pub(super) fn with_elements(syncs: &Syncs) -> impl Iterator<Item = (usize, &SyncOp)> + Clone {
    let of_batch = syncs.of_batch().0.iter();
    let of_batch = of_batch.map(|sync| (if is_signal(sync) { usize::MAX } else { 0 }, sync));
    of_batch.chain(syncs.of_ops().iter().map(|OpSync { op, sync }| (*op, sync)))
}

/// The waits that only a later signal of the batch would end.
pub(super) fn self_waits(arranged: &[OpSync]) -> impl Iterator<Item = (usize, SyncOp)> {
    sync_ops::self_waits(arranged.iter().map(|OpSync { op, sync }| (*op, sync)))
}

/// [`self_waits`] of a batch whose sync operations are all its own: it waits first and signals last.
#[inline]
pub(super) fn batch_self_waits(
    syncs: &[SyncOp],
    waits: usize,
) -> impl Iterator<Item = &SyncOp> + Clone {
    let (waits, signals) = syncs.split_at(waits);
    waits.iter().filter(|wait| signals.iter().any(|signal| is_same_point(signal, wait)))
}

#[cfg(test)]
mod tests {
    use super::super::plan::{self, Sparse};
    use super::*;
    use bytemuck::Zeroable;

    fn wait(handle: u32) -> SyncOp {
        SyncOp { flags: sys::DRM_PANTHOR_SYNC_OP_WAIT, handle, timeline_value: 0 }
    }

    fn signal(handle: u32) -> SyncOp {
        SyncOp { flags: sys::DRM_PANTHOR_SYNC_OP_SIGNAL, handle, timeline_value: 0 }
    }

    fn handles(ops: &[Op], syncs: &[SyncOp]) -> Vec<Vec<u32>> {
        let base = syncs.as_ptr().addr() as u64;
        let of = |op: &Op| {
            let start = ((op.syncs.array - base) / 16) as usize;
            syncs[start..start + op.syncs.count as usize].iter().map(|s| s.handle).collect()
        };
        ops.iter().map(|op| if op.syncs.count == 0 { vec![] } else { of(op) }).collect()
    }

    #[test]
    fn a_batch_waits_first_and_signals_last() {
        let syncs = [wait(1), wait(2), signal(3)];
        let mut ops = [Op::zeroed(); 3];
        attach_batch(&mut ops, &syncs, 2);
        assert_eq!(handles(&ops, &syncs), [vec![1, 2], vec![], vec![3]]);
    }

    #[test]
    fn single_operations_keep_theirs() {
        let batch = [wait(1), signal(2)];
        let single = [OpSync { op: 0, sync: signal(3) }, OpSync { op: 1, sync: wait(4) }];
        let mut plan = plan::plan(&[Op { size: 4096, ..Op::zeroed() }; 3], Sparse::Native).unwrap();
        let arranged = arrange(&plan, &batch, &single);
        let syncs: Vec<_> = arranged.iter().map(|s| s.sync).collect();
        attach_arranged(&mut plan.ops, &arranged, &syncs);
        assert_eq!(handles(&plan.ops, &syncs), [vec![1, 3], vec![4], vec![2]]);
    }

    #[test]
    fn a_wait_that_only_its_own_batch_would_end() {
        let before = [OpSync { op: 0, sync: signal(1) }, OpSync { op: 1, sync: wait(1) }];
        assert_eq!(self_waits(&before).next(), None);
        let after = [OpSync { op: 0, sync: wait(1) }, OpSync { op: 1, sync: signal(1) }];
        assert_eq!(self_waits(&after).next(), Some((0, wait(1))));
        assert_eq!(batch_self_waits(&[wait(1), signal(1)], 1).next(), Some(&wait(1)));
        assert_eq!(batch_self_waits(&[wait(1), signal(2)], 1).next(), None);
        let both = [wait(1), wait(2), signal(1), signal(2)];
        assert_eq!(batch_self_waits(&both, 2).count(), 2);
    }
}
