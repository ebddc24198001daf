//! Submission of batches: the only module of VM_BIND with side effects.

use panthor_sys as sys;
use rustix::io::Errno;

use super::plan::{self, Impossible, Plan, Sparse};
use super::storage::{OpSync, Syncs};
use super::{BindReport, CALL, Op, SyncOp, syncs as layout};
use crate::error::{BatchProgress, Error, ErrorKind, Result};
use crate::sparse::SparseMode;
use crate::sync::{WAIT_FIRST, describe_missing};
use crate::sync_ops::{require_fence, self_waits, without_fence};
use crate::version::Features;
use crate::vm::VmInner;

/// Failure of a batch, in indices of submitted operations.
#[derive(Debug, PartialEq, Eq)]
struct Stopped {
    errno: Errno,
    /// The failed operation.
    failed: Option<usize>,
    /// Number of completed operations.
    done: usize,
}

/// Runs a batch synchronously.
#[inline]
pub(super) fn blocking(
    vm: &VmInner,
    ops: &[Op],
    special: bool,
    sparse: SparseMode,
) -> Result<BindReport> {
    if ops.is_empty() {
        return Ok(BindReport::default());
    }
    if special {
        return blocking_planned(vm, ops, sparse);
    }
    check_count(ops)?;
    let transport = vm.device().transport();
    run(|arg| transport.call_once(arg), vm.id(), ops).map_err(|stopped| explain(vm, None, &stopped))
}

#[cold]
fn blocking_planned(vm: &VmInner, ops: &[Op], mode: SparseMode) -> Result<BindReport> {
    let plan = make_plan(vm, ops, mode)?;
    let transport = vm.device().transport();
    run(|arg| transport.call_once(arg), vm.id(), &plan.ops)
        .map_err(|stopped| explain(vm, Some(&plan), &stopped))
}

/// Queues a batch without operations. Its sync operations need one operation to belong to.
#[cold]
pub(super) fn queued_syncs(vm: &VmInner, syncs: &Syncs) -> Result<BindReport> {
    if syncs.of_batch().0.is_empty() {
        return Ok(BindReport::default());
    }
    let flags = sys::DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY;
    queued(vm, &mut [Op { flags, ..Op::default() }], syncs, false, SparseMode::Auto)
}

/// Queues a batch with operations.
#[inline]
pub(super) fn queued(
    vm: &VmInner,
    ops: &mut [Op],
    syncs: &Syncs,
    special: bool,
    mode: SparseMode,
) -> Result<BindReport> {
    if special || syncs.has_own_of_ops() {
        return queued_planned(vm, ops, syncs, mode);
    }
    let (of_batch, waits) = syncs.of_batch();
    if layout::batch_self_waits(of_batch, waits).next().is_some() {
        check_self_waits(vm, of_batch, waits)?;
    }
    if let [only] = ops {
        only.syncs = sys::drm_panthor_obj_array::from_slice(of_batch);
    } else {
        check_queue(ops)?;
        layout::attach_batch(ops, of_batch, waits);
    }
    queue(vm, ops, syncs)
}

#[cold]
fn queued_planned(vm: &VmInner, ops: &[Op], syncs: &Syncs, mode: SparseMode) -> Result<BindReport> {
    check_queue(ops)?;
    let (mut plan, arranged) = lay_out(vm, ops, syncs, mode)?;
    for (owner, wait) in self_waits(layout::with_owners(syncs)) {
        require_fence(vm.device(), CALL, owner.op(), &wait)?;
    }
    let all: Vec<SyncOp> = arranged.iter().map(|&OpSync { sync, .. }| sync).collect();
    layout::attach_arranged(&mut plan.ops, &arranged, &all);
    queue(vm, &plan.ops, syncs)
}

/// Plans a batch, its waits and its signals.
fn lay_out(
    vm: &VmInner,
    ops: &[Op],
    syncs: &Syncs,
    mode: SparseMode,
) -> Result<(Plan, Vec<OpSync>)> {
    let plan = make_plan(vm, ops, mode)?;
    let arranged = layout::arrange(&plan, syncs.of_batch().0, syncs.of_ops());
    let has_own = |index: usize| arranged.binary_search_by_key(&index, |sync| sync.op).is_ok();
    let mut all = plan.ops.iter().enumerate();
    if let Some((index, _)) = all.find(|&(index, op)| is_sync_only(op) && !has_own(index)) {
        let broken = ("sync_point", "neither waits nor signals".into());
        return Err(super::rules::refuse(Some(plan.origin(index)), broken));
    }
    Ok((plan, arranged))
}

/// Refuses a batch that [`queued`] refuses regardless of available fences.
pub(super) fn check_queued(
    vm: &VmInner,
    ops: &[Op],
    syncs: &Syncs,
    special: bool,
    mode: SparseMode,
) -> Result<()> {
    vm.check_process()?;
    check_queue(ops)?;
    if special || syncs.has_own_of_ops() {
        return lay_out(vm, ops, syncs, mode).map(drop);
    }
    check_count(ops)
}

/// Queues an unmap of the whole user VA range behind the queued operations.
pub(crate) fn unmap_behind_queued(vm: &VmInner) -> Result<BindReport> {
    #[cfg(feature = "tracing")]
    let span = crate::trace::vm_bind(vm.id(), 1, true).entered();
    let flags = sys::DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP;
    let all = Op { flags, size: vm.user_va_range(), ..Op::default() };
    let result = queue(vm, &[all], &Syncs::new());
    #[cfg(feature = "tracing")]
    crate::trace::bound(&span, &result);
    result
}

fn is_sync_only(op: &Op) -> bool {
    op.flags == sys::DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY
}

/// Chooses the mechanism for sparse ranges, creates the dummy BO if needed, and plans.
fn make_plan(vm: &VmInner, ops: &[Op], mode: SparseMode) -> Result<Plan> {
    let is_sparse = |op: &Op| op.flags & sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE != 0;
    let native = vm.device().features().contains(Features::SPARSE);
    let sparse = match mode {
        SparseMode::Auto if native => Sparse::Native,
        SparseMode::Native => {
            if let Some(index) = ops.iter().position(is_sparse) {
                Features::SPARSE
                    .require(vm.device().version(), CALL, "a native sparse map")
                    .map_err(|error| {
                        error.with_progress(BatchProgress::nothing_done(Some(index)))
                    })?;
            }
            Sparse::Native
        }
        _ if ops.iter().any(is_sparse) => {
            let object = vm
                .sparse_object()
                .map_err(|error| error.within(CALL, "the BO behind emulated sparse ranges"))
                .map_err(|error| error.with_progress(BatchProgress::nothing_done(None)))?;
            Sparse::Emulated { bo_handle: object.handle() }
        }
        _ => Sparse::Native,
    };
    plan::plan(ops, sparse).map_err(|impossible| {
        let error = match impossible {
            Impossible::TooMany { operations } => {
                let limit = plan::MAX_OPS;
                let rule = format!("becomes too many operations ({operations}, at most {limit})");
                Error::invalid(CALL, "self", rule)
            }
            Impossible::NoMemory => {
                Error::refused(ErrorKind::OutOfMemory, CALL, "no memory to lay the batch out")
            }
        };
        error.with_progress(BatchProgress::nothing_done(None))
    })
}

/// Runs operations synchronously and resumes after signals.
#[inline]
fn run(
    mut call: impl FnMut(&mut sys::drm_panthor_vm_bind) -> Result<(), Errno>,
    vm_id: u32,
    ops: &[Op],
) -> Result<BindReport, Stopped> {
    let mut done = 0;
    let mut ioctls = 0;
    loop {
        let rest = &ops[done..];
        let mut arg = sys::drm_panthor_vm_bind {
            vm_id,
            flags: 0,
            ops: sys::drm_panthor_obj_array::from_slice(rest),
        };
        ioctls += 1;
        let answer = call(&mut arg);
        // On failure the driver writes the failing operation's index into the count.
        let reached = (arg.ops.count as usize).min(rest.len());
        match answer {
            Ok(()) if reached == rest.len() => {
                return Ok(BindReport { operations: ops.len(), ioctls });
            }
            // With SA_RESTART the kernel restarted the call with the shortened count of the
            // interrupted one. The remaining operations have not run.
            Ok(()) => done += reached,
            Err(Errno::INTR | Errno::AGAIN) if reached == rest.len() => {}
            Err(Errno::INTR | Errno::AGAIN) => done += reached,
            Err(errno) if reached == rest.len() => {
                return Err(Stopped { errno, failed: None, done });
            }
            Err(errno) => {
                let failed = done + reached;
                return Err(Stopped { errno, failed: Some(failed), done: failed });
            }
        }
    }
}

/// Queues all operations or none. Each operation already points to its sync operations, laid out
/// from `syncs`.
#[inline]
fn queue(vm: &VmInner, ops: &[Op], syncs: &Syncs) -> Result<BindReport> {
    check_count(ops)?;
    vm.note_queued()?;
    let mut ioctls = 0;
    loop {
        ioctls += 1;
        let mut arg = sys::drm_panthor_vm_bind {
            vm_id: vm.id(),
            flags: sys::DRM_PANTHOR_VM_BIND_ASYNC,
            ops: sys::drm_panthor_obj_array::from_slice(ops),
        };
        match vm.device().transport().call_once(&mut arg) {
            Ok(()) => return Ok(BindReport { operations: ops.len(), ioctls }),
            // A signal interrupted the wait for locks: nothing is queued.
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(explain_queued(vm, errno, syncs)),
        }
    }
}

/// Refuses waits that only a signal of the same batch could end.
#[cold]
fn check_self_waits(vm: &VmInner, of_batch: &[SyncOp], waits: usize) -> Result<()> {
    layout::batch_self_waits(of_batch, waits)
        .try_for_each(|wait| require_fence(vm.device(), CALL, None, wait))
}

/// Refuses to queue maps with more page tables than the kernel has memory for.
#[inline(never)]
pub(super) fn check_queue(ops: &[Op]) -> Result<()> {
    let Some(op) = plan::beyond_queue(ops) else { return Ok(()) };
    let mapped: u64 = ops[..=op].iter().filter(|op| plan::is_map(op)).map(|op| op.size).sum();
    let rule = format!(
        "is too large, as the driver allocates the page tables of an asynchronous batch at once (the batch maps \
         {mapped:#x} bytes up to here, at most {:#x})",
        plan::CHUNK
    );
    let error = super::rules::refuse(Some(op), ("range", rule));
    Err(error.with_advice("Split the batch at `Vm::MAX_QUEUED_MAP_SIZE`."))
}

/// Refuses more operations than the kernel can allocate an array for.
#[inline]
fn check_count(ops: &[Op]) -> Result<()> {
    if ops.len() <= plan::MAX_OPS {
        return Ok(());
    }
    let rule = format!("has too many operations ({}, at most {})", ops.len(), plan::MAX_OPS);
    Err(Error::invalid(CALL, "self", rule).with_progress(BatchProgress::nothing_done(None)))
}

/// Converts the failure of a synchronous batch to an error with recorded indices.
#[cold]
fn explain(vm: &VmInner, plan: Option<&Plan>, stopped: &Stopped) -> Error {
    let origin = |index| plan.map_or(index, |plan| plan.origin(index));
    let progress = BatchProgress {
        failed: stopped.failed.map(origin),
        done: origin(stopped.done),
        partial: plan.and_then(|plan| plan.partial(stopped.done)),
    };
    vm.explain(Error::os(CALL, stopped.errno)).with_progress(progress)
}

/// Converts the failure of an asynchronous batch to an error.
#[cold]
fn explain_queued(vm: &VmInner, errno: Errno, syncs: &Syncs) -> Error {
    let progress = BatchProgress::nothing_done(None);
    let error = vm.explain(Error::os(CALL, errno)).with_progress(progress);
    if error.kind() != ErrorKind::InvalidArgument {
        return error;
    }
    match without_fence(vm.device(), layout::with_owners(syncs)) {
        Some((owner, wait)) => error
            .with_argument("wait")
            .with_detail(describe_missing(wait.handle, wait.timeline_value))
            .with_advice(WAIT_FIRST)
            .with_progress(BatchProgress::nothing_done(owner.op())),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs ten operations against a scripted driver.
    ///
    /// Each answer is a result and the count that the driver writes back. Returns the outcome, and
    /// the start and count of each call.
    fn run_against(
        answers: &[(Result<(), Errno>, Option<u32>)],
    ) -> (Result<BindReport, Stopped>, Vec<(u64, u32)>) {
        let ops: Vec<_> = (0..10).map(|va| Op { va, ..Op::default() }).collect();
        let (first, mut calls) = (ops.as_ptr().addr() as u64, Vec::new());
        let mut answers = answers.iter();
        let call = |arg: &mut sys::drm_panthor_vm_bind| {
            assert_eq!((arg.vm_id, arg.flags), (7, 0));
            calls.push(((arg.ops.array - first) / size_of::<Op>() as u64, arg.ops.count));
            let (result, count) = answers.next().expect("no further call");
            arg.ops.count = count.unwrap_or(arg.ops.count);
            *result
        };
        let result = run(call, 7, &ops);
        assert!(answers.next().is_none(), "a call is missing");
        (result, calls)
    }

    #[test]
    fn a_batch_without_trouble_is_one_call() {
        let (result, calls) = run_against(&[(Ok(()), None)]);
        assert_eq!(result, Ok(BindReport { operations: 10, ioctls: 1 }));
        assert_eq!(calls, [(0, 10)]);
    }

    #[test]
    fn an_interrupted_batch_goes_on_behind_what_is_done() {
        let interrupted = (Err(Errno::INTR), Some(4));
        let before_anything = (Err(Errno::INTR), None);
        let (result, calls) = run_against(&[before_anything, interrupted, (Ok(()), None)]);
        assert_eq!(result, Ok(BindReport { operations: 10, ioctls: 3 }));
        assert_eq!(calls, [(0, 10), (0, 10), (4, 6)]);
    }

    #[test]
    fn a_call_that_the_kernel_restarted_with_the_count_left_over_is_not_the_end() {
        // With SA_RESTART the kernel restarts the interrupted call with the shortened count.
        // Success then covers only that many operations.
        let (result, calls) = run_against(&[(Ok(()), Some(3)), (Ok(()), Some(0)), (Ok(()), None)]);
        assert_eq!(result, Ok(BindReport { operations: 10, ioctls: 3 }));
        assert_eq!(calls, [(0, 10), (3, 7), (3, 7)]);
    }

    #[test]
    fn a_failure_is_counted_from_the_start_of_the_batch() {
        let (result, calls) =
            run_against(&[(Err(Errno::INTR), Some(4)), (Err(Errno::NOMEM), Some(2))]);
        assert_eq!(result, Err(Stopped { errno: Errno::NOMEM, failed: Some(6), done: 6 }));
        assert_eq!(calls, [(0, 10), (4, 6)]);
        let (result, _) = run_against(&[(Err(Errno::INTR), Some(4)), (Err(Errno::NOMEM), None)]);
        assert_eq!(result, Err(Stopped { errno: Errno::NOMEM, failed: None, done: 4 }));
    }
}
