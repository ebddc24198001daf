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

/// A Panthor render node of this machine, as [`list`] finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Its path, for [`Device::open`].
    pub path: PathBuf,
    /// The version of its driver.
    pub version: Version,
    /// Its numbers, where sysfs tells them.
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
            render: Some(NodeNumber { major: 226, minor: 128 }),
            primary: Some(NodeNumber { major: 226, minor: 0 }),
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
    let mut found = Vec::new();
    for path in render_nodes(Path::new(DRI))? {
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
    let mut seen = Vec::new();
    let mut kind = ErrorKind::NotFound;
    for path in render_nodes(Path::new(DRI))? {
        match Device::open(&path) {
            Ok(device) => return Ok(device),
            Err(error) => {
                if error.kind() != ErrorKind::NotPanthor {
                    kind = error.kind();
                }
                seen.push(error.to_string());
            }
        }
    }
    let seen = if seen.is_empty() { format!("{DRI} has none at all") } else { seen.join("; ") };
    let mut detail = format!("no Panthor render node ({seen})");
    if kind == ErrorKind::PermissionDenied {
        detail.push_str(": is this user in the group that owns it, often `render`?");
    }
    Err(Error::refused(kind, "open", detail))
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
    let stat = rustix::fs::fstat(fd).map_err(|errno| Error::os("fstat", errno))?;
    let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Ok(NodeNumber { major, minor })
}

/// The numbers of the node behind `fd` and of its sibling, which sysfs knows.
pub(crate) fn numbers_of(fd: BorrowedFd<'_>) -> Result<NodeNumbers> {
    let own = own_number(fd)?;
    let siblings = PathBuf::from(format!("/sys/dev/char/{own}/device/drm"));
    let mut numbers = NodeNumbers { render: None, primary: None };
    let entries = fs::read_dir(&siblings).map_err(|error| {
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
    use super::*;

    #[test]
    fn nodes_come_by_number_not_by_name() {
        let dir = std::env::temp_dir().join(format!("panthor-nodes-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for name in ["renderD1000", "renderD129", "card0", "renderD128", "renderDx"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let nodes = render_nodes(&dir).unwrap();
        let names: Vec<_> =
            nodes.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["renderD128", "renderD129", "renderD1000"]);
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(render_nodes(&dir).unwrap(), Vec::<PathBuf>::new());
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
}
