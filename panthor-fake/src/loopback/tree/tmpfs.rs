//! New file systems in memory, which are mounted nowhere yet.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc::{self, c_int, c_long};

/// Attributes of every mount of the loopback's own files.
const ATTRIBUTES: u64 =
    libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC | libc::MOUNT_ATTR_NOATIME;

/// Makes a tmpfs whose root has mode 0755; nobody opens a device in it.
///
/// This function and the other ones of this module may run in a child between fork and exec.
///
/// # Errors
/// `EPERM` without the right to mount.
pub(in crate::loopback) fn make() -> nix::Result<OwnedFd> {
    make_with(libc::MOUNT_ATTR_NODEV)
}

/// Makes a tmpfs in which devices can be opened.
///
/// # Errors
/// As [`make`].
pub(in crate::loopback) fn make_with_devices() -> nix::Result<OwnedFd> {
    make_with(0)
}

fn make_with(attributes: u64) -> nix::Result<OwnedFd> {
    // SAFETY: the kernel reads a string, which ends.
    let context = new_fd(unsafe {
        libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), libc::FSOPEN_CLOEXEC)
    })?;
    let none = std::ptr::null::<libc::c_char>();
    let configure = |command: c_int, key: *const libc::c_char, value: *const libc::c_char| {
        let fd = context.as_raw_fd();
        // SAFETY: the kernel reads two strings, which end or are null as the command asks for.
        Errno::result(unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, key, value, 0) })
    };
    configure(libc::FSCONFIG_SET_STRING as c_int, c"mode".as_ptr(), c"0755".as_ptr())?;
    configure(libc::FSCONFIG_CMD_CREATE as c_int, none, none)?;
    let (flags, attributes) = (libc::FSMOUNT_CLOEXEC, ATTRIBUTES | attributes);
    // SAFETY: the arguments are numbers.
    new_fd(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), flags, attributes) })
}

/// Makes a mount read-only.
///
/// # Errors
/// What `mount_setattr(2)` says.
pub(in crate::loopback) fn set_read_only(mount: impl AsFd) -> nix::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the kernel reads a string, which ends, and a structure of that size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of_val(&attributes),
        )
    };
    Errno::result(result).map(drop)
}

/// Clones the mounts of a directory or file, with all below; the clone is mounted nowhere.
///
/// # Errors
/// What `open_tree(2)` says.
pub(in crate::loopback) fn clone(directory: impl AsFd, path: &CStr) -> nix::Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE as u32;
    let directory = directory.as_fd().as_raw_fd();
    // SAFETY: the kernel reads a string, which ends.
    new_fd(unsafe { libc::syscall(libc::SYS_open_tree, directory, path.as_ptr(), flags) })
}

/// Mounts what is mounted nowhere on a directory or file.
///
/// # Errors
/// What `move_mount(2)` says.
pub(in crate::loopback) fn attach(
    mount: impl AsFd,
    directory: impl AsFd,
    path: &CStr,
) -> nix::Result<()> {
    let (from, to) = (mount.as_fd().as_raw_fd(), directory.as_fd().as_raw_fd());
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH;
    // SAFETY: the kernel reads two strings, which end.
    let result = unsafe {
        libc::syscall(libc::SYS_move_mount, from, c"".as_ptr(), to, path.as_ptr(), flags)
    };
    Errno::result(result).map(drop)
}

fn new_fd(result: c_long) -> nix::Result<OwnedFd> {
    let fd = Errno::result(result)?;
    // SAFETY: the kernel made it a moment ago, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}
