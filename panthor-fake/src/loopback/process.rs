//! Threads of other processes: what they are, and what they have open.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use nix::errno::Errno as OsError;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::Pid;

use crate::call::caller::Capabilities;
use crate::call::errno::{Errno, Result};
use crate::lock::lock;
use crate::sharing::descriptors::Identity;

/// A flag of pidfd_open: a thread, with the descriptors it has.
const PIDFD_THREAD: libc::c_uint = libc::O_EXCL as libc::c_uint;

/// After so many threads those that were known are forgotten, which bounds the descriptors that they cost: this
/// many, or the part of all descriptors that there may be.
const KNOWN_MAX: usize = 64;
const KNOWN_PART: u64 = 8;

/// The threads that were seen, with a descriptor of each.
#[derive(Debug)]
pub(super) struct Processes {
    /// Whether descriptors can be duplicated. Where a container forbids it, they are looked at in `/proc`.
    duplicates: bool,
    known_max: usize,
    known: Mutex<HashMap<Pid, Arc<Handle>>>,
}

#[derive(Debug)]
struct Handle {
    pidfd: OwnedFd,
    /// The process whose descriptors these are; that of the thread itself where the kernel knows threads.
    process: Pid,
}

impl Processes {
    pub(super) fn new() -> Self {
        let own =
            pidfd_open(Pid::this(), 0).and_then(|pidfd| pidfd_getfd(&pidfd, pidfd.as_raw_fd()));
        let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        let known_max = usize::try_from(files / KNOWN_PART).unwrap_or(KNOWN_MAX).min(KNOWN_MAX);
        Self { duplicates: own.is_ok(), known_max, known: Mutex::default() }
    }

    /// Whether descriptors can be duplicated.
    pub(super) fn can_duplicate(&self) -> bool {
        self.duplicates
    }

    /// Duplicates a descriptor of a thread.
    ///
    /// # Errors
    /// `EBADF` if it is not open.
    pub(super) fn duplicate(&self, thread: Pid, fd: i32) -> Result<OwnedFd> {
        // Once more if another thread has the number by now.
        for _ in 0..2 {
            let handle = self.yielding(|| self.handle(thread))?;
            match self.yielding(|| Ok(pidfd_getfd(&handle.pidfd, fd)?)) {
                Err(Errno(libc::ESRCH)) => self.forget(thread),
                result => return result,
            }
        }
        Err(OsError::ESRCH.into())
    }

    /// Does something that takes a descriptor, once more without those of known threads if there are none left.
    pub(super) fn yielding<T>(&self, open: impl Fn() -> Result<T>) -> Result<T> {
        match open() {
            Err(Errno(libc::EMFILE | libc::ENFILE)) if self.forget_all() => open(),
            result => result,
        }
    }

    /// Forgets the threads that were seen; returns whether there were any.
    fn forget_all(&self) -> bool {
        !std::mem::take(&mut *lock(&self.known)).is_empty()
    }

    fn handle(&self, thread: Pid) -> Result<Arc<Handle>> {
        let mut known = lock(&self.known);
        if let Some(handle) = known.get(&thread) {
            if handle.has(thread) {
                return Ok(handle.clone());
            }
        }
        if known.len() >= self.known_max {
            known.clear();
        }
        let handle = Arc::new(Handle::open(thread)?);
        known.insert(thread, handle.clone());
        Ok(handle)
    }

    fn forget(&self, thread: Pid) {
        lock(&self.known).remove(&thread);
    }
}

impl Handle {
    fn open(thread: Pid) -> Result<Self> {
        match pidfd_open(thread, PIDFD_THREAD) {
            // Before Linux 6.9 there are descriptors of whole processes only.
            Err(OsError::EINVAL) => {
                let process = process_of(thread).ok_or(OsError::ESRCH)?;
                Ok(Self { pidfd: pidfd_open(process, 0)?, process })
            }
            pidfd => Ok(Self { pidfd: pidfd?, process: thread }),
        }
    }

    /// Whether the thread is still one of the process.
    fn has(&self, thread: Pid) -> bool {
        let process = self.process;
        process == thread || fs::exists(format!("/proc/{process}/task/{thread}")).unwrap_or(false)
    }
}

fn pidfd_open(pid: Pid, flags: libc::c_uint) -> nix::Result<OwnedFd> {
    // SAFETY: it takes numbers only.
    let fd = OsError::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), flags) })?;
    // SAFETY: the kernel made it a moment ago, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn pidfd_getfd(pidfd: &OwnedFd, fd: i32) -> nix::Result<OwnedFd> {
    // SAFETY: it takes numbers only.
    let fd =
        OsError::result(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0) })?;
    // SAFETY: the kernel made it a moment ago, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Where `/proc` has a descriptor of a thread.
pub(super) fn path_of(thread: Pid, fd: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{thread}/fd/{fd}"))
}

/// What the link in `/proc` says of a descriptor of a thread; `None` if it is not open. That never waits, whatever
/// file system the file is of.
pub(super) fn link_of(thread: Pid, fd: i32) -> Option<Vec<u8>> {
    fs::read_link(path_of(thread, fd)).ok().map(|link| link.into_os_string().into_vec())
}

/// Tells the file behind a descriptor of a thread from others of the fake; all others are the same.
///
/// # Errors
/// `EBADF` if it is not open.
pub(super) fn identity_of(thread: Pid, fd: i32) -> Result<Identity> {
    // All that the fake gives away. Others may be of a file system that answers by and by.
    const OURS: [&[u8]; 2] = [b"/memfd:", b"pipe:["];

    let link = link_of(thread, fd).ok_or(Errno::BADF)?;
    if OURS.iter().any(|start| link.starts_with(start)) {
        Identity::at(path_of(thread, fd))
    } else {
        Ok(Identity::OTHER)
    }
}

/// What `/proc` tells about a descriptor of a thread.
///
/// # Errors
/// What the kernel says.
pub(super) fn info_of(thread: Pid, fd: i32) -> Result<String> {
    let info = fs::read_to_string(format!("/proc/{thread}/fdinfo/{fd}"));
    info.map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EIO)))
}

/// What a line of `/proc/THREAD/status` says.
pub(super) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// What `/proc/THREAD/status` says.
pub(super) fn status(thread: Pid) -> Option<String> {
    // The name in it may be any bytes.
    let bytes = fs::read(format!("/proc/{thread}/status")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The process that a thread is of.
pub(super) fn process_of(thread: Pid) -> Option<Pid> {
    field(&status(thread)?, "Tgid")?.parse().ok().map(Pid::from_raw)
}

/// The number that a thread knows itself by, in its own process namespace.
pub(super) fn own_number_of(thread: Pid) -> Option<Pid> {
    let status = status(thread)?;
    field(&status, "NSpid")?.split_whitespace().last()?.parse().ok().map(Pid::from_raw)
}

/// The name of a thread, for messages.
pub(super) fn name_of(thread: Pid) -> String {
    let name = status(thread).and_then(|status| Some(field(&status, "Name")?.to_owned()));
    name.unwrap_or_else(|| String::from("?"))
}

/// What a thread may do. In a user namespace of its own it has no capability that a driver asks for.
pub(super) fn capabilities(thread: Pid) -> Capabilities {
    const SYS_ADMIN: u32 = 21;
    const SYS_NICE: u32 = 23;

    let namespace = |who: &str| fs::read_link(format!("/proc/{who}/ns/user")).ok();
    let same = namespace("self").is_some_and(|own| namespace(&thread.to_string()) == Some(own));
    let effective = status(thread)
        .and_then(|status| u64::from_str_radix(field(&status, "CapEff")?, 16).ok())
        .filter(|_| same)
        .unwrap_or(0);
    Capabilities {
        administrator: effective >> SYS_ADMIN & 1 != 0,
        nice: effective >> SYS_NICE & 1 != 0,
    }
}

/// Whether the memory of a process may be read.
///
/// # Errors
/// What `process_vm_readv(2)` says if it may not.
pub(super) fn check_readable(process: Pid) -> io::Result<()> {
    use nix::sys::uio::{RemoteIoVec, process_vm_readv};

    let mut byte = [0];
    // Nothing is ever mapped there: whether it may be read is checked before.
    let nowhere = [RemoteIoVec { base: 8, len: 1 }];
    let result = process_vm_readv(process, &mut [io::IoSliceMut::new(&mut byte)], &nowhere);
    match result {
        Err(OsError::EPERM) => Err(OsError::EPERM.into()),
        Err(OsError::ENOSYS) => Err(OsError::ENOSYS.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "Name:\tx\nSigPnd:\t0000000000000001\nShdPnd:\t2\n";
        assert_eq!(field(status, "SigPnd"), Some("0000000000000001"));
        assert_eq!(field(status, "Sig"), None);
    }

    #[test]
    fn this_thread_is_of_this_process() {
        let thread = nix::unistd::gettid();
        assert_eq!(process_of(thread), Some(Pid::this()));
        assert_eq!(own_number_of(thread), Some(thread));
        check_readable(Pid::this()).unwrap();
    }
}
