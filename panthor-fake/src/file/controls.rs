//! What a test can do with a file that a client cannot: make calls fail, take memory away, look.

use std::sync::Arc;

use crate::bo::Bo;
use crate::bo::residency::Turn;
use crate::call::errno::Errno;
use crate::device::inject::BindFailure;
use crate::dump::FileDump;
use crate::dump::collect::dump_of_file;
use crate::file::File;

impl File {
    /// All that the file has, for a debugger: see [`Device::dump`](crate::Device::dump).
    pub fn dump(&self) -> FileDump {
        dump_of_file(self.device().inner(), self.shared())
    }

    /// Whether a BO has pages, and so counts as memory in use; `None` if there is no such BO.
    ///
    /// It has from the first map into a VM on, before driver 1.8 from its creation on, until
    /// it is evicted. One that was imported always has.
    pub fn bo_is_resident(&self, handle: u32) -> Option<bool> {
        Some(self.inner().bo(handle).ok()?.is_resident())
    }

    /// Evicts a BO, as [`Device::reclaim`](crate::Device::reclaim) does with what it finds first;
    /// whether it could. It cannot if the BO is in use, has no pages, or there is no such BO.
    pub fn evict_bo(&self, handle: u32) -> bool {
        let (device, Ok(bo)) = (self.device().inner(), self.inner().bo(handle)) else {
            return false;
        };
        let is_it = |other: &Arc<Bo>| Arc::ptr_eq(other, &bo);
        device.check_plugged().is_ok() && Turn::new(device).evict(1, is_it) != 0
    }

    /// Makes the next ioctl of that kind fail with an error number, before it looks at its argument.
    /// Several may be planned, they come one after the other.
    pub fn fail_ioctl(&self, request: u32, errno: i32) {
        self.fail_nth_ioctl(request, 1, errno);
    }

    /// Makes the `n`-th ioctl of that kind from now on fail with an error number, before it looks at
    /// its argument; `n` counts from 1, the next one, as which 0 is taken, too. Error numbers are from 1 to 4095;
    /// for any other it is `EIO`, here and in what is alike.
    ///
    /// Calls are told apart by the type and the number in the request, not by the size, and those that fail count, too.
    /// Several may be planned; of those for the same call the first that was planned comes then, the
    /// others after it. What is asked of dma-bufs and sync files is not asked of a file:
    /// [`Device::fail_nth_ioctl`](crate::Device::fail_nth_ioctl) lets that fail.
    ///
    /// ```
    /// use std::ffi::c_void;
    ///
    /// use panthor_fake::{Config, Device};
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_VM_CREATE, drm_panthor_vm_create};
    ///
    /// let file = Device::new(Config::default())?.open();
    /// file.fail_nth_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, 3, 12);
    /// let mut create = || {
    ///     let mut vm = drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
    ///     // SAFETY: the argument is ours and has no pointers.
    ///     unsafe { file.ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, (&raw mut vm).cast::<c_void>()) }
    /// };
    /// assert_eq!([create(), create(), create(), create()], [0, 0, -12, 0]);
    /// // It came, so the test has shown something.
    /// assert!(!file.has_planned_failures());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn fail_nth_ioctl(&self, request: u32, n: u64, errno: i32) {
        self.inner().injections.fail_ioctl(request, n, errno);
    }

    /// The failures of that ioctl that [`File::fail_ioctl`] and [`File::fail_nth_ioctl`] have planned and that have not
    /// come, in the order in which they were planned: which call from now on each is, counted from 1.
    pub fn planned_failures(&self, request: u32) -> Vec<u64> {
        self.inner().injections.planned_ioctls(request)
    }

    /// Whether a failure that was planned on this file, of an ioctl or of an operation of a VM_BIND, has not come: a
    /// test that ends so has not shown what it was to show.
    pub fn has_planned_failures(&self) -> bool {
        !self.inner().injections.is_empty()
    }

    /// Gives up all failures that were planned on this file and have not come. Those of
    /// [`GpuView::fail_next_job`](crate::GpuView::fail_next_job) and of groups stay.
    pub fn clear_planned_failures(&self) {
        self.inner().injections.clear();
    }

    /// Interrupts the next synchronous VM_BIND after that many operations, as a signal does on
    /// Linux 6.12: it returns `-EINTR`, with the number of operations done in `ops.count`. If it
    /// has no more operations than that, nothing happens. It is one of those that [`File::fail_bind_op`] plans.
    pub fn interrupt_next_bind_after(&self, ops: u32) {
        self.fail_bind_op(ops, Errno::INTR.0);
    }

    /// Makes the next synchronous VM_BIND fail at the operation of that index, counted from 0,
    /// with an error number; those before it are done. If it has no such operation,
    /// nothing happens.
    ///
    /// Several may be planned: one for the next VM_BIND, one for that after it, and so on.
    pub fn fail_bind_op(&self, index: u32, errno: i32) {
        self.inner().injections.fail_bind(BindFailure::new(index, errno));
    }

    /// Makes the next asynchronous VM_BIND fail when it prepares the operation of that index, counted
    /// from 0, with an error number, as it does when there is no memory for that: nothing is queued, but BOs of those
    /// before it got their memory. If it has no such operation, nothing happens.
    ///
    /// Several may be planned: one for the next VM_BIND, one for that after it, and so on.
    /// For one that fails when it runs see [`GpuView::fail_next_job`](crate::GpuView::fail_next_job).
    pub fn fail_async_bind_op(&self, index: u32, errno: i32) {
        self.inner().injections.fail_async_bind(BindFailure::new(index, errno));
    }
}
