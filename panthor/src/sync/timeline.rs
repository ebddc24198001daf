//! Timelines.

use std::fmt;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;

use panthor_sys as sys;

use super::handle::Handle;
use super::point::SyncPoint;
use super::timeout::{Timeout, Wait};
use crate::device::Device;
use crate::error::{DestroyError, Result};
use crate::owned::Owned;

/// A point of a timeline that is known beforehand, from 1 up: signalling point 0 would replace the whole
/// timeline. For a value of the application use [`NonZeroU64::new`].
///
/// ```
/// let seventh = panthor::point::<7>();
/// ```
///
/// ```compile_fail
/// let zeroth = panthor::point::<0>();
/// ```
#[inline]
pub const fn point<const POINT: u64>() -> NonZeroU64 {
    const { NonZeroU64::new(POINT).expect("a timeline's points start at 1") }
}

/// A timeline syncobj: points that are signalled in ascending order.
///
/// ```
/// use panthor::{Device, Timeout, Wait, point};
///
/// let device = Device::open_fake()?;
/// let timeline = device.create_timeline()?;
/// timeline.signal(point::<3>())?;
/// assert_eq!(timeline.value()?, 3);
/// assert_eq!(timeline.wait(point::<2>(), Timeout::NONE)?, Wait::Ready);
/// assert_eq!(timeline.wait(point::<4>(), Timeout::NONE)?, Wait::TimedOut);
/// # Ok::<(), panthor::Error>(())
/// ```
#[doc(alias = "drm_syncobj")]
pub struct Timeline {
    pub(super) handle: Owned<Handle>,
}

impl Device {
    /// Creates a timeline at 0 (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// As for [`create_syncobj`](Self::create_syncobj).
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_CREATE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_timeline(&self) -> Result<Timeline> {
        Ok(Timeline { handle: Handle::create(self, 0)? })
    }
}

impl Timeline {
    /// One of its points: to wait for or to signal in an asynchronous batch, to copy, to share.
    #[inline]
    pub fn at(&self, point: NonZeroU64) -> SyncPoint<'_> {
        SyncPoint { device: &self.handle.device, handle: self.handle.raw, point: point.get() }
    }

    /// The highest point that is signalled with all before it; 0 before the first (SYNCOBJ_QUERY).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_QUERY")]
    #[doc(alias = "vkGetSemaphoreCounterValue")]
    pub fn value(&self) -> Result<u64> {
        self.handle.device.transport().timeline_query(self.handle.raw, 0)
    }

    /// The highest point that somebody has submitted, signalled or not (SYNCOBJ_QUERY).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    #[doc(alias = "DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED")]
    pub fn last_submitted(&self) -> Result<u64> {
        let flags = sys::DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED;
        self.handle.device.transport().timeline_query(self.handle.raw, flags)
    }

    /// Waits until a point is signalled, also if it is not submitted yet (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged. Running out of time is
    /// [`Wait::TimedOut`], no error.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT")]
    #[doc(alias = "vkWaitSemaphores")]
    pub fn wait(&self, point: NonZeroU64, timeout: impl Into<Timeout>) -> Result<Wait> {
        let flags = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
        self.handle.wait(point.get(), flags, timeout.into())
    }

    /// Waits until a point is submitted, signalled or not, so that an asynchronous batch can wait for it
    /// (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    #[doc(alias = "DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE")]
    pub fn wait_available(&self, point: NonZeroU64, timeout: impl Into<Timeout>) -> Result<Wait> {
        let flags = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
        self.handle.wait(point.get(), flags, timeout.into())
    }

    /// Signals a point from the CPU (SYNCOBJ_TIMELINE_SIGNAL).
    ///
    /// It should be higher than every submitted one. A lower one is taken, but the timeline does not go back:
    /// it stays at its highest point, and waits for points in between end no sooner than those before.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) when the kernel has none left.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL")]
    #[doc(alias = "vkSignalSemaphore")]
    pub fn signal(&self, point: NonZeroU64) -> Result<()> {
        self.handle.device.transport().timeline_signal(&[self.handle.raw], &[point.get()])
    }

    /// Exports the timeline, for another process or device file to import (SYNCOBJ_HANDLE_TO_FD). It is
    /// closed on `exec`.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory), also of descriptors.
    ///
    /// ```
    /// use panthor::point;
    /// # let device = panthor::Device::open_fake()?;
    /// let timeline = device.create_timeline()?;
    /// let same = device.import_timeline(timeline.export()?)?;
    /// same.signal(point::<3>())?;
    /// assert_eq!(timeline.value()?, 3);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD")]
    #[doc(alias = "vkGetSemaphoreFdKHR")]
    pub fn export(&self) -> Result<OwnedFd> {
        self.handle.export()
    }

    /// Its handle, valid while it lives.
    pub fn handle(&self) -> u32 {
        self.handle.raw
    }

    /// The device that it was created on.
    pub fn device(&self) -> &Device {
        &self.handle.device
    }

    /// Takes over a timeline syncobj by its handle.
    ///
    /// # Safety
    ///
    /// As for [`SyncObj::from_raw`](crate::SyncObj::from_raw).
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(device: &Device, handle: u32) -> Self {
        Self { handle: Handle::adopt(device, handle) }
    }

    /// Gives up the timeline for its handle, which is the caller's to destroy.
    pub fn into_raw(self) -> u32 {
        let raw = self.handle();
        self.handle.give_up();
        raw
    }

    /// Destroys the timeline and says how that went (SYNCOBJ_DESTROY). What waits for its points goes on.
    ///
    /// # Errors
    ///
    /// As for [`SyncObj::destroy`](crate::SyncObj::destroy).
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_DESTROY")]
    pub fn destroy(self) -> Result<(), DestroyError<Self>> {
        self.handle.destroy(|handle| Self { handle })
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline").field("handle", &self.handle.raw).finish_non_exhaustive()
    }
}
