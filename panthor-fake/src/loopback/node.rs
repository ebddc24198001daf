//! The nodes that programs have open.
//!
//! What a program gets for a node is the device's memory, sealed: so mmap works in the kernel. Each open is a
//! description of its own. It is recognised by its file position, which is random, and by a lock that it holds
//! on the byte there; the lock goes with the last duplicate and the last mapping, wherever they are, as a node's release
//! comes then.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nix::errno::Errno as OsError;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::{Mode, fstat, major, minor};
use nix::unistd::{Pid, Whence, lseek};

mod closes;

use super::error::Error;
use crate::bo::memory::{FILE_SIZE, Memory};
use crate::call::budget;
use crate::call::errno::Result;
use crate::device::Device;
use crate::file::File;
use crate::file::primary::Opener;
use crate::lock::lock;
use crate::sharing::descriptors::path;

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
    /// The descriptor that it was last seen as: thread and number.
    seen_as: AtomicU64,
}

/// All open nodes of a device.
#[derive(Debug)]
pub(super) struct Nodes {
    device: Device,
    /// Device and inode number of its memory.
    identity: (u64, u64),
    /// What the positions of nodes are made with, so that nobody guesses one.
    positions: RandomState,
    open: Mutex<Open>,
    count: AtomicUsize,
    /// Tells when one may have been closed.
    closes: Inotify,
    /// Whether one was closed so short a time ago that the kernel may not have dropped its lock when it was looked.
    unsettled: AtomicBool,
    /// Held until what is closed is released.
    reaping: Mutex<()>,
    /// Descriptors that were nodes when they were last seen: names, each at a place that its value says.
    seen: [AtomicU64; 64],
}

/// A descriptor of a thread, as a number that is not zero.
fn name_of((thread, number): (Pid, i32)) -> u64 {
    (thread.as_raw() as u64) << 32 | u64::from(number as u32)
}

#[derive(Debug, Default)]
struct Open {
    /// How many were opened.
    opened: u64,
    /// By position.
    nodes: BTreeMap<i64, Arc<OpenNode>>,
}

impl Nodes {
    pub(super) fn new(device: Device) -> std::result::Result<Self, Error> {
        let failed = |task: &str, errno: OsError| {
            let help = match errno {
                OsError::EMFILE => "raise fs.inotify.max_user_instances or RLIMIT_NOFILE",
                _ => "",
            };
            Error::new(task, help).because(errno.into())
        };
        let memory = &device.inner().memory;
        let stat =
            fstat(memory).map_err(|errno| failed("look at the memory of the device", errno))?;
        let watch = || {
            let closes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            let path = PathBuf::from(path(memory.as_fd().as_raw_fd()));
            closes.add_watch(&path, AddWatchFlags::IN_CLOSE)?;
            Ok(closes)
        };
        let closes = watch().map_err(|errno| failed("watch for closed nodes", errno))?;
        Ok(Self {
            device,
            identity: (stat.st_dev, stat.st_ino),
            positions: RandomState::new(),
            open: Mutex::default(),
            count: AtomicUsize::new(0),
            closes,
            unsettled: AtomicBool::new(false),
            reaping: Mutex::default(),
            seen: [const { AtomicU64::new(0) }; 64],
        })
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.device.inner().memory
    }

    /// Opens a node, with flags of `open(2)`.
    ///
    /// `opener` is who does so.
    pub(super) fn open(&self, kind: Kind, flags: OFlag, opener: Opener) -> Result<OwnedFd> {
        budget::charge_object()?;
        // A program that closed one and opens another finds it closed.
        self.catch_up(false);
        let kept = OFlag::O_ACCMODE | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_APPEND;
        let memory = path(self.device.inner().memory.as_fd().as_raw_fd());
        let mut flags = flags & kept;
        if flags.contains(OFlag::O_ACCMODE) {
            // For ioctls only, after a check for both. The lock and mmap need one of them.
            flags = flags.difference(OFlag::O_ACCMODE) | OFlag::O_RDWR;
        }
        let fd = open(memory.as_str(), flags, Mode::empty())?;
        let file = File::open_as(self.device.clone(), kind == Kind::Primary, opener);

        let mut open = lock(&self.open);
        open.opened += 1;
        let position = self.position(open.opened);
        let write = flags & OFlag::O_ACCMODE != OFlag::O_RDONLY;
        let kind_of_lock = if write { libc::F_WRLCK } else { libc::F_RDLCK };
        fcntl(&fd, FcntlArg::F_OFD_SETLK(&lock_at(position, kind_of_lock)))?;
        lseek(&fd, position, Whence::SeekSet)?;
        open.nodes.insert(position, Arc::new(OpenNode { kind, file, seen_as: AtomicU64::new(0) }));
        self.count.store(open.nodes.len(), Ordering::Release);
        Ok(fd)
    }

    /// Whether any node is open at all.
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) != 0
    }

    /// The node behind the duplicate of a descriptor that was one when it was last seen, if it is that still.
    pub(super) fn find_seen(&self, fd: &OwnedFd, descriptor: (Pid, i32)) -> Option<Arc<OpenNode>> {
        let position = self.position_of(fd)?;
        let node = lock(&self.open).nodes.get(&position).cloned()?;
        (node.seen_as.load(Ordering::Relaxed) == name_of(descriptor)).then_some(node)
    }

    /// The node behind the duplicate of a descriptor, which a thread has under that number.
    pub(super) fn identify(&self, fd: &OwnedFd, descriptor: (Pid, i32)) -> Option<Arc<OpenNode>> {
        let position = self.position_of(fd)?;
        let open = lock(&self.open);
        let name = name_of(descriptor);
        if let Some(node) = open.nodes.get(&position) {
            if owns(fd, position) {
                node.seen_as.store(name, Ordering::Relaxed);
                self.seen_at(descriptor).store(name, Ordering::Relaxed);
                return Some(node.clone());
            }
        }
        // The program has moved it. Of a node that was closed a moment ago nobody has the lock: it is not this one.
        let memory = &self.device.inner().memory;
        let holds = |position| owns(fd, position) && !owns(memory, position);
        let mut nodes = open.nodes.iter();
        nodes.find(|&(&position, _)| holds(position)).map(|(_, node)| node.clone())
    }

    /// The position of a description of the device's memory; `None` for any other file, also one that a program
    /// has sealed and moved to the position of a node.
    ///
    /// This is the only place where a descriptor of a program is taken for one of a node.
    fn position_of(&self, fd: &OwnedFd) -> Option<i64> {
        if !self.is_memory(fd) {
            return None;
        }
        lseek(fd, 0, Whence::SeekCur).ok()
    }

    fn seen_at(&self, (thread, number): (Pid, i32)) -> &AtomicU64 {
        &self.seen[(thread.as_raw() ^ number) as usize % self.seen.len()]
    }

    /// Whether a descriptor was a node when it was last seen. It may be anything by now.
    pub(super) fn was_seen(&self, descriptor: (Pid, i32)) -> bool {
        self.seen_at(descriptor).load(Ordering::Relaxed) == name_of(descriptor)
    }

    /// Forgets that a descriptor was a node.
    pub(super) fn forget_seen(&self, descriptor: (Pid, i32)) {
        self.seen_at(descriptor).store(0, Ordering::Relaxed);
    }

    /// The file position of the `index`-th node, behind the memory.
    fn position(&self, index: u64) -> i64 {
        // Below the largest position there is.
        const BITS: u32 = 61;

        FILE_SIZE as i64 + (self.positions.hash_one(index) >> (64 - BITS)) as i64
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
        lock(&self.open).nodes.get(&start).cloned()
    }

    /// Returns whether a file is the device's memory. That waits for no program, whatever file system the file is
    /// of: the kernel is asked for what it knows already.
    fn is_memory(&self, fd: &OwnedFd) -> bool {
        let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
        // SAFETY: the structure is made of numbers, for which zero is a value.
        let mut stat: libc::statx = unsafe { std::mem::zeroed() };
        // SAFETY: the path is empty and ends, and there is room for the answer.
        let result = unsafe {
            libc::statx(fd.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_INO, &raw mut stat)
        };
        let device = libc::makedev(stat.stx_dev_major, stat.stx_dev_minor);
        result == 0 && (device, stat.stx_ino) == self.identity
    }

    /// Device and inode number of the file that all open nodes are.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }
}

/// The seals of a memfd; `None` for any other file. Unlike all else that one could ask of a descriptor it never
/// waits, whatever file system that is of.
pub(super) fn seals(fd: &OwnedFd) -> Option<i32> {
    fcntl(fd, FcntlArg::F_GET_SEALS).ok()
}

fn lock_at(position: i64, kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: position,
        l_len: 1,
        l_pid: 0,
    }
}

/// Whether no description but that of `fd` has the lock of the node with this position.
fn owns(fd: impl AsFd, position: i64) -> bool {
    is_free(fd, lock_at(position, libc::F_WRLCK))
}

/// Whether the description of `fd` could have that lock.
fn is_free(fd: impl AsFd, mut lock: libc::flock) -> bool {
    let asked = fcntl(fd, FcntlArg::F_OFD_GETLK(&mut lock));
    asked.is_ok() && i32::from(lock.l_type) == libc::F_UNLCK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::config::Config;
    use crate::memfd::SEALS;

    /// A file of a program, sealed as the memory is.
    fn sealed() -> OwnedFd {
        use nix::sys::memfd::{MFdFlags, memfd_create};

        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let fd = memfd_create(c"own", flags).unwrap();
        fcntl(&fd, FcntlArg::F_ADD_SEALS(SEALS)).unwrap();
        fd
    }

    #[test]
    fn a_sealed_file_at_the_position_of_a_node_is_no_node() {
        let nodes = Nodes::new(Device::new(Config::default()).unwrap()).unwrap();
        let fd = nodes.open(Kind::Render, OFlag::O_RDWR, Opener::default()).unwrap();
        let (name, position) = ((Pid::this(), 3), lseek(&fd, 0, Whence::SeekCur).unwrap());
        let own = sealed();
        lseek(&own, position, Whence::SeekSet).unwrap();
        assert!(nodes.identify(&own, name).is_none());
        assert!(nodes.identify(&fd, name).is_some());
        // The program has put its own file in the place of the node that was seen.
        assert!(nodes.find_seen(&own, name).is_none());
        assert!(nodes.find_seen(&fd, name).is_some());
    }

    #[test]
    fn a_lock_on_another_file_is_no_node() {
        let nodes = Nodes::new(Device::new(Config::default()).unwrap()).unwrap();
        let fd = nodes.open(Kind::Render, OFlag::O_RDWR, Opener::default()).unwrap();
        let position = lseek(&fd, 0, Whence::SeekCur).unwrap();
        let own = sealed();
        fcntl(&own, FcntlArg::F_OFD_SETLK(&lock_at(position, libc::F_WRLCK))).unwrap();
        let info = |fd: &OwnedFd| {
            std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap()
        };
        assert!(nodes.identify_by_info(&info(&own)).is_none());
        assert!(nodes.identify_by_info(&info(&fd)).is_some());
    }

    #[test]
    fn a_moved_node_is_not_taken_for_one_that_was_just_closed() {
        let nodes = Nodes::new(Device::new(Config::default()).unwrap()).unwrap();
        let open = || nodes.open(Kind::Render, OFlag::O_RDWR, Opener::default()).unwrap();
        // They are tried in a random order: it is unlikely that none of these comes before.
        let closed: Vec<_> = (0..16).map(|_| open()).collect();
        let fd = open();
        let name = (Pid::this(), 3);
        let known = nodes.identify(&fd, name).unwrap();
        drop(closed);
        lseek(&fd, 0, Whence::SeekSet).unwrap();
        assert!(Arc::ptr_eq(&nodes.identify(&fd, name).unwrap(), &known));
        nodes.reap();
        assert!(Arc::ptr_eq(&nodes.identify(&fd, name).unwrap(), &known));
    }
}
