//! Sync operations of an asynchronous batch, in one array for all its operations.

use panthor_sys as sys;

use super::plan::Plan;
use super::storage::{OpSync, Syncs};
use super::{Op, SyncOp};
use crate::sync_ops::{is_same_point, is_signal};

/// Attaches the batch's waits to its first operation and its signals to its last.
///
/// `ops` has at least two operations. `syncs` holds the waits before the signals, and must live
/// until the driver has read `ops`.
pub(super) fn attach_batch(ops: &mut [Op], syncs: &[SyncOp], waits: usize) {
    let last = ops.len() - 1;
    let (waits, signals) = syncs.split_at(waits);
    ops[0].syncs = sys::drm_panthor_obj_array::from_slice(waits);
    ops[last].syncs = sys::drm_panthor_obj_array::from_slice(signals);
}

/// Sorts all sync operations by the planned operation that each belongs to.
///
/// If a recorded operation became several, its waits go to the first of them and its signals to
/// the last.
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

/// Points each operation to its part of `syncs`, which are `arranged` without the index.
pub(super) fn attach_arranged(ops: &mut [Op], arranged: &[OpSync], syncs: &[SyncOp]) {
    let mut start = 0;
    for run in arranged.chunk_by(|a, b| a.op == b.op) {
        let end = start + run.len();
        ops[run[0].op].syncs = sys::drm_panthor_obj_array::from_slice(&syncs[start..end]);
        start = end;
    }
}

/// Owner of a sync operation, in execution order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// The batch's waits, before all operations.
    Start,
    /// An operation, by its recorded index.
    Op(usize),
    /// The batch's signals, after all operations.
    End,
}

impl Owner {
    /// Returns the recorded index if the owner is an operation.
    pub(super) fn op(self) -> Option<usize> {
        match self {
            Self::Op(index) => Some(index),
            Self::Start | Self::End => None,
        }
    }
}

/// Returns all sync operations of a recorded batch with their owners, in execution order.
pub(super) fn with_owners(syncs: &Syncs) -> impl Iterator<Item = (Owner, &SyncOp)> + Clone {
    let (of_batch, waits) = syncs.of_batch();
    let (waits, signals) = of_batch.split_at(waits);
    let of_ops = syncs.of_ops().iter().map(|OpSync { op, sync }| (Owner::Op(*op), sync));
    let waits = waits.iter().map(|wait| (Owner::Start, wait));
    waits.chain(of_ops).chain(signals.iter().map(|signal| (Owner::End, signal)))
}

/// Returns the batch's waits that only the batch's own signals would end.
///
/// The function considers no sync operations of single operations.
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
    use crate::sync_ops::self_waits;
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
        assert_eq!(batch_self_waits(&[wait(1), signal(1)], 1).next(), Some(&wait(1)));
        assert_eq!(batch_self_waits(&[wait(1), signal(2)], 1).next(), None);
        let both = [wait(1), wait(2), signal(1), signal(2)];
        assert_eq!(batch_self_waits(&both, 2).count(), 2);
    }
    #[test]
    fn sync_operations_come_in_the_order_of_time() {
        let mut syncs = Syncs::new();
        syncs.push_signal(signal(1));
        syncs.push_of_op(OpSync { op: 0, sync: signal(1) });
        syncs.push_of_op(OpSync { op: 1, sync: wait(1) });
        syncs.push_wait(wait(1));
        let owners: Vec<_> = with_owners(&syncs).map(|(owner, _)| owner).collect();
        assert_eq!(owners, [Owner::Start, Owner::Op(0), Owner::Op(1), Owner::End]);
        // Operation 1 waits for the signal of operation 0. Only the batch's own wait has no
        // earlier signal.
        let own: Vec<_> = self_waits(with_owners(&syncs)).map(|(owner, _)| owner).collect();
        assert_eq!(own, [Owner::Start]);
    }
}
