//! Root directory and mount namespace of the server, for comparison with those of a caller.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::Pid;

/// Root directory and mount namespace of a thread.
#[derive(PartialEq, Eq, Debug)]
pub(in crate::loopback) struct Home {
    mounts: PathBuf,
    device: (u32, u32),
    inode: u64,
    mount: u64,
}

impl Home {
    /// Returns the root directory and mount namespace of the calling thread.
    pub(in crate::loopback) fn own() -> std::io::Result<Self> {
        Self::in_proc("thread-self")
    }

    fn in_proc(process: &str) -> std::io::Result<Self> {
        let mounts = std::fs::read_link(format!("/proc/{process}/ns/mnt"))?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = open(format!("/proc/{process}/root").as_str(), flags, Mode::empty())?;
        let stat = statx(&root)?;
        Ok(Self {
            mounts,
            device: (stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            mount: stat.stx_mnt_id,
        })
    }

    /// Returns whether both root directories are the same directory, possibly through different
    /// mounts.
    pub(in crate::loopback) fn has_root_of(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Returns whether a thread has this root directory and this mount namespace; `false` if
    /// unknown.
    pub(in crate::loopback) fn is_of(&self, thread: Pid) -> bool {
        Self::in_proc(&thread.to_string()).is_ok_and(|other| other == *self)
    }
}

fn statx(fd: &OwnedFd) -> nix::Result<libc::statx> {
    let mask = libc::STATX_INO | libc::STATX_MNT_ID;
    // SAFETY: the structure consists of integers, which may be zero.
    let mut stat: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path is an empty C string, and `stat` is valid for writes.
    let result = unsafe {
        libc::statx(fd.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH, mask, &raw mut stat)
    };
    Errno::result(result)?;
    Ok(stat)
}

#[cfg(test)]
impl Home {
    /// Changes this value so that no thread matches.
    pub(in crate::loopback) fn move_away(&mut self) {
        self.mount += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_jail_is_at_home() {
        let own = Home::own().unwrap();
        assert!(own.is_of(nix::unistd::gettid()));
        let mut other = own;
        other.move_away();
        assert!(!other.is_of(nix::unistd::gettid()));
    }
}
