//! The sync operations of one ioctl: the waits and signals of its jobs.
//!
//! No effect of a batch is visible outside before the whole batch was checked.

use std::collections::HashMap;
use std::sync::Arc;

use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::Call;
use crate::sync::fence::Fence;
use crate::sync::jobs::Job;
use crate::sync::leaf::Leaf;
use crate::sync::syncobj::Syncobj;

type SyncOp = sys::drm_panthor_sync_op;

/// A syncobj point that a batch signals, with its future fence.
///
/// A wait on the same handle and point within the batch waits for the fence that the batch has
/// stored so far, before the fence is visible outside.
struct Signal {
    point: u64,
    syncobj: Arc<Syncobj>,
    fence: Option<Fence>,
}

/// The signals of a batch, in the order of the operations.
#[derive(Default)]
struct Signals {
    all: Vec<Signal>,
    /// The index of each signal by handle and point, since a batch may have hundreds of thousands.
    index: HashMap<(u32, u64), usize>,
}

impl Signals {
    fn find(&mut self, op: &SyncOp) -> Option<&mut Signal> {
        let index = *self.index.get(&(op.handle, op.timeline_value))?;
        self.all.get_mut(index)
    }

    /// Adds the signal of an operation, with the current fence of the point.
    fn collect(&mut self, call: &Call<'_>, op: &SyncOp) -> Result<()> {
        check(op)?;
        let (handle, point) = (op.handle, op.timeline_value);
        if self.find(op).is_none() {
            let syncobj = call.file.syncobj(handle).ok_or(Errno::INVAL)?;
            let fence = syncobj.find_fence(point).ok();
            self.index.insert((handle, point), self.all.len());
            self.all.push(Signal { point, syncobj, fence });
        }
        Ok(())
    }
}

/// The sync operations of a batch of jobs.
#[derive(Default)]
pub(crate) struct Submission {
    /// The operations of each job.
    syncs: Vec<Vec<SyncOp>>,
    /// The size of `syncs` in bytes: many jobs may name the same large array.
    bytes: u64,
    signals: Signals,
}

impl Submission {
    /// Copies the sync operations of the next job.
    pub(crate) fn read_syncs(
        &mut self,
        call: &Call<'_>,
        array: &sys::drm_panthor_obj_array,
    ) -> Result<()> {
        let left = call.file.config().memory.saturating_sub(self.bytes);
        let syncs = call.read_array(array, size_of::<SyncOp>(), left)?;
        self.bytes += size_of_val(&syncs[..]) as u64;
        self.syncs.push(syncs);
        Ok(())
    }

    /// Collects the signals of all jobs, with the current fences.
    pub(crate) fn collect_signals(&mut self, call: &Call<'_>) -> Result<()> {
        let ops = self.syncs.iter().flatten().filter(|op| is_signal(op));
        call.for_each(ops, |op| self.signals.collect(call, op))
    }

    /// Adds the waits of each job, then stores the job's fence at its signals.
    pub(crate) fn attach<W>(&mut self, call: &Call<'_>, jobs: &mut [Job<W>]) -> Result<()> {
        for (job, syncs) in jobs.iter_mut().zip(&self.syncs) {
            attach(call, &mut self.signals, job, syncs)?;
        }
        Ok(())
    }

    /// Publishes the fences, after the jobs were queued.
    pub(crate) fn publish(self) {
        for Signal { point, syncobj, fence } in self.signals.all {
            match (point, fence) {
                (0, fence) => syncobj.replace(fence),
                // Each signal got the fence of a job of the batch.
                (point, Some(Fence::Leaf(leaf))) => syncobj.add_point(leaf, point),
                (point, _) => syncobj.add_point(Leaf::signalled(), point),
            }
        }
    }
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

fn attach<W>(
    call: &Call<'_>,
    signals: &mut Signals,
    job: &mut Job<W>,
    syncs: &[SyncOp],
) -> Result<()> {
    call.for_each(syncs.iter().filter(|op| !is_signal(op)), |op| {
        check(op)?;
        let fence = match signals.find(op) {
            Some(signal) => signal.fence.clone().ok_or(Errno::INVAL)?,
            None => {
                let syncobj = call.file.syncobj(op.handle).ok_or(Errno::NOENT)?;
                syncobj.find_fence(op.timeline_value)?
            }
        };
        job.wait_for(fence);
        Ok(())
    })?;
    job.done().place();
    for op in syncs.iter().filter(|op| is_signal(op)) {
        if let Some(signal) = signals.find(op) {
            signal.fence = Some(Fence::Leaf(job.done().clone()));
        }
    }
    Ok(())
}
