//! State that all programs of a loopback share: the device, the files around it, and the known
//! processes.

use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use nix::fcntl::OFlag;
use nix::unistd::{Pid, pipe2};

use super::error::Error;
use super::listener::Notification;
use super::mappings::Mappings;
use super::mounts::Mounts;
use super::node::{Kind, Nodes, OpenNode, seals};
use super::paths::is_elsewhere;
use super::process::{Processes, identity_of, info_of, is_shortage, link_of, name_of, process_of};
use super::tree::Tree;
use crate::call::budget;
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::{Foreign, UserMemory};
use crate::device::Device;
use crate::lock::lock;

/// Longest path in bytes, with its NUL.
const PATH_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct World {
    pub(super) nodes: Arc<Nodes>,
    pub(super) tree: Tree,
    /// Mount namespace with the tree at its paths.
    pub(super) mounts: Option<Mounts>,
    pub(super) processes: Processes,
    /// Set once a program has a descriptor that only names a node.
    places_given: AtomicBool,
    /// Processes with a printed warning.
    complaints: Mutex<HashSet<Pid>>,
    /// Set once a warning about missing descriptors is printed.
    short: AtomicBool,
    /// Number of threads that wait in ioctls.
    pub(super) waiting: AtomicU32,
    /// Write end of a pipe. Its end of file ends the thread that watches for closed nodes.
    _alive: OwnedFd,
}

/// Meaning of a descriptor of a program.
enum Known {
    Node(Arc<OpenNode>),
    /// A descriptor that names a node, opened with `O_PATH`.
    Place(Kind),
}

/// Memfd behind a descriptor of a program.
enum Memfd {
    /// The node that the descriptor had before, still the same.
    Node(Arc<OpenNode>),
    /// A duplicate of the memfd, which may be a node.
    Other(OwnedFd),
}

/// Thread that is assumed to wait, without a check.
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

    /// Returns whether a thread sees the tree mounted at its paths.
    pub(super) fn is_mounted_for(&self, thread: Pid) -> bool {
        self.mounts.as_ref().is_some_and(|mounts| mounts.has(thread))
    }

    /// Returns a path argument; `None` if the kernel will refuse it, or it cannot concern the
    /// device.
    ///
    /// # Errors
    /// Failures of this process to read the path, for example `ENOMEM`.
    pub(super) fn path(&self, call: &Notification<'_>, address: u64) -> Result<Option<Vec<u8>>> {
        self.path_unless(call, address, is_elsewhere)
    }

    /// Returns a path argument; `None` if the kernel will refuse it, or `is_elsewhere` accepts it.
    ///
    /// # Errors
    /// The errors of [`World::path`].
    pub(super) fn path_unless(
        &self,
        call: &Notification<'_>,
        address: u64,
        is_elsewhere: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>> {
        // Most paths cannot concern the device. So the check that the thread still waits comes
        // after the read, and only for the others.
        let path = UserMemory::of(&Unverified(call)).read_string(address, PATH_MAX);
        match path {
            Ok(path) if is_elsewhere(&path) => return Ok(None),
            _ if !call.is_waiting() => return Ok(None),
            _ => {}
        }
        match path {
            Ok(path) => Ok(Some(path)),
            // The kernel refuses the path as well.
            Err(Errno::FAULT | Errno::TOO_BIG) => Ok(None),
            Err(Errno::PERM | Errno::NOSYS) => {
                self.complain(call.thread(), "forbids being read: it will not see the device");
                Ok(None)
            }
            Err(errno) => Err(errno),
        }
    }

    /// Prints a warning about a process, once per process.
    pub(super) fn complain(&self, thread: Pid, what: &str) {
        let Ok(process) = process_of(thread) else {
            return;
        };
        if lock(&self.complaints).insert(process) {
            let name = name_of(thread);
            // A closed standard error must not cause a panic.
            let _ = writeln!(io::stderr(), "panthor-fake: process {process} ({name}) {what}");
        }
    }

    /// Returns the node behind a descriptor of a thread. Nodes that the program has closed are
    /// released before.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE` or `ENOMEM` if this process cannot get a descriptor.
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

    /// Returns which node a descriptor of a thread is, or names.
    ///
    /// # Errors
    /// The same as those of [`node`](Self::node).
    pub(super) fn kind_of(&self, thread: Pid, fd: i32) -> Result<Option<Kind>> {
        if fd < 0 || !(self.nodes.any() || self.places_given.load(Ordering::Acquire)) {
            return Ok(None);
        }
        Ok(self.known(thread, fd)?.map(|known| match known {
            Known::Node(node) => node.kind,
            Known::Place(kind) => kind,
        }))
    }

    /// Returns the meaning of a descriptor of a thread.
    ///
    /// # Errors
    /// The same as those of [`node`](Self::node).
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

    /// Returns the memfd behind a descriptor of a thread; `None` for any other file. All nodes are
    /// memfds.
    ///
    /// Other files are not duplicated. The close of such a duplicate can wait for a FUSE server,
    /// which may itself wait for this supervisor.
    fn memfd(&self, thread: Pid, fd: i32) -> Result<Option<Memfd>> {
        let known = self.nodes.was_seen((thread, fd));
        let is_memfd = |link: Vec<u8>| link.starts_with(b"/memfd:");
        if !known && !self.shortage(link_of(thread, fd))?.is_some_and(is_memfd) {
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
        // The number now belongs to another file.
        self.nodes.forget_seen((thread, fd));
        let close = std::thread::Builder::new().name("panthor-close".into());
        // If the spawn fails, its closure drops the descriptor here.
        let _ = close.spawn(move || drop(duplicate));
        Ok(None)
    }

    /// Converts a failed lookup to `None`, but returns the error if this process lacks descriptors
    /// or memory.
    pub(super) fn shortage<T>(&self, found: Result<T>) -> Result<Option<T>> {
        let errno = match found {
            Ok(found) => return Ok(Some(found)),
            Err(Errno(errno)) => errno,
        };
        if !is_shortage(Errno(errno)) {
            return Ok(None);
        }
        if !self.short.swap(true, Ordering::Relaxed) {
            // A closed standard error must not cause a panic.
            let _ = writeln!(
                io::stderr(),
                "panthor-fake: there are no file descriptors left, and calls fail for it: raise RLIMIT_NOFILE of the \
                 process that has the loopback"
            );
        }
        Err(Errno(errno))
    }

    /// Records that a program has a descriptor that only names a node.
    pub(super) fn set_place_given(&self) {
        self.places_given.store(true, Ordering::Release);
    }

    /// Duplicates a descriptor of a thread.
    ///
    /// # Errors
    /// `EBADF` if the descriptor is not open.
    pub(super) fn duplicate(&self, thread: Pid, fd: i32) -> Result<OwnedFd> {
        if !self.processes.can_duplicate() {
            self.complain(
                thread,
                "passes a descriptor that the loopback cannot take: permit pidfd_getfd(2)",
            );
        }
        self.processes.duplicate(thread, fd)
    }

    /// Returns whether destroyed BOs hold much memory.
    pub(super) fn should_reclaim(&self) -> bool {
        self.nodes.memory().should_reclaim()
    }

    /// Releases memory of destroyed BOs that no process has mapped.
    ///
    /// The function is slow, because it reads the mappings of all processes.
    pub(super) fn reclaim(&self) {
        self.nodes.memory().reclaim(|| {
            let mappings = Mappings::of(self.nodes.identity());
            move |range: &Range<u64>| mappings.is_unmapped(range)
        });
    }
}
