//! Processes of a test's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// What a test with children holds from its start to its end, as all tests of its program do: a child has the
/// locks as they were, also those that other threads held, and nobody there gives them back.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs something in a child of a fork, and fails if that panics or dies.
#[track_caller]
pub fn in_child(_alone: &MutexGuard<'_, ()>, run: impl FnOnce()) {
    // SAFETY: the child allocates, which the C library allows after a fork; locks are free, as no other thread does
    // anything: all wait for `alone`.
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
