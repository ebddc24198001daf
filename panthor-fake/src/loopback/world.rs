//! What all programs of a loopback share: the device, the files around it, and what is known of processes.

use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::{Pid, pipe2};

use super::error::Error;
use super::listener::Notification;
use super::mappings::Mappings;
use super::mounts::Mounts;
use super::node::{Kind, Nodes, OpenNode, seals};
use super::paths::is_elsewhere;
use super::process::{
    Processes, check_readable, identity_of, info_of, link_of, name_of, process_of,
};
use super::tree::Tree;
use crate::call::budget;
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::{Foreign, UserMemory};
use crate::device::Device;
use crate::lock::lock;

/// The longest path, with its NUL.
const PATH_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct World {
    pub(super) nodes: Arc<Nodes>,
    pub(super) tree: Tree,
    /// The tree at the paths of the programs.
    pub(super) mounts: Option<Mounts>,
    pub(super) processes: Processes,
    /// Whether any program was given a descriptor opened with `O_PATH` for a node.
    places_given: AtomicBool,
    /// Processes that were complained about.
    complaints: Mutex<HashSet<Pid>>,
    /// Whether it was said that descriptors have run out.
    short: AtomicBool,
    /// How many threads wait in ioctls.
    pub(super) waiting: AtomicU32,
    /// Its end tells the thread that waits for closed nodes.
    _alive: OwnedFd,
}

/// What a descriptor of a program stands for.
enum Known {
    Node(Arc<OpenNode>),
    /// A descriptor opened with `O_PATH` for a node.
    Place(Kind),
}

/// What a descriptor of a program is that is a memfd.
enum Memfd {
    /// A node, as when it was last seen.
    Node(Arc<OpenNode>),
    /// A duplicate of what else it may be.
    Other(OwnedFd),
}

/// A thread that is not asked whether it still waits.
struct Unverified<'a>(&'a Notification<'a>);

impl Foreign for Unverified<'_> {
    fn thread(&self) -> Pid {
        self.0.thread()
    }

    fn is_waiting(&self) -> bool {
        true
    }

    fn has_just_waited(&self) -> bool {
        true
    }
}

impl World {
    pub(super) fn new(device: Device, mounts: Option<Mounts>) -> std::result::Result<Self, Error> {
        let nodes = Arc::new(Nodes::new(device)?);
        budget::cap();
        let pipe = pipe2(OFlag::O_CLOEXEC);
        let (gone, alive) =
            pipe.map_err(|errno| Error::new("make a pipe", "").because(errno.into()))?;
        let watched = nodes.clone();
        std::thread::Builder::new()
            .name("panthor-closes".into())
            .spawn(move || watched.watch_closes(&gone))
            .map_err(|error| Error::new("start a thread", "").because(error))?;
        Ok(Self {
            nodes,
            tree: Tree::new()?,
            mounts,
            processes: Processes::new(),
            places_given: AtomicBool::new(false),
            complaints: Mutex::default(),
            short: AtomicBool::new(false),
            waiting: AtomicU32::new(0),
            _alive: alive,
        })
    }

    /// Returns whether a thread has the files of the tree at their paths, so that the kernel knows them.
    pub(super) fn is_mounted_for(&self, thread: Pid) -> bool {
        self.mounts.as_ref().is_some_and(|mounts| mounts.has(thread))
    }

    /// A path of the caller; `None` if the kernel will refuse it, or it is of no interest.
    pub(super) fn path(&self, call: &Notification<'_>, address: u64) -> Option<Vec<u8>> {
        self.path_unless(call, address, is_elsewhere)
    }

    /// The same of a path that is of no interest if a test says so.
    pub(super) fn path_unless(
        &self,
        call: &Notification<'_>,
        address: u64,
        is_elsewhere: impl Fn(&[u8]) -> bool,
    ) -> Option<Vec<u8>> {
        // Most paths are none of ours, whoever's they were: only for others that is asked.
        let path = UserMemory::of(&Unverified(call)).read_string(address, PATH_MAX).ok();
        let unread = path.is_none();
        let path = path.filter(|path| !is_elsewhere(path));
        let path = path.filter(|_| call.is_waiting());
        if unread && check_readable(call.thread()).is_err() && call.is_waiting() {
            self.complain(call.thread(), "forbids being read: it will not see the device");
        }
        path
    }

    /// Says something about a process, once.
    pub(super) fn complain(&self, thread: Pid, what: &str) {
        let Some(process) = process_of(thread) else {
            return;
        };
        if lock(&self.complaints).insert(process) {
            let name = name_of(thread);
            // Whoever does not read it is no reason to panic.
            let _ = writeln!(io::stderr(), "panthor-fake: process {process} ({name}) {what}");
        }
    }

    /// The node behind a descriptor of a thread, if it is one. All that the program has closed before is released.
    ///
    /// # Errors
    /// `EMFILE` and the like if there are no descriptors left to look with.
    pub(super) fn node(&self, thread: Pid, fd: i32) -> Result<Option<Arc<OpenNode>>> {
        if !self.nodes.any() || fd < 0 {
            return Ok(None);
        }
        let node = match self.known(thread, fd)? {
            Some(Known::Node(node)) => Some(node),
            Some(Known::Place(_)) | None => None,
        };
        self.nodes.catch_up(node.is_some());
        Ok(node)
    }

    /// Which node a descriptor of a thread is, or is the place of.
    ///
    /// # Errors
    /// As above.
    pub(super) fn kind_of(&self, thread: Pid, fd: i32) -> Result<Option<Kind>> {
        if fd < 0 || !(self.nodes.any() || self.places_given.load(Ordering::Acquire)) {
            return Ok(None);
        }
        Ok(self.known(thread, fd)?.map(|known| match known {
            Known::Node(node) => node.kind,
            Known::Place(kind) => kind,
        }))
    }

    /// What a descriptor of a thread stands for.
    ///
    /// # Errors
    /// As above.
    fn known(&self, thread: Pid, fd: i32) -> Result<Option<Known>> {
        let node = if self.processes.can_duplicate() {
            match self.memfd(thread, fd)? {
                Some(Memfd::Node(node)) => Some(node),
                Some(Memfd::Other(memfd)) => self.nodes.identify(&memfd, (thread, fd)),
                None => return Ok(None),
            }
        } else {
            let info = self.shortage(info_of(thread, fd))?;
            info.and_then(|info| self.nodes.identify_by_info(&info))
        };
        if let Some(node) = node {
            return Ok(Some(Known::Node(node)));
        }
        if !self.places_given.load(Ordering::Acquire) {
            return Ok(None);
        }
        let identity = self.shortage(identity_of(thread, fd))?;
        Ok(identity.and_then(|identity| self.tree.named_by(identity)).map(Known::Place))
    }

    /// A duplicate of a descriptor of a thread if it is a memfd, as all nodes are. Others are not duplicated: to close
    /// the duplicate some file systems ask a program, which may wait for this supervisor.
    fn memfd(&self, thread: Pid, fd: i32) -> Result<Option<Memfd>> {
        let known = self.nodes.was_seen((thread, fd));
        if !known && !link_of(thread, fd).is_some_and(|link| link.starts_with(b"/memfd:")) {
            return Ok(None);
        }
        let Some(duplicate) = self.shortage(self.processes.duplicate(thread, fd))? else {
            return Ok(None);
        };
        if let Some(node) = known.then(|| self.nodes.find_seen(&duplicate, (thread, fd))).flatten()
        {
            return Ok(Some(Memfd::Node(node)));
        }
        if seals(&duplicate).is_some() {
            return Ok(Some(Memfd::Other(duplicate)));
        }
        // Another file has the number by now.
        self.nodes.forget_seen((thread, fd));
        let close = std::thread::Builder::new().name("panthor-close".into());
        // Without a thread it is closed here.
        let _ = close.spawn(move || drop(duplicate));
        Ok(None)
    }

    /// What was found; `None` if the kernel says that there is nothing. Only where descriptors have run out, nothing
    /// is known.
    fn shortage<T>(&self, found: Result<T>) -> Result<Option<T>> {
        let errno = match found {
            Ok(found) => return Ok(Some(found)),
            Err(Errno(errno)) => errno,
        };
        if !matches!(errno, libc::EMFILE | libc::ENFILE | libc::ENOMEM) {
            return Ok(None);
        }
        if !self.short.swap(true, Ordering::Relaxed) {
            // Whoever does not read it is no reason to panic.
            let _ = writeln!(
                io::stderr(),
                "panthor-fake: there are no file descriptors left, and calls fail for it: raise RLIMIT_NOFILE of the \
                 process that has the loopback"
            );
        }
        Err(Errno(errno))
    }

    /// Remembers that a program has a descriptor that is only the place of a node.
    pub(super) fn set_place_given(&self) {
        self.places_given.store(true, Ordering::Release);
    }

    /// Duplicates a descriptor of a thread.
    ///
    /// # Errors
    /// `EBADF` if it is not open.
    pub(super) fn duplicate(&self, thread: Pid, fd: i32) -> Result<OwnedFd> {
        if !self.processes.can_duplicate() {
            self.complain(
                thread,
                "passes a descriptor that the loopback cannot take: permit pidfd_getfd(2)",
            );
        }
        self.processes.duplicate(thread, fd)
    }

    /// Returns whether BOs that are gone have much memory.
    pub(super) fn should_reclaim(&self) -> bool {
        self.nodes.memory().should_reclaim()
    }

    /// Gives back memory of BOs that are gone and that no process has mapped. That takes long: all processes are
    /// looked into.
    pub(super) fn reclaim(&self) {
        self.nodes.memory().reclaim(|| {
            let mappings = Mappings::of(self.nodes.identity());
            move |range: &Range<u64>| mappings.is_unmapped(range)
        });
    }
}
