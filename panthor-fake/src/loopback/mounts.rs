//! The files around the nodes, mounted where programs look for them: in a mount namespace, which the programs share.
//!
//! A call on a path is the kernel's own then, and needs no supervisor: no signal interrupts it, and it costs
//! nothing. Only what opens files, and what asks about open ones, is notified as ever: an open node is the device's
//! memory, whatever the kernel has at its path.
//!
//! The namespace has all that the host's has, and takes over what is mounted there later. What programs mount, the
//! host does not see. Where a mount point is missing on the host, the directory that should have it is covered: by
//! a tmpfs with the entries that the directory has at that moment.

mod cover;

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;

use cover::{Own, cover, place};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, chdir};

use super::error::Error;
use super::node::Kind;
use super::tree::contents::{Item, What, items};
use super::tree::home::Home;

/// Directories of the host that have files of the tree, and which.
const PARENTS: &[(&str, &[&str])] = &[
    ("dev", &["dri"]),
    ("sys/class", &["drm"]),
    ("sys/dev/char", &["226:0", "226:128"]),
    ("sys/devices/platform", &["fb000000.gpu"]),
    ("sys/bus/platform/devices", &["fb000000.gpu"]),
    ("sys/bus/platform/drivers", &["panthor"]),
];

/// A mount namespace with the tree in it.
#[derive(Debug)]
pub(super) struct Mounts {
    namespace: OwnedFd,
    home: Home,
    /// The nodes at their paths, opened with `O_PATH`.
    nodes: [OwnedFd; 2],
}

impl Mounts {
    /// Makes the namespace.
    ///
    /// # Errors
    /// What the system lacks for it.
    pub(super) fn new() -> Result<Self, Error> {
        // A thread can have a namespace of its own.
        let thread = std::thread::Builder::new().name("panthor-mounts".into());
        let made = thread.spawn(build).and_then(|thread| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        made.map_err(|error| {
            let help = match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EPERM | Errno::EACCES) => {
                    "only root with the capabilities SYS_ADMIN and MKNOD may do that, outside of containers and user \
                     namespaces that forbid it"
                }
                Some(Errno::EMFILE | Errno::ENFILE) => "raise RLIMIT_NOFILE",
                _ => "/dev and /sys must be mounted",
            };
            Error::new("mount the files around the device in a namespace", help).because(error)
        })
    }

    /// Puts the calling thread, and what it will start, in the namespace for good.
    ///
    /// # Errors
    /// What the kernel says, and `EXDEV` for a root directory that is not the namespace's.
    pub(super) fn enter(&self) -> Result<(), Error> {
        self.try_enter().map_err(|error| {
            let help = "the program must have the root directory of its mount namespace, and its working directory \
                        a path";
            Error::new("enter the mount namespace", help).because(error)
        })
    }

    fn try_enter(&self) -> io::Result<()> {
        let directory = std::env::current_dir()?;
        let root = Home::own()?;
        unshare(CloneFlags::CLONE_FS)?;
        setns(&self.namespace, CloneFlags::CLONE_NEWNS)?;
        if !Home::own()?.has_root_of(&root) {
            return Err(Errno::EXDEV.into());
        }
        Ok(chdir(&directory)?)
    }

    /// Returns whether a thread has the files of this namespace at their paths.
    pub(super) fn has(&self, thread: Pid) -> bool {
        self.home.is_of(thread)
    }

    /// Returns a node at its path, as an `O_PATH` descriptor.
    pub(super) fn node(&self, kind: Kind) -> &OwnedFd {
        match kind {
            Kind::Primary => &self.nodes[0],
            Kind::Render => &self.nodes[1],
        }
    }
}

fn build() -> io::Result<Mounts> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    let items = items();
    for (parent, names) in PARENTS {
        let own: Vec<_> = names.iter().filter_map(|name| own(&items, parent, name)).collect();
        let is_there =
            |own: &Own| own.link.is_none() && std::fs::exists(own.path(parent)).unwrap_or(false);
        if !own.iter().all(is_there) {
            cover(parent, &own)?;
        }
        for own in own.iter().filter(|own| own.link.is_none()) {
            place(&own.path(parent), &own.below)?;
        }
    }
    let path = |kind: Kind| {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        open(format!("/dev/dri/{}", kind.name()).as_str(), flags, Mode::empty())
    };
    let nodes = [path(Kind::Primary)?, path(Kind::Render)?];
    let namespace =
        open("/proc/thread-self/ns/mnt", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mounts = Mounts { namespace, home: Home::own()?, nodes };
    // What is impossible here is so later.
    mounts.try_enter()?;
    Ok(mounts)
}

/// Returns a file of the tree with all below it.
fn own(items: &[Item], parent: &str, name: &str) -> Option<Own> {
    let path = format!("{parent}/{name}");
    let item = items.iter().find(|item| item.path.as_bytes() == path.as_bytes())?;
    let link = match &item.what {
        What::Link(target) => Some(target.clone()),
        What::Directory | What::Text(_) | What::Node(_) => None,
    };
    let start = format!("{path}/");
    let below = items.iter().filter_map(|item| {
        let rest = item.path.as_bytes().strip_prefix(start.as_bytes())?;
        Some(Item { path: CString::new(rest).ok()?, what: item.what.clone() })
    });
    Some(Own { name: CString::new(name).ok()?, link, below: below.collect() })
}
