//! Waits, signals and resets of several syncobjs at once.

use bytemuck::Zeroable;
use panthor_sys as sys;
use rustix::io::Errno;

use super::handle::{self, WAIT_FIRST};
use super::point::SyncPoint;
use super::syncobj::SyncObj;
use super::timeout::{Timeout, Wait};
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::spilling::Spilling;
use crate::transport::{SyncobjArray, address_of};

/// Call name in errors.
const WAIT: &str = "SYNCOBJ_TIMELINE_WAIT";

/// Points that need no heap memory.
const INLINE: usize = 16;

/// Condition that a wait for several syncobjs waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitFor {
    /// The signal, also of points without a submission.
    #[doc(alias = "DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT")]
    Signaled,
    /// The signal of submitted work. A point without a fence is an immediate error.
    Submitted,
    /// A fence, signaled or not, as `submit` requires for waits of a batch.
    #[doc(alias = "DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE")]
    Available,
}

impl WaitFor {
    fn flags(self) -> u32 {
        match self {
            Self::Signaled => sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
            Self::Submitted => 0,
            Self::Available => sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE,
        }
    }
}

impl Device {
    /// Waits until all points are signaled or available (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// Without any points, the call returns at once.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a syncobj of another device and, with
    ///   [`WaitFor::Submitted`], for a point without a fence.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) for too many points.
    ///
    /// A timeout is not an error: the result is [`Wait::TimedOut`].
    ///
    /// ```
    /// use panthor::{SyncPoint, Timeout, Wait, WaitFor, point};
    /// # let device = panthor::Device::open_fake()?;
    /// let (binary, timeline) = (device.create_signaled_syncobj()?, device.create_timeline()?);
    /// let both = [SyncPoint::from(&binary), timeline.at(point::<2>())];
    /// assert_eq!(device.wait_all(&both, WaitFor::Signaled, Timeout::NONE)?, Wait::TimedOut);
    /// timeline.signal(point::<2>())?;
    /// assert_eq!(device.wait_all(&both, WaitFor::Signaled, Timeout::FOREVER)?, Wait::Ready);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL")]
    #[doc(alias = "vkWaitForFences")]
    pub fn wait_all(
        &self,
        points: &[SyncPoint<'_>],
        what: WaitFor,
        timeout: impl Into<Timeout>,
    ) -> Result<Wait> {
        if points.is_empty() {
            return Ok(Wait::Ready);
        }
        let flags = what.flags() | sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL;
        let first = self.wait_many(points, flags, timeout.into())?;
        Ok(if first.is_some() { Wait::Ready } else { Wait::TimedOut })
    }

    /// Waits until one of the points is signaled or available, and returns its index
    /// (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// Returns `None` on a timeout, and the lowest index if several points are ready.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) as for [`wait_all`](Self::wait_all), and
    ///   without any points.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) for too many points.
    ///
    /// ```
    /// use panthor::{SyncPoint, Timeout, WaitFor, point};
    /// # let device = panthor::Device::open_fake()?;
    /// let (binary, timeline) = (device.create_syncobj()?, device.create_timeline()?);
    /// let either = [SyncPoint::from(&binary), timeline.at(point::<2>())];
    /// assert_eq!(device.wait_any(&either, WaitFor::Signaled, Timeout::NONE)?, None);
    /// timeline.signal(point::<2>())?;
    /// assert_eq!(device.wait_any(&either, WaitFor::Signaled, Timeout::FOREVER)?, Some(1));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT")]
    #[doc(alias = "vkWaitSemaphores")]
    pub fn wait_any(
        &self,
        points: &[SyncPoint<'_>],
        what: WaitFor,
        timeout: impl Into<Timeout>,
    ) -> Result<Option<usize>> {
        if points.is_empty() {
            return Err(Error::invalid(WAIT, "points", "are none, so nothing would end the wait"));
        }
        self.wait_many(points, what.flags(), timeout.into())
    }

    /// Signals all points from the CPU: the binary ones first (SYNCOBJ_SIGNAL), then those of
    /// timelines (SYNCOBJ_TIMELINE_SIGNAL).
    ///
    /// The rules of [`Timeline::signal`](crate::Timeline::signal) apply to each point.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a syncobj of another device. Nothing
    ///   is signaled then.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without kernel memory. Some or all binary
    ///   syncobjs may be signaled then, and no timeline.
    ///
    /// ```
    /// use panthor::{SyncPoint, Timeout, Wait, point};
    /// # let device = panthor::Device::open_fake()?;
    /// let (binary, timeline) = (device.create_syncobj()?, device.create_timeline()?);
    /// device.signal_all(&[timeline.at(point::<4>()), SyncPoint::from(&binary)])?;
    /// assert_eq!((timeline.value()?, binary.wait(Timeout::NONE)?), (4, Wait::Ready));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_SIGNAL")]
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL")]
    pub fn signal_all(&self, points: &[SyncPoint<'_>]) -> Result<()> {
        self.check_own("SYNCOBJ_SIGNAL", points)?;
        let binary: Vec<u32> = points.iter().filter(|p| p.point == 0).map(|p| p.handle).collect();
        if !binary.is_empty() {
            self.transport().syncobj_array(SyncobjArray::Signal, &binary)?;
        }
        let of_timelines = points.iter().filter(|p| p.point != 0);
        let (handles, values): (Vec<u32>, Vec<u64>) =
            of_timelines.map(|p| (p.handle, p.point)).unzip();
        if !handles.is_empty() {
            self.transport().timeline_signal(&handles, &values)?;
        }
        Ok(())
    }

    /// Removes the fences of all syncobjs (SYNCOBJ_RESET).
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a syncobj of another device. Nothing is
    /// reset then.
    ///
    /// ```
    /// use panthor::{Timeout, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// let first = device.create_signaled_syncobj()?;
    /// let second = device.create_signaled_syncobj()?;
    /// device.reset_all(&[&first, &second])?;
    /// assert_eq!(first.wait(Timeout::NONE)?, Wait::TimedOut);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_RESET")]
    #[doc(alias = "vkResetFences")]
    pub fn reset_all(&self, syncobjs: &[&SyncObj]) -> Result<()> {
        let points: Vec<_> = syncobjs.iter().map(|&syncobj| SyncPoint::from(syncobj)).collect();
        self.check_own("SYNCOBJ_RESET", &points)?;
        if points.is_empty() {
            return Ok(());
        }
        let handles: Vec<u32> = points.iter().map(|point| point.handle).collect();
        self.transport().syncobj_array(SyncobjArray::Reset, &handles)
    }

    /// Returns the index of the first point that ended the wait, or `None` on a timeout.
    fn wait_many(
        &self,
        points: &[SyncPoint<'_>],
        flags: u32,
        timeout: Timeout,
    ) -> Result<Option<usize>> {
        self.check_own(WAIT, points)?;
        let pairs = points.iter().map(|point| (point.handle, point.point));
        let answer = wait_for_pairs(self, pairs, flags, timeout);
        match answer {
            Ok(first) => Ok(Some(first)),
            Err(Errno::TIME) => Ok(None),
            Err(errno) => {
                let error = Error::os(WAIT, errno);
                Err(if error.kind() == ErrorKind::InvalidArgument {
                    explain_wait(points, error)
                } else {
                    error
                })
            }
        }
    }

    fn check_own(&self, call: &'static str, points: &[SyncPoint<'_>]) -> Result<()> {
        match points.iter().position(|point| !point.device.is_same_file(self)) {
            None => Ok(()),
            Some(index) => {
                let rule = format!("number {index} is a syncobj of another device file");
                Err(Error::invalid(call, "points", rule))
            }
        }
    }
}

/// Waits until each handle has a fence at its point, signaled or not. Returns at once without any
/// handles.
pub(crate) fn wait_for_fences(
    device: &Device,
    pairs: impl Iterator<Item = (u32, u64)>,
    timeout: Timeout,
) -> Result<Wait> {
    let mut pairs = pairs.peekable();
    if pairs.peek().is_none() {
        return Ok(Wait::Ready);
    }
    let flags = WaitFor::Available.flags() | sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL;
    match wait_for_pairs(device, pairs, flags, timeout) {
        Ok(_) => Ok(Wait::Ready),
        Err(Errno::TIME) => Ok(Wait::TimedOut),
        Err(errno) => Err(Error::os(WAIT, errno)),
    }
}

/// Waits for handles with their points, and returns the index of one that ended the wait.
fn wait_for_pairs(
    device: &Device,
    pairs: impl Iterator<Item = (u32, u64)>,
    flags: u32,
    timeout: Timeout,
) -> Result<usize, Errno> {
    let mut handles = Spilling::<u32, INLINE>::new();
    let mut values = Spilling::<u64, INLINE>::new();
    for (handle, value) in pairs {
        handles.push(handle);
        values.push(value);
    }
    wait_for_points(device, handles.as_slice(), values.as_slice(), flags, timeout)
}

fn wait_for_points(
    device: &Device,
    handles: &[u32],
    values: &[u64],
    flags: u32,
    timeout: Timeout,
) -> Result<usize, Errno> {
    let mut arg = sys::drm_syncobj_timeline_wait::zeroed();
    arg.handles = address_of(handles);
    arg.points = address_of(values);
    // The kernel cannot take more than `u32::MAX` handles either.
    arg.count_handles = u32::try_from(handles.len()).map_err(|_| Errno::NOMEM)?;
    arg.flags = flags;
    arg.timeout_nsec = timeout.deadline();
    handle::wait(device, &mut arg)?;
    Ok(arg.first_signaled as usize)
}

/// Adds the first point without a fence to the error.
#[cold]
fn explain_wait(points: &[SyncPoint<'_>], error: Error) -> Error {
    let missing = points.iter().enumerate().find(|(_, p)| matches!(p.has_fence(), Ok(false)));
    match missing {
        Some((index, point)) => error
            .with_argument("points")
            .with_detail(format!("number {index} {}", point.describe_missing()))
            .with_advice(WAIT_FIRST),
        None => error,
    }
}
