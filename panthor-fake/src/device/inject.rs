//! Failures on demand, for tests of how callers cope with them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::request_nr;
use crate::lock::lock;

/// What is to fail on a file, or on all files of a device.
#[derive(Debug, Default)]
pub(crate) struct Injections {
    /// Whether there is anything to look at.
    armed: AtomicBool,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    /// In the order in which they were planned.
    ioctls: Vec<IoctlFailure>,
    bind: Option<BindFailure>,
    async_bind: Option<BindFailure>,
}

/// How an ioctl fails.
#[derive(Debug)]
struct IoctlFailure {
    nr: u8,
    /// How many calls come before.
    left: u64,
    errno: Errno,
}

/// How the next VM_BIND of a kind fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BindFailure {
    /// The operation that fails, counted from 0.
    pub(crate) index: u32,
    pub(crate) errno: Errno,
}

impl Injections {
    /// Plans a failure of the `n`-th call from now on, counted from 0.
    pub(crate) fn fail_ioctl(&self, request: u32, n: u64, errno: i32) {
        let failure =
            IoctlFailure { nr: request_nr(request), left: n, errno: Errno::wanted(errno) };
        lock(&self.plan).ioctls.push(failure);
        self.armed.store(true, Ordering::Release);
    }

    /// The failures of ioctls that are yet to come, in the order in which they were planned: the number of the ioctl
    /// and how many calls come before.
    pub(crate) fn planned_ioctls(&self) -> Vec<(u8, u64)> {
        lock(&self.plan).ioctls.iter().map(|planned| (planned.nr, planned.left)).collect()
    }

    pub(crate) fn fail_bind(&self, index: u32, errno: i32) {
        lock(&self.plan).bind = Some(BindFailure { index, errno: Errno::wanted(errno) });
        self.armed.store(true, Ordering::Release);
    }

    pub(crate) fn fail_async_bind(&self, index: u32, errno: i32) {
        lock(&self.plan).async_bind = Some(BindFailure { index, errno: Errno::wanted(errno) });
        self.armed.store(true, Ordering::Release);
    }

    /// The failure planned for this ioctl, which is then spent.
    pub(crate) fn take_ioctl(&self, nr: u8) -> Result<()> {
        if !self.armed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut plan = lock(&self.plan);
        let due = plan.ioctls.iter().position(|planned| planned.nr == nr && planned.left == 0);
        // Each counts all calls; one whose turn another took is next.
        for planned in plan.ioctls.iter_mut().filter(|planned| planned.nr == nr) {
            planned.left = planned.left.saturating_sub(1);
        }
        match due {
            Some(index) => Err(plan.ioctls.remove(index).errno),
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

    /// The failure planned for an asynchronous VM_BIND, which is then spent.
    pub(crate) fn take_async_bind(&self) -> Option<BindFailure> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.plan).async_bind.take()
    }
}
