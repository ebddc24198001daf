//! The files around the nodes, as a board has them: `/dev/dri`, and what sysfs tells about the device.
//!
//! They are a real tree in a temporary directory. Its directories and files are given to programs as they are;
//! in the place of the nodes there are files that only lend their inode numbers.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, SFlag, fstat, mknod};
use nix::unistd::mkdtemp;

use super::error::Error;
use super::node::{Kind, MAJOR};
use crate::call::errno::Result;
use crate::sharing::descriptors::{Identity, path};

/// The name of the GPU on its bus: the one of the RK3588.
const GPU: &str = "fb000000.gpu";

/// How the names of the temporary directories begin.
const PREFIX: &str = "panthor-fake-loopback-";

/// Without a lock a directory of that age is nobody's.
const STALE: Duration = Duration::from_secs(10);

/// Everything below these is in the tree, and nothing of the host's is seen.
const OWN: &[&str] = &[
    "dev/dri",
    "sys/class/drm",
    "sys/dev/char/226:0",
    "sys/dev/char/226:128",
    "sys/devices/platform/fb000000.gpu",
    "sys/bus/platform/devices/fb000000.gpu",
    "sys/bus/platform/drivers/panthor",
];

const UEVENT: &str = "DRIVER=panthor\nOF_NAME=gpu\nOF_FULLNAME=/gpu@fb000000\n\
    OF_COMPATIBLE_0=rockchip,rk3588-mali\nOF_COMPATIBLE_1=arm,mali-valhall-csf\nOF_COMPATIBLE_N=2\n\
    MODALIAS=of:NgpuT(null)Crockchip,rk3588-maliCarm,mali-valhall-csf\n";

/// The tree, which is removed with this.
#[derive(Debug)]
pub(super) struct Tree {
    path: PathBuf,
    /// Tells others that it is in use.
    _lock: Flock<OwnedFd>,
    root: OwnedFd,
    /// The root of the host.
    host: OwnedFd,
    /// Device and inode number of what stands for the nodes.
    nodes: [(u64, u64); 2],
    /// What programs get that open a node with `O_PATH`: the kernel does not hand over such descriptors.
    places: [Place; 2],
}

#[derive(Debug)]
struct Place {
    file: fs::File,
    identity: Identity,
}

impl Place {
    fn new() -> io::Result<Self> {
        let file = fs::File::from(memfd_create(c"node", MFdFlags::MFD_CLOEXEC)?);
        let identity =
            Identity::of(&file).map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
        Ok(Self { file, identity })
    }
}

/// A file of the tree.
#[derive(Debug)]
pub(super) struct Found {
    /// Opened with `O_PATH`.
    pub(super) fd: OwnedFd,
    /// Which node it stands for.
    pub(super) node: Option<Kind>,
}

impl Tree {
    pub(super) fn new() -> std::result::Result<Self, Error> {
        let build = || -> io::Result<Self> {
            remove_stale(&std::env::temp_dir());
            let path = mkdtemp(&std::env::temp_dir().join(format!("{PREFIX}XXXXXX")))?;
            // Whoever fails from here on leaves it behind, or this does.
            let made = Self::fill(&path);
            if made.is_err() {
                let _ = fs::remove_dir_all(&path);
            }
            made
        };
        build().map_err(|error| {
            let directory = std::env::temp_dir();
            let help = format!("{} must be writable: set TMPDIR", directory.display());
            Error::new("make the files around the device", help).because(error)
        })
    }

    fn fill(path: &Path) -> io::Result<Self> {
        // /proc tells the real path.
        let path = fs::canonicalize(path)?;
        let locked = lock(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        let device = format!("sys/devices/platform/{GPU}");
        for directory in [
            "dev/dri/by-path",
            "sys/class/drm",
            "sys/dev/char",
            "sys/bus/platform/devices",
            "sys/bus/platform/drivers/panthor",
        ] {
            fs::create_dir_all(path.join(directory))?;
        }
        let mut nodes = [(0, 0); 2];
        for (kind, numbers) in Kind::ALL.into_iter().zip(&mut nodes) {
            *numbers = node(&path, &device, kind)?;
        }
        let write = |name: &str, text: &str| fs::write(path.join(name), text);
        let link = |name: &str, target: &str| symlink(target, path.join(name));
        write(&format!("{device}/uevent"), UEVENT)?;
        write(&format!("{device}/modalias"), &UEVENT[UEVENT.find("of:").unwrap_or(0)..])?;
        write(&format!("{device}/profiling"), "0\n")?;
        write("sys/class/drm/version", "drm 1.1.0 20060810\n")?;
        link(&format!("{device}/subsystem"), "../../../bus/platform")?;
        link(&format!("{device}/driver"), "../../../bus/platform/drivers/panthor")?;
        let back = format!("../../../../devices/platform/{GPU}");
        link(&format!("sys/bus/platform/drivers/panthor/{GPU}"), &back)?;
        link(&format!("sys/bus/platform/devices/{GPU}"), &back[3..])?;
        let root =
            open(&path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let host = open("/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let places = [Place::new()?, Place::new()?];
        Ok(Self { path, _lock: locked, root, host, nodes, places })
    }

    /// Whether a path from the root, without its slash, is of the tree and not of the host.
    pub(super) fn owns(path: &[u8]) -> bool {
        OWN.iter().any(|own| {
            path.strip_prefix(own.as_bytes()).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
        })
    }

    /// Whether something of the tree is below a path, which itself is the host's.
    pub(super) fn is_above(path: &[u8]) -> bool {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        path.is_empty()
            || OWN.iter().any(|own| {
                own.as_bytes().strip_prefix(path).is_some_and(|rest| matches!(rest, [b'/', ..]))
            })
    }

    /// The path that a file of the tree pretends to have, if it is one.
    pub(super) fn pretended<'a>(&self, real: &'a [u8]) -> Option<&'a [u8]> {
        use std::os::unix::ffi::OsStrExt;

        let rest = real.strip_prefix(self.path.as_os_str().as_bytes())?;
        matches!(rest, [] | [b'/', ..]).then_some(rest)
    }

    /// Finds a file by its path from the root, without its slash.
    pub(super) fn find(&self, path: &[u8], follow: bool) -> Result<Found> {
        let mut flags = OFlag::O_PATH;
        flags.set(OFlag::O_NOFOLLOW, !follow);
        let fd = self.open(path, flags)?;
        let node = self.node_of(&fd)?;
        Ok(Found { fd, node })
    }

    /// Opens a file by its path from the root, without its slash.
    pub(super) fn open(&self, path: &[u8], flags: OFlag) -> Result<OwnedFd> {
        let how =
            OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_IN_ROOT);
        let root = if Self::is_above(path) { &self.host } else { &self.root };
        let path = if path.is_empty() { b".".as_slice() } else { path };
        Ok(openat2(root, path, how)?)
    }

    /// A directory that is in the tree, also one that the host has as well: without what only the host has in it.
    pub(super) fn open_own(&self, path: &[u8]) -> Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT);
        Ok(openat2(&self.root, if path.is_empty() { b".".as_slice() } else { path }, how)?)
    }

    /// Which node a file is the name of, for those that [`Tree::name_of`] gives.
    pub(super) fn named_by(&self, identity: Identity) -> Option<Kind> {
        let at = self.places.iter().position(|place| place.identity == identity)?;
        Some(Kind::ALL[at])
    }

    /// A descriptor that only names a node.
    pub(super) fn name_of(&self, kind: Kind) -> Result<OwnedFd> {
        let at = Kind::ALL.iter().position(|&known| known == kind).unwrap_or(0);
        let path = path(self.places[at].file.as_raw_fd());
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Ok(open(path.as_str(), flags, Mode::empty())?)
    }

    /// Which node a descriptor of a file of the tree stands for.
    pub(super) fn node_of(&self, fd: &OwnedFd) -> Result<Option<Kind>> {
        let found = fstat(fd)?;
        let found = (found.st_dev, found.st_ino);
        Ok(Kind::ALL
            .into_iter()
            .zip(self.nodes)
            .find_map(|(kind, node)| (node == found).then_some(kind)))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What is left is a small directory among temporary ones.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the trees of those that were killed before they could: nobody has locked them.
fn remove_stale(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for path in ours.map(|entry| entry.path()) {
        // One that is new may be about to be locked.
        let modified = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
        let old = modified.is_ok_and(|then| then.elapsed().is_ok_and(|age| age > STALE));
        if old && lock(&path).is_ok() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Locks a directory, if nobody else has.
fn lock(path: &Path) -> nix::Result<Flock<OwnedFd>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = open(path, flags, Mode::empty())?;
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)
}

/// Makes what there is for each node; returns the numbers of what stands for it.
fn node(root: &Path, device: &str, kind: Kind) -> io::Result<(u64, u64)> {
    let (name, minor) = (kind.name(), kind.minor());
    let below = root.join(device).join("drm").join(name);
    fs::create_dir_all(&below)?;
    fs::write(below.join("dev"), format!("{MAJOR}:{minor}\n"))?;
    let uevent = format!("MAJOR={MAJOR}\nMINOR={minor}\nDEVNAME=dri/{name}\nDEVTYPE=drm_minor\n");
    fs::write(below.join("uevent"), uevent)?;
    symlink(format!("../../../{GPU}"), below.join("device"))?;
    symlink("../../../../../class/drm", below.join("subsystem"))?;
    let target = format!("../../devices/platform/{GPU}/drm/{name}");
    symlink(&target, root.join("sys/class/drm").join(name))?;
    symlink(&target, root.join("sys/dev/char").join(format!("{MAJOR}:{minor}")))?;
    let role = match kind {
        Kind::Primary => "card",
        Kind::Render => "render",
    };
    let by_path = root.join("dev/dri/by-path").join(format!("platform-{GPU}-{role}"));
    symlink(format!("../{name}"), by_path)?;

    let stand_in = root.join("dev/dri").join(name);
    // A character device, so that a listing says so; the only one that any user may make. Where even that
    // is impossible, it is a plain file.
    let whiteout = mknod(&stand_in, SFlag::S_IFCHR, Mode::empty(), 0 as libc::dev_t);
    if whiteout.is_err() {
        fs::write(&stand_in, "")?;
    }
    let metadata = fs::symlink_metadata(&stand_in)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_device_and_stay_in_the_tree() {
        let tree = Tree::new().unwrap();
        let uevent = tree.find(b"sys/dev/char/226:128/device/uevent", true).unwrap();
        assert_eq!(uevent.node, None);
        let by_path = tree.find(b"dev/dri/by-path/platform-fb000000.gpu-render", true).unwrap();
        assert_eq!(by_path.node, Some(Kind::Render));
        assert_eq!(tree.find(b"dev/dri/card0", true).unwrap().node, Some(Kind::Primary));
        tree.find(b"sys/dev/char/226:0/subsystem/renderD128/device/driver", true).unwrap();
        tree.find(b"sys/bus/platform/devices/fb000000.gpu/drm/card0/dev", true).unwrap();
        // Out of the tree there is nothing.
        assert!(tree.find(b"../../../../../../../../../../etc/passwd", true).is_err());
        let path = tree.path.clone();
        drop(tree);
        assert!(!path.exists());
    }

    #[test]
    fn what_nobody_has_locked_is_removed_when_it_is_old() {
        let directory = mkdtemp(&std::env::temp_dir().join("panthor-stale-XXXXXX")).unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * STALE;
        let make = |name: &str| {
            let path = directory.join(name);
            fs::create_dir_all(path.join("dev")).unwrap();
            path
        };
        let age = |path: &Path| fs::File::open(path).unwrap().set_modified(long_ago).unwrap();
        let stale = make("panthor-fake-loopback-a");
        let used = make("panthor-fake-loopback-b");
        let new = make("panthor-fake-loopback-c");
        let other = make("panthor-fake-d");
        for path in [&stale, &used, &other] {
            age(path);
        }
        let in_use = lock(&used).unwrap();
        remove_stale(&directory);
        assert_eq!(
            [&stale, &used, &new, &other].map(|path| path.exists()),
            [false, true, true, true]
        );
        drop(in_use);
        remove_stale(&directory);
        assert!(!used.exists());
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn the_tree_owns_whole_names() {
        assert!(Tree::owns(b"dev/dri") && Tree::owns(b"sys/dev/char/226:128/device"));
        assert!(Tree::is_above(b"sys/dev") && !Tree::is_above(b"sys/de"));
        assert!(!Tree::owns(b"dev/drift") && !Tree::owns(b"sys/dev/char/226:1280"));
    }
}
