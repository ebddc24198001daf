//! ioctl on a file of the fake device.

use std::ffi::c_void;

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
    // SAFETY: the fake asks for what the kernel asks for, which the caller promises.
    let answer = unsafe { file.ioctl(request, arg) };
    if answer < 0 { Err(Errno::from_raw_os_error(-answer)) } else { Ok(answer) }
}
