//! Access to the driver: one place that issues ioctls, and one that calls mmap.
//!
//! A [`Transport`] is an open file of a Panthor device, in the kernel or in the fake. It
//! implements the retry rules and the effects of `fork`. Callers choose requests and interpret
//! results. All other system calls are in [`system`].

mod calls;
mod descriptors;
#[cfg(feature = "fake")]
mod fake;
mod kernel;
mod mapping;
mod process;
pub(crate) mod system;

use std::ffi::c_void;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use panthor_sys as sys;
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};

pub(crate) use calls::{SyncobjArray, address_of};
pub(crate) use mapping::{Mapping, Protection, host_page_size};
pub(crate) use process::Process;

/// An open file of a device.
pub(crate) enum Transport {
    /// A DRM node.
    Kernel(OwnedFd),
    /// A file of the fake device.
    #[cfg(feature = "fake")]
    Fake(panthor_fake::File),
}

impl Transport {
    /// Issues one ioctl once.
    ///
    /// # Safety
    ///
    /// `arg` must point to the writable struct that `request` takes. Every pointer in the struct
    /// must be valid for the driver's writes.
    #[inline]
    pub(crate) unsafe fn ioctl_once(
        &self,
        request: u32,
        arg: *mut c_void,
    ) -> std::result::Result<i32, Errno> {
        match self {
            Self::Kernel(fd) => {
                // SAFETY: the caller guarantees the same requirements.
                unsafe { kernel::ioctl(fd.as_fd(), request, arg) }
            }
            #[cfg(feature = "fake")]
            Self::Fake(file) => {
                // SAFETY: the caller guarantees the same requirements.
                unsafe { fake::ioctl(file, request, arg) }
            }
        }
    }

    /// Issues one ioctl once on a dma-buf or a sync_file.
    ///
    /// # Safety
    ///
    /// As for [`ioctl_once`](Self::ioctl_once).
    unsafe fn file_ioctl_once(
        &self,
        fd: BorrowedFd<'_>,
        request: u32,
        arg: *mut c_void,
    ) -> std::result::Result<i32, Errno> {
        #[cfg(feature = "fake")]
        if let Self::Fake(_) = self {
            // SAFETY: the caller guarantees the same requirements.
            if let Some(answer) = unsafe { fake::file_ioctl(fd, request, arg) } {
                return answer;
            }
        }
        // SAFETY: the caller guarantees the same requirements.
        unsafe { kernel::ioctl(fd, request, arg) }
    }

    /// Issues one ioctl on a dma-buf or a sync_file and repeats the ioctl after signals.
    ///
    /// # Safety
    ///
    /// As for [`ioctl`](Self::ioctl).
    pub(crate) unsafe fn file_ioctl<T: Copy>(
        &self,
        fd: BorrowedFd<'_>,
        request: u32,
        arg: &mut T,
    ) -> std::result::Result<i32, Errno> {
        repeat(arg, |arg| {
            // SAFETY: guaranteed by the caller. A repetition has the same argument.
            unsafe { self.file_ioctl_once(fd, request, std::ptr::from_mut(arg).cast()) }
        })
    }

    /// Issues one ioctl and repeats the ioctl after signals, each time with the original argument.
    ///
    /// The driver copies the struct back even on failure.
    ///
    /// # Safety
    ///
    /// As for [`ioctl_once`](Self::ioctl_once), with `T` the struct that `request` takes.
    #[inline]
    pub(crate) unsafe fn ioctl<T: Copy>(
        &self,
        request: u32,
        arg: &mut T,
    ) -> std::result::Result<i32, Errno> {
        repeat(arg, |arg| {
            // SAFETY: guaranteed by the caller. A repetition has the same argument.
            unsafe { self.ioctl_once(request, std::ptr::from_mut(arg).cast()) }
        })
    }

    /// Maps `len` bytes at `offset` of the device file as shared memory.
    pub(crate) fn map(
        &self,
        call: &'static str,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Mapping> {
        let mapped = match self {
            Self::Kernel(fd) => Mapping::of_node(fd.as_fd(), offset, len, protection),
            #[cfg(feature = "fake")]
            Self::Fake(file) => Mapping::of_fake(file, offset, len, protection),
        };
        mapped.map_err(|errno| self.whose_error(call, errno))
    }

    /// Maps `len` bytes at `offset` at a fixed address, and replaces mappings there.
    ///
    /// # Safety
    ///
    /// The caller must own the `len` bytes from `address` on.
    pub(crate) unsafe fn map_at(
        &self,
        call: &'static str,
        address: NonNull<u8>,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Mapping> {
        let mapped = match self {
            Self::Kernel(fd) => {
                // SAFETY: guaranteed by the caller.
                unsafe { Mapping::of_node_at(address, fd.as_fd(), offset, len, protection) }
            }
            #[cfg(feature = "fake")]
            Self::Fake(file) => {
                // SAFETY: guaranteed by the caller.
                unsafe { Mapping::of_fake_at(address, file, offset, len, protection) }
            }
        };
        mapped.map_err(|errno| self.whose_error(call, errno))
    }

    /// Returns the error of a call that may reach another driver, for foreign memory.
    ///
    /// A device-loss errno counts as a loss only if the device confirms the loss to a request that
    /// reaches no other driver.
    #[cold]
    fn whose_error(&self, call: &'static str, errno: Errno) -> Error {
        let error = Error::os(call, errno);
        if error.kind() != ErrorKind::DeviceLost || matches!(self.is_gone(), Ok(true)) {
            return error;
        }
        error.with_kind(ErrorKind::Other)
    }

    /// Returns whether the device is gone, by a request that reaches no other driver.
    pub(crate) fn is_gone(&self) -> Result<bool> {
        match self.query_size(sys::DRM_PANTHOR_DEV_QUERY_GPU_INFO) {
            Err(error) if error.kind() == ErrorKind::DeviceLost => Ok(true),
            answer => answer.map(|_| false),
        }
    }

    /// Returns the CPU page size of the driver's machine in bytes, to which BO sizes are rounded.
    pub(crate) fn page_size(&self) -> usize {
        match self {
            Self::Kernel(_) => host_page_size(),
            #[cfg(feature = "fake")]
            Self::Fake(file) => file.page_size(),
        }
    }

    /// Returns the fake's file behind this transport, if any.
    #[cfg(feature = "fake")]
    pub(crate) fn fake(&self) -> Option<&panthor_fake::File> {
        match self {
            Self::Kernel(_) => None,
            Self::Fake(file) => Some(file),
        }
    }
}

/// Guard that defers callbacks of the fake's trace until its drop.
///
/// Create the guard before taking a lock under which ioctls are issued, and drop the guard after
/// the lock. A callback may use the device, and may panic.
#[must_use]
pub(crate) struct NoCallbacks {
    #[cfg(feature = "fake")]
    _reports: panthor_fake::DeferredReports,
}

impl NoCallbacks {
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(feature = "fake")]
            _reports: panthor_fake::DeferredReports::new(),
        }
    }
}

/// Repeats a call while signals interrupt it, each time with the original argument.
#[inline]
fn repeat<T: Copy>(
    arg: &mut T,
    mut call: impl FnMut(&mut T) -> std::result::Result<i32, Errno>,
) -> std::result::Result<i32, Errno> {
    let original = *arg;
    loop {
        match call(arg) {
            Err(Errno::INTR | Errno::AGAIN) => *arg = original,
            other => return other,
        }
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Kernel(fd) => fd.as_fd(),
            #[cfg(feature = "fake")]
            Self::Fake(file) => file.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_is_lost_if_it_says_so_itself() {
        let device = crate::Device::open_fake().unwrap();
        let whose = |errno| device.transport().whose_error("mmap", errno);
        for errno in [Errno::NODEV, Errno::IO] {
            let error = whose(errno);
            assert_eq!(
                (error.kind(), error.errno()),
                (ErrorKind::Other, Some(errno.raw_os_error()))
            );
        }
        assert_eq!(whose(Errno::NOMEM).kind(), ErrorKind::OutOfMemory);
        device.fake().unwrap().device().unplug();
        let error = whose(Errno::NODEV);
        assert_eq!((error.kind(), error.call()), (ErrorKind::DeviceLost, "mmap"));
        assert_eq!(whose(Errno::NOMEM).kind(), ErrorKind::OutOfMemory);
    }

    #[test]
    fn a_repeated_call_has_the_argument_as_it_was_at_first() {
        let mut answers = [Err(Errno::INTR), Err(Errno::AGAIN), Ok(3)].into_iter();
        let mut arg = 1;
        let result = repeat(&mut arg, |arg| {
            assert_eq!(*arg, 1);
            *arg = 99; // The driver writes back even on failure.
            answers.next().expect("no further call")
        });
        assert_eq!((result, arg), (Ok(3), 99));
        assert_eq!(repeat(&mut 0, |_| Err(Errno::NOMEM)), Err(Errno::NOMEM));
    }
}
