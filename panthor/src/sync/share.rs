//! Syncobjs and fences as file descriptors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::handle::Handle;
use super::syncobj::SyncObj;
use super::timeline::Timeline;
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::owned::Owned;
use crate::transport::NoCallbacks;
use crate::version::Version;

/// First driver version on which all kernels keep a fence's name as long as the fence.
const SAFE_FILE_INFO: Version = Version::new(1, 7);

impl Handle {
    /// Exports the syncobj itself (SYNCOBJ_HANDLE_TO_FD).
    pub(super) fn export(&self) -> Result<OwnedFd> {
        self.device.transport().syncobj_to_fd(self.raw, 0, 0)
    }

    /// Imports a syncobj (SYNCOBJ_FD_TO_HANDLE).
    #[cfg_attr(feature = "tracing", track_caller)]
    fn import(device: &Device, fd: BorrowedFd<'_>) -> Result<Owned<Self>> {
        let until_owned = NoCallbacks::new();
        let raw = device.transport().syncobj_from_fd(fd, 0, 0, 0).map_err(|error| {
            if error.kind() == ErrorKind::InvalidArgument {
                return error.with_argument("fd").with_detail("is not a syncobj");
            }
            error
        })?;
        let handle = Self::adopt(device, raw);
        drop(until_owned);
        Ok(handle)
    }
}

/// Status of a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FenceStatus {
    /// The fence is not signaled yet.
    Pending,
    /// The fence is signaled, and its work succeeded.
    Signaled,
    /// The fence is signaled, and its work failed with this errno.
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
    /// Imports a binary syncobj from an exported descriptor (SYNCOBJ_FD_TO_HANDLE).
    ///
    /// Both sides share the syncobj: a signal of one is visible to the other. Each import has a
    /// separate handle.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a descriptor that is not a syncobj.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without kernel memory.
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

    /// Imports a timeline from an exported descriptor (SYNCOBJ_FD_TO_HANDLE).
    ///
    /// The kernel does not distinguish binary syncobjs from timelines.
    ///
    /// # Errors
    ///
    /// The errors of [`import_syncobj`](Self::import_syncobj).
    #[doc(alias = "DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn import_timeline(&self, fd: impl AsFd) -> Result<Timeline> {
        Ok(Timeline { handle: Handle::import(self, fd.as_fd())? })
    }

    /// Merges two sync_files into one that is signaled when both are (SYNC_IOC_MERGE).
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a descriptor that is not a sync_file.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let first = device.create_signaled_syncobj()?;
    /// let second = device.create_signaled_syncobj()?;
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
            // The ioctl runs on the first descriptor. A file of another type does not know it.
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

    /// Returns the status of a sync_file's fence (SYNC_IOC_FILE_INFO).
    ///
    /// A wait ends equally for successful and for failed work, and this call distinguishes the
    /// two. In a [merged](Self::merge_sync_files) sync_file, or at a timeline point with earlier
    /// points, one failed fence determines the status. Merge sync_files, and export timeline
    /// points, before the fences are signaled. The kernel may forget the error of a signaled
    /// timeline point, but not of a binary syncobj.
    ///
    /// [`Group::state`](crate::Group::state) and [`Vm::state`](crate::Vm::state) also report the
    /// loss of a group or a VM.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a descriptor that is not a sync_file.
    /// * [`Unsupported`](ErrorKind::Unsupported) below driver 1.7. Those kernels may read the
    ///   fence's name from a freed group or VM.
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
