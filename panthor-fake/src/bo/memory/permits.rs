//! Permits of threads to map a BO. The kernel maps after the fake's answer, so a permitted mapping
//! may still be to come.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::unistd::Pid;

use crate::lock::{Mutex, lock, rank};

/// The pending permits, one range for each thread: a thread makes one call at a time.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    /// The number of permits, so that a check for none takes no lock.
    count: AtomicUsize,
    by_thread: Mutex<HashMap<Pid, Range<u64>>, { rank::PERMITS }>,
}

impl Permits {
    /// Records that a thread may map a range. The caller decides on the permission afterwards, so a
    /// BO that was freed before this call cannot be mapped.
    pub(crate) fn grant(&self, thread: Pid, range: Range<u64>) {
        let mut by_thread = lock(&self.by_thread);
        by_thread.insert(thread, range);
        self.count.store(by_thread.len(), Ordering::Release);
    }

    /// Removes the permit of a thread. The thread makes another call, so it has mapped the range or
    /// was refused.
    pub(crate) fn end(&self, thread: Pid) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut by_thread = lock(&self.by_thread);
        by_thread.remove(&thread);
        self.count.store(by_thread.len(), Ordering::Release);
    }

    /// Returns the ranges that live threads may still map.
    pub(super) fn pending(&self) -> Vec<Range<u64>> {
        let mut by_thread = lock(&self.by_thread);
        by_thread.retain(|&thread, _| is_alive(thread));
        self.count.store(by_thread.len(), Ordering::Release);
        by_thread.values().cloned().collect()
    }
}

/// Returns whether a thread is neither a zombie nor dead.
fn is_alive(thread: Pid) -> bool {
    // The process name, in parentheses, may contain any character.
    let Ok(stat) = fs::read(format!("/proc/{thread}/stat")) else {
        return false;
    };
    let state = stat.iter().rposition(|&byte| byte == b')').and_then(|at| stat.get(at + 2));
    !matches!(state, Some(b'Z' | b'X'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_ends_with_the_next_call_or_with_its_thread() {
        let permits = Permits::default();
        let (own, other) = (nix::unistd::gettid(), Pid::from_raw(i32::MAX));
        let own_range = 0..4096;
        permits.grant(own, own_range.clone());
        permits.grant(other, 4096..8192);
        assert_eq!(permits.pending(), vec![own_range]);
        permits.end(other);
        permits.end(own);
        assert_eq!(permits.pending(), []);
    }

    #[test]
    fn the_dead_do_nothing_though_their_numbers_are_kept() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let number = Pid::from_raw(child.id() as i32);
        while is_alive(number) {
            std::thread::yield_now();
        }
        assert!(fs::exists(format!("/proc/{number}")).unwrap());
        child.wait().unwrap();
        assert!(is_alive(Pid::this()));
    }
}
