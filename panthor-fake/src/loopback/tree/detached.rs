//! A tmpfs that is mounted nowhere. No path leads to it, nothing can change it, and it ends with
//! its last descriptor.
//!
//! At the root of such a mount `..` leads to the root itself. When the descriptor of `fsmount(2)`
//! is closed, the kernel unmounts the file system. From then on no process can attach, clone or
//! remount it, whatever its capabilities. Descriptors that were opened before remain valid.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::libc::{self, c_int};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, dup3, getegid, geteuid, write};

use super::contents::{Item, fill};
use super::tmpfs;

/// Creates the file system; returns its root as an `O_PATH` descriptor.
///
/// # Errors
/// The error of the failed system call, such as `EPERM` without the right to mount and without user
/// namespaces.
pub(super) fn make(items: &[Item]) -> nix::Result<OwnedFd> {
    match build(items) {
        Err(Errno::EPERM) => build_in_namespace(items),
        made => made,
    }
}

/// Creates the file system with the rights of the calling thread.
///
/// Like [`fill`], the function may run in a child between `fork` and `exec`.
fn build(items: &[Item]) -> nix::Result<OwnedFd> {
    let mount = tmpfs::make()?;
    fill(&mount, items)?;
    tmpfs::set_read_only(&mount)?;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    openat(&mount, c".", flags, Mode::empty())
}

/// ID mappings of the child's user namespace: its own user and group.
struct Maps {
    users: Vec<u8>,
    groups: Vec<u8>,
}

impl Maps {
    fn own() -> Self {
        let one = |id: u32| format!("{id} {id} 1").into_bytes();
        Self { users: one(geteuid().as_raw()), groups: one(getegid().as_raw()) }
    }

    fn write(&self) -> nix::Result<()> {
        let put = |path: &CStr, text: &[u8]| -> nix::Result<()> {
            let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
            write(&file, text).map(drop)
        };
        put(c"/proc/self/uid_map", &self.users)?;
        put(c"/proc/self/setgroups", b"deny")?;
        put(c"/proc/self/gid_map", &self.groups)
    }
}

/// Creates the file system in a short-lived child with its own user and mount namespace.
fn build_in_namespace(items: &[Item]) -> nix::Result<OwnedFd> {
    let maps = Maps::own();
    // The child shares the descriptor table, and replaces this descriptor by the root.
    let mut slot = open(c"/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    // Signal handlers of this process must not run in the child.
    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    // Without an exit signal the child is invisible to calls of `wait(2)` elsewhere in this
    // process.
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_FILES;
    // SAFETY: as after `fork(2)`, the child has a copy of the memory, and it makes system calls
    // only.
    let child = Errno::result(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) });
    if child == Ok(0) {
        let made = maps.write().and_then(|()| {
            let root = build(items)?;
            dup3(&root, &mut slot, OFlag::O_CLOEXEC)
        });
        let status = made.map_or_else(|errno| errno as c_int, |()| 0);
        // SAFETY: the child ends without running destructors and exit handlers.
        unsafe { libc::_exit(status) };
    }
    let ended = child.and_then(|child| wait(Pid::from_raw(child as i32)));
    mask.thread_set_mask()?;
    match ended? {
        0 => Ok(slot),
        errno => Err(Errno::from_raw(errno)),
    }
}

/// Waits for the child to end; returns its exit status.
fn wait(child: Pid) -> nix::Result<c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid for writes.
        let result = unsafe { libc::waitpid(child.as_raw(), &raw mut status, libc::__WALL) };
        match Errno::result(result) {
            Ok(_) if libc::WIFEXITED(status) => return Ok(libc::WEXITSTATUS(status)),
            // A signal killed the child.
            Ok(_) => return Err(Errno::ECHILD),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Returns whether an error means that the system forbids such a file system, and not a shortage.
pub(super) fn is_unavailable(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(
            Errno::EPERM
                | Errno::EACCES
                | Errno::ENOSYS
                | Errno::EINVAL
                | Errno::ENODEV
                | Errno::ENOSPC
                | Errno::EUSERS
        )
    )
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use nix::sys::stat::mkdirat;
    use nix::unistd::{UnlinkatFlags, mkfifo, unlinkat};

    use super::super::contents::items;
    use super::*;
    use crate::sharing::descriptors::path;

    /// Checks that even root cannot change the tree, and that no path leads out of it.
    fn check(root: &OwnedFd) {
        let mode = Mode::from_bits_truncate(0o755);
        assert_eq!(mkdirat(root, "dev/x", mode), Err(Errno::EROFS));
        let fifo = format!("{}/dev/dri/fifo", path(root.as_raw_fd()));
        assert_eq!(mkfifo(fifo.as_str(), mode), Err(Errno::EROFS));
        let removed = unlinkat(root, "dev/dri/card0", UnlinkatFlags::NoRemoveDir);
        assert_eq!(removed, Err(Errno::EROFS));
        let writable = libc::mount_attr {
            attr_set: 0,
            attr_clr: libc::MOUNT_ATTR_RDONLY,
            propagation: 0,
            userns_fd: 0,
        };
        // SAFETY: the kernel reads a C string, and a structure of the given size.
        let result = Errno::result(unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                root.as_raw_fd(),
                c"".as_ptr(),
                libc::AT_EMPTY_PATH,
                &raw const writable,
                size_of_val(&writable),
            )
        });
        assert!(result.is_err(), "the mount was made writable");
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        assert_eq!(openat(root, "../../etc", flags, Mode::empty()).unwrap_err(), Errno::ENOENT);
        openat(root, "../../../dev/dri", flags, Mode::empty()).unwrap();
    }

    #[test]
    fn nothing_changes_a_detached_tree() {
        match make(&items()) {
            Ok(root) => check(&root),
            Err(errno) => eprintln!("not tested: no detached mount here: {errno}"),
        }
    }

    #[test]
    fn a_namespace_makes_the_same_tree() {
        match build_in_namespace(&items()) {
            Ok(root) => check(&root),
            Err(errno) => eprintln!("not tested: no user namespace here: {errno}"),
        }
    }
}
