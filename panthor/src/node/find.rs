//! Search for Panthor render nodes.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::{Node, NodeNumbers};
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::system;

/// Directory of DRM nodes.
const DRI: &str = "/dev/dri";

/// Returns the Panthor render nodes of this machine in ascending order.
///
/// The list omits nodes of other drivers, nodes that vanish during the search, and nodes that this
/// user may not open. [`Device::open_any`] reports the last kind if it finds no usable node.
///
/// # Errors
///
/// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
/// * [`PermissionDenied`](ErrorKind::PermissionDenied) for `/dev/dri` itself.
/// * Any other failure of a system call.
///
/// Without `/dev/dri` the list is empty.
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
    for path in render_nodes(dri)?.unwrap_or_default() {
        match Device::open(&path) {
            Ok(device) => {
                let numbers = numbers_if_known(&device).map_err(|error| error.at(&path))?;
                found.push(Node { path, version: device.version(), numbers });
            }
            Err(error) if is_no_candidate(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn numbers_if_known(device: &Device) -> Result<Option<NodeNumbers>> {
    match device.node_numbers() {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

/// Returns whether a node's error means that it is not a Panthor, has vanished, or is
/// inaccessible.
fn is_no_candidate(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::NotPanthor => true,
        // A driver without the uAPI is another driver, whatever its name.
        ErrorKind::Unsupported => error.errno().is_none(),
        ErrorKind::PermissionDenied => error.call() == "open",
        _ => error.has_errno(&[Errno::NOENT, Errno::NODEV, Errno::NXIO]),
    }
}

/// Opens the first Panthor render node.
///
/// Without a Panthor, errors of nodes that may be a Panthor take precedence over
/// [`NotFound`](ErrorKind::NotFound).
pub(crate) fn open_first() -> Result<Device> {
    open_first_in(Path::new(DRI))
}

fn open_first_in(dri: &Path) -> Result<Device> {
    let Some(paths) = render_nodes(dri)? else {
        let detail = format!("no Panthor render node: {}", dri.display());
        return Err(Error::elsewhere("open", Errno::NOENT).with_detail(detail));
    };
    let mut seen = Vec::new();
    for path in paths {
        match Device::open(&path) {
            Ok(device) => return Ok(device),
            Err(error) if is_no_candidate(&error) => seen.push(error),
            Err(error) => return Err(error),
        }
    }
    Err(none_of(dri, seen))
}

/// Returns the error for nodes that all failed with these errors.
fn none_of(dri: &Path, mut seen: Vec<Error>) -> Error {
    let texts =
        |errors: &[Error]| errors.iter().map(Error::to_string).collect::<Vec<_>>().join("; ");
    // The last node that may belong to a Panthor.
    let Some(last) = seen.iter().rposition(|error| error.kind() != ErrorKind::NotPanthor) else {
        let detail = match seen.is_empty() {
            true => format!("no Panthor render node: {} has no render node", dri.display()),
            false => format!("no Panthor render node ({})", texts(&seen)),
        };
        return Error::refused(ErrorKind::NotFound, "open", detail);
    };
    let error = seen.remove(last);
    let mut advice = Vec::new();
    if error.kind() == ErrorKind::PermissionDenied {
        advice.push(String::from("Add this user to the group that owns the node, often `render`."));
    }
    if !seen.is_empty() {
        advice.push(format!("No other render node is usable ({}).", texts(&seen)));
    }
    if advice.is_empty() { error } else { error.with_advice(advice.join(" ")) }
}

/// Returns the render nodes in a directory in ascending order, or `None` without the directory.
fn render_nodes(dri: &Path) -> Result<Option<Vec<PathBuf>>> {
    let names = match system::list(dri) {
        Err(error) if error.has_errno(&[Errno::NOENT]) => return Ok(None),
        names => names?,
    };
    let number = |name: &str| name.strip_prefix("renderD")?.parse::<u32>().ok();
    let mut nodes: Vec<_> =
        names.iter().filter_map(|name| Some((number(name.to_str()?)?, dri.join(name)))).collect();
    nodes.sort();
    Ok(Some(nodes.into_iter().map(|(_, path)| path).collect()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::temp_file::TempDir;

    #[test]
    fn nodes_are_ordered_by_number() {
        let names = ["renderD1000", "renderD129", "card0", "renderD128", "renderDx"];
        let dir = TempDir::new("order", &names);
        let nodes = render_nodes(&dir.0).unwrap().unwrap();
        let names: Vec<_> =
            nodes.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["renderD128", "renderD129", "renderD1000"]);
        fs::remove_dir_all(&dir.0).unwrap();
        assert_eq!(render_nodes(&dir.0).unwrap(), None);
        assert_eq!(list_in(&dir.0).unwrap(), []);
    }

    #[test]
    fn nodes_of_other_drivers_are_left_out_and_named_in_the_error() {
        let dir = TempDir::new("others", &["renderD128", "card0"]);
        std::os::unix::fs::symlink("/dev/null", dir.0.join("renderD129")).unwrap();
        std::os::unix::fs::symlink("/nonexistent", dir.0.join("renderD130")).unwrap();
        assert_eq!(list_in(&dir.0).unwrap(), []);
        let error = open_first_in(&dir.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        for name in ["renderD128", "renderD129", "renderD130"] {
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(!error.to_string().contains("card0"), "{error}");
    }

    #[test]
    fn a_node_that_fails_to_open_is_an_error() {
        let dir = TempDir::new("fails", &["renderD128"]);
        // ELOOP.
        std::os::unix::fs::symlink("renderD130", dir.0.join("renderD130")).unwrap();
        for error in [open_first_in(&dir.0).unwrap_err(), list_in(&dir.0).unwrap_err()] {
            assert_eq!((error.kind(), error.call()), (ErrorKind::Other, "open"), "{error}");
            assert_eq!(error.errno(), Some(Errno::LOOP.raw_os_error()), "{error}");
            assert!(error.to_string().contains("renderD130"), "{error}");
        }
    }

    #[test]
    fn a_machine_without_nodes_names_the_directory() {
        let dir = TempDir::new("none", &[]);
        let error = open_first_in(&dir.0).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::NotFound, "open"));
        assert!(error.to_string().contains(" has no render node"), "{error}");
        assert!(error.to_string().contains(dir.0.to_str().unwrap()), "{error}");
        let missing = dir.0.join("missing");
        let error = open_first_in(&missing).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::NotFound, "open"));
        assert_eq!(error.errno(), Some(Errno::NOENT.raw_os_error()));
        assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
        // An unreadable directory is not empty.
        fs::write(dir.0.join("dri"), "").unwrap();
        for error in [
            open_first_in(&dir.0.join("dri")).unwrap_err(),
            list_in(&dir.0.join("dri")).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.call()), (ErrorKind::Other, "open"), "{error}");
            assert_eq!(error.errno(), Some(Errno::NOTDIR.raw_os_error()), "{error}");
        }
    }

    #[test]
    fn a_denied_node_comes_before_one_of_another_driver() {
        let denied =
            || Error::elsewhere("open", Errno::ACCESS).at(Path::new("/dev/dri/renderD128"));
        let other =
            || Error::refused(ErrorKind::NotPanthor, "VERSION", "renderD129 is something else");
        let error = none_of(Path::new(DRI), vec![denied(), other()]);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.errno(), Some(Errno::ACCESS.raw_os_error()));
        let text = error.to_string();
        assert!(text.starts_with("open: /dev/dri/renderD128: Permission denied (os "), "{text}");
        for part in ["group that owns the node", "VERSION: renderD129 is something else"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(none_of(Path::new(DRI), vec![other()]).kind(), ErrorKind::NotFound);
        assert!(is_no_candidate(&denied()) && is_no_candidate(&other()));
    }

    #[test]
    fn failures_of_the_system_are_no_absence() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::NOSYS] {
            assert!(!is_no_candidate(&Error::elsewhere("open", errno)), "{errno}");
            assert!(!is_no_candidate(&Error::elsewhere("VERSION", errno)), "{errno}");
        }
        assert!(!is_no_candidate(&Error::elsewhere("VERSION", Errno::PERM)));
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

    #[test]
    fn a_path_that_cannot_be_one_is_named() {
        for (path, text) in [
            ("", "open: path: is empty"),
            ("/dev/dri\0/x", "open: path: has a NUL (\"/dev/dri\\0/x\")"),
        ] {
            let error = Device::open(path).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidArgument, None));
            assert_eq!((error.argument(), error.to_string().as_str()), (Some("path"), text));
        }
    }

    /// A node without a device has the same errno.
    #[test]
    fn a_socket_is_not_found() {
        let dir = TempDir::new("stale", &[]);
        let path = dir.0.join("renderD128");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = Device::open(&path).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::NXIO.raw_os_error()));
        assert_eq!((error.kind(), error.call()), (ErrorKind::NotFound, "open"), "{error}");
        assert_eq!(open_first_in(&dir.0).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
