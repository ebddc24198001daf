//! Opens of nodes and of the files around them.

use std::fmt::Write as _;

use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::Pid;

use super::listener::{Answer, Notification};
use super::node::Kind;
use super::paths::Place;
use super::process::{capabilities, info_of, process_of};
use super::text_file::text_file;
use super::tree::Found;
use super::world::World;
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::Foreign;
use crate::file::primary::Opener;

/// Answers `open(2)` and `openat(2)`.
pub(super) fn open(
    world: &World,
    call: &Notification<'_>,
    directory: i32,
    path: u64,
    flags: i32,
) -> Answer {
    let path = match world.path(call, path) {
        Ok(Some(path)) => path,
        Ok(None) => return Answer::Continue,
        Err(errno) => return Answer::Error(errno),
    };
    let thread = call.thread();
    let flags = OFlag::from_bits_retain(flags);
    match world.tree.place(thread, directory, &path) {
        Place::Elsewhere => Answer::Continue,
        Place::Nowhere(errno) => Answer::Error(errno),
        Place::Tree(path) => open_in_tree(world, thread, &path, flags).into(),
        Place::Descriptor { thread: owner, fd } => reopen(world, thread, owner, fd, flags),
        Place::DescriptorInfo { thread: owner, fd } => info(world, owner, fd, flags),
    }
}

fn open_in_tree(world: &World, caller: Pid, path: &[u8], flags: OFlag) -> Result<Answer> {
    let follow = !flags.contains(OFlag::O_NOFOLLOW);
    let found = match world.tree.find(path, follow) {
        Err(Errno::NOENT) if flags.contains(OFlag::O_CREAT) => return Err(Errno::ACCES),
        found => found?,
    };
    open_found(world, caller, &found, flags)
}

/// Opens a file of the tree.
///
/// The kernel cannot install an `O_PATH` descriptor. With that flag the program gets a readable
/// one.
pub(super) fn open_found(
    world: &World,
    caller: Pid,
    found: &Found,
    flags: OFlag,
) -> Result<Answer> {
    if let Some(kind) = found.node {
        return open_name(world, caller, kind, flags);
    }
    check_plain(flags)?;
    if world.is_mounted_for(caller) {
        return Ok(Answer::Continue);
    }
    let fd = world.tree.open(found, caller, flags)?;
    Ok(Answer::Descriptor { fd, cloexec: flags.contains(OFlag::O_CLOEXEC) })
}

/// Checks the open flags for a file around the nodes: these files are read-only.
fn check_plain(flags: OFlag) -> Result<()> {
    if flags.contains(OFlag::O_PATH) {
        return Ok(());
    }
    if flags.contains(OFlag::O_CREAT | OFlag::O_EXCL) {
        return Err(Errno(libc::EEXIST));
    }
    if flags & OFlag::O_ACCMODE != OFlag::O_RDONLY { Err(Errno::ACCES) } else { Ok(()) }
}

/// Opens a node by its path, or a descriptor that names the node for `O_PATH`.
fn open_name(world: &World, caller: Pid, kind: Kind, flags: OFlag) -> Result<Answer> {
    if !flags.contains(OFlag::O_PATH) {
        return open_node(world, caller, kind, flags);
    }
    world.set_place_given();
    let cloexec = flags.contains(OFlag::O_CLOEXEC);
    Ok(Answer::Descriptor { fd: world.tree.name_of(kind)?, cloexec })
}

fn open_node(world: &World, caller: Pid, kind: Kind, flags: OFlag) -> Result<Answer> {
    if flags.contains(OFlag::O_DIRECTORY) {
        return Err(Errno(libc::ENOTDIR));
    }
    if flags.contains(OFlag::O_CREAT | OFlag::O_EXCL) {
        return Err(Errno(libc::EEXIST));
    }
    let opener = Opener {
        administrator: capabilities(caller).administrator,
        process: process_of(caller)?.as_raw(),
        thread: caller.as_raw(),
    };
    let open = || world.nodes.open(kind, flags | OFlag::O_CLOEXEC, opener);
    let fd = world.processes.yielding(open)?;
    Ok(Answer::Descriptor { fd, cloexec: flags.contains(OFlag::O_CLOEXEC) })
}

/// Reopens a node through the path of its descriptor in `/proc`.
fn reopen(world: &World, caller: Pid, owner: Pid, fd: i32, flags: OFlag) -> Answer {
    if flags.intersects(OFlag::O_NOFOLLOW) {
        return Answer::Continue;
    }
    match world.kind_of(owner, fd) {
        // The kernel opens a descriptor that only names the node.
        Ok(Some(_)) if flags.contains(OFlag::O_PATH) => Answer::Continue,
        Ok(Some(kind)) => open_node(world, caller, kind, flags).into(),
        Ok(None) => Answer::Continue,
        Err(errno) => Answer::Error(errno),
    }
}

/// Opens the fdinfo of a node's descriptor.
fn info(world: &World, owner: Pid, fd: i32, flags: OFlag) -> Answer {
    let node = match world.node(owner, fd) {
        Ok(Some(node)) => node,
        Ok(None) => return Answer::Continue,
        Err(errno) => return Answer::Error(errno),
    };
    if flags & OFlag::O_ACCMODE != OFlag::O_RDONLY {
        return Answer::Error(Errno::ACCES);
    }
    let kernels = match world.shortage(info_of(owner, fd)) {
        Ok(Some(kernels)) => kernels,
        Ok(None) => return Answer::Continue,
        Err(errno) => return Answer::Error(errno),
    };
    // The loopback identifies the node by its file position and its lock, so both are hidden.
    let mut text = String::from("pos:\t0\n");
    let kept = |line: &&str| !line.starts_with("pos:") && !line.starts_with("lock:");
    for line in kernels.lines().filter(kept) {
        // A write to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    text.push_str(&node.file.fdinfo());
    match text_file(c"fdinfo", &text) {
        Ok(fd) => Answer::Descriptor { fd, cloexec: flags.contains(OFlag::O_CLOEXEC) },
        Err(error) => Answer::Error(error.into()),
    }
}
