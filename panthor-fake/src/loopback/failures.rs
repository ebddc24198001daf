//! Ioctls that are to fail, whichever program issues them.

use std::sync::Mutex;

use crate::errno::{Errno, Result};
use crate::ioctl::request_nr;
use crate::lock::lock;

/// What is planned.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Vec<Failure>>);

#[derive(Debug)]
struct Failure {
    nr: u8,
    /// So many calls more until it fails.
    left: u64,
    errno: Errno,
}

impl Failures {
    /// The call of that number, counted from 1, will fail.
    pub(super) fn plan(&self, request: u32, call: u64, errno: i32) {
        let failure = Failure { nr: request_nr(request), left: call.max(1), errno: Errno(errno) };
        lock(&self.0).push(failure);
    }

    /// Counts a call.
    ///
    /// # Errors
    /// The failure that was planned for it.
    pub(super) fn take(&self, request: u32) -> Result<()> {
        let mut failures = lock(&self.0);
        let mut result = Ok(());
        failures.retain_mut(|failure| {
            if failure.nr != request_nr(request) {
                return true;
            }
            failure.left -= 1;
            if failure.left == 0 {
                result = Err(failure.errno);
            }
            failure.left != 0
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use panthor_sys::{DRM_IOCTL_GEM_CLOSE, DRM_IOCTL_PANTHOR_VM_BIND};

    use super::*;

    #[test]
    fn the_planned_call_fails_and_no_other() {
        let failures = Failures::default();
        failures.plan(DRM_IOCTL_PANTHOR_VM_BIND, 2, 12);
        let take = |request| failures.take(request);
        assert_eq!(take(DRM_IOCTL_PANTHOR_VM_BIND), Ok(()));
        assert_eq!(take(DRM_IOCTL_GEM_CLOSE), Ok(()));
        assert_eq!(take(DRM_IOCTL_PANTHOR_VM_BIND), Err(Errno::NOMEM));
        assert_eq!(take(DRM_IOCTL_PANTHOR_VM_BIND), Ok(()));
    }
}
