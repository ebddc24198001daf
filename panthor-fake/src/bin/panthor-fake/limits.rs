//! Resource limits: the server has all that is permitted, the program what it was given.

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The limits that a server could reach. It has a descriptor of each sync file and the like that any program has, and
/// the memory of the device.
const RAISED: [Resource; 6] = [
    Resource::RLIMIT_NOFILE,
    Resource::RLIMIT_AS,
    Resource::RLIMIT_DATA,
    Resource::RLIMIT_FSIZE,
    Resource::RLIMIT_CPU,
    Resource::RLIMIT_NPROC,
];

/// The limits of the program, soft and hard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits([(libc::rlim_t, libc::rlim_t); RAISED.len()]);

impl Limits {
    /// Raises the limits of this process as far as it may; returns those that it had.
    pub(crate) fn raise() -> nix::Result<Self> {
        let mut limits = [(0, 0); RAISED.len()];
        for (resource, limit) in RAISED.into_iter().zip(&mut limits) {
            *limit = getrlimit(resource)?;
            setrlimit(resource, limit.1, limit.1)?;
        }
        Ok(Self(limits))
    }

    /// Sets them again, by system calls alone.
    pub(crate) fn restore(&self) -> nix::Result<()> {
        RAISED
            .into_iter()
            .zip(self.0)
            .try_for_each(|(resource, (soft, hard))| setrlimit(resource, soft, hard))
    }
}
