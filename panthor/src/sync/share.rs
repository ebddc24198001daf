//! Syncobjs and fences as file descriptors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::handle::Handle;
use super::syncobj::SyncObj;
use super::timeline::Timeline;
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::owned::Owned;
use crate::version::Version;

/// The driver from which on every kernel keeps the names of fences as long as the fences.
const SAFE_FILE_INFO: Version = Version::new(1, 7);

impl Handle {
    /// SYNCOBJ_HANDLE_TO_FD of the syncobj itself.
    pub(super) fn export(&self) -> Result<OwnedFd> {
        self.device.transport().syncobj_to_fd(self.raw, 0, 0)
    }

    /// SYNCOBJ_FD_TO_HANDLE of a syncobj.
    #[cfg_attr(feature = "tracing", track_caller)]
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

/// How a fence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FenceStatus {
    /// It is not signalled yet.
    Pending,
    /// It is signalled, and what is behind it went well.
    Signaled,
    /// It is signalled, and what is behind it failed, with this errno.
    Failed(i32),
}

impl FenceStatus {
    fn of(status: i32) -> Self {
        match status {
            0 => Self::Pending,
            1.. => Self::Signaled,
            errno => Self::Failed(errno.wrapping_neg()),
        }
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
    #[cfg_attr(feature = "tracing", track_caller)]
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
    #[cfg_attr(feature = "tracing", track_caller)]
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

    /// Asks how the fence of a sync_file stands (SYNC_IOC_FILE_INFO).
    ///
    /// A wait ends alike for what was done and for what failed: here is the difference. Of several fences, in a
    /// [merged](Self::merge_sync_files) sync_file or at a point of a timeline and before it, one that failed tells.
    /// Merge, and export the point of a timeline, before it is signalled: later the kernel may have forgotten how
    /// it ended, which it does not of a binary syncobj.
    ///
    /// Whether a group or a VM was lost [`Group::state`](crate::Group::state) and [`Vm::state`](crate::Vm::state)
    /// say as well.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when it is not a sync_file;
    /// [`Unsupported`](ErrorKind::Unsupported) below driver 1.7: the kernels of those look for the fence's name in the
    /// group or VM that it is of, also where that is gone.
    ///
    /// ```
    /// use panthor::{FenceStatus, Timeout};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// # let gpu = device.fake().unwrap().gpu(vm.id()).unwrap();
    /// # gpu.hold();
    /// let done = device.create_syncobj()?;
    /// vm.bind_async().map_sparse(0..4096).signal(&done).submit()?;
    /// let sync_file = done.export_sync_file()?;
    /// assert_eq!(device.sync_file_status(&sync_file)?, FenceStatus::Pending);
    /// # gpu.release();
    /// assert!(done.wait(Timeout::FOREVER)?.is_ready());
    /// match device.sync_file_status(&sync_file)? {
    ///     FenceStatus::Failed(errno) => panic!("the VM is lost: {errno}"),
    ///     status => assert_eq!(status, FenceStatus::Signaled),
    /// }
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "SYNC_IOC_FILE_INFO")]
    #[doc(alias = "sync_file_info")]
    pub fn sync_file_status(&self, sync_file: impl AsFd) -> Result<FenceStatus> {
        const CALL: &str = "SYNC_IOC_FILE_INFO";
        if self.version() < SAFE_FILE_INFO {
            let detail = format!(
                "the kernels of Panthor below 1.7 may read freed memory for it, this driver is {}",
                self.version()
            );
            return Err(Error::refused(ErrorKind::Unsupported, CALL, detail));
        }
        match self.transport().sync_file_status(sync_file.as_fd()) {
            Ok(status) => Ok(FenceStatus::of(status)),
            Err(errno) => Err(Error::of_file(CALL, errno, "sync_file", "is not a sync_file")),
        }
    }
}
