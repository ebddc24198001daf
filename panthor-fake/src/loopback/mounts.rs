//! Mount namespace of the programs, with the files around the nodes at their paths.
//!
//! The kernel answers calls that only inspect a path. So these calls need no supervisor, no signal
//! interrupts them, and they cost nothing extra. Opens, and calls on open files, are still
//! notified, because an open node is the memory of the device.
//!
//! The namespace starts with the mounts of the host, and receives later mounts of the host. Mounts
//! of the programs do not propagate to the host. If the host lacks a mount point, a tmpfs covers
//! its parent directory. The tmpfs has the entries that the directory has at that time.

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

/// Directories of the host that contain files of the tree, and the names of these files.
const PARENTS: &[(&str, &[&str])] = &[
    ("dev", &["dri"]),
    ("sys/class", &["drm"]),
    ("sys/dev/char", &["226:0", "226:128"]),
    ("sys/devices/platform", &["fb000000.gpu"]),
    ("sys/bus/platform/devices", &["fb000000.gpu"]),
    ("sys/bus/platform/drivers", &["panthor"]),
];

/// Mount namespace that contains the tree.
#[derive(Debug)]
pub(super) struct Mounts {
    namespace: OwnedFd,
    home: Home,
    /// `O_PATH` descriptors of the nodes at their paths.
    nodes: [OwnedFd; 2],
}

impl Mounts {
    /// Creates the namespace.
    ///
    /// # Errors
    /// Returns an error that names the missing feature of the system.
    pub(super) fn new() -> Result<Self, Error> {
        // A helper thread enters the new namespace, so that the calling thread keeps its own.
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

    /// Moves the calling thread to the namespace, which its descendants inherit.
    ///
    /// # Errors
    /// Returns the error of the kernel, and `EXDEV` if the root directory differs from the
    /// namespace's.
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

    /// Returns whether a thread sees the files of this namespace at their paths.
    pub(super) fn has(&self, thread: Pid) -> bool {
        self.home.is_of(thread)
    }

    /// Returns an `O_PATH` descriptor of a node at its path.
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
    // A thread that cannot enter now could not enter later either.
    mounts.try_enter()?;
    Ok(mounts)
}

/// Returns a file of the tree with all files below it.
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
