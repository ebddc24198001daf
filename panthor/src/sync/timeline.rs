//! Timeline syncobjs.

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

/// Returns a constant timeline point, checked at compile time to be at least 1.
///
/// A signal of point 0 would replace the whole timeline. For values known at run time, use
/// [`NonZeroU64::new`].
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

/// A timeline syncobj, with points that are signaled in ascending order.
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
    /// Creates a timeline at point 0 (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// The errors of [`create_syncobj`](Self::create_syncobj).
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_CREATE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_timeline(&self) -> Result<Timeline> {
        Ok(Timeline { handle: Handle::create(self, 0)? })
    }
}

impl Timeline {
    /// Returns one point of the timeline, for waits, signals, copies and sharing.
    #[inline]
    pub fn at(&self, point: NonZeroU64) -> SyncPoint<'_> {
        SyncPoint { device: &self.handle.device, handle: self.handle.raw, point: point.get() }
    }

    /// Returns the highest point that is signaled together with all earlier points
    /// (SYNCOBJ_QUERY).
    ///
    /// The value is 0 before the first signal.
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_QUERY")]
    #[doc(alias = "vkGetSemaphoreCounterValue")]
    pub fn value(&self) -> Result<u64> {
        self.handle.device.transport().timeline_query(self.handle.raw, 0)
    }

    /// Returns the highest submitted point, signaled or not (SYNCOBJ_QUERY).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    #[doc(alias = "DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED")]
    pub fn last_submitted(&self) -> Result<u64> {
        let flags = sys::DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED;
        self.handle.device.transport().timeline_query(self.handle.raw, flags)
    }

    /// Waits until a point is signaled, also if the point is not submitted yet
    /// (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged. A timeout is
    /// not an error: the result is [`Wait::TimedOut`].
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT")]
    #[doc(alias = "vkWaitSemaphores")]
    pub fn wait(&self, point: NonZeroU64, timeout: impl Into<Timeout>) -> Result<Wait> {
        let flags = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
        self.handle.wait(point.get(), flags, timeout.into())
    }

    /// Waits until a point is submitted, signaled or not (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// An asynchronous batch can wait for the point then.
    ///
    /// # Errors
    ///
    /// The errors of [`wait`](Self::wait).
    #[doc(alias = "DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE")]
    pub fn wait_available(&self, point: NonZeroU64, timeout: impl Into<Timeout>) -> Result<Wait> {
        let flags = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
        self.handle.wait(point.get(), flags, timeout.into())
    }

    /// Signals a point from the CPU (SYNCOBJ_TIMELINE_SIGNAL).
    ///
    /// The point should be higher than every submitted one. The kernel accepts a lower point but
    /// keeps the timeline's highest value. Waits for points in between end no earlier than those
    /// for the points before.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without kernel memory.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL")]
    #[doc(alias = "vkSignalSemaphore")]
    pub fn signal(&self, point: NonZeroU64) -> Result<()> {
        self.handle.device.transport().timeline_signal(&[self.handle.raw], &[point.get()])
    }

    /// Exports the timeline for another process or device file (SYNCOBJ_HANDLE_TO_FD).
    ///
    /// The descriptor is closed on `exec`.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without memory or a free descriptor.
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

    /// Returns the timeline's handle, valid while the timeline lives.
    pub fn handle(&self) -> u32 {
        self.handle.raw
    }

    /// Returns the device that the timeline belongs to.
    pub fn device(&self) -> &Device {
        &self.handle.device
    }

    /// Creates a timeline from the handle of its syncobj.
    ///
    /// # Safety
    ///
    /// As for [`SyncObj::from_raw`](crate::SyncObj::from_raw).
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(device: &Device, handle: u32) -> Self {
        Self { handle: Handle::adopt(device, handle) }
    }

    /// Releases the timeline and returns its handle, which the caller must destroy.
    pub fn into_raw(self) -> u32 {
        let raw = self.handle();
        self.handle.give_up();
        raw
    }

    /// Destroys the timeline and reports failures (SYNCOBJ_DESTROY).
    ///
    /// Waits for the timeline's points continue.
    ///
    /// # Errors
    ///
    /// The errors of [`SyncObj::destroy`](crate::SyncObj::destroy).
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
