//! Giving the jobs of one ioctl their fences: what they wait for and what they signal.
//!
//! Nothing of a batch is visible outside before all of it was found right.

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

/// A sync object's point that a batch signals, and the fence that it will have.
///
/// A wait on the same handle and point in the batch waits for what the batch has put there so
/// far, before anything of it is visible outside.
struct Signal {
    point: u64,
    syncobj: Arc<Syncobj>,
    fence: Option<Fence>,
}

/// What a batch signals, in the order of the operations.
#[derive(Default)]
struct Signals {
    all: Vec<Signal>,
    /// The index of each by handle and point: a batch may have hundreds of thousands.
    index: HashMap<(u32, u64), usize>,
}

impl Signals {
    fn find(&mut self, op: &SyncOp) -> Option<&mut Signal> {
        let index = *self.index.get(&(op.handle, op.timeline_value))?;
        self.all.get_mut(index)
    }

    /// Adds what an operation signals, with the fence that is there now.
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
    /// Those of each job.
    syncs: Vec<Vec<SyncOp>>,
    /// The bytes of `syncs`: many jobs may name the same large array.
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

    /// Lists what the jobs signal, with the fences that are there now.
    pub(crate) fn collect_signals(&mut self, call: &Call<'_>) -> Result<()> {
        let ops = self.syncs.iter().flatten().filter(|op| is_signal(op));
        call.for_each(ops, |op| self.signals.collect(call, op))
    }

    /// Gives each job its waits, then puts its fence where it signals.
    pub(crate) fn attach<W>(&mut self, call: &Call<'_>, jobs: &mut [Job<W>]) -> Result<()> {
        for (job, syncs) in jobs.iter_mut().zip(&self.syncs) {
            attach(call, &mut self.signals, job, syncs)?;
        }
        Ok(())
    }

    /// Makes the fences visible. The jobs are queued by then.
    pub(crate) fn publish(self) {
        for Signal { point, syncobj, fence } in self.signals.all {
            match (point, fence) {
                (0, fence) => syncobj.replace(fence),
                // The batch signals each of them, so it is the fence of a job.
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
