//! The nodes that programs have open.
//!
//! What a program gets for a node is the device's memory, sealed: so mmap works in the kernel. Each open is a
//! description of its own. It is recognised by its file position, and by a lock that it holds on a byte of
//! its own; the lock goes with the last duplicate and the last mapping, wherever they are, as a node's release
//! comes then.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::errno::Errno as OsError;
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl, open};
use nix::libc;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::{Mode, fstat, major, minor};
use nix::unistd::{Whence, lseek};

use super::error::Error;
use super::process::Capabilities;
use crate::descriptors::path;
use crate::device::Device;
use crate::errno::Result;
use crate::file::File;
use crate::lock::lock;
use crate::memory::FILE_SIZE;

/// Which node of the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `card0`.
    Primary,
    /// `renderD128`.
    Render,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Primary, Self::Render];

    /// The name below `/dev/dri`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Primary => "card0",
            Self::Render => "renderD128",
        }
    }

    /// The minor number; the major is 226.
    pub(super) const fn minor(self) -> u32 {
        match self {
            Self::Primary => 0,
            Self::Render => 128,
        }
    }
}

/// DRM's major number.
pub(super) const MAJOR: u32 = 226;

/// A node that a program has opened.
#[derive(Debug)]
pub(super) struct OpenNode {
    pub(super) kind: Kind,
    pub(super) file: File,
}

/// All open nodes of a device.
#[derive(Debug)]
pub(super) struct Nodes {
    device: Device,
    /// Device and inode number of its memory.
    identity: (u64, u64),
    open: Mutex<Open>,
    count: AtomicUsize,
    /// Tells when one may have been closed.
    closes: Inotify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    nodes: BTreeMap<u64, Arc<OpenNode>>,
}

/// The seals of the memory, by which it is recognised at no cost.
const SEALS: SealFlag =
    SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

impl Nodes {
    pub(super) fn new(device: Device) -> std::result::Result<Self, Error> {
        let failed = |task: &str, errno: OsError| Error::new(task, "").because(errno.into());
        let memory = &device.inner().memory;
        let seals = FcntlArg::F_ADD_SEALS(SEALS);
        match fcntl(memory, seals) {
            // Another loopback of the same device did it.
            Ok(_) | Err(OsError::EPERM) => {}
            Err(errno) => return Err(failed("seal the memory of the device", errno)),
        }
        let stat =
            fstat(memory).map_err(|errno| failed("look at the memory of the device", errno))?;
        let watch = || {
            let closes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            let path = PathBuf::from(path(memory.as_fd().as_raw_fd()));
            closes.add_watch(&path, AddWatchFlags::IN_CLOSE)?;
            Ok(closes)
        };
        let closes = watch().map_err(|errno| failed("watch for closed nodes", errno))?;
        let identity = (stat.st_dev, stat.st_ino);
        let (open, count) = (Mutex::default(), AtomicUsize::new(0));
        Ok(Self { device, identity, open, count, closes })
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// Opens a node, with flags of `open(2)`.
    pub(super) fn open(&self, kind: Kind, flags: OFlag, caller: Capabilities) -> Result<OwnedFd> {
        // A program that closed one and opens another finds it closed.
        self.reap();
        let kept = OFlag::O_ACCMODE | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_APPEND;
        let memory = path(self.device.inner().memory.as_fd().as_raw_fd());
        let fd = open(memory.as_str(), flags & kept, Mode::empty())?;
        let file = File::open_as(
            self.device.clone(),
            kind == Kind::Primary,
            caller.administrator,
            caller.nice,
        );

        let mut open = lock(&self.open);
        open.next += 1;
        let id = open.next;
        let write = flags & OFlag::O_ACCMODE != OFlag::O_RDONLY;
        let kind_of_lock = if write { libc::F_WRLCK } else { libc::F_RDLCK };
        fcntl(&fd, FcntlArg::F_OFD_SETLK(&lock_of(id, kind_of_lock)))?;
        lseek(&fd, position(id), Whence::SeekSet)?;
        open.nodes.insert(id, Arc::new(OpenNode { kind, file }));
        self.count.store(open.nodes.len(), Ordering::Release);
        Ok(fd)
    }

    /// Whether any node is open at all.
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) != 0
    }

    /// The node behind a descriptor.
    pub(super) fn identify(&self, fd: &OwnedFd) -> Option<Arc<OpenNode>> {
        if seals(fd)? & SEALS.bits() != SEALS.bits() || !self.is_memory(fd) {
            return None;
        }
        let place = lseek(fd, 0, Whence::SeekCur).ok()?;
        let id = place.wrapping_sub(position(0)) as u64;
        let open = lock(&self.open);
        if let Some(node) = open.nodes.get(&id).filter(|_| owns(fd, id)) {
            return Some(node.clone());
        }
        // The program has moved the position.
        open.nodes.iter().find(|&(&id, _)| owns(fd, id)).map(|(_, node)| node.clone())
    }

    /// The node behind a descriptor, by what `/proc` tells of it: the lock that it holds.
    pub(super) fn identify_by_info(&self, info: &str) -> Option<Arc<OpenNode>> {
        let (device, inode) = self.identity;
        let file = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
        // `lock: 1: OFDLCK ADVISORY WRITE -1 DEVICE:INODE START END`, of the locks of this description.
        let start = info.lines().find_map(|line| {
            let mut words = line.strip_prefix("lock:")?.split_ascii_whitespace();
            let kind = words.nth(1)?;
            let (at, start) = (words.nth(3)?, words.next()?);
            (kind == "OFDLCK" && at == file).then(|| start.parse::<i64>().ok())?
        })?;
        let id = start.wrapping_sub(position(0)) as u64;
        lock(&self.open).nodes.get(&id).cloned()
    }

    fn is_memory(&self, fd: &OwnedFd) -> bool {
        fstat(fd).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == self.identity)
    }

    /// Device and inode number of the file that all open nodes are.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Forgets the nodes that are closed. Whether there were any.
    pub(super) fn reap(&self) -> bool {
        let mut open = lock(&self.open);
        let memory = &self.device.inner().memory;
        let closed: Vec<_> = open.nodes.keys().copied().filter(|&id| owns(memory, id)).collect();
        let gone: Vec<_> = closed.iter().filter_map(|id| open.nodes.remove(id)).collect();
        self.count.store(open.nodes.len(), Ordering::Release);
        let none_left = open.nodes.is_empty();
        drop(open);
        let any = !gone.is_empty();
        drop(gone);
        if any && none_left {
            // A mapping keeps its node open: so nobody has any.
            memory.reclaim(Instant::now(), |_| true);
        }
        any
    }

    /// What is readable when a node may have been closed.
    pub(super) fn closes(&self) -> &Inotify {
        &self.closes
    }
}

/// The seals of a memfd; `None` for any other file. Unlike all else that one could ask of a descriptor it never
/// waits, whatever file system that is of.
pub(super) fn seals(fd: &OwnedFd) -> Option<i32> {
    fcntl(fd, FcntlArg::F_GET_SEALS).ok()
}

/// The file position that stands for a node.
fn position(id: u64) -> i64 {
    FILE_SIZE as i64 + id as i64
}

fn lock_of(id: u64, kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: position(id),
        l_len: 1,
        l_pid: 0,
    }
}

/// Whether no description but that of `fd` has the lock of a node.
fn owns(fd: impl AsFd, id: u64) -> bool {
    let mut lock = lock_of(id, libc::F_WRLCK);
    let asked = fcntl(fd, FcntlArg::F_OFD_GETLK(&mut lock));
    asked.is_ok() && i32::from(lock.l_type) == libc::F_UNLCK
}
