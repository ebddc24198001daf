//! Inspection of threads in other processes, and of their descriptors.

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

/// Flag of `pidfd_open(2)` for a thread, with its own descriptor table.
const PIDFD_THREAD: libc::c_uint = libc::O_EXCL as libc::c_uint;

/// Bounds of the cache of pidfds: a number of threads, and a fraction of `RLIMIT_NOFILE`. A full
/// cache is cleared.
const KNOWN_MAX: usize = 64;
const KNOWN_PART: u64 = 8;

/// Cache of pidfds by thread.
#[derive(Debug)]
pub(super) struct Processes {
    /// Set if `pidfd_getfd(2)` works. Where a container forbids it, the supervisor reads `/proc`
    /// instead.
    duplicates: bool,
    known_max: usize,
    known: Mutex<HashMap<Pid, Arc<Handle>>>,
}

#[derive(Debug)]
struct Handle {
    pidfd: OwnedFd,
    /// Process of the pidfd, or the thread itself if the kernel supports pidfds of threads.
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

    /// Returns whether descriptors can be duplicated.
    pub(super) fn can_duplicate(&self) -> bool {
        self.duplicates
    }

    /// Duplicates a descriptor of a thread.
    ///
    /// # Errors
    /// `EBADF` if the descriptor is not open.
    pub(super) fn duplicate(&self, thread: Pid, fd: i32) -> Result<OwnedFd> {
        // The second attempt covers a TID that another thread now has.
        for _ in 0..2 {
            let handle = self.yielding(|| self.handle(thread))?;
            match self.yielding(|| Ok(pidfd_getfd(&handle.pidfd, fd)?)) {
                Err(Errno(libc::ESRCH)) => self.forget(thread),
                result => return result,
            }
        }
        Err(OsError::ESRCH.into())
    }

    /// Runs an operation that needs a descriptor; clears the cache and retries if none is left.
    pub(super) fn yielding<T>(&self, open: impl Fn() -> Result<T>) -> Result<T> {
        match open() {
            Err(Errno(libc::EMFILE | libc::ENFILE)) if self.forget_all() => open(),
            result => result,
        }
    }

    /// Clears the cache; returns whether it contained any thread.
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
            // Before Linux 6.9 a pidfd refers to a whole process.
            Err(OsError::EINVAL) => {
                let process = process_of(thread)?;
                Ok(Self { pidfd: pidfd_open(process, 0)?, process })
            }
            pidfd => Ok(Self { pidfd: pidfd?, process: thread }),
        }
    }

    /// Returns whether the thread still belongs to the process.
    fn has(&self, thread: Pid) -> bool {
        let process = self.process;
        process == thread || fs::exists(format!("/proc/{process}/task/{thread}")).unwrap_or(false)
    }
}

fn pidfd_open(pid: Pid, flags: libc::c_uint) -> nix::Result<OwnedFd> {
    // SAFETY: all arguments are integers.
    let fd = OsError::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), flags) })?;
    // SAFETY: the kernel just created the descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn pidfd_getfd(pidfd: &OwnedFd, fd: i32) -> nix::Result<OwnedFd> {
    // SAFETY: all arguments are integers.
    let fd =
        OsError::result(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0) })?;
    // SAFETY: the kernel just created the descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Returns the path of a descriptor in `/proc`.
pub(super) fn path_of(thread: Pid, fd: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{thread}/fd/{fd}"))
}

/// Returns whether an error is a shortage of this process: what it asked for may exist.
pub(super) fn is_shortage(Errno(errno): Errno) -> bool {
    matches!(errno, libc::EMFILE | libc::ENFILE | libc::ENOMEM)
}

/// Returns the link target of a descriptor in `/proc`. The call never blocks on a file system.
///
/// # Errors
/// `EBADF` if the descriptor is not open, otherwise the error of `readlink(2)`.
pub(super) fn link_of(thread: Pid, fd: i32) -> Result<Vec<u8>> {
    match fs::read_link(path_of(thread, fd)) {
        Ok(link) => Ok(link.into_os_string().into_vec()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Errno::BADF),
        Err(error) => Err(error.into()),
    }
}

/// Returns the identity of the file behind a descriptor. All files that the fake did not create
/// have the same identity.
///
/// # Errors
/// `EBADF` if the descriptor is not open.
pub(super) fn identity_of(thread: Pid, fd: i32) -> Result<Identity> {
    // Types of the fake's files. A `stat(2)` of any other file can block on its file system.
    const OURS: [&[u8]; 2] = [b"/memfd:", b"pipe:["];

    let link = link_of(thread, fd)?;
    if OURS.iter().any(|start| link.starts_with(start)) {
        Identity::at(path_of(thread, fd))
    } else {
        Ok(Identity::OTHER)
    }
}

/// Returns the fdinfo of a descriptor.
///
/// # Errors
/// Returns the error of the kernel.
pub(super) fn info_of(thread: Pid, fd: i32) -> Result<String> {
    let info = fs::read_to_string(format!("/proc/{thread}/fdinfo/{fd}"));
    info.map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EIO)))
}

/// Returns the value of a field of `/proc/THREAD/status`.
pub(super) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Returns the text of `/proc/THREAD/status`.
///
/// # Errors
/// `ESRCH` if the thread has ended, otherwise the error of `open(2)` or `read(2)`.
pub(super) fn status(thread: Pid) -> Result<String> {
    // The thread name can contain any byte.
    match fs::read(format!("/proc/{thread}/status")) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OsError::ESRCH.into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the process of a thread.
///
/// # Errors
/// The errors of [`status`].
pub(super) fn process_of(thread: Pid) -> Result<Pid> {
    number(field(&status(thread)?, "Tgid"))
}

/// Converts the value of a field to a PID or TID.
fn number(value: Option<&str>) -> Result<Pid> {
    let number = value.and_then(|value| value.parse().ok());
    number.map(Pid::from_raw).ok_or(Errno(libc::EIO))
}

/// Returns the TID in the thread's own PID namespace.
///
/// # Errors
/// The errors of [`status`].
pub(super) fn own_number_of(thread: Pid) -> Result<Pid> {
    let status = status(thread)?;
    number(field(&status, "NSpid").and_then(|numbers| numbers.split_whitespace().last()))
}

/// Returns the name of a thread, for messages.
pub(super) fn name_of(thread: Pid) -> String {
    let status = status(thread).unwrap_or_default();
    field(&status, "Name").unwrap_or("?").to_owned()
}

/// Returns the capabilities that the driver checks. A thread in another user namespace has none of
/// them.
pub(super) fn capabilities(thread: Pid) -> Capabilities {
    const SYS_ADMIN: u32 = 21;
    const SYS_NICE: u32 = 23;

    let namespace = |who: &str| fs::read_link(format!("/proc/{who}/ns/user")).ok();
    let same = namespace("self").is_some_and(|own| namespace(&thread.to_string()) == Some(own));
    let effective = status(thread)
        .ok()
        .and_then(|status| u64::from_str_radix(field(&status, "CapEff")?, 16).ok())
        .filter(|_| same)
        .unwrap_or(0);
    Capabilities {
        administrator: effective >> SYS_ADMIN & 1 != 0,
        nice: effective >> SYS_NICE & 1 != 0,
    }
}

/// Checks that the memory of a process is readable.
///
/// # Errors
/// `EPERM` or `ENOSYS` of `process_vm_readv(2)`.
pub(super) fn check_readable(process: Pid) -> io::Result<()> {
    use nix::sys::uio::{RemoteIoVec, process_vm_readv};

    let mut byte = [0];
    // Address 8 is never mapped. The kernel checks the permission before the address.
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
        assert_eq!(process_of(thread), Ok(Pid::this()));
        assert_eq!(own_number_of(thread), Ok(thread));
        check_readable(Pid::this()).unwrap();
    }
}
