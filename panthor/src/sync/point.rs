//! Common form of binary syncobjs and timeline points.

use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::handle::{WAIT_FIRST, describe_missing, has_fence};
use super::syncobj::SyncObj;
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};

/// A slot for one fence: a [`SyncObj`], or a point of a [`Timeline`](crate::Timeline).
///
/// Asynchronous batches wait for points and signal them. `SyncPoint::from(&syncobj)` and
/// [`timeline.at(point)`](crate::Timeline::at) create one, so a list can hold both kinds.
#[derive(Debug, Clone, Copy)]
#[doc(alias = "drm_panthor_sync_op")]
pub struct SyncPoint<'a> {
    pub(super) device: &'a Device,
    pub(super) handle: u32,
    /// Timeline point, or 0 for a binary syncobj.
    pub(super) point: u64,
}

impl<'a> From<&'a SyncObj> for SyncPoint<'a> {
    #[inline]
    fn from(syncobj: &'a SyncObj) -> Self {
        Self { device: &syncobj.handle.device, handle: syncobj.handle.raw, point: 0 }
    }
}

impl SyncPoint<'_> {
    /// Returns the device that the syncobj belongs to.
    #[inline]
    pub fn device(&self) -> &Device {
        self.device
    }

    /// Returns the syncobj's handle, valid while the syncobj lives.
    #[inline]
    pub fn handle(&self) -> u32 {
        self.handle
    }

    /// Returns the point of the timeline, or `None` for a binary syncobj (0 in the uAPI).
    ///
    /// ```
    /// use panthor::{SyncPoint, point};
    /// # let device = panthor::Device::open_fake()?;
    /// let (binary, timeline) = (device.create_syncobj()?, device.create_timeline()?);
    /// let (whole, fifth) = (SyncPoint::from(&binary), timeline.at(point::<5>()));
    /// assert_eq!((whole.handle(), whole.point()), (binary.handle(), None));
    /// assert_eq!((fifth.handle(), fifth.point()), (timeline.handle(), Some(point::<5>())));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "timeline_value")]
    #[inline]
    pub fn point(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.point)
    }

    /// Copies this point's fence to another point (SYNCOBJ_TRANSFER).
    ///
    /// The other point is signaled together with this one. A binary syncobj loses its previous
    /// fence. A timeline point should be higher than every submitted point, and is signaled after
    /// all earlier points.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) without a fence at this point (see
    ///   [`SyncObj::wait_available`]), and for a point of another device.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without kernel memory.
    ///
    /// ```
    /// use panthor::{SyncPoint, point};
    /// # let device = panthor::Device::open_fake()?;
    /// let (binary, timeline) = (device.create_signaled_syncobj()?, device.create_timeline()?);
    /// SyncPoint::from(&binary).transfer_to(timeline.at(point::<5>()))?;
    /// assert_eq!(timeline.value()?, 5);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_TRANSFER")]
    #[doc(alias = "drmSyncobjTransfer")]
    pub fn transfer_to<'b>(&self, to: impl Into<SyncPoint<'b>>) -> Result<()> {
        let to = to.into();
        let call = "SYNCOBJ_TRANSFER";
        if !to.device.is_same_file(self.device) {
            return Err(Error::invalid(call, "to", "is a syncobj of another device file"));
        }
        self.transfer(to.handle, to.point)
            .map_err(|errno| self.explain_missing(Error::os(call, errno)))
    }

    /// Exports this point's fence as a sync_file (SYNCOBJ_HANDLE_TO_FD).
    ///
    /// `poll` reports the descriptor as readable once the fence is signaled. Later changes of the
    /// syncobj do not affect the sync_file.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) without a fence at this point (see
    ///   [`SyncObj::wait_available`]).
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
    ///
    /// ```
    /// use panthor::{Timeout, Wait, point};
    /// # let device = panthor::Device::open_fake()?;
    /// let timeline = device.create_timeline()?;
    /// timeline.signal(point::<3>())?;
    /// let sync_file = timeline.at(point::<3>()).export_sync_file()?;
    /// // As an explicit-sync compositor does: into a point that the other side has chosen.
    /// let acquired = device.create_timeline()?;
    /// acquired.at(point::<8>()).import_sync_file(&sync_file)?;
    /// assert_eq!(acquired.wait(point::<8>(), Timeout::FOREVER)?, Wait::Ready);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE")]
    #[doc(alias = "drmSyncobjExportSyncFile")]
    pub fn export_sync_file(&self) -> Result<OwnedFd> {
        let transport = self.device.transport();
        let flags = sys::DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        if self.point == 0 {
            return transport
                .syncobj_to_fd(self.handle, flags, 0)
                .map_err(|error| self.explain_missing(error));
        }
        let at_point = flags | sys::DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;
        match transport.syncobj_to_fd(self.handle, at_point, self.point) {
            // Before Linux 6.16 this ioctl takes no points: a temporary binary syncobj holds the
            // fence.
            Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                let between = self.between("SYNCOBJ_HANDLE_TO_FD")?;
                self.transfer_to(&between)?;
                transport.syncobj_to_fd(between.handle.raw, flags, 0)
            }
            answer => answer,
        }
    }

    /// Sets this point's fence to that of a sync_file (SYNCOBJ_FD_TO_HANDLE).
    ///
    /// A binary syncobj loses its previous fence. A timeline point should be higher than every
    /// submitted point, and is signaled after all earlier points.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a descriptor that is not a sync_file.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without kernel memory.
    #[doc(alias = "DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE")]
    #[doc(alias = "drmSyncobjImportSyncFile")]
    pub fn import_sync_file(&self, sync_file: impl AsFd) -> Result<()> {
        let transport = self.device.transport();
        let fd = sync_file.as_fd();
        let flags = sys::DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE;
        let explain = |error: Error| match error.kind() {
            ErrorKind::InvalidArgument => {
                error.with_argument("sync_file").with_detail("is not a sync_file")
            }
            _ => error,
        };
        if self.point == 0 {
            return transport.syncobj_from_fd(fd, self.handle, flags, 0).map(drop).map_err(explain);
        }
        // Linux 6.16 and later can import at a point in one call. If the sync_file comes from a
        // timeline point, that call nests one fence chain in another and the kernel logs a
        // warning. User space cannot detect this case. The transfer unwraps the inner chain.
        let between = self.between("SYNCOBJ_FD_TO_HANDLE")?;
        between.import_sync_file(fd)?;
        SyncPoint::from(&between).transfer_to(*self)
    }

    /// Sets this point's fence to that of a sync_file, or to a signaled fence for `None`.
    ///
    /// Vulkan writes `None` as descriptor -1. The call uses SYNCOBJ_SIGNAL or
    /// SYNCOBJ_TIMELINE_SIGNAL then, and [`import_sync_file`](Self::import_sync_file) otherwise.
    ///
    /// # Errors
    ///
    /// The errors of [`import_sync_file`](Self::import_sync_file).
    ///
    /// ```
    /// use std::os::fd::{AsFd, FromRawFd, OwnedFd};
    /// use panthor::{SyncPoint, Timeout, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vk_fd = -1;
    /// // SAFETY: `vkImportSemaphoreFdKHR` takes over the descriptor, unless it is -1.
    /// let fd = (vk_fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(vk_fd) });
    /// let semaphore = device.create_syncobj()?;
    /// SyncPoint::from(&semaphore).import_sync_fd(fd.as_ref().map(|fd| fd.as_fd()))?;
    /// assert_eq!(semaphore.wait(Timeout::NONE)?, Wait::Ready);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT")]
    #[doc(alias = "vkImportSemaphoreFdKHR")]
    pub fn import_sync_fd(&self, sync_file: Option<BorrowedFd<'_>>) -> Result<()> {
        match sync_file {
            Some(sync_file) => self.import_sync_file(sync_file),
            None => self.device.signal_all(&[*self]),
        }
    }

    /// Adds 1 to an eventfd once this point is signaled, also if the point is not submitted yet
    /// (SYNCOBJ_EVENTFD).
    ///
    /// A window system's event loop can wait for a client's point this way. The kernel writes the
    /// eventfd once. Destroying the syncobj cancels the notification.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a descriptor that is not an eventfd.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_EVENTFD")]
    #[doc(alias = "drmSyncobjEventfd")]
    pub fn notify(&self, eventfd: impl AsFd) -> Result<()> {
        self.device.transport().syncobj_eventfd(self.handle, self.point, 0, eventfd.as_fd())
    }

    /// Adds 1 to an eventfd once this point has a fence, signaled or not (SYNCOBJ_EVENTFD).
    ///
    /// # Errors
    ///
    /// The errors of [`notify`](Self::notify).
    pub fn notify_available(&self, eventfd: impl AsFd) -> Result<()> {
        let flags = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
        self.device.transport().syncobj_eventfd(self.handle, self.point, flags, eventfd.as_fd())
    }

    /// Returns the uAPI's sync operation: a signal or a wait.
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

    /// Creates a temporary syncobj for a fence of a timeline.
    fn between(&self, call: &'static str) -> Result<SyncObj> {
        let created = self.device.create_syncobj();
        created.map_err(|error| error.within(call, "a syncobj on the way"))
    }

    fn transfer(&self, handle: u32, point: u64) -> Result<(), rustix::io::Errno> {
        let mut arg = sys::drm_syncobj_transfer::zeroed();
        (arg.src_handle, arg.src_point) = (self.handle, self.point);
        (arg.dst_handle, arg.dst_point) = (handle, point);
        self.device.transport().try_call(&mut arg)
    }

    /// Returns whether this point has a fence.
    pub(super) fn has_fence(&self) -> Result<bool> {
        has_fence(self.device, self.handle, self.point)
    }

    /// Returns the error text for this point without a fence.
    pub(super) fn describe_missing(&self) -> String {
        describe_missing(self.handle, self.point)
    }

    /// Adds a detail when a call failed because this point has no fence.
    #[cold]
    fn explain_missing(&self, error: Error) -> Error {
        let refused = error.kind() == ErrorKind::InvalidArgument;
        if refused && matches!(self.has_fence(), Ok(false)) {
            return error
                .with_argument("self")
                .with_detail(self.describe_missing())
                .with_advice(WAIT_FIRST);
        }
        error
    }
}
