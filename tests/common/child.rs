//! Processes of a test's own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Runs something in a child of a fork, and fails if that panics or dies.
#[track_caller]
pub fn in_child(run: impl FnOnce()) {
    // SAFETY: the child allocates, which the C library allows after a fork, and takes no lock that
    // another thread of this program may hold: its device is its own.
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
