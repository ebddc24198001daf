//! Placement of the tree's files at paths of the host.

use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, makedev, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, symlinkat, unlinkat};

use crate::loopback::node::MAJOR;
use crate::loopback::tree::contents::{Item, What, fill};
use crate::loopback::tree::tmpfs;
use crate::sharing::descriptors::path as own_path;

/// File of the tree to place in a directory of the host.
pub(super) struct Own {
    pub(super) name: CString,
    /// Target of a symbolic link; `None` for a directory.
    pub(super) link: Option<CString>,
    /// Files below a directory.
    pub(super) below: Vec<Item>,
}

impl Own {
    /// Returns the absolute path.
    pub(super) fn path(&self, parent: &str) -> String {
        format!("/{parent}/{}", self.name.to_string_lossy())
    }
}

/// Mounts a read-only tmpfs with the given files of the tree at a path.
///
/// # Errors
/// Returns the error of the failed system call.
pub(super) fn place(path: &str, items: &[Item]) -> io::Result<()> {
    let mount = tmpfs::make()?;
    fill(&mount, items)?;
    for Item { path, what } in items {
        if let What::Node(kind) = what {
            // The real device node replaces the unprivileged placeholder.
            let node = makedev(MAJOR.into(), kind.minor().into());
            unlinkat(&mount, path.as_c_str(), UnlinkatFlags::NoRemoveDir)?;
            mknodat(&mount, path.as_c_str(), SFlag::S_IFCHR, Mode::empty(), node)?;
            let mode = Mode::from_bits_truncate(0o666);
            fchmodat(&mount, path.as_c_str(), mode, FchmodatFlags::FollowSymlink)?;
        }
    }
    tmpfs::set_read_only(&mount)?;
    Ok(tmpfs::attach(&mount, AT_FDCWD, &CString::new(path)?)?)
}

/// Covers a directory of the host with a tmpfs that has the entries of the directory and of the
/// tree. An entry of the tree replaces the host's entry of the same name.
///
/// # Errors
/// Returns the error of the failed system call.
pub(super) fn cover(parent: &str, own: &[Own]) -> io::Result<()> {
    let parent = CString::new(format!("/{parent}"))?;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let original = open(parent.as_c_str(), flags, Mode::empty())?;
    let mount = tmpfs::make_with_devices()?;
    for Own { name, link, .. } in own {
        match link {
            Some(target) => symlinkat(target.as_c_str(), &mount, name.as_c_str())?,
            None => mkdirat(&mount, name.as_c_str(), Mode::S_IRWXU)?,
        }
    }
    let mut clones = Vec::new();
    for entry in std::fs::read_dir(own_path(original.as_raw_fd()))? {
        let entry = entry?;
        let name = CString::new(entry.file_name().into_vec())?;
        if own.iter().any(|own| own.name == name) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            let target = readlinkat(&original, entry.file_name().as_bytes())?;
            symlinkat(target.as_os_str(), &mount, name.as_c_str())?;
            continue;
        }
        if kind.is_dir() {
            mkdirat(&mount, name.as_c_str(), Mode::S_IRWXU)?;
        } else {
            let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
            openat(&mount, name.as_c_str(), flags, Mode::S_IRUSR)?;
        }
        clones.push(name);
    }
    tmpfs::attach(&mount, AT_FDCWD, &parent)?;
    let new = open(parent.as_c_str(), flags, Mode::empty())?;
    for name in clones {
        match tmpfs::clone(&original, &name) {
            Ok(clone) => tmpfs::attach(&clone, &new, &name)?,
            // The entry was removed meanwhile.
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
