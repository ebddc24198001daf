//! Requests with file descriptors: of the device, of dma-bufs and of sync_files.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use bytemuck::{Pod, Zeroable};
use panthor_sys as sys;
use rustix::io::Errno;

use super::{NoCallbacks, Transport};
use crate::error::{Error, ErrorKind, Result};

impl Transport {
    /// Exports a syncobj or its fence (SYNCOBJ_HANDLE_TO_FD).
    pub(crate) fn syncobj_to_fd(&self, handle: u32, flags: u32, point: u64) -> Result<OwnedFd> {
        let mut arg = sys::drm_syncobj_handle { handle, flags, fd: -1, pad: 0, point };
        let until_owned = NoCallbacks::new();
        // SAFETY: this request takes a drm_syncobj_handle, writes to it alone, and has no
        // pointers.
        unsafe { self.ioctl(sys::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut arg) }
            .map_err(|errno| Error::os("SYNCOBJ_HANDLE_TO_FD", errno))?;
        // SAFETY: the request succeeded, so the descriptor is new and has no other owner.
        let fd = unsafe { OwnedFd::from_raw_fd(arg.fd) };
        drop(until_owned);
        Ok(fd)
    }

    /// Imports a syncobj, or by flag a sync_file's fence into syncobj `handle`
    /// (SYNCOBJ_FD_TO_HANDLE).
    pub(crate) fn syncobj_from_fd(
        &self,
        fd: BorrowedFd<'_>,
        handle: u32,
        flags: u32,
        point: u64,
    ) -> Result<u32> {
        let mut arg = sys::drm_syncobj_handle { handle, flags, fd: fd.as_raw_fd(), pad: 0, point };
        // SAFETY: this request takes a drm_syncobj_handle, writes to it alone, and has no pointers.
        unsafe { self.ioctl(sys::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &mut arg) }
            .map_err(|errno| Error::os("SYNCOBJ_FD_TO_HANDLE", errno))?;
        Ok(arg.handle)
    }

    /// Registers an eventfd (SYNCOBJ_EVENTFD).
    pub(crate) fn syncobj_eventfd(
        &self,
        handle: u32,
        point: u64,
        flags: u32,
        eventfd: BorrowedFd<'_>,
    ) -> Result<()> {
        let fd = eventfd.as_raw_fd();
        let mut arg = sys::drm_syncobj_eventfd { handle, flags, point, fd, pad: 0 };
        self.call(&mut arg).map_err(|error| match error.kind() {
            ErrorKind::InvalidArgument => {
                error.with_argument("eventfd").with_detail("is not an eventfd")
            }
            _ => error,
        })
    }

    /// Exports a BO (PRIME_HANDLE_TO_FD).
    pub(crate) fn prime_to_fd(&self, handle: u32, flags: u32) -> Result<OwnedFd> {
        let mut arg = sys::drm_prime_handle { handle, flags, fd: -1 };
        let until_owned = NoCallbacks::new();
        // SAFETY: this request takes a drm_prime_handle, writes to it alone, and has no pointers.
        unsafe { self.ioctl(sys::DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut arg) }
            .map_err(|errno| Error::os("PRIME_HANDLE_TO_FD", errno))?;
        // SAFETY: the request succeeded, so the descriptor is new and has no other owner.
        let fd = unsafe { OwnedFd::from_raw_fd(arg.fd) };
        drop(until_owned);
        Ok(fd)
    }

    /// Imports a dma-buf (PRIME_FD_TO_HANDLE).
    pub(crate) fn prime_from_fd(&self, fd: BorrowedFd<'_>) -> Result<u32> {
        let mut arg = sys::drm_prime_handle { handle: 0, flags: 0, fd: fd.as_raw_fd() };
        // SAFETY: this request takes a drm_prime_handle, writes to it alone, and has no pointers.
        unsafe { self.ioctl(sys::DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut arg) }
            .map_err(|errno| self.whose_error("PRIME_FD_TO_HANDLE", errno))?;
        Ok(arg.handle)
    }

    /// Merges two sync_files (SYNC_IOC_MERGE).
    pub(crate) fn merge_sync_files(
        &self,
        first: BorrowedFd<'_>,
        second: BorrowedFd<'_>,
    ) -> Result<OwnedFd, Errno> {
        let mut arg = sys::sync_merge_data::zeroed();
        arg.fd2 = second.as_raw_fd();
        self.ask(first, &mut arg)?;
        // SAFETY: the request succeeded, so the descriptor is new and has no other owner.
        Ok(unsafe { OwnedFd::from_raw_fd(arg.fence) })
    }

    /// Returns the status of a sync_file (SYNC_IOC_FILE_INFO).
    ///
    /// The status is 1 for a signaled fence, 0 for a pending one, and a negative errno for a
    /// failed one.
    pub(crate) fn sync_file_status(&self, sync_file: BorrowedFd<'_>) -> Result<i32, Errno> {
        let request = sys::SYNC_IOC_FILE_INFO;
        let mut whole = sys::sync_file_info::zeroed();
        // SAFETY: this request takes a sync_file_info, and writes only to it if it has room for no
        // fence.
        unsafe { self.file_ioctl(sync_file, request, &mut whole) }?;
        if whole.status != 1 || whole.num_fences == 0 {
            return Ok(whole.status);
        }
        // A timeline point as a whole has no error, but its fences may.
        let mut fences = vec![sys::sync_fence_info::zeroed(); whole.num_fences as usize];
        let mut each = sys::sync_file_info::zeroed();
        each.num_fences = whole.num_fences;
        each.sync_fence_info = fences.as_mut_ptr().expose_provenance() as u64;
        // SAFETY: as above. The request writes at most `num_fences` structs through the pointer,
        // and the vector has that many.
        unsafe { self.file_ioctl(sync_file, request, &mut each) }?;
        Ok(each.status)
    }

    /// Sets the name of a dma-buf (DMA_BUF_SET_NAME). `name` must end with a NUL.
    pub(crate) fn name_dma_buf(
        &self,
        dma_buf: BorrowedFd<'_>,
        mut name: [u8; sys::DMA_BUF_NAME_LEN],
    ) -> Result<(), Errno> {
        // SAFETY: this request takes the address of a string with a NUL, and writes nothing.
        unsafe { self.file_ioctl(dma_buf, sys::DMA_BUF_SET_NAME_B, &mut name) }.map(drop)
    }

    /// Begins or ends a CPU access (DMA_BUF_IOCTL_SYNC).
    pub(crate) fn dma_buf_sync(&self, dma_buf: BorrowedFd<'_>, flags: u64) -> Result<()> {
        let mut arg = sys::dma_buf_sync { flags };
        self.ask(dma_buf, &mut arg).map_err(|errno| Error::elsewhere("DMA_BUF_IOCTL_SYNC", errno))
    }

    /// Exports the fences that an access with these flags waits for
    /// (DMA_BUF_IOCTL_EXPORT_SYNC_FILE).
    pub(crate) fn dma_buf_fences(&self, dma_buf: BorrowedFd<'_>, flags: u64) -> Result<OwnedFd> {
        let mut arg = sys::dma_buf_export_sync_file { flags: flags as u32, fd: -1 };
        self.ask(dma_buf, &mut arg)
            .map_err(|errno| Error::elsewhere("DMA_BUF_IOCTL_EXPORT_SYNC_FILE", errno))?;
        // SAFETY: the request succeeded, so the descriptor is new and has no other owner.
        Ok(unsafe { OwnedFd::from_raw_fd(arg.fd) })
    }

    /// Adds a fence of an access with these flags (DMA_BUF_IOCTL_IMPORT_SYNC_FILE).
    pub(crate) fn add_dma_buf_fence(
        &self,
        dma_buf: BorrowedFd<'_>,
        flags: u64,
        sync_file: BorrowedFd<'_>,
    ) -> Result<()> {
        let fd = sync_file.as_raw_fd();
        let mut arg = sys::dma_buf_import_sync_file { flags: flags as u32, fd };
        self.ask(dma_buf, &mut arg)
            .map_err(|errno| Error::elsewhere("DMA_BUF_IOCTL_IMPORT_SYNC_FILE", errno))
    }

    /// Issues a request on a file other than the device's, and repeats the request after signals.
    fn ask<R: FileRequest>(&self, fd: BorrowedFd<'_>, arg: &mut R) -> Result<(), Errno> {
        // SAFETY: by the contract of `FileRequest`, the number takes this struct and nothing else
        // is written.
        unsafe { self.file_ioctl(fd, R::NUMBER, arg) }.map(drop)
    }
}

/// A struct that a dma-buf or a sync_file takes, with its one request.
///
/// # Safety
///
/// On dma-bufs and sync_files, `NUMBER` must take a pointer to `Self`, without pointers that are
/// written through. A request number contains the size and the direction of its argument. A file
/// of another kind with the same number therefore takes a struct of the same size, and writes no
/// more than that.
unsafe trait FileRequest: Pod {
    const NUMBER: u32;
}

macro_rules! file_requests {
    ($($ty:ident = $number:ident;)*) => {$(
        // SAFETY: the number belongs to this struct (panthor-sys pins both), which has no
        // pointers. A user may pass any descriptor, and another driver may use the same letter.
        // But the number contains the size and the direction of the argument, so that driver reads
        // and writes no more than this struct.
        unsafe impl FileRequest for sys::$ty {
            const NUMBER: u32 = sys::$number;
        }
    )*};
}

file_requests! {
    sync_merge_data = SYNC_IOC_MERGE;
    dma_buf_sync = DMA_BUF_IOCTL_SYNC;
    dma_buf_export_sync_file = DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
    dma_buf_import_sync_file = DMA_BUF_IOCTL_IMPORT_SYNC_FILE;
}
