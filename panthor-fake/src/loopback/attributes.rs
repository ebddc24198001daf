//! Access checks, extended attributes and file system types of the files around the device.

use std::os::fd::AsRawFd;

use nix::errno::Errno as OsError;
use nix::libc;
use nix::sys::stat::{SFlag, fstat};

use super::listener::{Answer, Notification};
use super::paths::Place;
use super::stat::bytes_of;
use super::tree::Found;
use super::world::World;
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::{Foreign, UserMemory};

/// Finds the file of the tree behind a path argument; `None` if the path leads elsewhere.
fn find(
    world: &World,
    call: &Notification<'_>,
    directory: i32,
    path: u64,
    follow: bool,
) -> Option<Result<(Found, Vec<u8>)>> {
    let path = match world.path(call, path) {
        Ok(path) => path?,
        Err(errno) => return Some(Err(errno)),
    };
    match world.tree.place(call.thread(), directory, &path) {
        Place::Tree(path) => Some(world.tree.find(&path, follow).map(|found| (found, path))),
        Place::Nowhere(errno) => Some(Err(errno)),
        _ => None,
    }
}

/// Answers `access(2)`, `faccessat(2)` and `faccessat2(2)`.
pub(super) fn access(
    world: &World,
    call: &Notification<'_>,
    directory: i32,
    path: u64,
    mode: i32,
    follow: bool,
) -> Answer {
    let permitted = |(found, _): (Found, Vec<u8>)| {
        let kind = SFlag::from_bits_truncate(fstat(&found.fd)?.st_mode) & SFlag::S_IFMT;
        let writable = found.node.is_some();
        let executable = found.node.is_none() && kind == SFlag::S_IFDIR;
        let denied =
            (mode & libc::W_OK != 0 && !writable) || (mode & libc::X_OK != 0 && !executable);
        if denied { Err(Errno::ACCES) } else { Ok(Answer::Value(0)) }
    };
    match find(world, call, directory, path, follow) {
        Some(found) => found.and_then(permitted).into(),
        None => Answer::Continue,
    }
}

/// Answers `getxattr(2)`: the files have no attributes.
pub(super) fn getxattr(world: &World, call: &Notification<'_>, path: u64, follow: bool) -> Answer {
    match find(world, call, libc::AT_FDCWD, path, follow) {
        Some(found) => found.and_then(|_| Err(Errno(libc::ENODATA))).into(),
        None => Answer::Continue,
    }
}

/// Answers `listxattr(2)` with an empty list.
pub(super) fn listxattr(world: &World, call: &Notification<'_>, path: u64, follow: bool) -> Answer {
    match find(world, call, libc::AT_FDCWD, path, follow) {
        Some(found) => found.map(|_| Answer::Value(0)).into(),
        None => Answer::Continue,
    }
}

/// Answers `statfs(2)`.
pub(super) fn statfs(world: &World, call: &Notification<'_>, path: u64, at: u64) -> Answer {
    let tell = |(found, path): (Found, Vec<u8>)| {
        // SAFETY: the structure consists of integers, which may be zero.
        let mut statfs: libc::statfs = unsafe { std::mem::zeroed() };
        // SAFETY: `statfs` is valid for writes.
        OsError::result(unsafe { libc::fstatfs(found.fd.as_raw_fd(), &raw mut statfs) })?;
        // Programs check that `/sys` is a sysfs. `/dev` is a tmpfs.
        statfs.f_type =
            if path.starts_with(b"sys") { libc::SYSFS_MAGIC } else { libc::TMPFS_MAGIC };
        UserMemory::of(call).write(at, bytes_of(&statfs))?;
        Ok(Answer::Value(0))
    };
    match find(world, call, libc::AT_FDCWD, path, true) {
        Some(found) => found.and_then(tell).into(),
        None => Answer::Continue,
    }
}
