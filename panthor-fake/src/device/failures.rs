//! Injected ioctl failures on any file.

use crate::device::Device;

impl Device {
    /// Makes the `n`-th ioctl of a kind fail with an error number, over all files, before the
    /// driver reads its argument. `n` counts from 1, the next call. Several failures may be
    /// planned.
    ///
    /// [`File::fail_nth_ioctl`](crate::File::fail_nth_ioctl) does so on one file and documents the
    /// valid error numbers; calls that it fails do not count here. Ioctls of dma-bufs and sync
    /// files, such as `DMA_BUF_IOCTL_SYNC`, count over all descriptors that come from this device,
    /// including those merged or exported from them.
    pub fn fail_nth_ioctl(&self, request: u32, n: u64, errno: i32) {
        self.inner.injections.fail_ioctl(request, n, errno);
    }

    /// Returns the pending plans for an ioctl, in the order of planning: the number of the call,
    /// counted from 1, for each failure of [`Device::fail_nth_ioctl`] and each disturbance of
    /// [`Device::disturb_at_nth_ioctl`]. Failures of one file are in
    /// [`File::planned_failures`](crate::File::planned_failures).
    ///
    /// ```
    /// use panthor_fake::{Arena, Config, Device};
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_BO_CREATE, DRM_IOCTL_PANTHOR_VM_CREATE};
    ///
    /// let device = Device::new(Config::default())?;
    /// device.fail_nth_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, 3, 12);
    /// device.open().ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, 0x10000, &Arena::new(0x10000, 4096));
    /// assert_eq!(device.planned_failures(DRM_IOCTL_PANTHOR_VM_CREATE), [2]);
    /// assert!(device.planned_failures(DRM_IOCTL_PANTHOR_BO_CREATE).is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn planned_failures(&self, request: u32) -> Vec<u64> {
        self.inner.injections.planned_ioctls(request)
    }

    /// Returns whether a failure of [`Device::fail_nth_ioctl`] or a disturbance of
    /// [`Device::disturb_at_nth_ioctl`] is still pending. A test that ends with a pending failure
    /// did not reach the tested case.
    /// [`File::has_planned_failures`](crate::File::has_planned_failures) covers one file.
    pub fn has_planned_failures(&self) -> bool {
        !self.inner.injections.is_empty()
    }

    /// Discards all pending failures and disturbances of the device. Failures planned on a file
    /// stay.
    pub fn clear_planned_failures(&self) {
        self.inner.injections.clear();
    }
}
