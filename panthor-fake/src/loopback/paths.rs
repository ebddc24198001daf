//! Where a path of a program leads: to a file around the device, to a descriptor, or elsewhere.

use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use nix::fcntl::readlink;
use nix::libc;
use nix::unistd::Pid;

use super::process::path_of;
use super::rights::may_inspect;
use super::tree::Tree;
use crate::call::errno::{Errno, Result};
use crate::sharing::descriptors::path as own_path;

/// Where a path leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// To something of the host.
    Elsewhere,
    /// To something of the tree: the path from its root, without a slash.
    Tree(Vec<u8>),
    /// To a descriptor of a thread, through `/proc` or `/dev/fd`.
    Descriptor { thread: Pid, fd: i32 },
    /// To what `/proc` tells about it.
    DescriptorInfo { thread: Pid, fd: i32 },
    /// Through something of the tree that is no directory, or is not there.
    Nowhere(Errno),
}

impl Tree {
    /// Follows a path of a thread, from `directory` on if it is relative.
    pub(super) fn place(&self, thread: Pid, directory: i32, path: &[u8]) -> Place {
        let absolute = match path {
            [] => return Place::Elsewhere,
            [b'/', ..] => path.to_vec(),
            _ => match self.below(thread, directory, path) {
                Some(path) => path,
                None => return Place::Elsewhere,
            },
        };
        if is_elsewhere(&absolute) {
            return Place::Elsewhere;
        }
        let (path, came_through) = match self.straighten(&absolute) {
            Ok(straight) => straight,
            Err(errno) => return Place::Nowhere(errno),
        };
        // What is above the tree's parts is the tree's, too, where the way there leads through them: a directory
        // of the host would be opened with the rights of the server and below its root directory.
        if Tree::owns(&path) || (came_through && Tree::is_above(&path)) {
            return Place::Tree(path);
        }
        self.of_descriptor(thread, &path)
    }

    /// An absolute path without detours and without its first slash, and whether it comes out of the tree. One that
    /// must be a directory ends in a slash.
    ///
    /// In the tree a way back starts where symbolic links have led. Outside they are not known: there it is taken by
    /// name.
    ///
    /// # Errors
    /// `ENOTDIR` and the like where the tree has no such way.
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

    /// The path of a directory of the tree, without symbolic links.
    fn real_directory(&self, path: &[u8]) -> Result<Vec<u8>> {
        let directory = self.directory(path)?;
        let link = readlink(own_path(directory.as_raw_fd()).as_str())?;
        let real = self.pretended(link.as_bytes()).ok_or(Errno::NOENT)?;
        Ok(real.strip_prefix(b"/").unwrap_or(real).to_vec())
    }

    /// The absolute path that a relative one means; `None` if it cannot be of interest.
    fn below(&self, thread: Pid, directory: i32, path: &[u8]) -> Option<Vec<u8>> {
        Some([&self.base(thread, directory)?, b"/".as_slice(), path].concat())
    }

    /// The absolute path of a directory that a thread has, or works in.
    pub(super) fn base(&self, thread: Pid, directory: i32) -> Option<Vec<u8>> {
        let link = if directory == libc::AT_FDCWD {
            std::fs::read_link(format!("/proc/{thread}/cwd"))
        } else {
            std::fs::read_link(path_of(thread, directory))
        };
        let base = link.ok()?;
        let base = base.as_os_str().as_bytes();
        Some(self.pretended(base).unwrap_or(base).to_vec())
    }

    /// Whether a path is that of a descriptor.
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
        if !may_inspect(thread, owner) {
            // The kernel refuses it.
            return Place::Elsewhere;
        }
        let rest: Vec<_> = parts.collect();
        match (kind, &rest[..]) {
            (b"fd", []) => Place::Descriptor { thread: owner, fd },
            (b"fdinfo", []) => Place::DescriptorInfo { thread: owner, fd },
            // The kernel knows whether it is a directory: a node is none, whatever it is really.
            (b"fd", [b""]) => Place::Elsewhere,
            // Below a directory that is open.
            (b"fd", rest) => match self.below(owner, fd, &rest.join(&b'/')) {
                Some(path) => match self.straighten(&path) {
                    Ok((path, _)) if Tree::owns(&path) => Place::Tree(path),
                    Ok(_) => Place::Elsewhere,
                    Err(errno) => Place::Nowhere(errno),
                },
                None => Place::Elsewhere,
            },
            _ => Place::Elsewhere,
        }
    }
}

/// Whether a path is absolute and of no interest, whatever there is.
pub(super) fn is_elsewhere(path: &[u8]) -> bool {
    let interesting = [b"/dev/".as_slice(), b"/sys/", b"/proc/"];
    path.starts_with(b"/")
        && !interesting.iter().any(|start| path.starts_with(start))
        // It could come back.
        && !has_detour(path)
}

fn parse(number: &[u8]) -> Option<i32> {
    if number.is_empty() || !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Whether an absolute path has empty parts, or ones that are dots.
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
