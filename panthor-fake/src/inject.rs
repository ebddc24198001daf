//! Failures on demand, for tests of how callers cope with them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::errno::{Errno, Result};
use crate::ioctl::request_nr;
use crate::lock::lock;

/// What is to fail on a file.
#[derive(Debug, Default)]
pub(crate) struct Injections {
    /// Whether there is anything to look at.
    armed: AtomicBool,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    ioctls: Vec<(u8, Errno)>,
    bind: Option<BindFailure>,
}

/// How the next synchronous VM_BIND fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BindFailure {
    /// The operation that fails, counted from 0.
    pub(crate) index: u32,
    pub(crate) errno: Errno,
}

impl Injections {
    pub(crate) fn fail_ioctl(&self, request: u32, errno: i32) {
        lock(&self.plan).ioctls.push((request_nr(request), Errno(errno)));
        self.armed.store(true, Ordering::Release);
    }

    pub(crate) fn fail_bind(&self, index: u32, errno: i32) {
        lock(&self.plan).bind = Some(BindFailure { index, errno: Errno(errno) });
        self.armed.store(true, Ordering::Release);
    }

    /// The failure planned for this ioctl, which is then spent.
    pub(crate) fn take_ioctl(&self, nr: u8) -> Result<()> {
        if !self.armed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut plan = lock(&self.plan);
        match plan.ioctls.iter().position(|&(planned, _)| planned == nr) {
            Some(index) => Err(plan.ioctls.remove(index).1),
            None => Ok(()),
        }
    }

    /// The failure planned for a synchronous VM_BIND, which is then spent.
    pub(crate) fn take_bind(&self) -> Option<BindFailure> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.plan).bind.take()
    }
}
