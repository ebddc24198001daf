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
    pub(super) handle: Owned<Handle>,
}

impl Device {
    /// Creates a binary syncobj that holds no fence (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory) when the kernel has none left.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_CREATE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_syncobj(&self) -> Result<SyncObj> {
        Ok(SyncObj { handle: Handle::create(self, 0)? })
    }

    /// Creates a binary syncobj that is signalled (SYNCOBJ_CREATE).
    ///
    /// # Errors
    ///
    /// As for [`create_syncobj`](Self::create_syncobj).
    #[doc(alias = "DRM_SYNCOBJ_CREATE_SIGNALED")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_signaled_syncobj(&self) -> Result<SyncObj> {
        Ok(SyncObj { handle: Handle::create(self, sys::DRM_SYNCOBJ_CREATE_SIGNALED)? })
    }
}

impl SyncObj {
    /// Waits until it is signalled, also if it holds no fence yet (SYNCOBJ_TIMELINE_WAIT).
    ///
    /// A fence whose work failed is signalled, too: [`Device::sync_file_status`] of the exported fence tells them
    /// apart, or [`Vm::state`](crate::Vm::state) and [`Group::state`](crate::Group::state).
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
        self.handle.device.transport().syncobj_array(SyncobjArray::Signal, &[self.handle.raw])
    }

    /// Takes its fence away (SYNCOBJ_RESET).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_RESET")]
    pub fn reset(&self) -> Result<()> {
        self.handle.device.transport().syncobj_array(SyncobjArray::Reset, &[self.handle.raw])
    }

    /// Exports the syncobj, for another process or device file to import (SYNCOBJ_HANDLE_TO_FD). It is
    /// closed on `exec`.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory), also of descriptors.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD")]
    #[doc(alias = "vkGetSemaphoreFdKHR")]
    pub fn export(&self) -> Result<OwnedFd> {
        self.handle.export()
    }

    /// Exports its fence as a sync_file, as [`SyncPoint::export_sync_file`].
    ///
    /// # Errors
    ///
    /// As there.
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

    /// Replaces its fence by that of a sync_file, as [`SyncPoint::import_sync_file`].
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE")]
    pub fn import_sync_file(&self, sync_file: impl AsFd) -> Result<()> {
        SyncPoint::from(self).import_sync_file(sync_file)
    }

    /// Replaces the fence by that of a sync_file, or by a signaled one for `None`, as [`SyncPoint::import_sync_fd`].
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT")]
    pub fn import_sync_fd(&self, sync_file: Option<BorrowedFd<'_>>) -> Result<()> {
        SyncPoint::from(self).import_sync_fd(sync_file)
    }

    /// Has an eventfd written as soon as it is signalled, as [`SyncPoint::notify`].
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_EVENTFD")]
    pub fn notify(&self, eventfd: impl AsFd) -> Result<()> {
        SyncPoint::from(self).notify(eventfd)
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
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(device: &Device, handle: u32) -> Self {
        Self { handle: Handle::adopt(device, handle) }
    }

    /// Gives up the syncobj for its handle, which is the caller's to destroy.
    pub fn into_raw(self) -> u32 {
        let raw = self.handle();
        self.handle.give_up();
        raw
    }

    /// Destroys the syncobj and says how that went (SYNCOBJ_DESTROY). What waits for its fence goes on.
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged. The syncobj comes back
    /// with the error.
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
