//! Resource limits: the server raises its own to the maximum, and the program gets the original
//! ones.

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Limits that a server can reach. It holds a descriptor for each sync file of its programs, and
/// the memory of the device.
const RAISED: [Resource; 6] = [
    Resource::RLIMIT_NOFILE,
    Resource::RLIMIT_AS,
    Resource::RLIMIT_DATA,
    Resource::RLIMIT_FSIZE,
    Resource::RLIMIT_CPU,
    Resource::RLIMIT_NPROC,
];

/// Soft and hard limits of the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits([(libc::rlim_t, libc::rlim_t); RAISED.len()]);

impl Limits {
    /// Raises the soft limits of this process to the hard ones; returns the previous limits.
    pub(crate) fn raise() -> nix::Result<Self> {
        let mut limits = [(0, 0); RAISED.len()];
        for (resource, limit) in RAISED.into_iter().zip(&mut limits) {
            *limit = getrlimit(resource)?;
            setrlimit(resource, limit.1, limit.1)?;
        }
        Ok(Self(limits))
    }

    /// Restores the limits. The function makes system calls only, so that it may run after `fork`.
    pub(crate) fn restore(&self) -> nix::Result<()> {
        RAISED
            .into_iter()
            .zip(self.0)
            .try_for_each(|(resource, (soft, hard))| setrlimit(resource, soft, hard))
    }
}
