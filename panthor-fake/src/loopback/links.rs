//! What symbolic links say, those of `/proc` too.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno as OsError;
use nix::fcntl::readlinkat;

use super::listener::{Answer, Notification};
use super::paths::Place;
use super::process::path_of;
use super::world::World;
use crate::errno::{Errno, Result};
use crate::uaccess::{Foreign, UserMemory};

/// `readlinkat(2)`.
pub(super) fn readlink(
    world: &World,
    call: &Notification<'_>,
    directory: i32,
    path: u64,
    buffer: u64,
    size: u64,
) -> Answer {
    let Some(path) = world.path(call, path) else {
        return Answer::Continue;
    };
    let target = match world.tree.place(call.thread(), directory, &path) {
        Place::Tree(path) => {
            match world.tree.find(&path, false).and_then(|found| link(&found.fd)) {
                Ok(target) => target,
                Err(errno) => return Answer::Error(errno),
            }
        }
        Place::Descriptor { thread, fd } => match of_descriptor(world, thread, fd) {
            Some(target) => target,
            None => return Answer::Continue,
        },
        _ => return Answer::Continue,
    };
    tell(call, &target, buffer, size).into()
}

/// What a link of the tree says.
fn link(fd: &OwnedFd) -> Result<Vec<u8>> {
    match readlinkat(fd, "") {
        Ok(target) => Ok(target.into_vec()),
        // That is no link.
        Err(OsError::ENOENT) => Err(Errno::INVAL),
        Err(errno) => Err(errno.into()),
    }
}

/// What `/proc` should say of a descriptor; `None` if it is right.
fn of_descriptor(world: &World, thread: nix::unistd::Pid, fd: i32) -> Option<Vec<u8>> {
    if let Some(kind) = world.kind_of(thread, fd) {
        return Some(format!("/dev/dri/{}", kind.name()).into_bytes());
    }
    let target = std::fs::read_link(path_of(thread, fd)).ok()?;
    world.tree.pretended(target.as_os_str().as_bytes()).map(<[u8]>::to_vec)
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
