//! Injected failures, to test error handling.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::errno::Errno;
use crate::device::disturb::Disturbance;
use crate::lock::{Mutex, lock, rank};

/// Planned failures of a file, or of all files of a device.
#[derive(Debug, Default)]
pub(crate) struct Injections {
    /// `true` while any plan is pending. The flag keeps the lock off the common path.
    armed: AtomicBool,
    plan: Mutex<Plan, { rank::INJECTIONS }>,
}

#[derive(Debug, Default)]
struct Plan {
    /// The plans in the order of planning.
    ioctls: Vec<PlannedIoctl>,
    /// Failures of the next synchronous VM_BINDs, one each.
    binds: VecDeque<BindFailure>,
    async_binds: VecDeque<BindFailure>,
}

/// The identity of an ioctl: the type and number of its request. The size in a request depends on
/// the caller's header, so it is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ioctl(u16);

impl Ioctl {
    const fn of(request: u32) -> Self {
        Self(request as u16)
    }
}

/// An event planned for an ioctl.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Planned {
    /// The ioctl fails.
    Fail(Errno),
    /// The device is disturbed before the ioctl is answered. Used in device plans only.
    Disturb(Disturbance),
}

/// An event planned for one call of an ioctl.
#[derive(Debug)]
struct PlannedIoctl {
    ioctl: Ioctl,
    /// The number of the call, counted from 1, the next.
    nth: u64,
    planned: Planned,
}

/// A planned VM_BIND failure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BindFailure {
    /// The index of the failing operation, counted from 0.
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

    /// Plans a failure of the `nth` next call, counted from 1; 0 also means the next call.
    pub(crate) fn fail_ioctl(&self, request: u32, nth: u64, errno: i32) {
        self.plan_ioctl(request, nth, Planned::Fail(Errno::wanted(errno)));
    }

    /// Plans an event for the `nth` next call, counted from 1; 0 also means the next call.
    pub(crate) fn plan_ioctl(&self, request: u32, nth: u64, planned: Planned) {
        let (ioctl, nth) = (Ioctl::of(request), nth.max(1));
        self.plan(|plan| plan.ioctls.push(PlannedIoctl { ioctl, nth, planned }));
    }

    /// Returns the numbers of the calls of an ioctl with a pending plan, counted from 1, in the
    /// order of planning.
    pub(crate) fn planned_ioctls(&self, request: u32) -> Vec<u64> {
        let plan = lock(&self.plan);
        let same = plan.ioctls.iter().filter(|planned| planned.ioctl == Ioctl::of(request));
        same.map(|planned| planned.nth).collect()
    }

    /// Returns whether no failure is pending.
    pub(crate) fn is_empty(&self) -> bool {
        let Plan { ioctls, binds, async_binds } = &*lock(&self.plan);
        ioctls.is_empty() && binds.is_empty() && async_binds.is_empty()
    }

    pub(crate) fn clear(&self) {
        *lock(&self.plan) = Plan::default();
    }

    /// Plans a failure of the first synchronous VM_BIND without a planned failure.
    pub(crate) fn fail_bind(&self, failure: BindFailure) {
        self.plan(|plan| plan.binds.push_back(failure));
    }

    /// Plans a failure of the first asynchronous VM_BIND without a planned failure.
    pub(crate) fn fail_async_bind(&self, failure: BindFailure) {
        self.plan(|plan| plan.async_binds.push_back(failure));
    }

    /// Removes and returns the event planned for this call of an ioctl.
    pub(crate) fn take_ioctl(&self, request: u32) -> Option<Planned> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        let mut plan = lock(&self.plan);
        let same = |planned: &PlannedIoctl| planned.ioctl == Ioctl::of(request);
        let due = plan.ioctls.iter().position(|planned| same(planned) && planned.nth == 1);
        // Every plan counts every call. A second plan for the same call applies to the next one.
        for planned in plan.ioctls.iter_mut().filter(|planned| same(planned)) {
            planned.nth = (planned.nth - 1).max(1);
        }
        due.map(|index| plan.ioctls.remove(index).planned)
    }

    /// Removes and returns the failure planned for a synchronous VM_BIND.
    pub(crate) fn take_bind(&self) -> Option<BindFailure> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.plan).binds.pop_front()
    }

    /// Removes and returns the failure planned for an asynchronous VM_BIND.
    pub(crate) fn take_async_bind(&self) -> Option<BindFailure> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.plan).async_binds.pop_front()
    }
}
