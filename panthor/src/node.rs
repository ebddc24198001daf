//! Device nodes: finding Panthor's among all, and their numbers.

use std::fmt;
use std::fs;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::version::Version;

/// Where DRM nodes are.
const DRI: &str = "/dev/dri";
/// The major number of DRM nodes.
const DRM_MAJOR: u32 = 226;

/// A Panthor render node of this machine, as [`list`] finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Its path, for [`Device::open`].
    pub path: PathBuf,
    /// The version of its driver.
    pub version: Version,
    /// Its numbers, as far as [`Device::node_numbers`] tells them.
    pub numbers: Option<NodeNumbers>,
}

/// The number of a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeNumber {
    /// Major number; 226 for DRM.
    pub major: u32,
    /// Minor number; from 128 for render nodes.
    pub minor: u32,
}

impl NodeNumber {
    /// What it tells by itself. The first 64 devices of a machine have minors that say what the node is.
    fn alone(self) -> Option<NodeNumbers> {
        match (self.major, self.minor) {
            (DRM_MAJOR, 0..64) => Some(NodeNumbers { render: None, primary: Some(self) }),
            (DRM_MAJOR, 128..192) => Some(NodeNumbers { render: Some(self), primary: None }),
            _ => None,
        }
    }
}

impl fmt::Display for NodeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// The numbers of the nodes that one device has, as `VK_EXT_physical_device_drm` reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NodeNumbers {
    /// The render node.
    pub render: Option<NodeNumber>,
    /// The primary node (`card0`).
    pub primary: Option<NodeNumber>,
}

impl NodeNumbers {
    /// What the first device of a machine has; the fake stands for one.
    #[cfg(feature = "fake")]
    pub(crate) fn of_fake() -> Self {
        Self {
            render: Some(NodeNumber { major: DRM_MAJOR, minor: 128 }),
            primary: Some(NodeNumber { major: DRM_MAJOR, minor: 0 }),
        }
    }
}

/// Lists the Panthor render nodes of this machine that may be opened, in the order of their numbers.
///
/// One that this user may not open is left out; [`Device::open_any`] says so if it is the only one.
///
/// # Errors
///
/// What the system says when `/dev/dri` exists and cannot be read.
///
/// ```
/// for node in panthor::list()? {
///     println!("{}: Panthor {}", node.path.display(), node.version);
/// }
/// # Ok::<(), panthor::Error>(())
/// ```
#[doc(alias = "drmGetDevices2")]
pub fn list() -> Result<Vec<Node>> {
    list_in(Path::new(DRI))
}

fn list_in(dri: &Path) -> Result<Vec<Node>> {
    let mut found = Vec::new();
    for path in render_nodes(dri)? {
        if let Ok(device) = Device::open(&path) {
            let numbers = device.node_numbers().ok();
            found.push(Node { path, version: device.version(), numbers });
        }
    }
    Ok(found)
}

/// Opens the first Panthor render node; without one, the error of a node that may have been it comes
/// before the error that there is none.
pub(crate) fn open_first() -> Result<Device> {
    open_first_in(Path::new(DRI))
}

fn open_first_in(dri: &Path) -> Result<Device> {
    let mut seen = Vec::new();
    for path in render_nodes(dri)? {
        match Device::open(&path) {
            Ok(device) => return Ok(device),
            Err(error) => seen.push(error),
        }
    }
    Err(none_of(dri, &seen))
}

/// The error when every node gave one of these.
fn none_of(dri: &Path, seen: &[Error]) -> Error {
    let others = |error: &&Error| error.kind() != ErrorKind::NotPanthor;
    let kind = seen.iter().rfind(others).map_or(ErrorKind::NotFound, Error::kind);
    let seen: Vec<_> = seen.iter().map(Error::to_string).collect();
    let seen = match seen.is_empty() {
        true => format!("{} has none at all", dri.display()),
        false => seen.join("; "),
    };
    let mut detail = format!("no Panthor render node ({seen})");
    if kind == ErrorKind::PermissionDenied {
        detail.push_str(": is this user in the group that owns it, often `render`?");
    }
    Error::refused(kind, "open", detail)
}

/// The render nodes below `dri`, by number; none when the directory does not exist.
fn render_nodes(dri: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dri) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let detail = format!("{}: {error}", dri.display());
            return Err(Error::refused(ErrorKind::Other, "open", detail));
        }
    };
    let mut nodes: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.strip_prefix("renderD")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    nodes.sort();
    Ok(nodes.into_iter().map(|(_, path)| path).collect())
}

/// The number of the node behind `fd`.
pub(crate) fn own_number(fd: BorrowedFd<'_>) -> Result<NodeNumber> {
    let stat = rustix::fs::fstat(fd).map_err(|errno| Error::elsewhere("fstat", errno))?;
    let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Ok(NodeNumber { major, minor })
}

/// The numbers of the node behind `fd` and of its sibling, which sysfs knows; of the node alone without sysfs.
pub(crate) fn numbers_of(fd: BorrowedFd<'_>) -> Result<NodeNumbers> {
    numbers_below(Path::new("/sys"), own_number(fd)?)
}

fn numbers_below(sysfs: &Path, own: NodeNumber) -> Result<NodeNumbers> {
    numbers_in(&sysfs.join(format!("dev/char/{own}/device/drm")))
        .or_else(|error| own.alone().ok_or(error))
}

/// The numbers of the nodes in a device's directory.
fn numbers_in(siblings: &Path) -> Result<NodeNumbers> {
    let mut numbers = NodeNumbers { render: None, primary: None };
    let entries = fs::read_dir(siblings).map_err(|error| {
        let detail = format!("{}: {error}", siblings.display());
        Error::refused(ErrorKind::Other, "node_numbers", detail)
    })?;
    for entry in entries.flatten() {
        let slot = match entry.file_name().to_str() {
            Some(name) if name.starts_with("renderD") => &mut numbers.render,
            Some(name) if name.starts_with("card") => &mut numbers.primary,
            _ => continue,
        };
        *slot = fs::read_to_string(entry.path().join("dev")).ok().and_then(|dev| parse(&dev));
    }
    Ok(numbers)
}

/// `226:128`, as sysfs writes it.
fn parse(dev: &str) -> Option<NodeNumber> {
    let (major, minor) = dev.trim().split_once(':')?;
    Some(NodeNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// A directory that goes with the value.
    struct TempDir(PathBuf);

    impl TempDir {
        fn new(name: &str, files: &[&str]) -> Self {
            let name = format!("panthor-nodes-{name}-{}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            fs::create_dir_all(&dir).unwrap();
            for name in files {
                fs::write(dir.join(name), "").unwrap();
            }
            Self(dir)
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn nodes_come_by_number_not_by_name() {
        let names = ["renderD1000", "renderD129", "card0", "renderD128", "renderDx"];
        let dir = TempDir::new("order", &names);
        let nodes = render_nodes(&dir.0).unwrap();
        let names: Vec<_> =
            nodes.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["renderD128", "renderD129", "renderD1000"]);
        fs::remove_dir_all(&dir.0).unwrap();
        assert_eq!(render_nodes(&dir.0).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn what_is_no_panthor_is_not_listed_and_the_error_says_what_was_there() {
        let dir = TempDir::new("others", &["renderD128", "card0"]);
        std::os::unix::fs::symlink("/dev/null", dir.0.join("renderD129")).unwrap();
        assert_eq!(list_in(&dir.0).unwrap(), []);
        let error = open_first_in(&dir.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        for name in ["renderD128", "renderD129"] {
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(!error.to_string().contains("card0"), "{error}");
        // One that cannot be opened may be the one.
        std::os::unix::fs::symlink("renderD130", dir.0.join("renderD130")).unwrap();
        let error = open_first_in(&dir.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other, "{error}");
        assert_eq!(list_in(&dir.0).unwrap(), []);
    }

    #[test]
    fn a_machine_without_nodes_says_where_it_looked() {
        let dir = TempDir::new("none", &[]);
        let error = open_first_in(&dir.0).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::NotFound, "open"));
        assert!(error.to_string().contains(dir.0.to_str().unwrap()), "{error}");
        // What cannot be read is not empty.
        fs::write(dir.0.join("dri"), "").unwrap();
        for error in [
            open_first_in(&dir.0.join("dri")).unwrap_err(),
            list_in(&dir.0.join("dri")).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.call()), (ErrorKind::Other, "open"), "{error}");
        }
    }

    #[test]
    fn a_node_that_may_not_be_opened_comes_before_one_of_another_driver() {
        let refused = |kind, text: &str| Error::refused(kind, "open", text.to_owned());
        let denied = refused(ErrorKind::PermissionDenied, "renderD128 is not for us");
        let other = refused(ErrorKind::NotPanthor, "renderD129 is something else");
        let error = none_of(Path::new(DRI), &[denied, other]);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        for text in ["renderD128 is not for us; ", "renderD129", "group that owns it"] {
            assert!(error.to_string().contains(text), "{error}");
        }
        let other = refused(ErrorKind::NotPanthor, "renderD129 is something else");
        assert_eq!(none_of(Path::new(DRI), &[other]).kind(), ErrorKind::NotFound);
    }

    #[test]
    fn the_siblings_of_a_node_are_in_its_device() {
        let dir = TempDir::new("sysfs", &["uevent"]);
        for (node, dev) in [("renderD129", "226:129\n"), ("card1", "226:1\n")] {
            fs::create_dir(dir.0.join(node)).unwrap();
            fs::write(dir.0.join(node).join("dev"), dev).unwrap();
        }
        let numbers = numbers_in(&dir.0).unwrap();
        assert_eq!(numbers.render, Some(NodeNumber { major: 226, minor: 129 }));
        assert_eq!(numbers.primary.unwrap().to_string(), "226:1");
        fs::remove_dir_all(dir.0.join("card1")).unwrap();
        fs::write(dir.0.join("renderD129").join("dev"), "junk").unwrap();
        let numbers = numbers_in(&dir.0).unwrap();
        assert_eq!((numbers.render, numbers.primary), (None, None));
        let error = numbers_in(&dir.0.join("drm")).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::Other, "node_numbers"));
    }

    #[test]
    fn a_node_without_siblings_says_so() {
        let null = fs::File::open("/dev/null").unwrap();
        assert_eq!(own_number(null.as_fd()).unwrap(), NodeNumber { major: 1, minor: 3 });
        let error = numbers_of(null.as_fd()).unwrap_err();
        assert!(error.to_string().contains("/sys/dev/char/1:3/device/drm"), "{error}");
    }

    #[test]
    fn without_sysfs_a_node_knows_its_own_number() {
        let dir = TempDir::new("nosysfs", &[]);
        let number = |minor| NodeNumber { major: 226, minor };
        let numbers = |minor| numbers_below(&dir.0, number(minor));
        for (minor, render, primary) in [
            (0, None, Some(number(0))),
            (63, None, Some(number(63))),
            (128, Some(number(128)), None),
            (191, Some(number(191)), None),
        ] {
            assert_eq!(numbers(minor).unwrap(), NodeNumbers { render, primary });
        }
        // These say nothing, or something else.
        for minor in [64, 127, 192] {
            assert_eq!(numbers(minor).unwrap_err().kind(), ErrorKind::Other);
        }
        let null = NodeNumber { major: 1, minor: 128 };
        assert_eq!(numbers_below(&dir.0, null).unwrap_err().kind(), ErrorKind::Other);
    }

    #[test]
    fn sysfs_numbers() {
        assert_eq!(parse("226:128\n"), Some(NodeNumber { major: 226, minor: 128 }));
        assert_eq!(parse("226"), None);
        assert_eq!(parse("x:1"), None);
    }

    #[test]
    fn a_file_that_is_no_device_is_refused() {
        let error = Device::open("/dev/null").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotPanthor, "{error}");
        let error = Device::open("/nonexistent/renderD128").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("/nonexistent/renderD128"), "{error}");
        assert_eq!(Device::open("/dev").unwrap_err().kind(), ErrorKind::NotPanthor);
    }

    /// As the system says it of a node whose device is gone, too.
    #[test]
    fn a_file_that_nobody_stands_behind_is_not_found() {
        let dir = TempDir::new("stale", &[]);
        let path = dir.0.join("renderD128");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = Device::open(&path).unwrap_err();
        assert_eq!(error.errno(), Some(rustix::io::Errno::NXIO.raw_os_error()));
        assert_eq!((error.kind(), error.call()), (ErrorKind::NotFound, "open"), "{error}");
        assert_eq!(open_first_in(&dir.0).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
