//! Private directory for the tree, for systems that forbid mounts.
//!
//! Programs of the same user can change the directory. So the server neither serves nor removes
//! files that it did not create.

use std::ffi::{CStr, CString, OsString};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2, readlink};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, UnlinkatFlags, mkdtemp, unlinkat};

use super::contents::{Item, What, fill};
use super::made::Identity;
use crate::sharing::descriptors::path;

/// Private directory, which the destructor removes.
#[derive(Debug)]
pub(super) struct Temporary {
    /// Parent directory.
    parent: OwnedFd,
    name: OsString,
    /// Resolved path, as `/proc` reports it.
    path: PathBuf,
    root: OwnedFd,
    /// Created files: path, whether the file is a directory, and identity.
    made: Vec<(CString, bool, Identity)>,
    /// Process that created the directory. A forked child does not remove it.
    owner: Pid,
}

const DIRECTORY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Temporary {
    /// Creates a directory with mode 0700 in `parent`, and fills it.
    pub(super) fn new(parent: &Path, items: &[Item]) -> io::Result<Self> {
        let parent = open(parent, DIRECTORY, Mode::empty())?;
        let template = format!("{}/panthor-fake-loopback-XXXXXX", path(parent.as_raw_fd()));
        let made = mkdtemp(template.as_str())?;
        let name = made.file_name().unwrap_or_default().to_owned();
        let root = openat(&parent, name.as_os_str(), DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())?;
        let path = PathBuf::from(readlink(path(root.as_raw_fd()).as_str())?);
        let mut new = Self { parent, name, path, root, made: Vec::new(), owner: Pid::this() };
        let filled = fill(&new.root, items);
        for Item { path, what } in items {
            // The first missing file is the one that could not be created.
            let Ok(identity) = Identity::at(&new.root, path) else { break };
            new.made.push((path.clone(), matches!(what, What::Directory), identity));
        }
        filled?;
        Ok(new)
    }

    /// Returns the root of the tree.
    pub(super) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Returns the resolved path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the created files and nothing else; returns whether the directory is gone.
    fn remove(&self) -> bool {
        for (path, is_directory, identity) in self.made.iter().rev() {
            // A missing or replaced file must not keep the others from removal.
            let _ = self.remove_one(path, *is_directory, identity);
        }
        let name = CString::new(self.name.as_bytes()).unwrap_or_default();
        let is_same = Identity::of(&self.root).is_ok_and(|root| {
            Identity::at(&self.parent, &name).is_ok_and(|identity| identity == root)
        });
        is_same && unlinkat(&self.parent, &*name, UnlinkatFlags::RemoveDir).is_ok()
    }

    fn remove_one(&self, path: &CStr, directory: bool, identity: &Identity) -> nix::Result<()> {
        let bytes = path.to_bytes();
        let slash = bytes.iter().rposition(|&byte| byte == b'/');
        let (parent, name) = match slash {
            Some(at) => (&bytes[..at], &bytes[at + 1..]),
            None => (b".".as_slice(), bytes),
        };
        let resolve = ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_XDEV;
        let how = OpenHow::new().flags(DIRECTORY).resolve(resolve);
        let parent = openat2(&self.root, parent, how)?;
        let name = CString::new(name).unwrap_or_default();
        if Identity::at(&parent, &name)? != *identity {
            return Err(nix::Error::ENOENT);
        }
        let flag = if directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
        unlinkat(&parent, &*name, flag)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if Pid::this() == self.owner && !self.remove() {
            // A closed standard error must not cause a panic.
            let _ = writeln!(
                io::stderr(),
                "panthor-fake: leaves the directory {}: a program has changed it",
                self.path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::contents::items;
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            Self(mkdtemp(&std::env::temp_dir().join("panthor-temporary-XXXXXX")).unwrap())
        }

        fn names(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn an_unchanged_directory_is_removed() {
        let scratch = Scratch::new();
        let temporary = Temporary::new(&scratch.0, &items()).unwrap();
        let mode = fs::metadata(temporary.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        drop(temporary);
        assert_eq!(scratch.names(), 0);
    }

    #[test]
    fn nothing_else_is_removed() {
        let scratch = Scratch::new();
        for name in ["panthor-fake-loopback-my-notes", "other"] {
            fs::create_dir(scratch.0.join(name)).unwrap();
            fs::write(scratch.0.join(name).join("thesis.tex"), "x").unwrap();
        }
        let temporary = Temporary::new(&scratch.0, &items()).unwrap();
        let path = temporary.path().to_owned();
        // The program adds a file, replaces a file, and replaces a directory by a link to its own.
        fs::write(path.join("dev/added"), "x").unwrap();
        let version = path.join("sys/class/drm/version");
        fs::rename(&version, path.join("was")).unwrap();
        fs::write(&version, "x").unwrap();
        let by_path = path.join("dev/dri/by-path");
        fs::rename(&by_path, path.join("by-path")).unwrap();
        let own = scratch.0.join("own");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("platform-fb000000.gpu-card"), "x").unwrap();
        symlink(&own, &by_path).unwrap();
        drop(temporary);
        assert!(path.join("dev/added").exists() && version.exists() && path.join("was").exists());
        assert!(own.join("platform-fb000000.gpu-card").exists());
        assert!(!path.join("sys/bus").exists(), "what was made is left");
        assert!(scratch.0.join("panthor-fake-loopback-my-notes/thesis.tex").exists());
        assert!(scratch.0.join("other/thesis.tex").exists());
    }

    #[test]
    fn a_directory_that_was_replaced_stays() {
        let scratch = Scratch::new();
        let temporary = Temporary::new(&scratch.0, &items()).unwrap();
        let path = temporary.path().to_owned();
        fs::rename(&path, scratch.0.join("moved")).unwrap();
        fs::create_dir(&path).unwrap();
        drop(temporary);
        assert!(path.exists());
        assert_eq!(fs::read_dir(scratch.0.join("moved")).unwrap().count(), 0);
    }
}
