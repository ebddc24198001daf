//! Disturbances of a device: unplug, GPU reset and GPU hang.

use std::sync::atomic::Ordering;

use crate::call::errno::Result;
use crate::device::inject::Planned;
use crate::device::{Device, DeviceInner, alive};

/// A disturbance of a device.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Disturbance {
    /// [`Device::unplug`].
    Unplug,
    /// [`Device::reset`].
    Reset,
    /// [`Device::hang_next_stream`].
    Hang,
}

impl Device {
    /// Removes the device, as when its driver is unbound. Every later ioctl and mmap fails with
    /// `ENODEV`, also on files opened later.
    ///
    /// Jobs on the GPU end with `ETIMEDOUT`. A job with a stream that still waits for fences fails
    /// with `EACCES` when its waits end. Closing a file still releases its objects.
    ///
    /// A load from a mapped register page, in the process of the device, raises SIGBUS, as on a
    /// board. Pages that programs on the loopback have mapped keep their value.
    ///
    /// A wait in progress continues: a wait for a syncobj without a fence sleeps up to its timeout
    /// and then fails with `ETIME`, as on Linux 7.3. Without a timeout, such a wait lasts until a
    /// signal ends the process.
    #[doc(alias = "drm_dev_unplug")]
    pub fn unplug(&self) {
        self.inner.disturb(Disturbance::Unplug);
    }

    /// Resets the GPU, as the driver does when the GPU hangs. Groups in CSG slots are lost.
    ///
    /// Groups without a fault of their own become innocent (`DRM_PANTHOR_GROUP_STATE_INNOCENT`,
    /// driver 1.3 and later). Their jobs on the GPU end with `ETIMEDOUT`. The busy groups have CSG
    /// slots, and other groups fill the rest of the eight slots: when a group without a slot gets a
    /// job, the driver assigns slots to all groups. Groups created after the reset run normally.
    /// Call [`GroupView::time_out`](crate::GroupView::time_out) first to mark the guilty group.
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_INNOCENT")]
    pub fn reset(&self) {
        self.inner.disturb(Disturbance::Reset);
    }

    /// Makes the next stream that runs on the GPU hang, in any group. That group times out, see
    /// [`GroupView::time_out`](crate::GroupView::time_out).
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_TIMEDOUT")]
    pub fn hang_next_stream(&self) {
        self.inner.disturb(Disturbance::Hang);
    }

    /// Disturbs the device just before the `n`-th ioctl of a kind, over all files. `n` counts from
    /// 1, the next call.
    ///
    /// Calls are matched and counted as for [`Device::fail_nth_ioctl`]. Several disturbances and
    /// failures planned for one call apply to successive calls.
    ///
    /// ```
    /// use panthor_fake::{Arena, Config, Device, Disturbance};
    /// use panthor_sys::DRM_IOCTL_PANTHOR_VM_CREATE;
    ///
    /// let device = Device::new(Config::default())?;
    /// device.disturb_at_nth_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, 2, Disturbance::Unplug);
    /// let (file, arena) = (device.open(), Arena::new(0x10000, 4096));
    /// let mut create = || file.ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, 0x10000, &arena);
    /// const ENODEV: i32 = 19;
    /// assert_eq!([create(), create(), create()], [0, -ENODEV, -ENODEV]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn disturb_at_nth_ioctl(&self, request: u32, n: u64, disturbance: Disturbance) {
        self.inner.injections.plan_ioctl(request, n, Planned::Disturb(disturbance));
    }
}

impl DeviceInner {
    fn disturb(&self, disturbance: Disturbance) {
        match disturbance {
            Disturbance::Unplug => {
                self.unplugged.store(true, Ordering::Release);
                self.memory.unplug();
                for group in alive(&self.groups) {
                    group.lose();
                }
            }
            Disturbance::Reset => {
                let mut lost = alive(&self.groups);
                lost.retain(|group| group.lose_by_reset());
                for group in lost {
                    group.end_lost();
                }
            }
            Disturbance::Hang => self.hangs.store(true, Ordering::Release),
        }
    }

    /// Returns whether the starting stream hangs, and clears the plan.
    pub(crate) fn take_hang(&self) -> bool {
        self.hangs.load(Ordering::Acquire) && self.hangs.swap(false, Ordering::AcqRel)
    }

    /// Applies the failure or disturbance planned for a starting ioctl.
    ///
    /// # Errors
    pub(crate) fn begin_ioctl(&self, request: u32) -> Result<()> {
        match self.injections.take_ioctl(request) {
            None => Ok(()),
            Some(Planned::Fail(errno)) => Err(errno),
            Some(Planned::Disturb(disturbance)) => {
                self.disturb(disturbance);
                self.check_plugged()
            }
        }
    }
}
