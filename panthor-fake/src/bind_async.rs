//! The asynchronous way of `DRM_IOCTL_PANTHOR_VM_BIND`: everything is checked and reserved first,
//! then all operations are queued, or none.

use std::sync::Arc;

use panthor_sys as sys;

use crate::bind::{prepare, read_ops};
use crate::errno::{Errno, Result};
use crate::fence::{Fence, Leaf};
use crate::ioctl::Call;
use crate::jobs::Job;
use crate::lock::lock;
use crate::syncobj::Syncobj;
use crate::vm::Vm;

type SyncOp = sys::drm_panthor_sync_op;

/// A sync object's point that a batch signals, and the fence that it will have.
///
/// A wait on the same handle and point in the batch waits for what the batch has put there so
/// far, before anything of it is visible outside.
struct Signal {
    handle: u32,
    point: u64,
    syncobj: Arc<Syncobj>,
    fence: Option<Fence>,
}

pub(crate) fn submit(call: &Call<'_>, args: &sys::drm_panthor_vm_bind) -> Result<()> {
    let vm = call.file.vm(args.vm_id)?;
    let ops = read_ops(call, args)?;
    let mut jobs = Vec::with_capacity(ops.len());
    let mut syncs: Vec<Vec<SyncOp>> = Vec::with_capacity(ops.len());
    let mut in_flight = vm.page_tables_in_flight();
    for op in &ops {
        if vm.is_destroyed() || vm.is_unusable() {
            return Err(Errno::INVAL);
        }
        let prepared = prepare(&call.file.objects(), &vm, op, in_flight)?;
        in_flight = in_flight.saturating_add(prepared.page_tables);
        jobs.push(Job::new(vm.device.clone(), prepared.change, prepared.page_tables));
        let memory = call.file.config().memory;
        syncs.push(call.user.read_array(&op.syncs, size_of::<SyncOp>(), memory)?);
    }

    let mut signals = Vec::new();
    for op in syncs.iter().flatten().filter(|op| is_signal(op)) {
        collect_signal(call, &mut signals, op)?;
    }
    {
        let _in_one_piece = lock(&vm.submission);
        for (job, syncs) in jobs.iter_mut().zip(&syncs) {
            attach(call, &mut signals, job, syncs)?;
        }
        // Nothing can fail from here on.
        publish(&vm, jobs, signals);
    }
    call.file.stats.count_bind_ops(ops.len() as u64);
    vm.run();
    Ok(())
}

fn is_signal(op: &SyncOp) -> bool {
    op.flags & sys::DRM_PANTHOR_SYNC_OP_SIGNAL != 0
}

fn check(op: &SyncOp) -> Result<()> {
    const KNOWN: u32 = sys::DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_MASK | sys::DRM_PANTHOR_SYNC_OP_SIGNAL;

    if op.flags & !KNOWN != 0 {
        return Err(Errno::INVAL);
    }
    match op.flags & sys::DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_MASK {
        sys::DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_SYNCOBJ if op.timeline_value == 0 => Ok(()),
        sys::DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ => Ok(()),
        _ => Err(Errno::INVAL),
    }
}

fn find<'a>(signals: &'a mut [Signal], op: &SyncOp) -> Option<&'a mut Signal> {
    let same =
        |signal: &&mut Signal| signal.handle == op.handle && signal.point == op.timeline_value;
    signals.iter_mut().find(same)
}

/// Adds what an operation signals to the list, with the fence that is there now.
fn collect_signal(call: &Call<'_>, signals: &mut Vec<Signal>, op: &SyncOp) -> Result<()> {
    check(op)?;
    if find(signals, op).is_some() {
        return Ok(());
    }
    let (handle, point) = (op.handle, op.timeline_value);
    let syncobj = call.file.syncobj(handle).ok_or(Errno::INVAL)?;
    let fence = syncobj.find_fence(point).ok();
    signals.push(Signal { handle, point, syncobj, fence });
    Ok(())
}

/// Gives a job its waits, then puts its fence where it signals.
fn attach(call: &Call<'_>, signals: &mut [Signal], job: &mut Job, syncs: &[SyncOp]) -> Result<()> {
    for op in syncs.iter().filter(|op| !is_signal(op)) {
        check(op)?;
        let fence = match find(signals, op) {
            Some(signal) => signal.fence.clone().ok_or(Errno::INVAL)?,
            None => {
                let syncobj = call.file.syncobj(op.handle).ok_or(Errno::NOENT)?;
                syncobj.find_fence(op.timeline_value)?
            }
        };
        job.wait_for(fence);
    }
    for op in syncs.iter().filter(|op| is_signal(op)) {
        if let Some(signal) = find(signals, op) {
            signal.fence = Some(Fence::Leaf(job.done().clone()));
        }
    }
    Ok(())
}

/// Queues the jobs and makes their fences visible.
fn publish(vm: &Arc<Vm>, jobs: Vec<Job>, signals: Vec<Signal>) {
    vm.push_jobs(jobs);
    for Signal { point, syncobj, fence, .. } in signals {
        match (point, fence) {
            (0, fence) => syncobj.replace(fence),
            // The batch signals each of them, so it is the fence of a job.
            (point, Some(Fence::Leaf(leaf))) => syncobj.add_point(leaf, point),
            (point, _) => syncobj.add_point(Leaf::signalled(), point),
        }
    }
}
