//! Sync objects: containers of a fence, which may be a timeline.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::device::DeviceInner;
use crate::errno::{Errno, Result};
use crate::fence::{Chain, Fence};
use crate::leaf::Leaf;
use crate::lock::lock;

/// A sync object. Binary ones and timelines are the same kind of object.
#[derive(Debug)]
pub(crate) struct Syncobj {
    device: Arc<DeviceInner>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    fence: Option<Fence>,
    /// Eventfds that wait for a point to be added.
    eventfds: Vec<EventfdWait>,
}

#[derive(Debug)]
pub(crate) struct EventfdWait {
    pub(crate) fd: OwnedFd,
    pub(crate) point: u64,
    /// Whether it is enough that the point was added.
    pub(crate) available: bool,
}

impl EventfdWait {
    fn fire(&self) {
        /// Of two who find room for one more, the second would wait.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

        let _alone = lock(&ONE_AT_A_TIME);
        // A full counter is as good as a signal, and nothing to wait for, as a write would; nobody
        // could be told of a failure.
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready == 1) {
            let _ = nix::unistd::write(&self.fd, &1_u64.to_ne_bytes());
        }
    }

    /// Fires once `fence`, which is its point, allows it.
    fn arm(self, fence: Option<Fence>, device: &Arc<DeviceInner>) {
        let leaf = match fence {
            Some(fence) if !self.available => {
                let device = device.clone();
                fence.flatten(move |all| all.signal(Ok(()), &device.events))
            }
            _ => return self.fire(),
        };
        if let Err(now) = leaf.on_signal(move || self.fire()) {
            now();
        }
    }
}

impl Syncobj {
    pub(crate) fn new(device: Arc<DeviceInner>, signalled: bool) -> Self {
        device.live.syncobjs.fetch_add(1, Ordering::Relaxed);
        let fence = signalled.then(|| Fence::Leaf(Leaf::signalled()));
        Self { device, state: Mutex::new(State { fence, eventfds: Vec::new() }) }
    }

    /// Whether it was made on that device.
    pub(crate) fn is_of(&self, device: &Arc<DeviceInner>) -> bool {
        Arc::ptr_eq(&self.device, device)
    }

    /// The fence for a point; 0 is the whole. What is done and gone is a signalled fence.
    ///
    /// # Errors
    /// `EINVAL` if there is none.
    pub(crate) fn find_fence(&self, point: u64) -> Result<Fence> {
        let fence = lock(&self.state).fence.clone().ok_or(Errno::INVAL)?;
        let found = fence.find_point(point)?;
        Ok(found.unwrap_or_else(|| Fence::Leaf(Leaf::signalled())))
    }

    /// Puts another fence, or none, in the place of what it has.
    pub(crate) fn replace(&self, fence: Option<Fence>) {
        let old = {
            let mut state = lock(&self.state);
            std::mem::replace(&mut state.fence, fence)
        };
        drop(old);
        self.changed();
    }

    /// Adds a point to its timeline.
    pub(crate) fn add_point(&self, fence: Arc<Leaf>, point: u64) {
        let prev = {
            let mut state = lock(&self.state);
            let prev = state.fence.clone();
            state.fence = Some(Fence::Chain(Chain::new(prev.clone(), fence, point)));
            prev
        };
        self.changed();
        // The walk drops the points that are done.
        if let Some(prev) = prev {
            prev.pending_leaves().for_each(drop);
        }
    }

    /// The last point that is done, or that was added.
    pub(crate) fn reached_point(&self, last_added: bool) -> u64 {
        let fence = lock(&self.state).fence.clone();
        fence.map_or(0, |fence| fence.reached_point(last_added))
    }

    /// Its fence, and how many eventfds wait for a point to be added.
    pub(crate) fn fence_and_eventfds(&self) -> (Option<Fence>, usize) {
        let state = lock(&self.state);
        (state.fence.clone(), state.eventfds.len())
    }

    /// Has an eventfd written to when a point is there.
    pub(crate) fn add_eventfd(&self, wait: EventfdWait) {
        lock(&self.state).eventfds.push(wait);
        self.fire_eventfds();
    }

    fn changed(&self) {
        self.device.events.notify();
        self.fire_eventfds();
    }

    fn fire_eventfds(&self) {
        let ready = {
            let mut state = lock(&self.state);
            let Some(fence) = state.fence.clone() else {
                return;
            };
            let mut ready = Vec::new();
            let mut index = 0;
            while index < state.eventfds.len() {
                match fence.find_point(state.eventfds[index].point) {
                    Ok(point) => ready.push((state.eventfds.remove(index), point)),
                    Err(_) => index += 1,
                }
            }
            ready
        };
        for (wait, fence) in ready {
            wait.arm(fence, &self.device);
        }
    }
}

impl Drop for Syncobj {
    fn drop(&mut self) {
        self.device.live.syncobjs.fetch_sub(1, Ordering::Relaxed);
    }
}
