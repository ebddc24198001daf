//! Identities of the server's files, which distinguish them from files that a program created in
//! their place.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;

use super::contents::{Item, What};
use crate::loopback::node::Kind;
use crate::loopback::text_file::text_file;
use crate::sharing::descriptors::path;

/// Identity of a file: its device and inode number, its type, and its birth time.
///
/// A new file can reuse the inode number of a removed one, but not its birth time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Identity {
    device: (u32, u32),
    inode: u64,
    kind: u16,
    birth: Option<(i64, u32)>,
}

impl Identity {
    /// Returns the identity of an open file.
    pub(super) fn of(fd: impl AsFd) -> nix::Result<Self> {
        Self::at(fd, c"")
    }

    /// Returns the identity of a path relative to a directory, without following a final symbolic
    /// link.
    pub(super) fn at(directory: impl AsFd, path: &CStr) -> nix::Result<Self> {
        let flags = libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW;
        let mask = libc::STATX_TYPE | libc::STATX_INO | libc::STATX_BTIME;
        let directory = directory.as_fd().as_raw_fd();
        // SAFETY: the structure consists of integers, which may be zero.
        let mut stat: libc::statx = unsafe { std::mem::zeroed() };
        // SAFETY: the path is a C string, and `stat` is valid for writes.
        let result = unsafe { libc::statx(directory, path.as_ptr(), flags, mask, &raw mut stat) };
        Errno::result(result)?;
        let has_birth = stat.stx_mask & libc::STATX_BTIME != 0;
        Ok(Self {
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            kind: (u32::from(stat.stx_mode) & libc::S_IFMT) as u16,
            birth: has_birth.then_some((stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec)),
        })
    }
}

/// Identities of all files of the tree, with the node that each stands for, if any.
#[derive(Debug)]
pub(super) struct Made(HashMap<Identity, Option<Kind>>);

impl Made {
    /// Reads the identities of all files below the root.
    pub(super) fn new(root: impl AsFd, items: &[Item]) -> nix::Result<Self> {
        let mut made = HashMap::from([(Identity::of(&root)?, None)]);
        for Item { path, what } in items {
            let node = match what {
                What::Node(kind) => Some(*kind),
                What::Directory | What::Text(_) | What::Link(_) => None,
            };
            made.insert(Identity::at(&root, path)?, node);
        }
        Ok(Self(made))
    }

    /// Returns the node that a file stands for, if any; `None` if the server did not create the
    /// file.
    pub(super) fn find(&self, identity: &Identity) -> Option<Option<Kind>> {
        self.0.get(identity).copied()
    }
}

/// Sealed copies of the texts of the tree.
#[derive(Debug)]
pub(super) struct Texts(HashMap<Identity, OwnedFd>);

impl Texts {
    /// Copies the texts of all files below the root.
    pub(super) fn new(root: impl AsFd, items: &[Item]) -> io::Result<Self> {
        let mut texts = HashMap::new();
        for Item { path, what } in items {
            if let What::Text(text) = what {
                texts.insert(Identity::at(&root, path)?, text_file(c"text", text)?);
            }
        }
        Ok(Self(texts))
    }

    /// Returns the copy of a file as an `O_PATH` descriptor; `None` if the file has no text.
    pub(super) fn find(&self, identity: &Identity) -> nix::Result<Option<OwnedFd>> {
        let Some(copy) = self.0.get(identity) else { return Ok(None) };
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        open(path(copy.as_raw_fd()).as_str(), flags, Mode::empty()).map(Some)
    }
}
