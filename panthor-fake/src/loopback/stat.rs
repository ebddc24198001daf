//! Metadata of nodes and of the files around them.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno as OsError;
use nix::libc;
use nix::sys::stat::{fstat, makedev};

use super::listener::{Answer, Notification};
use super::node::{Kind, MAJOR};
use super::paths::Place;
use super::world::World;
use crate::call::errno::Result;
use crate::call::uaccess::{Foreign, UserMemory};

/// File type and permissions of a node.
const MODE: u32 = libc::S_IFCHR | 0o666;

/// Output structure of a call, and its address in the program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Stat(u64),
    Statx { mask: u32, at: u64 },
}

/// Answers `stat(2)`, `lstat(2)`, `newfstatat(2)` and `statx(2)`.
pub(super) fn stat(
    world: &World,
    call: &Notification<'_>,
    directory: i32,
    path: u64,
    flags: i32,
    form: Form,
) -> Answer {
    // Without a path the call is about the descriptor. The path may be null then.
    let empty = flags & libc::AT_EMPTY_PATH != 0;
    if empty && path == 0 {
        return of_descriptor(world, call, directory, form);
    }
    let path = match world.path(call, path) {
        Ok(Some(path)) => path,
        Ok(None) => return Answer::Continue,
        Err(errno) => return Answer::Error(errno),
    };
    if path.is_empty() {
        return if empty { of_descriptor(world, call, directory, form) } else { Answer::Continue };
    }
    let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    match world.tree.place(call.thread(), directory, &path) {
        Place::Tree(_) if world.is_mounted_for(call.thread()) => Answer::Continue,
        Place::Tree(path) => world
            .tree
            .find(&path, follow)
            .and_then(|found| tell(call, &found.fd, found.node, form))
            .into(),
        Place::Nowhere(errno) => Answer::Error(errno),
        Place::Descriptor { thread, fd } if follow => {
            of_kind(world, call, world.kind_of(thread, fd), form)
        }
        _ => Answer::Continue,
    }
}

/// Answers `fstat(2)`.
pub(super) fn of_descriptor(world: &World, call: &Notification<'_>, fd: i32, form: Form) -> Answer {
    of_kind(world, call, world.kind_of(call.thread(), fd), form)
}

fn of_kind(
    world: &World,
    call: &Notification<'_>,
    kind: Result<Option<Kind>>,
    form: Form,
) -> Answer {
    match kind {
        Ok(Some(kind)) => of_node(world, call, kind, form).into(),
        Ok(None) => Answer::Continue,
        Err(errno) => Answer::Error(errno),
    }
}

/// Writes the metadata of an open node: those of the node's path.
fn of_node(world: &World, call: &Notification<'_>, kind: Kind, form: Form) -> Result<Answer> {
    if let Some(mounts) = &world.mounts {
        return tell(call, mounts.node(kind), Some(kind), form);
    }
    let path = format!("dev/dri/{}", kind.name());
    let found = world.tree.find(path.as_bytes(), true)?;
    tell(call, &found.fd, Some(kind), form)
}

fn tell(call: &Notification<'_>, fd: &OwnedFd, node: Option<Kind>, form: Form) -> Result<Answer> {
    let user = UserMemory::of(call);
    match form {
        Form::Stat(at) => {
            let mut stat = fstat(fd)?;
            if let Some(kind) = node {
                stat.st_mode = MODE;
                stat.st_nlink = 1;
                (stat.st_uid, stat.st_gid) = (0, 0);
                stat.st_rdev = makedev(MAJOR.into(), kind.minor().into());
                (stat.st_size, stat.st_blocks) = (0, 0);
            }
            user.write(at, bytes_of(&stat))?;
        }
        Form::Statx { mask, at } => {
            let mut stat = statx(fd, mask)?;
            if let Some(kind) = node {
                stat.stx_mode = MODE as u16;
                stat.stx_nlink = 1;
                (stat.stx_uid, stat.stx_gid) = (0, 0);
                (stat.stx_rdev_major, stat.stx_rdev_minor) = (MAJOR, kind.minor());
                (stat.stx_size, stat.stx_blocks) = (0, 0);
            }
            user.write(at, bytes_of(&stat))?;
        }
    }
    Ok(Answer::Value(0))
}

fn statx(fd: &OwnedFd, mask: u32) -> Result<libc::statx> {
    // SAFETY: the structure consists of integers, which may be zero.
    let mut stat: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path is an empty C string, and `stat` is valid for writes.
    let result = unsafe {
        libc::statx(fd.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH, mask, &raw mut stat)
    };
    OsError::result(result)?;
    Ok(stat)
}

/// Structure of integers that cover all its bytes.
///
/// # Safety
///
/// The type must have no padding, because padding may be uninitialized.
pub(super) unsafe trait Plain {}

// SAFETY: the layout is the same on all architectures, with explicit fields in place of padding.
unsafe impl Plain for libc::statx {}
// SAFETY: on 64-bit targets the fields, explicit padding included, leave no gap.
unsafe impl Plain for libc::stat {}
// SAFETY: on 64-bit targets all fields are words, or arrays of words.
unsafe impl Plain for libc::statfs {}

/// Returns the bytes of a structure.
pub(super) fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    let start = std::ptr::from_ref(value).cast::<u8>();
    // SAFETY: the reference is valid for this many bytes, and `Plain` guarantees that all are
    // initialized.
    unsafe { std::slice::from_raw_parts(start, size_of::<T>()) }
}
