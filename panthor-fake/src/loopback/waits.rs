//! Caller of an ioctl in another process.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::listener::Notification;
use super::process::{capabilities, identity_of, link_of, own_number_of, process_of};
use super::signals::{Interruption, Watch};
use super::supervisor::HandOver;
use super::world::World;
use crate::call::caller::{Caller, Capabilities};
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::Foreign;
use crate::device::DeviceInner;
use crate::sharing::descriptors::Identity;
use crate::sync::events::Place;

/// Interval between two checks for pending signals, because the kernel does not report their
/// arrival.
const LOOK: Duration = Duration::from_millis(2);

/// Longest interval between two checks.
const LOOK_MAX: Duration = Duration::from_millis(50);

/// Number of waiting threads up to which each checks every [`LOOK`]. With more threads the interval
/// grows, to bound the load.
const OFTEN: u32 = 16;

/// Guard that counts one waiting thread.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn count(all: &'a AtomicU32) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }

    /// Returns the time until the next check of this thread.
    fn interval(&self) -> Duration {
        (LOOK * self.0.load(Ordering::Relaxed).max(OFTEN) / OFTEN).min(LOOK_MAX)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Thread of another process that waits for the answer to an ioctl.
pub(super) struct Remote<'a> {
    pub(super) world: &'a World,
    pub(super) call: &'a Notification<'a>,
    pub(super) hand_over: &'a HandOver<'a>,
    /// Descriptor that the ioctl is on.
    #[cfg(feature = "trace")]
    pub(super) fd: i32,
}

impl Caller for Remote<'_> {
    fn identify(&self, fd: i32) -> Result<Identity> {
        if fd < 0 {
            return Err(Errno::BADF);
        }
        identity_of(self.call.thread(), fd)
    }

    fn duplicate(&self, fd: i32) -> Result<OwnedFd> {
        if fd < 0 {
            return Err(Errno::BADF);
        }
        let thread = self.call.thread();
        // Only eventfds need duplicates. The close of any other duplicate can wait for a FUSE
        // server.
        if !link_of(thread, fd)?.starts_with(b"anon_inode:") {
            return Err(Errno::INVAL);
        }
        self.world.duplicate(thread, fd)
    }

    fn give(&self, fd: OwnedFd) -> Result<i32> {
        self.call.give(&fd)
    }

    fn process(&self) -> i32 {
        let thread = self.call.thread();
        process_of(thread).unwrap_or(thread).as_raw()
    }

    fn thread(&self) -> i32 {
        let thread = self.call.thread();
        own_number_of(thread).unwrap_or(thread).as_raw()
    }

    fn capabilities(&self, _: &DeviceInner) -> Capabilities {
        capabilities(self.call.thread())
    }

    fn begin_long_step(&self) -> Result<()> {
        // If no other thread can lead, other calls wait.
        let _ = self.hand_over.now();
        if self.call.is_waiting() { Ok(()) } else { Err(Errno::INTR) }
    }

    #[cfg(feature = "trace")]
    fn who(&self) -> crate::trace::Who {
        let thread = self.call.thread();
        crate::trace::Who::new(self.process(), thread.as_raw(), self.fd)
    }

    fn wait(
        &self,
        events: &Place,
        deadline: Option<Instant>,
        ready: &mut dyn FnMut() -> bool,
    ) -> Result<bool> {
        // Most waits are satisfied already.
        let now = Instant::now();
        if events.wait(Some(now), || ready().then_some(())).is_some() {
            return Ok(true);
        }
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(false);
        }
        self.hand_over.now()?;
        let waiting = Waiting::count(&self.world.waiting);
        let mut signals = Watch::new(self.call.thread());
        loop {
            let look = Instant::now() + waiting.interval();
            let until = deadline.map_or(look, |deadline| deadline.min(look));
            if events.wait(Some(until), || ready().then_some(())).is_some() {
                return Ok(true);
            }
            if deadline.is_some_and(|deadline| deadline <= until) {
                return Ok(false);
            }
            if !self.call.is_waiting() {
                // The thread was killed.
                return Err(Errno::INTR);
            }
            match signals.look() {
                None => {}
                Some(Interruption::Restart) => return Err(Errno::RESTARTSYS),
                Some(Interruption::Plain) => return Err(Errno::INTR),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_wait_look_less_often() {
        let all = AtomicU32::new(0);
        let first = Waiting::count(&all);
        let others: Vec<_> = (1..OFTEN * 2).map(|_| Waiting::count(&all)).collect();
        assert_eq!(first.interval(), LOOK * 2);
        let crowd: Vec<_> = (0..10_000).map(|_| Waiting::count(&all)).collect();
        assert_eq!(first.interval(), LOOK_MAX);
        drop((crowd, others));
        assert_eq!(first.interval(), LOOK);
    }
}
