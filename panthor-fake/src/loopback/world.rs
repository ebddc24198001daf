//! What all programs of a loopback share: the device, the files around it, and what is known of processes.

use std::collections::HashSet;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Pid, pipe2};

use super::error::Error;
use super::listener::Notification;
use super::mappings::Mappings;
use super::node::{Kind, Nodes, OpenNode, seals};
use super::paths::is_elsewhere;
use super::process::{Processes, check_readable, info_of, name_of, path_of, process_of};
use super::tree::Tree;
use crate::descriptors::Identity;
use crate::device::Device;
use crate::errno::Result;
use crate::lock::lock;
use crate::uaccess::{Foreign, UserMemory};

/// The longest path, with its NUL.
const PATH_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct World {
    pub(super) nodes: Arc<Nodes>,
    pub(super) tree: Tree,
    pub(super) processes: Processes,
    /// Whether any program was given a descriptor opened with `O_PATH` for a node.
    places_given: AtomicBool,
    /// Processes that were complained about.
    complaints: Mutex<HashSet<Pid>>,
    /// Its end tells the thread that waits for closed nodes.
    _alive: OwnedFd,
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
    pub(super) fn new(device: Device) -> std::result::Result<Self, Error> {
        let nodes = Arc::new(Nodes::new(device)?);
        let pipe = pipe2(OFlag::O_CLOEXEC);
        let (gone, alive) =
            pipe.map_err(|errno| Error::new("make a pipe", "").because(errno.into()))?;
        let watched = nodes.clone();
        std::thread::Builder::new()
            .name("panthor-closes".into())
            .spawn(move || watch_closes(&watched, &gone))
            .map_err(|error| Error::new("start a thread", "").because(error))?;
        Ok(Self {
            nodes,
            tree: Tree::new()?,
            processes: Processes::new(),
            places_given: AtomicBool::new(false),
            complaints: Mutex::default(),
            _alive: alive,
        })
    }

    /// A path of the caller; `None` if the kernel will refuse it, or it is of no interest.
    pub(super) fn path(&self, call: &Notification<'_>, address: u64) -> Option<Vec<u8>> {
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

    /// The node behind a descriptor of a thread.
    pub(super) fn node(&self, thread: Pid, fd: i32) -> Option<Arc<OpenNode>> {
        if !self.nodes.any() || fd < 0 {
            return None;
        }
        if self.processes.can_duplicate() {
            self.nodes.identify(&self.processes.duplicate(thread, fd).ok()?, (thread, fd))
        } else {
            self.nodes.identify_by_info(&info_of(thread, fd)?)
        }
    }

    /// Which node a descriptor of a thread is, or is the place of.
    pub(super) fn kind_of(&self, thread: Pid, fd: i32) -> Option<Kind> {
        let places = self.places_given.load(Ordering::Acquire);
        if fd < 0 || !(places || self.nodes.any()) {
            return None;
        }
        if !self.processes.can_duplicate() {
            return match self.node(thread, fd) {
                Some(node) => Some(node.kind),
                None if places => self.tree.named_by(Identity::at(path_of(thread, fd)).ok()?),
                None => None,
            };
        }
        let name = (thread, fd);
        let fd = self.processes.duplicate(thread, fd).ok()?;
        if let Some(node) = self.nodes.identify(&fd, name) {
            return Some(node.kind);
        }
        // What names a node is a memfd as well.
        if places && seals(&fd).is_some() {
            self.tree.named_by(Identity::of(&fd).ok()?)
        } else {
            None
        }
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

    /// Gives back memory of BOs that are gone, if there is much of it.
    pub(super) fn reclaim(&self) {
        let memory = &self.nodes.device().inner().memory;
        if memory.should_reclaim() {
            let looked = Instant::now();
            let mappings = Mappings::of(self.nodes.identity());
            memory.reclaim(looked, |range| mappings.is_unmapped(range));
        }
    }
}

/// Looks after each close whether a node is gone, until the world is.
fn watch_closes(nodes: &Nodes, gone: &OwnedFd) {
    // The kernel tells of a close a moment before it drops the lock, a long one where there is much else to do.
    const AGAIN: [u8; 3] = [1, 20, 200];

    let mut again: &[u8] = &[];
    loop {
        let timeout = again.first().map_or(PollTimeout::NONE, |&ms| PollTimeout::from(ms));
        let mut ready = [
            PollFd::new(nodes.closes().as_fd(), PollFlags::POLLIN),
            PollFd::new(gone.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return,
        }
        let is_ready =
            |index: usize| ready[index].revents().is_some_and(|events| !events.is_empty());
        if is_ready(1) {
            return;
        }
        again = if is_ready(0) {
            while nodes.closes().read_events().is_ok_and(|events| !events.is_empty()) {}
            &AGAIN
        } else {
            again.split_first().map_or(&[], |(_, rest)| rest)
        };
        nodes.reap();
    }
}
