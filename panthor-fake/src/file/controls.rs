//! Test controls of a file: inject failures, evict BOs, inspect state.

use std::sync::Arc;

use crate::bo::Bo;
use crate::bo::residency::Turn;
use crate::call::errno::Errno;
use crate::device::inject::BindFailure;
use crate::dump::FileDump;
use crate::dump::collect::dump_of_file;
use crate::file::File;

impl File {
    /// Returns a snapshot of the file's objects for debugging, see
    /// [`Device::dump`](crate::Device::dump).
    pub fn dump(&self) -> FileDump {
        dump_of_file(self.device().inner(), self.shared())
    }

    /// Returns whether a BO is resident, and so counts as used memory; `None` if there is no such
    /// BO.
    ///
    /// A BO becomes resident at its first map into a VM, before driver 1.8 at its creation, and
    /// stays so until it is evicted. An imported BO is always resident.
    pub fn bo_is_resident(&self, handle: u32) -> Option<bool> {
        Some(self.inner().bo(handle).ok()?.is_resident())
    }

    /// Evicts a BO, as [`Device::reclaim`](crate::Device::reclaim) does. Returns `false` if the BO
    /// is in use or not resident, or if there is no such BO.
    pub fn evict_bo(&self, handle: u32) -> bool {
        let (device, Ok(bo)) = (self.device().inner(), self.inner().bo(handle)) else {
            return false;
        };
        let is_it = |other: &Arc<Bo>| Arc::ptr_eq(other, &bo);
        device.check_plugged().is_ok() && Turn::new(device).evict(1, is_it) != 0
    }

    /// Makes the next ioctl of a kind fail with an error number, before the driver reads its
    /// argument. Several planned failures apply to successive calls.
    pub fn fail_ioctl(&self, request: u32, errno: i32) {
        self.fail_nth_ioctl(request, 1, errno);
    }

    /// Makes the `n`-th ioctl of a kind fail with an error number, before the driver reads its
    /// argument. `n` counts from 1, the next call; 0 also means the next call. Valid error numbers
    /// are 1 to 4095; any other number becomes `EIO`, also in the functions below.
    ///
    /// Calls are matched by the type and number of the request, not by its size, and failed calls
    /// count. Several failures may be planned. Failures planned for the same call apply to
    /// successive calls, in the order of planning. Ioctls of dma-bufs and sync files are not calls
    /// of a file; [`Device::fail_nth_ioctl`](crate::Device::fail_nth_ioctl) makes them fail.
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

    /// Returns the pending failures of an ioctl that [`File::fail_ioctl`] and
    /// [`File::fail_nth_ioctl`] planned, in the order of planning: the number of the failing call,
    /// counted from 1.
    pub fn planned_failures(&self, request: u32) -> Vec<u64> {
        self.inner().injections.planned_ioctls(request)
    }

    /// Returns whether a failure planned on this file, of an ioctl or a VM_BIND operation, is still
    /// pending. A test that ends with a pending failure did not reach the tested case.
    pub fn has_planned_failures(&self) -> bool {
        !self.inner().injections.is_empty()
    }

    /// Discards all pending failures of this file. Failures of
    /// [`GpuView::fail_next_job`](crate::GpuView::fail_next_job) and of groups stay.
    pub fn clear_planned_failures(&self) {
        self.inner().injections.clear();
    }

    /// Interrupts the next synchronous VM_BIND after `ops` operations, as a signal does on Linux
    /// 6.12. The ioctl returns `-EINTR`, with the number of completed operations in `ops.count`. A
    /// VM_BIND with at most `ops` operations succeeds. The interruption takes its turn among the
    /// failures of [`File::fail_bind_op`].
    pub fn interrupt_next_bind_after(&self, ops: u32) {
        self.fail_bind_op(ops, Errno::INTR.0);
    }

    /// Makes the next synchronous VM_BIND fail at the operation with an index, counted from 0.
    /// Earlier operations take effect. A VM_BIND without such an operation succeeds.
    ///
    /// Several failures apply to successive VM_BINDs.
    pub fn fail_bind_op(&self, index: u32, errno: i32) {
        self.inner().injections.fail_bind(BindFailure::new(index, errno));
    }

    /// Makes the next asynchronous VM_BIND fail while it prepares the operation with an index,
    /// counted from 0, as when memory runs out. Nothing is queued, but BOs of earlier operations
    /// have become resident. A VM_BIND without such an operation succeeds.
    ///
    /// Several failures apply to successive VM_BINDs.
    /// [`GpuView::fail_next_job`](crate::GpuView::fail_next_job) makes an operation fail when it
    /// runs.
    pub fn fail_async_bind_op(&self, index: u32, errno: i32) {
        self.inner().injections.fail_async_bind(BindFailure::new(index, errno));
    }
}
