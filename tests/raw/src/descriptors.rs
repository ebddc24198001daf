//! Ioctls on descriptors, and dma-bufs of ordinary memory.

use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

/// Calls `ioctl(2)`, and returns the result or a negative error number.
///
/// # Safety
/// What `arg` and the pointers of the argument lead to is what the request reads and writes.
pub unsafe fn ioctl(fd: RawFd, request: u32, arg: *mut c_void) -> i32 {
    // SAFETY: the caller's contract.
    match unsafe { libc::ioctl(fd, request as libc::Ioctl, arg) } {
        result if result >= 0 => result,
        _ => -Errno::last_raw(),
    }
}

/// Takes a descriptor that an ioctl has returned.
///
/// # Panics
/// If it is negative.
#[track_caller]
pub fn own(fd: RawFd) -> OwnedFd {
    assert!(fd >= 0, "no descriptor: {fd}");
    // SAFETY: the descriptor was just made for the caller, and nothing else closes it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// The kernel's device that makes dma-bufs of ordinary memory.
#[derive(Debug)]
pub struct Udmabuf(File);

/// Argument of `UDMABUF_CREATE`.
#[repr(C)]
struct Create {
    memfd: u32,
    flags: u32,
    offset: u64,
    size: u64,
}

impl Udmabuf {
    /// Opens `/dev/udmabuf`.
    ///
    /// # Errors
    /// Returns the error of `open(2)`: few kernels have the device, and only root may use it.
    pub fn open() -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open("/dev/udmabuf").map(Self)
    }

    /// Creates a dma-buf and returns it with the memory behind it.
    ///
    /// # Errors
    /// Returns the error of the call that failed. The size must be a positive multiple of the page
    /// size.
    pub fn create(&self, size: u64) -> io::Result<(OwnedFd, OwnedFd)> {
        const UDMABUF_CREATE: u32 = 0x4018_7542;
        const CLOEXEC: u32 = 1;

        let memory = memfd_create("foreign", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memory, size)?;
        fcntl_add_seals(&memory, SealFlags::SHRINK)?;
        let memfd = memory.as_raw_fd() as u32;
        let mut create = Create { memfd, flags: CLOEXEC, offset: 0, size };
        // SAFETY: the request reads this structure.
        let made = unsafe { ioctl(self.0.as_raw_fd(), UDMABUF_CREATE, (&raw mut create).cast()) };
        match made {
            fd if fd >= 0 => Ok((own(fd), memory)),
            errno => Err(io::Error::from_raw_os_error(-errno)),
        }
    }
}
