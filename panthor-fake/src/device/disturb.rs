//! Disturbances of a device: its unplug, resets and hangs of its GPU.

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
    /// Removes the device, as when its driver is unbound. From now on every ioctl and mmap of every file fails with
    /// `ENODEV`, also of files that are opened later.
    ///
    /// Jobs that the GPU has end with `ETIMEDOUT`. A job with a stream whose waits end later fails with `EACCES`.
    /// A close of a file releases what the file holds.
    ///
    /// A wait in progress does not end: a wait for a syncobj without a fence sleeps up to its timeout and then fails
    /// with `ETIME`, as on Linux 7.3. Without a timeout such a wait lasts until a signal ends the process.
    #[doc(alias = "drm_dev_unplug")]
    pub fn unplug(&self) {
        self.inner.disturb(Disturbance::Unplug);
    }

    /// Resets the GPU, as the driver does when the GPU hangs. Groups that the GPU has are lost.
    ///
    /// Groups that did nothing wrong are innocent (`DRM_PANTHOR_GROUP_STATE_INNOCENT`, driver 1.3 and later). Their
    /// jobs on the GPU end with `ETIMEDOUT`. The GPU has the groups that it is busy with, and so many others that its
    /// eight slots are full: when a group without a slot gets something to do, the driver gives slots to all groups.
    /// Jobs of later groups run. For a group to blame, call [`GroupView::time_out`](crate::GroupView::time_out) before.
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_INNOCENT")]
    pub fn reset(&self) {
        self.inner.disturb(Disturbance::Reset);
    }

    /// Makes the next stream that the GPU runs hang, in whichever group: that group times out, see
    /// [`GroupView::time_out`](crate::GroupView::time_out).
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_TIMEDOUT")]
    pub fn hang_next_stream(&self) {
        self.inner.disturb(Disturbance::Hang);
    }

    /// Disturbs the device just before the `n`-th ioctl of that kind from now on is answered, over all files; `n`
    /// counts from 1, the next call.
    ///
    /// Calls are told apart and counted as for [`Device::fail_nth_ioctl`]; planned disturbances and failures of one
    /// call come one after the other.
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

    /// Returns whether the stream that begins now hangs.
    pub(crate) fn take_hang(&self) -> bool {
        self.hangs.load(Ordering::Acquire) && self.hangs.swap(false, Ordering::AcqRel)
    }

    /// Does what is planned for an ioctl that begins.
    ///
    /// # Errors
    /// The planned failure, and `ENODEV` after a planned unplug.
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
