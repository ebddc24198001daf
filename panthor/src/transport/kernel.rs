//! ioctl(2) on a DRM node.

use std::ffi::{c_int, c_void};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};

struct Call {
    request: Opcode,
    arg: *mut c_void,
}

// SAFETY: the opcode and the pointer are passed unchanged. Only `ioctl` creates a `Call`, and its
// caller guarantees that they match and that the driver's writes are valid.
unsafe impl Ioctl for Call {
    type Output = c_int;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.request
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.arg
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<c_int> {
        Ok(out)
    }
}

/// # Safety
///
/// As for [`Transport::ioctl_once`](super::Transport::ioctl_once).
#[inline]
pub(super) unsafe fn ioctl(
    fd: BorrowedFd<'_>,
    request: u32,
    arg: *mut c_void,
) -> std::result::Result<i32, Errno> {
    // SAFETY: the caller's guarantee covers the request, the struct and the pointers in it.
    unsafe { rustix::ioctl::ioctl(fd, Call { request: request as Opcode, arg }) }
}
