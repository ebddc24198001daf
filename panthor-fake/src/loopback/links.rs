//! Targets of symbolic links, including those of `/proc`.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno as OsError;
use nix::fcntl::readlinkat;
use nix::unistd::Pid;

use super::listener::{Answer, Notification};
use super::paths::Place;
use super::process::link_of;
use super::world::World;
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::{Foreign, UserMemory};

/// Answers `readlink(2)` and `readlinkat(2)`.
pub(super) fn readlink(
    world: &World,
    call: &Notification<'_>,
    directory: i32,
    path: u64,
    buffer: u64,
    size: u64,
) -> Answer {
    let path = match world.path(call, path) {
        Ok(Some(path)) => path,
        Ok(None) => return Answer::Continue,
        Err(errno) => return Answer::Error(errno),
    };
    let target = match world.tree.place(call.thread(), directory, &path) {
        Place::Tree(_) if world.is_mounted_for(call.thread()) => return Answer::Continue,
        Place::Tree(path) => {
            match world.tree.find(&path, false).and_then(|found| link(&found.fd)) {
                Ok(target) => target,
                Err(errno) => return Answer::Error(errno),
            }
        }
        Place::Descriptor { thread, fd } => match of_descriptor(world, thread, fd) {
            Ok(Some(target)) => target,
            Ok(None) => return Answer::Continue,
            Err(errno) => return Answer::Error(errno),
        },
        Place::Nowhere(errno) => return Answer::Error(errno),
        _ => return Answer::Continue,
    };
    tell(call, &target, buffer, size).into()
}

/// Returns the target of a link of the tree.
fn link(fd: &OwnedFd) -> Result<Vec<u8>> {
    match readlinkat(fd, "") {
        Ok(target) => Ok(target.into_vec()),
        // The file is not a link.
        Err(OsError::ENOENT) => Err(Errno::INVAL),
        Err(errno) => Err(errno.into()),
    }
}

/// Returns the correct target of a descriptor's link in `/proc`; `None` if the kernel's target is
/// correct.
fn of_descriptor(world: &World, thread: Pid, fd: i32) -> Result<Option<Vec<u8>>> {
    if let Some(kind) = world.kind_of(thread, fd)? {
        return Ok(Some(format!("/dev/dri/{}", kind.name()).into_bytes()));
    }
    let target = world.shortage(link_of(thread, fd))?;
    Ok(target.and_then(|target| world.tree.pretended(&target).map(<[u8]>::to_vec)))
}

fn tell(call: &Notification<'_>, target: &[u8], buffer: u64, size: u64) -> Result<Answer> {
    let size = size as i32;
    if size <= 0 {
        return Err(Errno::INVAL);
    }
    let told = &target[..target.len().min(size as usize)];
    UserMemory::of(call).write(buffer, told)?;
    Ok(Answer::Value(told.len() as i64))
}
