//! Processes of a test's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Locks out all other tests with children of this program. A child inherits every lock in its
/// state at the fork, and never gets a lock that another thread held.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs something in a child of a fork, and fails if that panics or dies.
#[track_caller]
pub fn in_child(_alone: &MutexGuard<'_, ()>, run: impl FnOnce()) {
    // SAFETY: the child allocates, which the C library allows after a fork. No lock is held, as all
    // other threads wait for `alone`.
    match unsafe { fork() }.expect("a child") {
        ForkResult::Child => {
            let failed = catch_unwind(AssertUnwindSafe(run)).is_err();
            // SAFETY: ends the child without what the parent registered to run at its own end.
            unsafe { nix::libc::_exit(failed.into()) }
        }
        ForkResult::Parent { child } => {
            assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)), "in the child");
        }
    }
}
