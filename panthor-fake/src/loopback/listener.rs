//! Seccomp notifications and their answers.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno as OsError;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::utsname::uname;
use nix::unistd::Pid;

use crate::call::errno::{Errno, Result};
use crate::call::uaccess::Foreign;

/// Source of the notifications of one filter.
#[derive(Debug)]
pub(super) struct Listener {
    fd: OwnedFd,
    /// Set if receiving returns when no thread has the filter, as it does since Linux 6.11. On
    /// older kernels each receive needs a `poll(2)` before it.
    ends: bool,
}

/// Time in which a TID cannot be reused after its thread was known to wait.
///
/// The kernel allocates all other TIDs before it reuses one, which takes longer. So does an exec of
/// another thread, which takes over the TID of the thread group leader.
const NUMBER_STAYS: Duration = Duration::from_micros(20);

/// Notified system call. Its thread waits for the answer.
#[derive(Debug)]
pub(super) struct Notification<'a> {
    listener: &'a Listener,
    id: u64,
    thread: Pid,
    /// Time at which the thread was last known to wait.
    waited: Cell<Option<Instant>>,
    /// Architecture, an `AUDIT_ARCH_*` value.
    pub(super) arch: u32,
    pub(super) nr: i64,
    pub(super) args: [u64; 6],
}

/// Answer to a notified system call.
#[derive(Debug)]
pub(super) enum Answer {
    /// The kernel runs the system call.
    Continue,
    Value(i64),
    Error(Errno),
    /// A descriptor to install in the process; `cloexec` sets `FD_CLOEXEC`.
    Descriptor {
        fd: OwnedFd,
        cloexec: bool,
    },
}

impl From<Result<Answer>> for Answer {
    fn from(result: Result<Answer>) -> Self {
        result.unwrap_or_else(Answer::Error)
    }
}

/// Argument of an ioctl of a seccomp listener, with the number of the ioctl.
///
/// # Safety
///
/// The ioctl must take a pointer to `Self` and write to nothing but that structure. All bytes that
/// it writes must form a valid value.
unsafe trait Request {
    const NUMBER: libc::Ioctl;
}

// SAFETY: the ioctl fills this structure, which consists of integers.
unsafe impl Request for libc::seccomp_notif {
    const NUMBER: libc::Ioctl = libc::SECCOMP_IOCTL_NOTIF_RECV;
}

// SAFETY: the ioctl only reads this structure.
unsafe impl Request for libc::seccomp_notif_resp {
    const NUMBER: libc::Ioctl = libc::SECCOMP_IOCTL_NOTIF_SEND;
}

// SAFETY: the ioctl only reads this structure.
unsafe impl Request for libc::seccomp_notif_addfd {
    const NUMBER: libc::Ioctl = libc::SECCOMP_IOCTL_NOTIF_ADDFD;
}

/// Cookie of a notification, for the check whether the thread still waits.
#[repr(transparent)]
struct Waits(u64);

// SAFETY: the ioctl only reads a 64-bit integer.
unsafe impl Request for Waits {
    const NUMBER: libc::Ioctl = libc::SECCOMP_IOCTL_NOTIF_ID_VALID;
}

/// Issues an ioctl on the listener, and repeats it after `EINTR`.
///
/// A stop, a frozen cgroup or a debugger of this process interrupts these ioctls without a signal
/// handler. An interrupted ioctl has no effect, so that a repetition is safe.
/// `SECCOMP_ADDFD_FLAG_SEND` would be the exception.
fn control<R: Request>(fd: &OwnedFd, arg: &mut R) -> nix::Result<i32> {
    loop {
        let arg = std::ptr::from_mut(arg);
        // SAFETY: `Request` guarantees that the ioctl takes this structure and writes to nothing
        // else.
        let result = unsafe { libc::ioctl(fd.as_raw_fd(), R::NUMBER, arg) };
        match OsError::result(result) {
            Err(OsError::EINTR) => {}
            result => return result,
        }
    }
}

/// Returns whether the running kernel has at least this version.
fn is_kernel_at_least(version: (u32, u32)) -> bool {
    let Ok(name) = uname() else { return false };
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    matches!((numbers.next(), numbers.next()), (Some(Ok(a)), Some(Ok(b))) if (a, b) >= version)
}

impl Listener {
    pub(super) fn new(fd: OwnedFd) -> Self {
        // Wakes the supervisor on the CPU of the program, which more than halves the cost of a
        // notification. The flag needs Linux 6.6; its absence is harmless.
        const SYNC_WAKE_UP: usize = 1;
        // SAFETY: the argument is an integer.
        unsafe { libc::ioctl(fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
        Self { fd, ends: is_kernel_at_least((6, 11)) }
    }

    /// Returns whether no thread has the filter; waits for that or for a notification until
    /// `timeout`.
    fn is_over(&self, timeout: PollTimeout) -> nix::Result<bool> {
        let mut ready = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut ready, timeout) {
                Err(OsError::EINTR) => {}
                result => {
                    let revents = ready[0].revents().unwrap_or(PollFlags::empty());
                    return Ok(result? != 0 && !revents.contains(PollFlags::POLLIN));
                }
            }
        }
    }

    /// Returns the next notification, or `None` when no thread has the filter.
    pub(super) fn receive(&self) -> io::Result<Option<Notification<'_>>> {
        loop {
            if !self.ends && self.is_over(PollTimeout::NONE)? {
                return Ok(None);
            }
            // SAFETY: all fields may be zero, and the kernel requires zeros.
            let mut raw: libc::seccomp_notif = unsafe { std::mem::zeroed() };
            match control(&self.fd, &mut raw) {
                Ok(_) => {
                    return Ok(Some(Notification {
                        listener: self,
                        id: raw.id,
                        thread: Pid::from_raw(raw.pid as i32),
                        waited: Cell::new(None),
                        arch: raw.data.arch,
                        nr: raw.data.nr.into(),
                        args: raw.data.args,
                    }));
                }
                // Either the thread was killed meanwhile, or no thread has the filter.
                Err(OsError::ENOENT) if self.ends && self.is_over(PollTimeout::ZERO)? => {
                    return Ok(None);
                }
                Err(OsError::ENOENT) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Notification<'_> {
    /// Sends the answer. A killed thread needs none.
    pub(super) fn answer(&self, answer: Answer) {
        let (val, error, flags) = match answer {
            Answer::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::Value(value) => (value, 0, 0),
            Answer::Error(Errno(errno)) => (0, -errno, 0),
            // `SECCOMP_ADDFD_FLAG_SEND` is not usable: if that step is interrupted, the call
            // returns 0 without a descriptor.
            Answer::Descriptor { fd, cloexec } => match self.add(&fd, cloexec) {
                Ok(number) => (number.into(), 0, 0),
                Err(OsError::ENOENT) => return,
                Err(errno) => (0, -(errno as i32), 0),
            },
        };
        let mut response = libc::seccomp_notif_resp { id: self.id, val, error, flags };
        // `ENOENT` means that the thread was killed.
        let _ = control(&self.listener.fd, &mut response);
    }

    /// Installs a duplicate of a descriptor with the same `FD_CLOEXEC` flag; returns its number in
    /// the process.
    pub(super) fn give(&self, fd: &OwnedFd) -> Result<i32> {
        let flags = nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_GETFD)?;
        Ok(self.add(fd, flags & libc::FD_CLOEXEC != 0)?)
    }

    /// Installs a duplicate of a descriptor; returns its number in the process.
    fn add(&self, fd: &OwnedFd, cloexec: bool) -> nix::Result<i32> {
        let newfd_flags = if cloexec { libc::O_CLOEXEC as u32 } else { 0 };
        let mut request = libc::seccomp_notif_addfd {
            id: self.id,
            flags: 0,
            srcfd: fd.as_raw_fd() as u32,
            newfd: 0,
            newfd_flags,
        };
        control(&self.listener.fd, &mut request)
    }
}

impl Foreign for Notification<'_> {
    fn thread(&self) -> Pid {
        self.thread
    }

    fn is_waiting(&self) -> bool {
        let mut id = Waits(self.id);
        let now = Instant::now();
        let waits = control(&self.listener.fd, &mut id).is_ok();
        self.waited.set(waits.then_some(now));
        waits
    }

    fn has_just_waited(&self) -> bool {
        let recently = |waited: Instant| waited.elapsed() < NUMBER_STAYS;
        self.waited.get().is_some_and(recently) || self.is_waiting()
    }
}
