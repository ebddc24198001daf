//! Detection of closed nodes.
//!
//! An inotify event reports each close, and the lock of a node shows whether the close was the last
//! one. A thread checks after each event. The answer to a call checks before, for nodes that the
//! program has closed.

use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use nix::errno::Errno as OsError;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Nodes, is_free, lock_at, owns};
use crate::bo::memory::FILE_SIZE;
use crate::lock::lock;

impl Nodes {
    /// Releases the nodes that are closed.
    pub(in crate::loopback) fn reap(&self) {
        // A concurrent caller waits until the nodes that the first caller found are released.
        let _one_at_a_time = lock(&self.reaping);
        let mut open = lock(&self.open);
        let memory = self.memory();
        let is_closed = |&position: &i64| owns(memory, position);
        let closed: Vec<_> = open.nodes.keys().copied().filter(is_closed).collect();
        let gone: Vec<_> = closed.iter().filter_map(|at| open.nodes.remove(at)).collect();
        let none_left = open.nodes.is_empty();
        drop(open);
        let any = !gone.is_empty();
        drop(gone);
        // The count falls last: a reader that sees the lower count finds the nodes released.
        let open = lock(&self.open);
        self.count.store(open.nodes.len(), Ordering::Release);
        drop(open);
        if any && none_left {
            // Another loopback of the device has its own nodes, so the check covers all locks. A
            // mapping keeps its node open. Without an open node no process has a mapping, and later
            // mappings are of later nodes.
            memory.reclaim(|| {
                let nobodys = nobody_has_any(memory);
                move |_: &Range<u64>| nobodys
            });
        }
    }

    /// Releases the nodes that a program closed before its call. `on_node` says that the call is on
    /// an open node.
    pub(in crate::loopback) fn catch_up(&self, on_node: bool) {
        if on_node && self.count.load(Ordering::Acquire) == 1 {
            // That node is the only known one, so that no other one can have been closed.
            return;
        }
        let mut closes = [PollFd::new(self.closes.as_fd(), PollFlags::POLLIN)];
        // The order matters: the thread that consumes an event sets `unsettled` before.
        let told = poll(&mut closes, PollTimeout::ZERO) != Ok(0);
        if told || self.unsettled.load(Ordering::Acquire) {
            self.reap();
        }
    }

    /// Checks for closed nodes after each close, until the pipe `gone` reaches end of file.
    pub(in crate::loopback) fn watch_closes(&self, gone: &OwnedFd) {
        // The kernel reports a close before it drops the lock: by a moment, or longer on a busy
        // machine.
        const AGAIN: [u8; 3] = [1, 20, 200];

        let mut again: &[u8] = &[];
        loop {
            let timeout = again.first().map_or(PollTimeout::NONE, |&ms| PollTimeout::from(ms));
            let mut ready = [
                PollFd::new(self.closes.as_fd(), PollFlags::POLLIN),
                PollFd::new(gone.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut ready, timeout) {
                Ok(_) | Err(OsError::EINTR) => {}
                Err(_) => return,
            }
            let is_ready =
                |index: usize| ready[index].revents().is_some_and(|events| !events.is_empty());
            if is_ready(1) {
                return;
            }
            again = if is_ready(0) {
                self.unsettled.store(true, Ordering::Release);
                while self.closes.read_events().is_ok_and(|events| !events.is_empty()) {}
                &AGAIN
            } else {
                again.split_first().map_or(&[], |(_, rest)| rest)
            };
            self.reap();
            // A found node does not end the checks, because inotify merges equal events.
            if again.is_empty() {
                self.unsettled.store(false, Ordering::Release);
            }
        }
    }
}

/// Returns whether no node of any loopback holds a lock.
fn nobody_has_any(memory: impl AsFd) -> bool {
    // A length of zero extends the range to the end of the file.
    is_free(memory, libc::flock { l_len: 0, ..lock_at(FILE_SIZE as i64, libc::F_WRLCK) })
}

#[cfg(test)]
mod tests {
    use nix::fcntl::OFlag;

    use super::*;
    use crate::device::Device;
    use crate::device::config::Config;
    use crate::file::primary::Opener;
    use crate::loopback::node::Kind;

    #[test]
    fn what_was_closed_is_gone_though_nobody_watches() {
        let device = Device::new(Config::default()).unwrap();
        let nodes = Nodes::new(device.clone()).unwrap();
        let open = || nodes.open(Kind::Render, OFlag::O_RDWR, Opener::default()).unwrap();
        let (first, second) = (open(), open());
        nodes.catch_up(true);
        assert_eq!(device.leaks().files, 2);
        drop(first);
        nodes.catch_up(true);
        assert_eq!(device.leaks().files, 1);
        drop(second);
        nodes.catch_up(false);
        assert!(!nodes.any());
        device.assert_released();
    }

    #[test]
    fn what_a_message_was_taken_for_is_looked_for_again() {
        let nodes = Nodes::new(Device::new(Config::default()).unwrap()).unwrap();
        let closed = nodes.open(Kind::Primary, OFlag::O_RDWR, Opener::default()).unwrap();
        // The state after the watch thread has read the event while the lock was still held.
        drop(closed);
        nodes.closes.read_events().unwrap();
        nodes.catch_up(false);
        assert!(nodes.any());
        nodes.unsettled.store(true, Ordering::Release);
        nodes.catch_up(false);
        assert!(!nodes.any());
    }
}
