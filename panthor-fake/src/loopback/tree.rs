//! The files around the nodes, as on a board: `/dev/dri`, and the sysfs files of the device.
//!
//! A [detached] file system holds real files, which no path of the host reaches and no program can
//! change. Without the right to mount, a [temporary] directory holds them. A program gets
//! descriptors of these files. Placeholders provide the inode numbers of the nodes.
//!
//! The server opens no other file for a program. The kernel resolves all paths outside the tree,
//! with the root directory and the rights of the program.

pub(super) mod contents;
mod detached;
pub(super) mod home;
mod made;
mod temporary;
pub(super) mod tmpfs;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use contents::items;
use home::Home;
use made::{Identity as FileIdentity, Made, Texts};
use nix::errno::Errno as OsError;
use nix::fcntl::{FcntlArg, OFlag, OpenHow, ResolveFlag, fcntl, open, openat2};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::Pid;
use temporary::Temporary;

use super::error::{Error, NESTED};
use super::node::Kind;
use super::text_file::text_file;
use crate::call::errno::{Errno, Result};
use crate::sharing::descriptors::{Identity, path};

/// Paths of the tree. No file below them is the host's.
const OWN: &[&str] = &[
    "dev/dri",
    "sys/class/drm",
    "sys/dev/char/226:0",
    "sys/dev/char/226:128",
    "sys/devices/platform/fb000000.gpu",
    "sys/bus/platform/devices/fb000000.gpu",
    "sys/bus/platform/drivers/panthor",
];

/// The tree. Its files last until the tree and the last descriptor of a program are gone.
#[derive(Debug)]
pub(super) struct Tree {
    store: Store,
    made: Made,
    /// Files that a program gets for `O_PATH` opens of nodes, because the kernel cannot install
    /// such descriptors.
    places: [Place; 2],
}

/// Storage of the files.
#[derive(Debug)]
enum Store {
    /// Root of a file system that is mounted nowhere.
    Detached(OwnedFd),
    /// Directory of the host, with sealed copies of its texts. Only programs with the server's root
    /// directory and mount namespace get its directories, because `..` leads above it.
    Temporary(Temporary, Home, Texts),
}

#[derive(Debug)]
struct Place {
    file: OwnedFd,
    identity: Identity,
}

impl Place {
    fn new() -> io::Result<Self> {
        let file = text_file(c"node", "")?;
        let identity =
            Identity::of(&file).map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
        Ok(Self { file, identity })
    }
}

/// File of the tree.
#[derive(Debug)]
pub(super) struct Found {
    /// `O_PATH` descriptor of the file.
    pub(super) fd: OwnedFd,
    /// Node that the file stands for.
    pub(super) node: Option<Kind>,
}

impl Tree {
    pub(super) fn new() -> std::result::Result<Self, Error> {
        Self::build().map_err(|error| {
            let help = match error.raw_os_error().map(OsError::from_raw) {
                Some(OsError::EMFILE | OsError::ENFILE) => "raise RLIMIT_NOFILE".into(),
                // An outer loopback takes the paths of the new files for its own.
                Some(OsError::EEXIST) => NESTED.into(),
                Some(OsError::ENOMEM) => String::new(),
                _ => format!(
                    "permit user and mount namespaces, or set TMPDIR: {} must be writable",
                    std::env::temp_dir().display()
                ),
            };
            Error::new("make the files around the device", help).because(error)
        })
    }

    fn build() -> io::Result<Self> {
        let items = items();
        let store = match detached::make(&items).map_err(io::Error::from) {
            Ok(root) => Store::Detached(root),
            Err(error) if detached::is_unavailable(&error) => {
                let directory = Temporary::new(&std::env::temp_dir(), &items)?;
                let texts = Texts::new(directory.root(), &items)?;
                Store::Temporary(directory, Home::own()?, texts)
            }
            Err(error) => return Err(error),
        };
        let made = Made::new(store.root(), &items)?;
        Ok(Self { store, made, places: [Place::new()?, Place::new()?] })
    }

    /// Returns whether a path belongs to the tree. The path has no leading slash.
    pub(super) fn owns(path: &[u8]) -> bool {
        OWN.iter().any(|own| {
            path.strip_prefix(own.as_bytes()).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
        })
    }

    /// Returns whether a path of the host leads to a file of the tree.
    pub(super) fn is_above(path: &[u8]) -> bool {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        path.is_empty()
            || OWN.iter().any(|own| {
                own.as_bytes().strip_prefix(path).is_some_and(|rest| matches!(rest, [b'/', ..]))
            })
    }

    /// Returns the path that programs see for a file of the tree; `None` for any other file.
    pub(super) fn pretended<'a>(&self, real: &'a [u8]) -> Option<&'a [u8]> {
        let rest = match &self.store {
            // The kernel reports paths from the root of this mount.
            Store::Detached(_) => real,
            Store::Temporary(directory, ..) => {
                real.strip_prefix(directory.path().as_os_str().as_bytes())?
            }
        };
        matches!(rest, [] | [b'/', ..]).then_some(rest)
    }

    /// Finds a file by its path from the root, without the leading slash.
    pub(super) fn find(&self, path: &[u8], follow: bool) -> Result<Found> {
        let mut flags = OFlag::O_PATH;
        flags.set(OFlag::O_NOFOLLOW, !follow);
        self.walk(self.store.root(), path, flags, ResolveFlag::RESOLVE_IN_ROOT)
    }

    /// Finds a file relative to a directory of the tree, by the rules of `openat2(2)`.
    ///
    /// # Errors
    /// Returns the error of `openat2(2)`, and `ENOENT` for a file that a program added.
    pub(super) fn walk(
        &self,
        start: impl AsFd,
        path: &[u8],
        flags: OFlag,
        resolve: ResolveFlag,
    ) -> Result<Found> {
        /// The kernel fails with `EAGAIN` if a concurrent rename or mount makes `..` unsafe.
        const ATTEMPTS: usize = 1000;

        let path = if path.is_empty() { b".".as_slice() } else { path };
        let how = OpenHow::new()
            .flags(flags | OFlag::O_PATH | OFlag::O_CLOEXEC)
            .resolve(resolve | ResolveFlag::RESOLVE_NO_MAGICLINKS | ResolveFlag::RESOLVE_NO_XDEV);
        let mut attempts = 0;
        let fd = loop {
            match openat2(&start, path, how) {
                Err(OsError::EAGAIN) if attempts < ATTEMPTS => attempts += 1,
                result => break result?,
            }
        };
        let identity = FileIdentity::of(&fd)?;
        let node = self.made.find(&identity).ok_or(Errno::NOENT)?;
        let fd = match &self.store {
            Store::Temporary(_, _, texts) => texts.find(&identity)?.unwrap_or(fd),
            Store::Detached(_) => fd,
        };
        Ok(Found { fd, node })
    }

    /// Opens a file of the tree for reading, for a thread.
    ///
    /// # Errors
    /// `ELOOP` for a symbolic link, `ENOTDIR`, and `EACCES` for a directory that leads out of the
    /// thread's root directory.
    pub(super) fn open(&self, found: &Found, thread: Pid, flags: OFlag) -> Result<OwnedFd> {
        let kind = SFlag::from_bits_truncate(fstat(&found.fd)?.st_mode) & SFlag::S_IFMT;
        let directory = kind == SFlag::S_IFDIR;
        match kind {
            SFlag::S_IFLNK => return Err(OsError::ELOOP.into()),
            _ if flags.contains(OFlag::O_DIRECTORY) && !directory => {
                return Err(Errno(nix::libc::ENOTDIR));
            }
            SFlag::S_IFDIR | SFlag::S_IFREG => {}
            _ => return Err(Errno::ACCES),
        }
        if let (Store::Temporary(_, home, _), true) = (&self.store, directory) {
            if !home.is_of(thread) {
                return Err(Errno::ACCES);
            }
        }
        // `O_NONBLOCK` avoids a wait for a lease that a program holds.
        let fixed = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let fd = open(path(found.fd.as_raw_fd()).as_str(), fixed, Mode::empty())?;
        fcntl(&fd, FcntlArg::F_SETFL(flags & OFlag::O_NONBLOCK))?;
        Ok(fd)
    }

    /// Opens a directory of the tree. It contains entries of the tree only, also where the host has
    /// a directory of that path.
    pub(super) fn directory(&self, path: &[u8]) -> Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        Ok(self.walk(self.store.root(), path, flags, ResolveFlag::RESOLVE_IN_ROOT)?.fd)
    }

    /// Returns the node that a descriptor of [`Tree::name_of`] names.
    pub(super) fn named_by(&self, identity: Identity) -> Option<Kind> {
        let at = self.places.iter().position(|place| place.identity == identity)?;
        Some(Kind::ALL[at])
    }

    /// Opens a descriptor that only names a node.
    pub(super) fn name_of(&self, kind: Kind) -> Result<OwnedFd> {
        let at = Kind::ALL.iter().position(|&known| known == kind).unwrap_or(0);
        let path = path(self.places[at].file.as_raw_fd());
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Ok(open(path.as_str(), flags, Mode::empty())?)
    }
}

impl Store {
    fn root(&self) -> &OwnedFd {
        match self {
            Self::Detached(root) => root,
            Self::Temporary(directory, ..) => directory.root(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a tree of each kind that this system permits.
    fn trees() -> Vec<Tree> {
        let items = items();
        let directory = Temporary::new(&std::env::temp_dir(), &items).unwrap();
        let texts = Texts::new(directory.root(), &items).unwrap();
        let mut stores = vec![Store::Temporary(directory, Home::own().unwrap(), texts)];
        match detached::make(&items) {
            Ok(root) => stores.push(Store::Detached(root)),
            Err(errno) => eprintln!("not tested: no detached mount here: {errno}"),
        }
        let tree = |store: Store| {
            let made = Made::new(store.root(), &items).unwrap();
            Tree { store, made, places: [Place::new().unwrap(), Place::new().unwrap()] }
        };
        stores.into_iter().map(tree).collect()
    }

    #[test]
    fn links_lead_to_the_device_and_stay_in_the_tree() {
        for tree in trees() {
            let uevent = tree.find(b"sys/dev/char/226:128/device/uevent", true).unwrap();
            assert_eq!(uevent.node, None);
            let by_path = tree.find(b"dev/dri/by-path/platform-fb000000.gpu-render", true).unwrap();
            assert_eq!(by_path.node, Some(Kind::Render));
            assert_eq!(tree.find(b"dev/dri/card0", true).unwrap().node, Some(Kind::Primary));
            tree.find(b"sys/dev/char/226:0/subsystem/renderD128/device/driver", true).unwrap();
            tree.find(b"sys/bus/platform/devices/fb000000.gpu/drm/card0/dev", true).unwrap();
            // No path leads out of the tree.
            assert!(tree.find(b"../../../../../../../../../../etc/passwd", true).is_err());
        }
    }

    #[test]
    fn what_the_server_did_not_make_is_not_there() {
        for tree in trees() {
            let Store::Temporary(directory, ..) = &tree.store else { continue };
            let own = directory.path().join("dev/dri");
            nix::unistd::mkfifo(&own.join("fifo"), Mode::S_IRWXU).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", own.join("link")).unwrap();
            std::fs::rename(own.join("card0"), own.join("was")).unwrap();
            nix::unistd::mkfifo(&own.join("card0"), Mode::S_IRWXU).unwrap();
            for name in ["fifo", "link", "card0"] {
                for follow in [false, true] {
                    let found = tree.find(format!("dev/dri/{name}").as_bytes(), follow);
                    assert_eq!(found.map(drop), Err(Errno::NOENT), "{name}");
                }
            }
            for name in ["fifo", "link", "card0"] {
                std::fs::remove_file(own.join(name)).unwrap();
            }
            std::fs::rename(own.join("was"), own.join("card0")).unwrap();
            // The server returns the original text of a changed file.
            let version = directory.path().join("sys/class/drm/version");
            std::fs::write(version, "another").unwrap();
            let found = tree.find(b"sys/class/drm/version", true).unwrap();
            let fd = tree.open(&found, nix::unistd::gettid(), OFlag::empty()).unwrap();
            let text = std::io::read_to_string(std::fs::File::from(fd)).unwrap();
            assert_eq!(text, "drm 1.1.0 20060810\n");
        }
    }

    #[test]
    fn a_directory_of_the_host_is_only_for_those_at_home() {
        for mut tree in trees() {
            let thread = nix::unistd::gettid();
            let open = |tree: &Tree, path: &[u8]| {
                let found = tree.find(path, true).unwrap();
                tree.open(&found, thread, OFlag::empty()).map(drop)
            };
            assert_eq!(open(&tree, b"dev/dri"), Ok(()));
            let denied = match &mut tree.store {
                Store::Temporary(_, home, _) => {
                    home.move_away();
                    Err(Errno::ACCES)
                }
                Store::Detached(_) => Ok(()),
            };
            assert_eq!(open(&tree, b"dev/dri"), denied);
            assert_eq!(open(&tree, b"sys/class/drm/version"), Ok(()));
        }
    }

    #[test]
    fn the_tree_owns_whole_names() {
        assert!(Tree::owns(b"dev/dri") && Tree::owns(b"sys/dev/char/226:128/device"));
        assert!(Tree::is_above(b"sys/dev") && !Tree::is_above(b"sys/de"));
        assert!(!Tree::owns(b"dev/drift") && !Tree::owns(b"sys/dev/char/226:1280"));
    }
}
