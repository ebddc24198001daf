//! When nodes are closed.
//!
//! The kernel tells of a close, and the lock of a node says whether it was the last one. A thread looks after each; and
//! before a call is answered it is looked for what the program has closed before.

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
    /// Forgets the nodes that are closed.
    pub(in crate::loopback) fn reap(&self) {
        // Whoever comes second waits for what the first one found.
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
        // Not before: who sees a node less finds that released.
        let open = lock(&self.open);
        self.count.store(open.nodes.len(), Ordering::Release);
        drop(open);
        if any && none_left {
            // Another loopback of the same device has nodes of its own. A mapping keeps its node open: so nobody has
            // any. What is opened from here on is later.
            memory.reclaim(|| {
                let nobodys = nobody_has_any(memory);
                move |_: &Range<u64>| nobodys
            });
        }
    }

    /// Forgets the nodes that were closed before a program made its call, which is on one that is open or on none.
    pub(in crate::loopback) fn catch_up(&self, on_node: bool) {
        if on_node && self.count.load(Ordering::Acquire) == 1 {
            // It is the only one that is known, so that no other can have been closed.
            return;
        }
        let mut closes = [PollFd::new(self.closes.as_fd(), PollFlags::POLLIN)];
        // In this order: who takes a message away says so before.
        let told = poll(&mut closes, PollTimeout::ZERO) != Ok(0);
        if told || self.unsettled.load(Ordering::Acquire) {
            self.reap();
        }
    }

    /// Looks after each close whether a node is gone, until `gone` tells that nobody is there any more.
    pub(in crate::loopback) fn watch_closes(&self, gone: &OwnedFd) {
        // The kernel tells of a close a moment before it drops the lock, a long one where there is much else to do.
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
            // Not when one is found: two at the same time may have been told as one.
            if again.is_empty() {
                self.unsettled.store(false, Ordering::Release);
            }
        }
    }
}

/// Whether there is no lock of any node, whichever loopback it is of.
fn nobody_has_any(memory: impl AsFd) -> bool {
    // A length of zero is one without an end.
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
        // As when the thread that watches has read it and the lock was still there.
        drop(closed);
        nodes.closes.read_events().unwrap();
        nodes.catch_up(false);
        assert!(nodes.any());
        nodes.unsettled.store(true, Ordering::Release);
        nodes.catch_up(false);
        assert!(!nodes.any());
    }
}
