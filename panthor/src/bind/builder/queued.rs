//! Sync operations and submission of an asynchronous batch.

use panthor_sys as sys;

use super::VmBind;
use crate::bind::mode::{BindMode, Queued, TakesSyncs};
use crate::bind::storage::{BindStorage, OpSync, Ops};
use crate::bind::{BindReport, submit, syncs as layout};
use crate::error::Result;
use crate::sync::{SyncPoint, Timeout, Wait};
use crate::sync_ops::wait_until_available;

impl<'a, M: BindMode, S: BindStorage> VmBind<'a, M, S> {
    /// Adds a wait before the first operation.
    ///
    /// The point must have a fence, signaled or not, when the batch is submitted: see
    /// [`SyncObj::wait_available`](crate::SyncObj::wait_available).
    #[doc(alias = "DRM_PANTHOR_SYNC_OP_WAIT")]
    #[inline]
    pub fn wait(&mut self, sync: impl Into<SyncPoint<'a>>) -> &mut Self
    where
        M: TakesSyncs,
    {
        let sync = sync.into();
        if self.is_own(&sync, None, "wait") {
            self.storage.parts().1.push_wait(sync.op(false));
            self.note();
        }
        self
    }

    /// Adds a signal after the last operation.
    #[doc(alias = "DRM_PANTHOR_SYNC_OP_SIGNAL")]
    #[inline]
    pub fn signal(&mut self, sync: impl Into<SyncPoint<'a>>) -> &mut Self
    where
        M: TakesSyncs,
    {
        let sync = sync.into();
        if self.is_own(&sync, None, "signal") {
            self.storage.parts().1.push_signal(sync.op(true));
            self.note();
        }
        self
    }

    /// Adds a wait before the operation recorded last. Earlier operations do not wait, later ones
    /// do.
    pub fn op_wait(&mut self, sync: impl Into<SyncPoint<'a>>) -> &mut Self
    where
        M: TakesSyncs,
    {
        self.op_sync(&sync.into(), false, "op_wait")
    }

    /// Adds a signal after the operation recorded last, when that operation and all earlier ones
    /// are done.
    pub fn op_signal(&mut self, sync: impl Into<SyncPoint<'a>>) -> &mut Self
    where
        M: TakesSyncs,
    {
        self.op_sync(&sync.into(), true, "op_signal")
    }

    /// Records an operation that binds nothing, for [`op_wait`](Self::op_wait) and
    /// [`op_signal`](Self::op_signal) between others.
    ///
    /// A batch with only batch-wide waits and signals does not need one.
    #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY")]
    pub fn sync_point(&mut self) -> &mut Self
    where
        M: TakesSyncs,
    {
        self.push_without_bo(sys::DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY, 0, 0);
        self.special = true;
        self
    }

    fn op_sync(&mut self, sync: &SyncPoint<'a>, signal: bool, name: &'static str) -> &mut Self {
        let Some(op) = self.len().checked_sub(1) else {
            self.refuse(None, || Some((name, "comes before any operation".into())));
            return self;
        };
        if self.is_own(sync, Some(op), name) {
            let sync = sync.op(signal);
            self.storage.parts().1.push_of_op(OpSync { op, sync });
            self.note();
        }
        self
    }

    #[inline]
    fn is_own(&mut self, sync: &SyncPoint<'a>, op: Option<usize>, name: &'static str) -> bool {
        let own = self.limits.allow_file(sync.device().uid());
        if !own {
            self.refuse_foreign(op, name);
        }
        own
    }

    #[cold]
    #[inline(never)]
    fn refuse_foreign(&mut self, op: Option<usize>, name: &'static str) {
        self.refuse(op, || Some((name, "is a syncobj of another device file".into())));
    }
}

impl<'a, S: BindStorage> VmBind<'a, Queued, S> {
    /// Waits until all fences that the batch waits for are submitted, signaled or not
    /// (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// `submit` refuses waits without a fence. This call implements wait-before-signal, which the
    /// driver leaves to a thread of the caller. Signals of earlier operations in the batch count
    /// as submitted.
    ///
    /// # Errors
    ///
    /// * The errors of `submit` that do not depend on fences, at once. The batch stays unchanged.
    /// * [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    ///
    /// A timeout is not an error: the result is [`Wait::TimedOut`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use panthor::{Timeout, Wait, point};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let timeline = device.create_timeline()?;
    /// let mut batch = vm.bind_async();
    /// batch.map_sparse(0..4096).wait(timeline.at(point::<1>())).signal(timeline.at(point::<2>()));
    /// assert_eq!(batch.wait_until_available(Duration::from_millis(1))?, Wait::TimedOut);
    /// timeline.signal(point::<1>())?; // another thread submits the fence
    /// assert_eq!(batch.wait_until_available(Timeout::FOREVER)?, Wait::Ready);
    /// batch.submit()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "timelineSemaphore")]
    pub fn wait_until_available(&self, timeout: impl Into<Timeout>) -> Result<Wait> {
        if let Some(error) = &self.refused {
            return Err(error.clone());
        }
        let (ops, syncs) = (self.storage.ops().as_slice(), self.storage.syncs());
        if !ops.is_empty() {
            submit::check_queued(self.vm, ops, syncs, self.special, self.sparse)?;
        }
        wait_until_available(self.vm.device(), layout::with_owners(syncs), timeout.into())
    }

    /// Queues the whole batch (VM_BIND with ASYNC). On an error, nothing is queued.
    ///
    /// An operation that fails while running, by a hardware fault or a reset, makes the VM
    /// [`Unusable`](crate::VmState::Unusable). Its signals are signaled nevertheless.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a broken rule, for a wait
    ///   without a fence, and for maps of more than
    ///   [`MAX_QUEUED_MAP_SIZE`](crate::Vm::MAX_QUEUED_MAP_SIZE) in total.
    /// * [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without memory for page tables.
    /// * [`Unsupported`](crate::ErrorKind::Unsupported) for sparse ranges in
    ///   [`SparseMode::Native`](crate::SparseMode::Native) below driver 1.9.
    /// * [`DeviceLost`](crate::ErrorKind::DeviceLost) when the VM is unusable, for any operation.
    ///
    /// ```
    /// use panthor::{BoOptions, MapFlags, Timeout, Wait, point};
    ///
    /// let device = panthor::Device::open_fake()?;
    /// let vm = device.create_vm(Default::default())?;
    /// let bo = device.create_bo(BoOptions::new(4096))?;
    /// let (acquired, timeline) = (device.create_signaled_syncobj()?, device.create_timeline()?);
    /// vm.bind_async()
    ///     .map(&bo, .., 0x10_0000, MapFlags::NOEXEC)
    ///     .wait(&acquired)
    ///     .signal(timeline.at(point::<7>()))
    ///     .submit()?;
    /// assert_eq!(timeline.wait(point::<7>(), Timeout::FOREVER)?, Wait::Ready);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[inline]
    pub fn submit(&mut self) -> Result<BindReport> {
        #[cfg(feature = "tracing")]
        let span = crate::trace::vm_bind(self.vm.id(), self.len(), true).entered();
        let result = match self.refused.take() {
            None => {
                let (ops, syncs) = self.storage.parts();
                match ops.as_mut_slice() {
                    [] => submit::queued_syncs(self.vm, syncs),
                    ops => submit::queued(self.vm, ops, syncs, self.special, self.sparse),
                }
            }
            Some(error) => Err(error),
        };
        self.empty();
        #[cfg(feature = "tracing")]
        crate::trace::bound(&span, &result);
        result
    }
}
