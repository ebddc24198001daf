//! Resolution of paths: to a file around the device, to a descriptor, or elsewhere.

use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use nix::fcntl::readlink;
use nix::libc;
use nix::unistd::Pid;

use super::process::{is_shortage, path_of};
use super::rights::may_inspect;
use super::tree::Tree;
use crate::call::errno::{Errno, Result};
use crate::sharing::descriptors::path as own_path;

/// Destination of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A file of the host.
    Elsewhere,
    /// A file of the tree, by its path from the root without the leading slash.
    Tree(Vec<u8>),
    /// A descriptor of a thread, through `/proc` or `/dev/fd`.
    Descriptor { thread: Pid, fd: i32 },
    /// The fdinfo of a descriptor.
    DescriptorInfo { thread: Pid, fd: i32 },
    /// A component of the tree that is missing or is not a directory.
    Nowhere(Errno),
}

impl Tree {
    /// Resolves a path of a thread, relative to `directory` unless it is absolute.
    pub(super) fn place(&self, thread: Pid, directory: i32, path: &[u8]) -> Place {
        let absolute = match path {
            [] => return Place::Elsewhere,
            [b'/', ..] => path.to_vec(),
            _ => match self.below(thread, directory, path) {
                Ok(Some(path)) => path,
                Ok(None) => return Place::Elsewhere,
                Err(errno) => return Place::Nowhere(errno),
            },
        };
        if is_elsewhere(&absolute) {
            return Place::Elsewhere;
        }
        let (path, came_through) = match self.straighten(&absolute) {
            Ok(straight) => straight,
            Err(errno) => return Place::Nowhere(errno),
        };
        // Directories above the tree belong to the tree if the path comes out of it. A directory of
        // the host would be opened with the rights and the root directory of the server.
        if Tree::owns(&path) || (came_through && Tree::is_above(&path)) {
            return Place::Tree(path);
        }
        self.of_descriptor(thread, &path)
    }

    /// Normalizes an absolute path; returns it without the first slash, and whether `..` left a
    /// directory of the tree.
    ///
    /// A trailing slash marks a path that must be a directory. In the tree `..` follows the
    /// resolved symbolic links. Outside it removes the last name, because links of the host are
    /// unknown.
    ///
    /// # Errors
    /// `ENOTDIR` or `ENOENT` if the tree has no such path.
    fn straighten(&self, absolute: &[u8]) -> Result<(Vec<u8>, bool)> {
        let (mut path, mut came_through, mut slash) = (Vec::new(), false, false);
        for part in absolute[1..].split(|&byte| byte == b'/') {
            slash = matches!(part, b"" | b"." | b"..");
            match part {
                b"" | b"." => {}
                b".." => {
                    if Self::owns(&path) {
                        came_through = true;
                        path = self.real_directory(&path)?;
                    }
                    let parent = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                    path.truncate(parent);
                }
                name => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(name);
                }
            }
        }
        if slash && !path.is_empty() {
            path.push(b'/');
        }
        Ok((path, came_through))
    }

    /// Returns the path of a directory of the tree, with symbolic links resolved.
    fn real_directory(&self, path: &[u8]) -> Result<Vec<u8>> {
        let directory = self.directory(path)?;
        let link = readlink(own_path(directory.as_raw_fd()).as_str())?;
        let real = self.pretended(link.as_bytes()).ok_or(Errno::NOENT)?;
        Ok(real.strip_prefix(b"/").unwrap_or(real).to_vec())
    }

    /// Returns the absolute path of a relative one; `None` if the directory is unknown.
    fn below(&self, thread: Pid, directory: i32, path: &[u8]) -> Result<Option<Vec<u8>>> {
        let base = self.base(thread, directory)?;
        Ok(base.map(|base| [&base, b"/".as_slice(), path].concat()))
    }

    /// Returns the absolute path of a thread's directory descriptor, or of its working directory.
    /// The result is `None` if the kernel will refuse the directory.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn base(&self, thread: Pid, directory: i32) -> Result<Option<Vec<u8>>> {
        let link = if directory == libc::AT_FDCWD {
            std::fs::read_link(format!("/proc/{thread}/cwd"))
        } else {
            std::fs::read_link(path_of(thread, directory))
        };
        match link {
            Ok(base) => {
                let base = base.as_os_str().as_bytes();
                Ok(Some(self.pretended(base).unwrap_or(base).to_vec()))
            }
            Err(error) => {
                let errno = error.into();
                if is_shortage(errno) { Err(errno) } else { Ok(None) }
            }
        }
    }

    /// Resolves a path that may lead to a descriptor.
    fn of_descriptor(&self, thread: Pid, path: &[u8]) -> Place {
        let mut parts = path.split(|&byte| byte == b'/');
        let first = parts.next();
        let (owner, kind) = match first {
            Some(b"dev") => match parts.next() {
                Some(b"fd") => (thread, b"fd".as_slice()),
                Some(b"stdin") => return Place::Descriptor { thread, fd: 0 },
                Some(b"stdout") => return Place::Descriptor { thread, fd: 1 },
                Some(b"stderr") => return Place::Descriptor { thread, fd: 2 },
                _ => return Place::Elsewhere,
            },
            Some(b"proc") => {
                let mut owner = match parts.next() {
                    Some(b"self" | b"thread-self") => thread,
                    Some(number) => match parse(number) {
                        Some(number) => Pid::from_raw(number),
                        None => return Place::Elsewhere,
                    },
                    None => return Place::Elsewhere,
                };
                let mut kind = parts.next();
                if kind == Some(b"task") {
                    let Some(task) = parts.next().and_then(parse) else {
                        return Place::Elsewhere;
                    };
                    owner = Pid::from_raw(task);
                    kind = parts.next();
                }
                match kind {
                    Some(kind) => (owner, kind),
                    None => return Place::Elsewhere,
                }
            }
            _ => return Place::Elsewhere,
        };
        let Some(fd) = parts.next().and_then(parse) else {
            return Place::Elsewhere;
        };
        match may_inspect(thread, owner) {
            Ok(true) => {}
            // The kernel refuses the inspection.
            Ok(false) => return Place::Elsewhere,
            Err(errno) => return Place::Nowhere(errno),
        }
        let rest: Vec<_> = parts.collect();
        match (kind, &rest[..]) {
            (b"fd", []) => Place::Descriptor { thread: owner, fd },
            (b"fdinfo", []) => Place::DescriptorInfo { thread: owner, fd },
            // The trailing slash requires a directory. The kernel decides, and a node is none.
            (b"fd", [b""]) => Place::Elsewhere,
            // The path continues below an open directory.
            (b"fd", rest) => match self.below(owner, fd, &rest.join(&b'/')) {
                Ok(Some(path)) => match self.straighten(&path) {
                    Ok((path, _)) if Tree::owns(&path) => Place::Tree(path),
                    Ok(_) => Place::Elsewhere,
                    Err(errno) => Place::Nowhere(errno),
                },
                Ok(None) => Place::Elsewhere,
                Err(errno) => Place::Nowhere(errno),
            },
            _ => Place::Elsewhere,
        }
    }
}

/// Returns whether an absolute path cannot concern the device, whatever the links of the host.
pub(super) fn is_elsewhere(path: &[u8]) -> bool {
    let interesting = [b"/dev/".as_slice(), b"/sys/", b"/proc/"];
    path.starts_with(b"/")
        && !interesting.iter().any(|start| path.starts_with(start))
        // A `..` could lead back.
        && !has_detour(path)
}

fn parse(number: &[u8]) -> Option<i32> {
    if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Returns whether an absolute path has an empty, `.` or `..` component.
fn has_detour(path: &[u8]) -> bool {
    path[1..].split(|&byte| byte == b'/').any(|part| matches!(part, b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Place {
        Tree::new().unwrap().place(nix::unistd::gettid(), libc::AT_FDCWD, path.as_bytes())
    }

    #[test]
    fn nodes_are_found_by_any_spelling() {
        for path in ["/dev/dri/card0", "//dev//dri/./card0", "/usr/../dev/dri/card0"] {
            assert_eq!(place(path), Place::Tree(b"dev/dri/card0".to_vec()), "{path}");
        }
        for path in [
            "/dev/null",
            "/dev",
            "/dev/shm/..",
            "/dev/drift",
            "/etc/passwd",
            "/dev/dri/../null",
            "",
            "x",
            "/proc/1/maps",
        ] {
            assert_eq!(place(path), Place::Elsewhere, "{path}");
        }
    }

    #[test]
    fn above_the_tree_is_nothing_of_the_host() {
        assert_eq!(place("/dev/dri/.."), Place::Tree(b"dev/".to_vec()));
        assert_eq!(place("/dev/dri/../.."), Place::Tree(b"".to_vec()));
        let tree = Tree::new().unwrap();
        for path in [b"dev/null".as_slice(), b"etc", b"proc"] {
            assert_eq!(tree.find(path, true).map(drop), Err(Errno::NOENT));
        }
        let root = nix::sys::stat::fstat(tree.find(b"", true).unwrap().fd).unwrap();
        let host = nix::sys::stat::stat("/").unwrap();
        assert_ne!((root.st_dev, root.st_ino), (host.st_dev, host.st_ino));
    }

    #[test]
    fn a_way_back_starts_where_links_have_led() {
        let drm = Place::Tree(b"sys/devices/platform/fb000000.gpu/drm/".to_vec());
        assert_eq!(place("/sys/class/drm/card0/.."), drm);
        let no_directory = Place::Nowhere(Errno(libc::ENOTDIR));
        assert_eq!(place("/dev/dri/card0/../card0"), no_directory);
        assert_eq!(place("/dev/dri/card7/../card0"), Place::Nowhere(Errno::NOENT));
        assert_eq!(place("/dev/dri/card0/"), Place::Tree(b"dev/dri/card0/".to_vec()));
    }

    #[test]
    fn descriptors_are_found_by_any_of_their_paths() {
        let thread = nix::unistd::gettid();
        let own = Place::Descriptor { thread, fd: 7 };
        for path in ["/proc/self/fd/7", "/proc/thread-self/fd/7", "/dev/fd/7"] {
            assert_eq!(place(path), own, "{path}");
        }
        let process = Pid::this();
        assert_eq!(
            place(&format!("/proc/{process}/fd/7")),
            Place::Descriptor { thread: process, fd: 7 }
        );
        assert_eq!(
            place(&format!("/proc/{process}/task/{thread}/fdinfo/7")),
            Place::DescriptorInfo { thread, fd: 7 }
        );
        for path in ["/proc/self/fd", "/proc/self/fd/", "/proc/x/fd/7", "/proc/self/fd/+7"] {
            assert_eq!(place(path), Place::Elsewhere, "{path}");
        }
    }

    #[test]
    fn relative_paths_start_at_their_directory() {
        use std::os::fd::AsRawFd;

        let tree = Tree::new().unwrap();
        let thread = nix::unistd::gettid();
        let directory = std::fs::File::open("/dev").unwrap();
        let place = |path: &str| tree.place(thread, directory.as_raw_fd(), path.as_bytes());
        assert_eq!(place("dri/card0"), Place::Tree(b"dev/dri/card0".to_vec()));
        assert_eq!(place("../dev/fd/3"), Place::Descriptor { thread, fd: 3 });
        assert_eq!(place("null"), Place::Elsewhere);
        let drm = tree.directory(b"sys/class/drm").unwrap();
        let place = tree.place(thread, drm.as_raw_fd(), b"card0/device");
        assert_eq!(place, Place::Tree(b"sys/class/drm/card0/device".to_vec()));
    }
}
