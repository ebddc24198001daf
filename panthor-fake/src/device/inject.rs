//! Failures on demand, for tests of how callers cope with them.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::errno::{Errno, Result};
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
    /// For one VM_BIND each.
    binds: VecDeque<BindFailure>,
    async_binds: VecDeque<BindFailure>,
}

/// What tells ioctls apart: the type and the number in a request. The size in it is the caller's header's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ioctl(u16);

impl Ioctl {
    const fn of(request: u32) -> Self {
        Self(request as u16)
    }
}

/// How an ioctl fails.
#[derive(Debug)]
struct IoctlFailure {
    ioctl: Ioctl,
    /// Which call from now on, counted from 1.
    nth: u64,
    errno: Errno,
}

/// How a VM_BIND fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BindFailure {
    /// The operation that fails, counted from 0.
    pub(crate) index: u32,
    pub(crate) errno: Errno,
}

impl BindFailure {
    pub(crate) fn new(index: u32, errno: i32) -> Self {
        Self { index, errno: Errno::wanted(errno) }
    }
}

impl Injections {
    fn plan(&self, add: impl FnOnce(&mut Plan)) {
        add(&mut lock(&self.plan));
        self.armed.store(true, Ordering::Release);
    }

    /// Plans a failure of the `nth` call from now on, counted from 1; 0 is the next one, too.
    pub(crate) fn fail_ioctl(&self, request: u32, nth: u64, errno: i32) {
        let (ioctl, errno) = (Ioctl::of(request), Errno::wanted(errno));
        self.plan(|plan| plan.ioctls.push(IoctlFailure { ioctl, nth: nth.max(1), errno }));
    }

    /// The failures of an ioctl that are yet to come, in the order in which they were planned: which call from now on
    /// that is.
    pub(crate) fn planned_ioctls(&self, request: u32) -> Vec<u64> {
        let plan = lock(&self.plan);
        let same = plan.ioctls.iter().filter(|planned| planned.ioctl == Ioctl::of(request));
        same.map(|planned| planned.nth).collect()
    }

    /// Whether nothing is yet to fail.
    pub(crate) fn is_empty(&self) -> bool {
        let Plan { ioctls, binds, async_binds } = &*lock(&self.plan);
        ioctls.is_empty() && binds.is_empty() && async_binds.is_empty()
    }

    pub(crate) fn clear(&self) {
        *lock(&self.plan) = Plan::default();
    }

    /// Plans a failure of the first synchronous VM_BIND for which none is planned.
    pub(crate) fn fail_bind(&self, failure: BindFailure) {
        self.plan(|plan| plan.binds.push_back(failure));
    }

    /// Plans a failure of the first asynchronous VM_BIND for which none is planned.
    pub(crate) fn fail_async_bind(&self, failure: BindFailure) {
        self.plan(|plan| plan.async_binds.push_back(failure));
    }

    /// The failure planned for this ioctl, which is then spent.
    pub(crate) fn take_ioctl(&self, request: u32) -> Result<()> {
        if !self.armed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut plan = lock(&self.plan);
        let same = |planned: &IoctlFailure| planned.ioctl == Ioctl::of(request);
        let due = plan.ioctls.iter().position(|planned| same(planned) && planned.nth == 1);
        // Each counts all calls; one whose turn another took is next.
        for planned in plan.ioctls.iter_mut().filter(|planned| same(planned)) {
            planned.nth = (planned.nth - 1).max(1);
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
        lock(&self.plan).binds.pop_front()
    }

    /// The failure planned for an asynchronous VM_BIND, which is then spent.
    pub(crate) fn take_async_bind(&self) -> Option<BindFailure> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.plan).async_binds.pop_front()
    }
}
