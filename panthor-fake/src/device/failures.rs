//! Failures on demand of any file's ioctls.

use crate::device::Device;

impl Device {
    /// Makes the `n`-th ioctl of that kind from now on, over all files, fail with an error number,
    /// before it looks at its argument; `n` counts from 1, the next one. Several may be planned.
    ///
    /// [`File::fail_nth_ioctl`](crate::File::fail_nth_ioctl) does so on one file, and tells what is an error number; a
    /// call that fails for its sake does not count here. The ioctls of dma-bufs and sync files, `DMA_BUF_IOCTL_SYNC` and the like, count over all
    /// of them that come from this device: those that it exported and made, and what was made of them.
    pub fn fail_nth_ioctl(&self, request: u32, n: u64, errno: i32) {
        self.inner.injections.fail_ioctl(request, n, errno);
    }

    /// Returns at which calls of that ioctl from now on, counted from 1, a failure of [`Device::fail_nth_ioctl`] or a
    /// disturbance of [`Device::disturb_at_nth_ioctl`] is planned, in the order of planning. The failures of one file
    /// are those of [`File::planned_failures`](crate::File::planned_failures).
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

    /// Whether a failure of [`Device::fail_nth_ioctl`] or a disturbance of [`Device::disturb_at_nth_ioctl`] has not
    /// come: a test that ends so has not shown what it was to show. Each file tells of its own, see
    /// [`File::has_planned_failures`](crate::File::has_planned_failures).
    pub fn has_planned_failures(&self) -> bool {
        !self.inner.injections.is_empty()
    }

    /// Drops all failures and disturbances that are planned on the device and have not come.
    pub fn clear_planned_failures(&self) {
        self.inner.injections.clear();
    }
}
