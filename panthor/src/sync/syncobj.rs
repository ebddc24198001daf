//! Binary syncobjs.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use panthor_sys as sys;

use super::handle::Handle;
use super::point::SyncPoint;
use super::timeout::{Timeout, Wait};
use crate::device::Device;
use crate::error::{DestroyError, Result};
use crate::owned::Owned;
use crate::transport::SyncobjArray;

/// A binary syncobj, which holds one fence or none.
///
/// A wait for a syncobj without a fence waits until the syncobj gets a fence and the fence is
/// signaled.
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
    pub(super) handle: Owned<Handle>,
}

impl Device {
    /// Creates a binary syncobj without a fence (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without kernel memory.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_CREATE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_syncobj(&self) -> Result<SyncObj> {
        Ok(SyncObj { handle: Handle::create(self, 0)? })
    }

    /// Creates a signaled binary syncobj (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// The errors of [`create_syncobj`](Self::create_syncobj).
    #[doc(alias = "DRM_SYNCOBJ_CREATE_SIGNALED")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_signaled_syncobj(&self) -> Result<SyncObj> {
        Ok(SyncObj { handle: Handle::create(self, sys::DRM_SYNCOBJ_CREATE_SIGNALED)? })
    }
}

impl SyncObj {
    /// Waits until the syncobj is signaled, also if it has no fence yet (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// A fence of failed work is signaled, too. [`Device::sync_file_status`] of the exported
    /// fence, [`Vm::state`](crate::Vm::state) and [`Group::state`](crate::Group::state) report
    /// failures.
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged. A timeout is
    /// not an error: the result is [`Wait::TimedOut`].
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_WAIT")]
    pub fn wait(&self, timeout: impl Into<Timeout>) -> Result<Wait> {
        self.handle.wait(0, sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, timeout.into())
    }

    /// Waits until the syncobj has a fence, signaled or not (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// An asynchronous batch can wait for the syncobj then.
    ///
    /// # Errors
    ///
    /// The errors of [`wait`](Self::wait).
    #[doc(alias = "DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE")]
    pub fn wait_available(&self, timeout: impl Into<Timeout>) -> Result<Wait> {
        self.handle.wait(0, sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE, timeout.into())
    }

    /// Replaces the syncobj's fence with a signaled one (SYNCOBJ_SIGNAL).
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without kernel memory.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_SIGNAL")]
    pub fn signal(&self) -> Result<()> {
        self.handle.device.transport().syncobj_array(SyncobjArray::Signal, &[self.handle.raw])
    }

    /// Removes the syncobj's fence (SYNCOBJ_RESET).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_RESET")]
    pub fn reset(&self) -> Result<()> {
        self.handle.device.transport().syncobj_array(SyncobjArray::Reset, &[self.handle.raw])
    }

    /// Exports the syncobj for another process or device file (SYNCOBJ_HANDLE_TO_FD).
    ///
    /// The descriptor is closed on `exec`.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without memory or a free descriptor.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD")]
    #[doc(alias = "vkGetSemaphoreFdKHR")]
    pub fn export(&self) -> Result<OwnedFd> {
        self.handle.export()
    }

    /// Exports the syncobj's fence as a sync_file: see [`SyncPoint::export_sync_file`].
    ///
    /// # Errors
    ///
    /// The errors of [`SyncPoint::export_sync_file`].
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let sync_file = device.create_signaled_syncobj()?.export_sync_file()?;
    /// let acquired = device.create_syncobj()?;
    /// acquired.import_sync_file(sync_file)?;
    /// assert!(acquired.wait(panthor::Timeout::FOREVER)?.is_ready());
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE")]
    pub fn export_sync_file(&self) -> Result<OwnedFd> {
        SyncPoint::from(self).export_sync_file()
    }

    /// Replaces the syncobj's fence with that of a sync_file: see [`SyncPoint::import_sync_file`].
    ///
    /// # Errors
    ///
    /// The errors of [`SyncPoint::import_sync_file`].
    #[doc(alias = "DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE")]
    pub fn import_sync_file(&self, sync_file: impl AsFd) -> Result<()> {
        SyncPoint::from(self).import_sync_file(sync_file)
    }

    /// Replaces the fence with that of a sync_file, or with a signaled one for `None`: see
    /// [`SyncPoint::import_sync_fd`].
    ///
    /// # Errors
    ///
    /// The errors of [`SyncPoint::import_sync_fd`].
    #[doc(alias = "VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT")]
    pub fn import_sync_fd(&self, sync_file: Option<BorrowedFd<'_>>) -> Result<()> {
        SyncPoint::from(self).import_sync_fd(sync_file)
    }

    /// Adds 1 to an eventfd once the syncobj is signaled: see [`SyncPoint::notify`].
    ///
    /// # Errors
    ///
    /// The errors of [`SyncPoint::notify`].
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_EVENTFD")]
    pub fn notify(&self, eventfd: impl AsFd) -> Result<()> {
        SyncPoint::from(self).notify(eventfd)
    }

    /// Returns the syncobj's handle, valid while the syncobj lives.
    pub fn handle(&self) -> u32 {
        self.handle.raw
    }

    /// Returns the device that the syncobj belongs to.
    pub fn device(&self) -> &Device {
        &self.handle.device
    }

    /// Creates a syncobj from its handle.
    ///
    /// # Safety
    ///
    /// `handle` must be a syncobj of this device's open file, and no other code may destroy it.
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
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(device: &Device, handle: u32) -> Self {
        Self { handle: Handle::adopt(device, handle) }
    }

    /// Releases the syncobj and returns its handle, which the caller must destroy.
    pub fn into_raw(self) -> u32 {
        let raw = self.handle();
        self.handle.give_up();
        raw
    }

    /// Destroys the syncobj and reports failures (SYNCOBJ_DESTROY).
    ///
    /// Waits for the syncobj's fence continue.
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged. The error
    /// contains the syncobj.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_DESTROY")]
    pub fn destroy(self) -> Result<(), DestroyError<Self>> {
        self.handle.destroy(|handle| Self { handle })
    }
}

impl fmt::Debug for SyncObj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncObj").field("handle", &self.handle.raw).finish_non_exhaustive()
    }
}
