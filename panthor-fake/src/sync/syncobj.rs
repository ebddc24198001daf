//! Sync objects: containers of a fence or a timeline.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use crate::call::errno::{Errno, Result};
use crate::device::DeviceInner;
use crate::lock::{Mutex, lock, rank};
use crate::process::Process;
use crate::sync::eventfd;
use crate::sync::fence::{Chain, Fence};
use crate::sync::leaf::Leaf;

/// A sync object, binary or timeline.
#[derive(Debug)]
pub(crate) struct Syncobj {
    device: Arc<DeviceInner>,
    state: Mutex<State, { rank::SYNCOBJ }>,
}

#[derive(Debug, Default)]
struct State {
    fence: Option<Fence>,
    /// The eventfds that wait for a point to be added.
    eventfds: Vec<EventfdWait>,
    /// Other waiters for a point to be added.
    awaited: Vec<Weak<Awaited>>,
    /// The length of `awaited` that triggers a removal of abandoned waits.
    awaited_max: usize,
}

/// The maximum number of pending points that adding a point walks.
const WALK: usize = 16;

impl State {
    /// Adds a waiter. Abandoned waits are removed when the list has doubled.
    fn add_awaited(&mut self, awaited: &Arc<Awaited>) {
        if self.awaited.len() >= self.awaited_max {
            self.awaited.retain(|other| other.strong_count() != 0);
            self.awaited_max = 2 * self.awaited.len() + 1;
        }
        self.awaited.push(Arc::downgrade(awaited));
    }

    /// Records the fences of points that now exist, and returns the eventfds that waited for them.
    ///
    /// Called with each change: a waiter gets the first fence of its point, even if the syncobj is
    /// reset at once.
    fn take_ready(&mut self) -> Vec<(EventfdWait, Option<Fence>)> {
        let Some(fence) = self.fence.clone() else {
            return Vec::new();
        };
        self.awaited.retain(|awaited| awaited.upgrade().is_some_and(|it| !it.note(&fence)));
        let mut ready = Vec::new();
        let mut index = 0;
        while index < self.eventfds.len() {
            match fence.find_point(self.eventfds[index].point) {
                Ok(point) => ready.push((self.eventfds.remove(index), point)),
                Err(_) => index += 1,
            }
        }
        ready
    }
}

/// A point that a waiter waits for until it exists.
#[derive(Debug)]
pub(crate) struct Awaited {
    point: u64,
    fence: OnceLock<Fence>,
}

impl Awaited {
    /// Returns the first fence of the point.
    pub(crate) fn fence(&self) -> Option<&Fence> {
        self.fence.get()
    }

    /// Records the fence of the point if it exists in the current fence. Returns whether it exists.
    fn note(&self, fence: &Fence) -> bool {
        let found = fence.find_point(self.point).map(or_signalled);
        // Set at most once: the entry then leaves the list.
        found.map(|fence| self.fence.set(fence)).is_ok()
    }
}

/// Replaces a removed fence by a signaled one.
fn or_signalled(found: Option<Fence>) -> Fence {
    found.unwrap_or_else(|| Fence::Leaf(Leaf::long_signalled()))
}

#[derive(Debug)]
pub(crate) struct EventfdWait {
    pub(crate) fd: OwnedFd,
    pub(crate) point: u64,
    /// Set if the wait ends when the point is added.
    pub(crate) available: bool,
    /// The process of the device. Its children inherit the eventfd.
    pub(crate) process: Process,
}

impl EventfdWait {
    fn fire(&self) {
        if self.process == Process::current() {
            eventfd::signal(self.fd.as_fd());
        }
    }

    /// Signals the eventfd when `fence`, the fence of its point, allows it.
    fn arm(self, fence: Option<Fence>) {
        match fence {
            Some(fence) if !self.available => {
                fence.watch();
                fence.when_signalled(move || self.fire());
            }
            _ => self.fire(),
        }
    }
}

impl Syncobj {
    pub(crate) fn new(device: Arc<DeviceInner>, signalled: bool) -> Self {
        device.live.syncobjs.fetch_add(1, Ordering::Relaxed);
        let fence = signalled.then(|| Fence::Leaf(Leaf::signalled()));
        Self { device, state: Mutex::new(State { fence, ..State::default() }) }
    }

    /// Returns whether the syncobj was created on a device.
    pub(crate) fn is_of(&self, device: &Arc<DeviceInner>) -> bool {
        Arc::ptr_eq(&self.device, device)
    }

    /// Returns the fence of a point; 0 selects the whole fence. A removed point has a signaled
    /// fence.
    ///
    /// # Errors
    /// `EINVAL` if there is no such point.
    pub(crate) fn find_fence(&self, point: u64) -> Result<Fence> {
        let fence = lock(&self.state).fence.clone().ok_or(Errno::INVAL)?;
        fence.find_point(point).map(or_signalled)
    }

    /// Starts a wait for a point: its fence is recorded once it exists, possibly now.
    pub(crate) fn await_point(&self, point: u64) -> Arc<Awaited> {
        let awaited = Arc::new(Awaited { point, fence: OnceLock::new() });
        let mut state = lock(&self.state);
        if !state.fence.as_ref().is_some_and(|fence| awaited.note(fence)) {
            state.add_awaited(&awaited);
        }
        drop(state);
        awaited
    }

    /// Replaces the fence, or removes it.
    pub(crate) fn replace(&self, fence: Option<Fence>) {
        let (old, ready) = {
            let mut state = lock(&self.state);
            (std::mem::replace(&mut state.fence, fence), state.take_ready())
        };
        drop(old);
        self.changed(ready);
    }

    /// Adds a point to the timeline.
    pub(crate) fn add_point(&self, fence: Arc<Leaf>, point: u64) {
        let (prev, ready) = {
            let mut state = lock(&self.state);
            let prev = state.fence.clone();
            state.fence = Some(Fence::Chain(Chain::new(prev.clone(), fence, point)));
            (prev, state.take_ready())
        };
        self.changed(ready);
        // Walks part of the chain to drop signaled points. Later calls drop the others.
        if let Some(prev) = prev {
            prev.pending_leaves().take(WALK).for_each(drop);
        }
    }

    /// Returns the last signaled point, or the last added one.
    pub(crate) fn reached_point(&self, last_added: bool) -> u64 {
        let fence = lock(&self.state).fence.clone();
        fence.map_or(0, |fence| fence.reached_point(last_added))
    }

    /// Returns the fence, and the number of eventfds that wait for a point to be added.
    pub(crate) fn fence_and_eventfds(&self) -> (Option<Fence>, usize) {
        let state = lock(&self.state);
        (state.fence.clone(), state.eventfds.len())
    }

    /// Signals an eventfd when a point exists.
    pub(crate) fn add_eventfd(&self, wait: EventfdWait) {
        let ready = {
            let mut state = lock(&self.state);
            state.eventfds.push(wait);
            state.take_ready()
        };
        self.arm(ready);
    }

    fn changed(&self, ready: Vec<(EventfdWait, Option<Fence>)>) {
        self.device.events.notify();
        self.arm(ready);
    }

    fn arm(&self, ready: Vec<(EventfdWait, Option<Fence>)>) {
        for (wait, fence) in ready {
            wait.arm(fence);
        }
    }
}

impl Drop for Syncobj {
    fn drop(&mut self) {
        self.device.live.syncobjs.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::device::config::Config;

    fn syncobj() -> Syncobj {
        Syncobj::new(Device::new(Config::default()).unwrap().inner().clone(), false)
    }

    #[test]
    fn a_fence_that_is_there_for_a_moment_ends_a_wait() {
        let syncobj = syncobj();
        let (whole, point) = (syncobj.await_point(0), syncobj.await_point(3));
        syncobj.replace(Some(Fence::Leaf(Leaf::signalled())));
        syncobj.replace(None);
        assert!(whole.fence().is_some_and(Fence::is_signalled));
        assert!(point.fence().is_none());
        syncobj.add_point(Leaf::pending(), 5);
        syncobj.replace(None);
        assert!(point.fence().is_some_and(|fence| !fence.is_signalled()));
    }

    #[test]
    fn who_gave_up_is_forgotten() {
        let syncobj = syncobj();
        for _ in 0..10 {
            drop(syncobj.await_point(0));
        }
        assert!(lock(&syncobj.state).awaited.len() <= 1);
    }
}
