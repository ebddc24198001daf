//! Error numbers in the ioctl path.

use std::io;

use nix::libc;

/// A positive error number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Errno(pub(crate) i32);

impl Errno {
    pub(crate) const PERM: Self = Self(libc::EPERM);
    pub(crate) const NOENT: Self = Self(libc::ENOENT);
    pub(crate) const INTR: Self = Self(libc::EINTR);
    pub(crate) const TOO_BIG: Self = Self(libc::E2BIG);
    pub(crate) const BADF: Self = Self(libc::EBADF);
    /// The device belongs to a parent process. No driver returns this number.
    pub(crate) const CHILD: Self = Self(libc::ECHILD);
    pub(crate) const NOMEM: Self = Self(libc::ENOMEM);
    pub(crate) const ACCES: Self = Self(libc::EACCES);
    pub(crate) const FAULT: Self = Self(libc::EFAULT);
    pub(crate) const BUSY: Self = Self(libc::EBUSY);
    pub(crate) const INVAL: Self = Self(libc::EINVAL);
    pub(crate) const NODEV: Self = Self(libc::ENODEV);
    pub(crate) const NOSYS: Self = Self(libc::ENOSYS);
    pub(crate) const NOTTY: Self = Self(libc::ENOTTY);
    pub(crate) const NOSPC: Self = Self(libc::ENOSPC);
    pub(crate) const TIME: Self = Self(libc::ETIME);
    pub(crate) const OVERFLOW: Self = Self(libc::EOVERFLOW);
    pub(crate) const TIMEDOUT: Self = Self(libc::ETIMEDOUT);
    pub(crate) const CANCELED: Self = Self(libc::ECANCELED);
    /// A signal interrupted a wait of another process. The kernel of that process restarts the call
    /// or returns `EINTR`.
    #[cfg(feature = "loopback")]
    pub(crate) const RESTARTSYS: Self = Self(512);
    pub(crate) const OPNOTSUPP: Self = Self(libc::EOPNOTSUPP);

    /// The largest error number that the kernel returns.
    const MAX: i32 = 4095;

    /// Returns the error that a test requested; `EIO` for an invalid number, which the caller could
    /// not recognize as a failure.
    pub(crate) fn wanted(number: i32) -> Self {
        if (1..=Self::MAX).contains(&number) { Self(number) } else { Self(libc::EIO) }
    }
}

/// Converts the failure of a system call. An error without a number becomes `EIO`.
impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<nix::errno::Errno> for Errno {
    fn from(value: nix::errno::Errno) -> Self {
        Self(value as i32)
    }
}

/// Repeats a system call as long as signals interrupt it.
pub(crate) fn repeat<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(nix::errno::Errno::EINTR) => {}
            answer => return answer,
        }
    }
}

/// The result type inside the fake driver.
pub(crate) type Result<T> = core::result::Result<T, Errno>;
