//! Device numbers of nodes, from sysfs.

use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::io::Errno;

use super::{NodeNumber, NodeNumbers};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::system;

/// Returns the number of the node behind `fd`.
pub(crate) fn own_number(fd: BorrowedFd<'_>) -> Result<NodeNumber> {
    let device = system::fstat(fd)?.st_rdev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    Ok(NodeNumber { major, minor })
}

/// Returns the numbers of the node behind `fd` and of its sibling, or only the former without
/// sysfs.
pub(crate) fn numbers_of(fd: BorrowedFd<'_>) -> Result<NodeNumbers> {
    numbers_below(Path::new("/sys"), own_number(fd)?)
}

fn numbers_below(sysfs: &Path, own: NodeNumber) -> Result<NodeNumbers> {
    let known = own.alone();
    match numbers_in(&sysfs.join(format!("dev/char/{own}/device/drm"))) {
        // A container may lack sysfs, or hide it.
        Err(error)
            if error.has_errno(&[Errno::NOENT, Errno::NOTDIR, Errno::ACCESS, Errno::PERM]) =>
        {
            known.ok_or(error)
        }
        Ok(found) => {
            let known = known.unwrap_or_default();
            Ok(NodeNumbers {
                render: found.render.or(known.render),
                primary: found.primary.or(known.primary),
            })
        }
        Err(error) => Err(error),
    }
}

/// Returns the numbers of the nodes in a device's sysfs directory.
fn numbers_in(siblings: &Path) -> Result<NodeNumbers> {
    let mut numbers = NodeNumbers::default();
    for name in system::list(siblings)? {
        let slot = match name.to_str() {
            Some(name) if name.starts_with("renderD") => &mut numbers.render,
            Some(name) if name.starts_with("card") => &mut numbers.primary,
            _ => continue,
        };
        match read_number(&siblings.join(name).join("dev")) {
            Ok(number) => *slot = Some(number),
            // The device is being removed.
            Err(error) if error.has_errno(&[Errno::NOENT, Errno::NODEV, Errno::NXIO]) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(numbers)
}

fn read_number(path: &Path) -> Result<NodeNumber> {
    let bytes = system::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    parse(&text).ok_or_else(|| {
        let detail = format!("{:?} is no device number", text.trim_end());
        Error::refused(ErrorKind::Other, "read", detail).at(path)
    })
}

/// Parses a number in sysfs format, such as `226:128`.
fn parse(dev: &str) -> Option<NodeNumber> {
    let (major, minor) = dev.trim().split_once(':')?;
    Some(NodeNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsFd;

    use super::*;
    use crate::temp_file::TempDir;

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
        // A node that vanishes during the search.
        fs::remove_file(dir.0.join("card1").join("dev")).unwrap();
        assert_eq!(numbers_in(&dir.0).unwrap(), NodeNumbers { primary: None, ..numbers });
        fs::write(dir.0.join("renderD129").join("dev"), "junk").unwrap();
        let error = numbers_in(&dir.0).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::Other, "read"));
        assert!(
            error.to_string().ends_with("renderD129/dev: \"junk\" is no device number"),
            "{error}"
        );
        // A read failure is not an absent node either.
        fs::remove_file(dir.0.join("renderD129").join("dev")).unwrap();
        fs::create_dir(dir.0.join("renderD129").join("dev")).unwrap();
        let error = numbers_in(&dir.0).unwrap_err();
        assert_eq!((error.errno(), error.call()), (Some(Errno::ISDIR.raw_os_error()), "read"));
        let error = numbers_in(&dir.0.join("drm")).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::NotFound, "open"));
    }

    #[test]
    fn a_node_without_siblings_is_not_found_in_sysfs() {
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
        // These minors imply no kind of node, or another kind.
        for minor in [64, 127, 192] {
            assert_eq!(numbers(minor).unwrap_err().kind(), ErrorKind::NotFound);
        }
        let null = NodeNumber { major: 1, minor: 128 };
        assert_eq!(numbers_below(&dir.0, null).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn an_empty_directory_in_sysfs_does_not_hide_the_own_number() {
        let dir = TempDir::new("empty", &[]);
        fs::create_dir_all(dir.0.join("dev/char/226:128/device/drm")).unwrap();
        let own = NodeNumber { major: 226, minor: 128 };
        let numbers = numbers_below(&dir.0, own).unwrap();
        assert_eq!(numbers, NodeNumbers { render: Some(own), primary: None });
    }

    #[test]
    fn sysfs_numbers() {
        assert_eq!(parse("226:128\n"), Some(NodeNumber { major: 226, minor: 128 }));
        assert_eq!(parse("226"), None);
        assert_eq!(parse("x:1"), None);
    }
}
