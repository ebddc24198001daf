//! Open nodes of programs.
//!
//! A program's descriptor of a node is the sealed memory of the device, so that the kernel can map
//! it. Each open has its own file description. The loopback identifies it by its random file
//! position, and by a lock that the description holds on the byte there. The kernel drops the lock
//! with the last duplicate and the last mapping, which is the time at which DRM releases a file.

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

/// Node of the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `card0`.
    Primary,
    /// `renderD128`.
    Render,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Primary, Self::Render];

    /// Returns the name below `/dev/dri`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Primary => "card0",
            Self::Render => "renderD128",
        }
    }

    /// Returns the minor number. The major number is [`MAJOR`].
    pub(super) const fn minor(self) -> u32 {
        match self {
            Self::Primary => 0,
            Self::Render => 128,
        }
    }
}

/// Major number of DRM.
pub(super) const MAJOR: u32 = 226;

/// Node that a program has opened.
#[derive(Debug)]
pub(super) struct OpenNode {
    pub(super) kind: Kind,
    pub(super) file: File,
    /// Last descriptor that was identified as this node: see [`name_of`].
    seen_as: AtomicU64,
}

/// All open nodes of a device.
#[derive(Debug)]
pub(super) struct Nodes {
    device: Device,
    /// Device and inode number of the device's memory.
    identity: (u64, u64),
    /// Random keys of the file positions, so that a program cannot guess one.
    positions: RandomState,
    open: Mutex<Open>,
    count: AtomicUsize,
    /// Reports closes of descriptors of the device's memory.
    closes: Inotify,
    /// Set shortly after a close, while the kernel may still hold the lock of the closed node.
    unsettled: AtomicBool,
    /// Serializes the release of closed nodes.
    reaping: Mutex<()>,
    /// Hash table of descriptors that were last identified as nodes: see [`name_of`].
    seen: [AtomicU64; 64],
}

/// Encodes a descriptor of a thread as an integer that is not zero.
fn name_of((thread, number): (Pid, i32)) -> u64 {
    (thread.as_raw() as u64) << 32 | u64::from(number as u32)
}

#[derive(Debug, Default)]
struct Open {
    /// Number of opens so far.
    opened: u64,
    /// Open nodes by file position.
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

    /// Opens a node with the flags of `open(2)`, for a thread that `opener` describes.
    pub(super) fn open(&self, kind: Kind, flags: OFlag, opener: Opener) -> Result<OwnedFd> {
        budget::charge_object()?;
        // A program that closes a node and opens another must find the first one released.
        self.catch_up(false);
        let kept = OFlag::O_ACCMODE | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_APPEND;
        let memory = path(self.device.inner().memory.as_fd().as_raw_fd());
        let mut flags = flags & kept;
        if flags.contains(OFlag::O_ACCMODE) {
            // Access mode 3 permits ioctls only, after a check of both modes. The lock and mmap
            // need one of them.
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

    /// Returns whether any node is open.
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Acquire) != 0
    }

    /// Returns the node of a duplicated descriptor, if the descriptor still is the node that it was
    /// before.
    pub(super) fn find_seen(&self, fd: &OwnedFd, descriptor: (Pid, i32)) -> Option<Arc<OpenNode>> {
        let position = self.position_of(fd)?;
        let node = lock(&self.open).nodes.get(&position).cloned()?;
        (node.seen_as.load(Ordering::Relaxed) == name_of(descriptor)).then_some(node)
    }

    /// Returns the node of a duplicated descriptor; `descriptor` is its thread and number.
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
        // The program has moved the file position. The lock of a node that was just closed is free
        // for every description, so such a node does not match.
        let memory = &self.device.inner().memory;
        let holds = |position| owns(fd, position) && !owns(memory, position);
        let mut nodes = open.nodes.iter();
        nodes.find(|&(&position, _)| holds(position)).map(|(_, node)| node.clone())
    }

    /// Returns the file position of a description of the device's memory; `None` for any other
    /// file. A file that a program has sealed and moved to the position of a node is another file.
    ///
    /// Only this function decides that a descriptor of a program can be a node.
    fn position_of(&self, fd: &OwnedFd) -> Option<i64> {
        if !self.is_memory(fd) {
            return None;
        }
        lseek(fd, 0, Whence::SeekCur).ok()
    }

    fn seen_at(&self, (thread, number): (Pid, i32)) -> &AtomicU64 {
        &self.seen[(thread.as_raw() ^ number) as usize % self.seen.len()]
    }

    /// Returns whether a descriptor was last identified as a node. It may be another file by now.
    pub(super) fn was_seen(&self, descriptor: (Pid, i32)) -> bool {
        self.seen_at(descriptor).load(Ordering::Relaxed) == name_of(descriptor)
    }

    /// Forgets that a descriptor was identified as a node.
    pub(super) fn forget_seen(&self, descriptor: (Pid, i32)) {
        self.seen_at(descriptor).store(0, Ordering::Relaxed);
    }

    /// Returns the file position of the `index`-th node, above the end of the memory.
    fn position(&self, index: u64) -> i64 {
        // Keeps positions below the maximum of an `i64`.
        const BITS: u32 = 61;

        FILE_SIZE as i64 + (self.positions.hash_one(index) >> (64 - BITS)) as i64
    }

    /// Returns the node of a descriptor, which the lock in its `/proc` fdinfo identifies.
    pub(super) fn identify_by_info(&self, info: &str) -> Option<Arc<OpenNode>> {
        let (device, inode) = self.identity;
        let file = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
        // Format of a lock of this description: `lock: 1: OFDLCK ADVISORY WRITE -1 DEVICE:INODE
        // START END`
        let start = info.lines().find_map(|line| {
            let mut words = line.strip_prefix("lock:")?.split_ascii_whitespace();
            let kind = words.nth(1)?;
            let (at, start) = (words.nth(3)?, words.next()?);
            (kind == "OFDLCK" && at == file).then(|| start.parse::<i64>().ok())?
        })?;
        lock(&self.open).nodes.get(&start).cloned()
    }

    /// Returns whether a file is the device's memory.
    ///
    /// The call cannot block on a FUSE server, because `AT_STATX_DONT_SYNC` reads cached
    /// attributes.
    fn is_memory(&self, fd: &OwnedFd) -> bool {
        let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
        // SAFETY: the structure consists of integers, which may be zero.
        let mut stat: libc::statx = unsafe { std::mem::zeroed() };
        // SAFETY: the path is an empty C string, and `stat` is valid for writes.
        let result = unsafe {
            libc::statx(fd.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_INO, &raw mut stat)
        };
        let device = libc::makedev(stat.stx_dev_major, stat.stx_dev_minor);
        result == 0 && (device, stat.stx_ino) == self.identity
    }

    /// Returns the device and inode number of the file behind all open nodes.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }
}

/// Returns the seals of a memfd; `None` for any other file. The call never blocks on a file system.
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

/// Returns whether no description except that of `fd` holds the lock at `position`.
fn owns(fd: impl AsFd, position: i64) -> bool {
    is_free(fd, lock_at(position, libc::F_WRLCK))
}

/// Returns whether the description of `fd` could acquire this lock.
fn is_free(fd: impl AsFd, mut lock: libc::flock) -> bool {
    let asked = fcntl(fd, FcntlArg::F_OFD_GETLK(&mut lock));
    asked.is_ok() && i32::from(lock.l_type) == libc::F_UNLCK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::config::Config;
    use crate::memfd::SEALS;

    /// Creates a memfd of a program, sealed as the device's memory is.
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
        // The program has replaced the known node by its own file.
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
        // The search order is random, so that one of these very likely precedes the open node.
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
