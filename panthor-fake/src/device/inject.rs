//! Failures on demand, for tests of how callers cope with them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::errno::Errno;
use crate::device::disturb::Disturbance;
use crate::lock::{Mutex, lock, rank};

/// What is to fail on a file, or on all files of a device.
#[derive(Debug, Default)]
pub(crate) struct Injections {
    /// Whether there is anything to look at.
    armed: AtomicBool,
    plan: Mutex<Plan, { rank::INJECTIONS }>,
}

#[derive(Debug, Default)]
struct Plan {
    /// In the order in which they were planned.
    ioctls: Vec<PlannedIoctl>,
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

/// What happens at an ioctl.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Planned {
    /// The ioctl fails.
    Fail(Errno),
    /// The device is disturbed before the ioctl is answered. Of a device only.
    Disturb(Disturbance),
}

/// A call of an ioctl at which something happens.
#[derive(Debug)]
struct PlannedIoctl {
    ioctl: Ioctl,
    /// Which call from now on, counted from 1.
    nth: u64,
    planned: Planned,
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
        self.plan_ioctl(request, nth, Planned::Fail(Errno::wanted(errno)));
    }

    /// Plans something for the `nth` call from now on, counted from 1; 0 is the next call, too.
    pub(crate) fn plan_ioctl(&self, request: u32, nth: u64, planned: Planned) {
        let (ioctl, nth) = (Ioctl::of(request), nth.max(1));
        self.plan(|plan| plan.ioctls.push(PlannedIoctl { ioctl, nth, planned }));
    }

    /// Returns at which calls of an ioctl from now on something is planned, in the order of planning.
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

    /// Takes what is planned for this call of an ioctl.
    pub(crate) fn take_ioctl(&self, request: u32) -> Option<Planned> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        let mut plan = lock(&self.plan);
        let same = |planned: &PlannedIoctl| planned.ioctl == Ioctl::of(request);
        let due = plan.ioctls.iter().position(|planned| same(planned) && planned.nth == 1);
        // Each counts all calls; one whose turn another took is next.
        for planned in plan.ioctls.iter_mut().filter(|planned| same(planned)) {
            planned.nth = (planned.nth - 1).max(1);
        }
        due.map(|index| plan.ioctls.remove(index).planned)
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
