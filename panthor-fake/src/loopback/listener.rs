//! Notifications of the kernel, and the answers to them.

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

/// Where the notifications of a filter come from.
#[derive(Debug)]
pub(super) struct Listener {
    fd: OwnedFd,
    /// Whether receiving returns when no thread has the filter any more, which it does since Linux 6.11. Before,
    /// one has to ask each time.
    ends: bool,
}

/// For so long after a thread was known to wait its number can mean no other. The kernel gives out all other
/// numbers before, which takes longer, and so does an exec of another thread, which ends this one to have its
/// number.
const NUMBER_STAYS: Duration = Duration::from_micros(20);

/// A system call whose thread waits for the answer.
#[derive(Debug)]
pub(super) struct Notification<'a> {
    listener: &'a Listener,
    id: u64,
    thread: Pid,
    /// When it was last known to wait.
    waited: Cell<Option<Instant>>,
    /// The architecture, as the audit subsystem numbers them.
    pub(super) arch: u32,
    pub(super) nr: i64,
    pub(super) args: [u64; 6],
}

/// What a thread gets for its system call.
#[derive(Debug)]
pub(super) enum Answer {
    /// What the kernel says.
    Continue,
    Value(i64),
    Error(Errno),
    /// A new descriptor, which exec closes or not.
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

/// A structure with the one request of a seccomp listener that takes it.
///
/// # Safety
///
/// The request takes a pointer to `Self`, has the kernel write to that structure alone, and any bytes that it writes
/// are a valid value.
unsafe trait Request {
    const NUMBER: libc::Ioctl;
}

// SAFETY: the request fills this structure, which is made of integers.
unsafe impl Request for libc::seccomp_notif {
    const NUMBER: libc::Ioctl = libc::SECCOMP_IOCTL_NOTIF_RECV;
}

// SAFETY: the request only reads this structure.
unsafe impl Request for libc::seccomp_notif_resp {
    const NUMBER: libc::Ioctl = libc::SECCOMP_IOCTL_NOTIF_SEND;
}

// SAFETY: the request only reads this structure.
unsafe impl Request for libc::seccomp_notif_addfd {
    const NUMBER: libc::Ioctl = libc::SECCOMP_IOCTL_NOTIF_ADDFD;
}

/// The id of a notification, to ask whether the thread still waits.
#[repr(transparent)]
struct Waits(u64);

// SAFETY: the request only reads a number of 64 bits.
unsafe impl Request for Waits {
    const NUMBER: libc::Ioctl = libc::SECCOMP_IOCTL_NOTIF_ID_VALID;
}

/// Issues an ioctl on the listener, again for as long as something interrupts it.
///
/// A stop, a freezing cgroup and a debugger of this process interrupt any of them without a signal handler. All of
/// them are safe to repeat: an interrupted one has done nothing. `SECCOMP_ADDFD_FLAG_SEND` would be the exception.
fn control<R: Request>(fd: &OwnedFd, arg: &mut R) -> nix::Result<i32> {
    loop {
        let arg = std::ptr::from_mut(arg);
        // SAFETY: `Request` promises that the request takes this structure, and writes nothing else.
        let result = unsafe { libc::ioctl(fd.as_raw_fd(), R::NUMBER, arg) };
        match OsError::result(result) {
            Err(OsError::EINTR) => {}
            result => return result,
        }
    }
}

/// Whether the kernel is of that version or a newer one.
fn is_kernel_at_least(version: (u32, u32)) -> bool {
    let Ok(name) = uname() else { return false };
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    matches!((numbers.next(), numbers.next()), (Some(Ok(a)), Some(Ok(b))) if (a, b) >= version)
}

impl Listener {
    pub(super) fn new(fd: OwnedFd) -> Self {
        // Wakes the supervisor on the processor of the program, which halves the costs and more. Since
        // Linux 6.6; before that it is only slower.
        const SYNC_WAKE_UP: usize = 1;
        // SAFETY: the argument is a number.
        unsafe { libc::ioctl(fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
        Self { fd, ends: is_kernel_at_least((6, 11)) }
    }

    /// Whether no thread has the filter any more, of which it waits to be told if it should.
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

    /// The next notification; `None` when no thread has the filter any more.
    pub(super) fn receive(&self) -> io::Result<Option<Notification<'_>>> {
        loop {
            if !self.ends && self.is_over(PollTimeout::NONE)? {
                return Ok(None);
            }
            // SAFETY: zeros are a valid value, and the one that the kernel asks for.
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
                // The thread was killed meanwhile, or there is none any more.
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
    /// Answers. If the thread is gone, nobody misses it.
    pub(super) fn answer(&self, answer: Answer) {
        let (val, error, flags) = match answer {
            Answer::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::Value(value) => (value, 0, 0),
            Answer::Error(Errno(errno)) => (0, -errno, 0),
            // Not in one step with the answer: if that is interrupted, the thread gets 0 and no descriptor.
            Answer::Descriptor { fd, cloexec } => match self.add(&fd, cloexec) {
                Ok(number) => (number.into(), 0, 0),
                Err(OsError::ENOENT) => return,
                Err(errno) => (0, -(errno as i32), 0),
            },
        };
        let mut response = libc::seccomp_notif_resp { id: self.id, val, error, flags };
        // ENOENT: it was killed.
        let _ = control(&self.listener.fd, &mut response);
    }

    /// Gives the process a descriptor, which is closed on exec if it is here; returns its number there.
    pub(super) fn give(&self, fd: &OwnedFd) -> Result<i32> {
        let flags = nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_GETFD)?;
        Ok(self.add(fd, flags & libc::FD_CLOEXEC != 0)?)
    }

    /// Installs a duplicate of a descriptor in the thread's process; returns its number there.
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
