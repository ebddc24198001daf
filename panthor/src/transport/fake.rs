//! ioctl on a file of the fake device, and on its dma-bufs and sync_files.

use std::ffi::c_void;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

/// # Safety
///
/// As for [`Transport::ioctl_once`](super::Transport::ioctl_once).
#[inline]
pub(super) unsafe fn ioctl(
    file: &panthor_fake::File,
    request: u32,
    arg: *mut c_void,
) -> std::result::Result<i32, Errno> {
    // SAFETY: the fake has the kernel's requirements, which the caller guarantees.
    result(unsafe { file.ioctl(request, arg) })
}

/// Issues an ioctl on a dma-buf or a sync_file, or returns `None` for a file that is not the
/// fake's.
///
/// # Safety
///
/// As for [`Transport::ioctl_once`](super::Transport::ioctl_once).
pub(super) unsafe fn file_ioctl(
    fd: BorrowedFd<'_>,
    request: u32,
    arg: *mut c_void,
) -> Option<std::result::Result<i32, Errno>> {
    // SAFETY: the fake has the kernel's requirements, which the caller guarantees.
    unsafe { panthor_fake::descriptor_ioctl(fd, request, arg) }.map(result)
}

// Inlined, because the function is on a measured path: see benches/bind_cost.
#[inline]
fn result(answer: i32) -> std::result::Result<i32, Errno> {
    if answer < 0 { Err(Errno::from_raw_os_error(-answer)) } else { Ok(answer) }
}
