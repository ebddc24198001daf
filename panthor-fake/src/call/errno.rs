//! Error numbers as the ioctl path carries them.

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
    /// The device is of a parent process. No driver returns this number.
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
    /// A signal interrupted a wait of another process: its kernel knows what comes of it.
    #[cfg(feature = "loopback")]
    pub(crate) const RESTARTSYS: Self = Self(512);
    pub(crate) const OPNOTSUPP: Self = Self(libc::EOPNOTSUPP);

    /// The largest that the kernel returns.
    const MAX: i32 = 4095;

    /// One that a test wants; `EIO` for a number that none has, which would be no failure to the caller.
    pub(crate) fn wanted(number: i32) -> Self {
        if (1..=Self::MAX).contains(&number) { Self(number) } else { Self(libc::EIO) }
    }
}

/// A failure of a system call. One without a number is not the system's, and becomes `EIO`.
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

/// Makes a system call again for as long as a signal interrupts it.
pub(crate) fn repeat<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(nix::errno::Errno::EINTR) => {}
            answer => return answer,
        }
    }
}

/// What the parts of the fake driver return.
pub(crate) type Result<T> = core::result::Result<T, Errno>;
