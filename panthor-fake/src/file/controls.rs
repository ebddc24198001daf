//! What a test can do with a file that a client cannot: make calls fail, take memory away, look.

use std::sync::Arc;

use crate::bo::Bo;
use crate::bo::residency::Turn;
use crate::call::errno::Errno;
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

    /// Makes the next ioctl of that number fail with an error number, before it looks at its argument.
    /// Several may be planned, they come one after the other.
    pub fn fail_ioctl(&self, request: u32, errno: i32) {
        self.fail_nth_ioctl(request, 0, errno);
    }

    /// Makes the `n`-th ioctl of that number from now on fail with an error number, before it looks at
    /// its argument; `n` counts from 0, the next one. Error numbers are from 1 to 4095; for any other it is
    /// `EIO`, here and in what is alike.
    ///
    /// Calls are told apart by the number in the request alone, and those that fail count, too.
    /// Several may be planned; of those for the same call the first that was planned comes then, the
    /// others after it.
    ///
    /// ```
    /// use std::ffi::c_void;
    ///
    /// use panthor_fake::{Config, Device};
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_VM_CREATE, drm_panthor_vm_create};
    ///
    /// let file = Device::new(Config::default())?.open();
    /// file.fail_nth_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, 2, 12);
    /// let mut create = || {
    ///     let mut vm = drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
    ///     // SAFETY: the argument is ours and has no pointers.
    ///     unsafe { file.ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, (&raw mut vm).cast::<c_void>()) }
    /// };
    /// assert_eq!([create(), create(), create(), create()], [0, 0, -12, 0]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn fail_nth_ioctl(&self, request: u32, n: u64, errno: i32) {
        self.inner().injections.fail_ioctl(request, n, errno);
    }

    /// Interrupts the next synchronous VM_BIND after that many operations, as a signal does on
    /// Linux 6.12: it returns `-EINTR`, with the number of operations done in `ops.count`. If it
    /// has no more operations than that, nothing happens.
    pub fn interrupt_next_bind_after(&self, ops: u32) {
        self.fail_bind_op(ops, Errno::INTR.0);
    }

    /// Makes the next synchronous VM_BIND fail at the operation of that index, counted from 0,
    /// with an error number; those before it are done. If it has no such operation,
    /// nothing happens.
    pub fn fail_bind_op(&self, index: u32, errno: i32) {
        self.inner().injections.fail_bind(index, errno);
    }

    /// Makes the next asynchronous VM_BIND fail when it prepares the operation of that index, counted
    /// from 0, with an error number, as it does when there is no memory for that: nothing is queued, but BOs of those before it got their memory. If it has no such operation, nothing
    /// happens.
    ///
    /// For one that fails when it runs see [`GpuView::fail_next_job`](crate::GpuView::fail_next_job).
    pub fn fail_async_bind_op(&self, index: u32, errno: i32) {
        self.inner().injections.fail_async_bind(index, errno);
    }
}
