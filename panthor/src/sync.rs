//! Syncobjs: binary ones and timelines.

use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use bytemuck::Zeroable;
use panthor_sys as sys;
use rustix::io::Errno;

use crate::device::Device;
use crate::error::{DestroyError, Error, Result};
use crate::transport::{SyncobjArray, address_of};

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

/// How a wait ended. Errors are something else: a wait that times out has not failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "a wait can end without what it waited for"]
pub enum Wait {
    /// What was waited for is there.
    Ready,
    /// The time ran out.
    TimedOut,
}

impl Wait {
    /// Whether what was waited for is there.
    pub fn is_ready(self) -> bool {
        self == Self::Ready
    }
}

/// How long a wait may take.
///
/// Waits never end early: an interruption by a signal goes on with the same deadline.
///
/// ```
/// use std::time::Duration;
/// use panthor::Timeout;
/// let _ = [Timeout::from(Duration::from_millis(5)), Timeout::NONE, Timeout::FOREVER];
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(Limit);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    None,
    For(Duration),
    Until(Instant),
    Forever,
}

impl Timeout {
    /// Look, do not wait.
    pub const NONE: Self = Self(Limit::None);
    /// However long it takes.
    pub const FOREVER: Self = Self(Limit::Forever);

    /// As the uAPI wants it: nanoseconds of CLOCK_MONOTONIC, 0 to look only.
    fn deadline(self) -> i64 {
        let after = match self.0 {
            Limit::None => return 0,
            Limit::Forever => return i64::MAX,
            Limit::For(duration) => duration,
            Limit::Until(instant) => instant.saturating_duration_since(Instant::now()),
        };
        if after.is_zero() {
            return 0;
        }
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
        // A Duration has fewer than 2^95 nanoseconds, so the sum fits.
        let deadline = now + after.as_nanos() as i128;
        i64::try_from(deadline).unwrap_or(i64::MAX)
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self(Limit::For(duration))
    }
}

impl From<Instant> for Timeout {
    fn from(instant: Instant) -> Self {
        Self(Limit::Until(instant))
    }
}

/// A handle of this file's table of syncobjs, destroyed on drop.
struct Handle {
    device: Device,
    /// 0 once it is destroyed: the kernel counts from 1.
    raw: u32,
}

impl Handle {
    fn create(device: &Device, flags: u32) -> Result<Self> {
        let mut arg = sys::drm_syncobj_create::zeroed();
        arg.flags = flags;
        device.transport().call(&mut arg)?;
        Ok(Self { device: device.clone(), raw: arg.handle })
    }

    fn release(&mut self) -> Result<()> {
        let mut arg = sys::drm_syncobj_destroy::zeroed();
        arg.handle = self.raw;
        self.device.transport().call(&mut arg)?;
        self.raw = 0;
        Ok(())
    }

    fn destroy(mut self) -> Result<(), (Self, Error)> {
        match self.release() {
            Ok(()) => Ok(()),
            Err(error) => Err((self, error)),
        }
    }

    fn into_raw(mut self) -> u32 {
        std::mem::take(&mut self.raw)
    }

    /// SYNCOBJ_TIMELINE_WAIT, which takes binary syncobjs as well, as point 0.
    fn wait(&self, point: u64, flags: u32, timeout: Timeout) -> Result<Wait> {
        wait_for_point(&self.device, self.raw, point, flags, timeout)
    }
}

/// Waits for one point of a syncobj, 0 being the whole of it.
pub(crate) fn wait_for_point(
    device: &Device,
    handle: u32,
    point: u64,
    flags: u32,
    timeout: Timeout,
) -> Result<Wait> {
    let mut arg = sys::drm_syncobj_timeline_wait::zeroed();
    arg.handles = address_of(&handle);
    arg.points = address_of(&point);
    arg.count_handles = 1;
    arg.flags = flags;
    arg.timeout_nsec = timeout.deadline();
    match device.transport().try_call(&mut arg) {
        Ok(()) => Ok(Wait::Ready),
        Err(Errno::TIME) => Ok(Wait::TimedOut),
        Err(errno) => Err(Error::os("SYNCOBJ_TIMELINE_WAIT", errno)),
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.raw != 0 {
            // The kernel refuses only a handle that it does not know, or a device that is gone.
            let _ = self.release();
        }
    }
}

/// A binary syncobj: it holds one fence or none.
///
/// Waiting for one that holds none waits until it gets one.
///
/// ```
/// use panthor::{Device, Timeout, Wait};
///
/// let device = Device::open_fake()?;
/// let done = device.create_syncobj()?;
/// assert_eq!(done.wait(Timeout::NONE)?, Wait::TimedOut);
/// done.signal()?;
/// assert_eq!(done.wait(Timeout::FOREVER)?, Wait::Ready);
/// # Ok::<(), panthor::Error>(())
/// ```
#[doc(alias = "drm_syncobj")]
pub struct SyncObj {
    handle: Handle,
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
    handle: Handle,
}

impl Device {
    /// Creates a binary syncobj that holds no fence (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) when the kernel has none left.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_CREATE")]
    pub fn create_syncobj(&self) -> Result<SyncObj> {
        Ok(SyncObj { handle: Handle::create(self, 0)? })
    }

    /// Creates a binary syncobj that is signalled (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// As for [`create_syncobj`](Self::create_syncobj).
    #[doc(alias = "DRM_SYNCOBJ_CREATE_SIGNALED")]
    pub fn create_signaled_syncobj(&self) -> Result<SyncObj> {
        Ok(SyncObj { handle: Handle::create(self, sys::DRM_SYNCOBJ_CREATE_SIGNALED)? })
    }

    /// Creates a timeline at 0 (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// As for [`create_syncobj`](Self::create_syncobj).
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_CREATE")]
    pub fn create_timeline(&self) -> Result<Timeline> {
        Ok(Timeline { handle: Handle::create(self, 0)? })
    }
}

impl SyncObj {
    /// Waits until it is signalled, also if it holds no fence yet (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// A fence whose work failed is signalled, too: ask [`Vm::state`](crate::Vm::state).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged. Running out of time is
    /// [`Wait::TimedOut`], no error.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_WAIT")]
    pub fn wait(&self, timeout: impl Into<Timeout>) -> Result<Wait> {
        self.handle.wait(0, sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, timeout.into())
    }

    /// Waits until it holds a fence, signalled or not, so that an asynchronous batch can wait for it
    /// (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    #[doc(alias = "DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE")]
    pub fn wait_available(&self, timeout: impl Into<Timeout>) -> Result<Wait> {
        self.handle.wait(0, sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE, timeout.into())
    }

    /// Replaces its fence by a signalled one (SYNCOBJ_SIGNAL).
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) when the kernel has none left.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_SIGNAL")]
    pub fn signal(&self) -> Result<()> {
        self.handle.device.transport().syncobj_array(SyncobjArray::Signal, self.handle.raw)
    }

    /// Takes its fence away (SYNCOBJ_RESET).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_RESET")]
    pub fn reset(&self) -> Result<()> {
        self.handle.device.transport().syncobj_array(SyncobjArray::Reset, self.handle.raw)
    }

    /// Its handle, valid while it lives.
    pub fn handle(&self) -> u32 {
        self.handle.raw
    }

    /// The device that it was created on.
    pub fn device(&self) -> &Device {
        &self.handle.device
    }

    /// Takes over a syncobj by its handle, as an import gives it.
    ///
    /// # Safety
    ///
    /// `handle` is a syncobj of this device's open file, and nothing else destroys it.
    ///
    /// ```
    /// use panthor::sys::{DRM_IOCTL_SYNCOBJ_CREATE, drm_syncobj_create};
    /// # let device = panthor::Device::open_fake()?;
    /// let mut create = drm_syncobj_create::default();
    /// // SAFETY: this request takes this struct, and takes nothing from anybody.
    /// unsafe { device.ioctl(DRM_IOCTL_SYNCOBJ_CREATE, &mut create) }?;
    /// // SAFETY: the handle was just made, and this is its only owner.
    /// let syncobj = unsafe { panthor::SyncObj::from_raw(&device, create.handle) };
    /// syncobj.signal()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn from_raw(device: &Device, handle: u32) -> Self {
        Self { handle: Handle { device: device.clone(), raw: handle } }
    }

    /// Gives up the syncobj for its handle, which is the caller's to destroy.
    pub fn into_raw(self) -> u32 {
        self.handle.into_raw()
    }

    /// Destroys the syncobj and says how that went (SYNCOBJ_DESTROY). What waits for its fence goes on.
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged. The syncobj comes back
    /// with the error.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_DESTROY")]
    pub fn destroy(self) -> Result<(), DestroyError<Self>> {
        self.handle.destroy().map_err(|(handle, error)| {
            let object = Self { handle };
            DestroyError { object, error }
        })
    }
}

impl Timeline {
    /// The point to wait for or to signal in an asynchronous batch.
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
        self.handle.device.transport().timeline_signal(self.handle.raw, point.get())
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
    /// As for [`SyncObj::from_raw`].
    pub unsafe fn from_raw(device: &Device, handle: u32) -> Self {
        Self { handle: Handle { device: device.clone(), raw: handle } }
    }

    /// Gives up the timeline for its handle, which is the caller's to destroy.
    pub fn into_raw(self) -> u32 {
        self.handle.into_raw()
    }

    /// Destroys the timeline and says how that went (SYNCOBJ_DESTROY). What waits for its points goes on.
    ///
    /// # Errors
    ///
    /// As for [`SyncObj::destroy`].
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_DESTROY")]
    pub fn destroy(self) -> Result<(), DestroyError<Self>> {
        self.handle.destroy().map_err(|(handle, error)| {
            let object = Self { handle };
            DestroyError { object, error }
        })
    }
}

/// What an asynchronous batch waits for or signals: a [`SyncObj`], or a point of a [`Timeline`].
#[derive(Debug, Clone, Copy)]
#[doc(alias = "drm_panthor_sync_op")]
pub struct SyncPoint<'a> {
    device: &'a Device,
    handle: u32,
    /// 0 for a binary syncobj.
    point: u64,
}

impl<'a> From<&'a SyncObj> for SyncPoint<'a> {
    #[inline]
    fn from(syncobj: &'a SyncObj) -> Self {
        Self { device: &syncobj.handle.device, handle: syncobj.handle.raw, point: 0 }
    }
}

impl SyncPoint<'_> {
    #[inline]
    pub(crate) fn device(&self) -> &Device {
        self.device
    }

    /// The struct that says so, a wait unless `signal`.
    #[inline]
    pub(crate) fn op(&self, signal: bool) -> sys::drm_panthor_sync_op {
        let kind = if self.point == 0 {
            sys::DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_SYNCOBJ
        } else {
            sys::DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ
        };
        let direction =
            if signal { sys::DRM_PANTHOR_SYNC_OP_SIGNAL } else { sys::DRM_PANTHOR_SYNC_OP_WAIT };
        sys::drm_panthor_sync_op {
            flags: kind | direction,
            handle: self.handle,
            timeline_value: self.point,
        }
    }
}

impl fmt::Debug for SyncObj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncObj").field("handle", &self.handle.raw).finish_non_exhaustive()
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline").field("handle", &self.handle.raw).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_saturate_and_never_wrap() {
        assert_eq!(Timeout::from(Duration::ZERO).deadline(), 0);
        assert_eq!(Timeout::from(Duration::MAX).deadline(), i64::MAX);
        assert_eq!(Timeout::FOREVER.deadline(), i64::MAX);
        let past = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(Timeout::from(past).deadline(), 0);
        let soon = Timeout::from(Duration::from_secs(1)).deadline();
        let later = Timeout::from(Instant::now() + Duration::from_secs(2)).deadline();
        assert!(0 < soon && soon < later && later < i64::MAX);
    }
}
