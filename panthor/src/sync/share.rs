//! Syncobjs and fences as file descriptors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::handle::Handle;
use super::syncobj::SyncObj;
use super::timeline::Timeline;
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::owned::Owned;

impl Handle {
    /// SYNCOBJ_HANDLE_TO_FD of the syncobj itself.
    pub(super) fn export(&self) -> Result<OwnedFd> {
        self.device.transport().syncobj_to_fd(self.raw, 0, 0)
    }

    /// SYNCOBJ_FD_TO_HANDLE of a syncobj.
    fn import(device: &Device, fd: BorrowedFd<'_>) -> Result<Owned<Self>> {
        let raw = device.transport().syncobj_from_fd(fd, 0, 0, 0).map_err(|error| {
            if error.kind() == ErrorKind::InvalidArgument {
                return error.with_argument("fd").with_detail("is not a syncobj");
            }
            error
        })?;
        Ok(Self::adopt(device, raw))
    }
}

impl Device {
    /// Imports a binary syncobj that somebody exported (SYNCOBJ_FD_TO_HANDLE).
    ///
    /// Both have it then: what one signals, the other sees. Each import has a handle of its own.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when it is not a syncobj;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory).
    ///
    /// ```
    /// use panthor::{Timeout, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// let syncobj = device.create_syncobj()?;
    /// let same = device.import_syncobj(syncobj.export()?)?;
    /// same.signal()?;
    /// assert_eq!(syncobj.wait(Timeout::NONE)?, Wait::Ready);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE")]
    #[doc(alias = "vkImportSemaphoreFdKHR")]
    pub fn import_syncobj(&self, fd: impl AsFd) -> Result<SyncObj> {
        Ok(SyncObj { handle: Handle::import(self, fd.as_fd())? })
    }

    /// Imports a timeline that somebody exported (SYNCOBJ_FD_TO_HANDLE). The kernel does not know which kind a
    /// syncobj is meant to be.
    ///
    /// # Errors
    ///
    /// As for [`import_syncobj`](Self::import_syncobj).
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE")]
    pub fn import_timeline(&self, fd: impl AsFd) -> Result<Timeline> {
        Ok(Timeline { handle: Handle::import(self, fd.as_fd())? })
    }

    /// Merges two sync_files into one that is signalled when both are (SYNC_IOC_MERGE).
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when one is not a sync_file;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory), also of descriptors.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let (first, second) = (device.create_signaled_syncobj()?, device.create_signaled_syncobj()?);
    /// let both = device.merge_sync_files(first.export_sync_file()?, second.export_sync_file()?)?;
    /// device.create_syncobj()?.import_sync_file(&both)?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "SYNC_IOC_MERGE")]
    #[doc(alias = "sync_merge")]
    pub fn merge_sync_files(&self, first: impl AsFd, second: impl AsFd) -> Result<OwnedFd> {
        let (first, second) = (first.as_fd(), second.as_fd());
        self.transport().merge_sync_files(first, second).map_err(|errno| {
            let error = Error::elsewhere("SYNC_IOC_MERGE", errno);
            // The first is what the ioctl is made on, and other files do not know it.
            match error.kind() {
                ErrorKind::Unsupported => {
                    error.with_kind(ErrorKind::InvalidArgument).with_argument("first")
                }
                ErrorKind::NotFound => {
                    error.with_kind(ErrorKind::InvalidArgument).with_argument("second")
                }
                _ => return error,
            }
            .with_detail("is not a sync_file")
        })
    }
}
