//! System calls for mounts that are attached nowhere.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc::{self, c_int, c_long};

/// Attributes of all mounts of the loopback.
const ATTRIBUTES: u64 =
    libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC | libc::MOUNT_ATTR_NOATIME;

/// Creates a tmpfs with a root of mode 0755, in which device nodes cannot be opened.
///
/// All functions of this module may run in a child between `fork` and `exec`.
///
/// # Errors
/// `EPERM` without the right to mount.
pub(in crate::loopback) fn make() -> nix::Result<OwnedFd> {
    make_with(libc::MOUNT_ATTR_NODEV)
}

/// Creates a tmpfs in which device nodes can be opened.
///
/// # Errors
/// The same as those of [`make`].
pub(in crate::loopback) fn make_with_devices() -> nix::Result<OwnedFd> {
    make_with(0)
}

fn make_with(attributes: u64) -> nix::Result<OwnedFd> {
    // SAFETY: the kernel reads a C string.
    let context = new_fd(unsafe {
        libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), libc::FSOPEN_CLOEXEC)
    })?;
    let none = std::ptr::null::<libc::c_char>();
    let configure = |command: c_int, key: *const libc::c_char, value: *const libc::c_char| {
        let fd = context.as_raw_fd();
        // SAFETY: the kernel reads two strings, and the command permits null where one is null.
        Errno::result(unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, key, value, 0) })
    };
    configure(libc::FSCONFIG_SET_STRING as c_int, c"mode".as_ptr(), c"0755".as_ptr())?;
    configure(libc::FSCONFIG_CMD_CREATE as c_int, none, none)?;
    let (flags, attributes) = (libc::FSMOUNT_CLOEXEC, ATTRIBUTES | attributes);
    // SAFETY: the arguments are integers.
    new_fd(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), flags, attributes) })
}

/// Makes a mount read-only.
///
/// # Errors
/// Returns the error of `mount_setattr(2)`.
pub(in crate::loopback) fn set_read_only(mount: impl AsFd) -> nix::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the kernel reads a C string, and a structure of the given size.
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

/// Clones the mount at a path, with all mounts below it, without attaching the clone.
///
/// # Errors
/// Returns the error of `open_tree(2)`.
pub(in crate::loopback) fn clone(directory: impl AsFd, path: &CStr) -> nix::Result<OwnedFd> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE as u32;
    let directory = directory.as_fd().as_raw_fd();
    // SAFETY: the kernel reads a C string.
    new_fd(unsafe { libc::syscall(libc::SYS_open_tree, directory, path.as_ptr(), flags) })
}

/// Attaches a mount to a directory or file.
///
/// # Errors
/// Returns the error of `move_mount(2)`.
pub(in crate::loopback) fn attach(
    mount: impl AsFd,
    directory: impl AsFd,
    path: &CStr,
) -> nix::Result<()> {
    let (from, to) = (mount.as_fd().as_raw_fd(), directory.as_fd().as_raw_fd());
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH;
    // SAFETY: the kernel reads two C strings.
    let result = unsafe {
        libc::syscall(libc::SYS_move_mount, from, c"".as_ptr(), to, path.as_ptr(), flags)
    };
    Errno::result(result).map(drop)
}

fn new_fd(result: c_long) -> nix::Result<OwnedFd> {
    let fd = Errno::result(result)?;
    // SAFETY: the kernel just created the descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}
