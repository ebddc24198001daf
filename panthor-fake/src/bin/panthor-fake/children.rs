//! Child processes of the server: the program and the orphans that it leaves behind.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use crate::messages::Status;

/// Set when this process is about to kill its children: their exit statuses are no results then.
static FORGOTTEN: AtomicBool = AtomicBool::new(false);

/// Makes all waits for children block forever.
pub(crate) fn forget() {
    FORGOTTEN.store(true, Ordering::SeqCst);
}

/// State change of a child.
enum Change {
    Ended(Status),
    Stopped,
}

/// Reaps a child that has ended, or reports one that was stopped.
///
/// With `wait` the function blocks and also reports stopped children.
///
/// # Errors
/// `ECHILD` without children, `EAGAIN` if `wait` is false and no child has ended.
fn next_change(wait: bool) -> nix::Result<(Pid, Change)> {
    let options = if wait { libc::WUNTRACED } else { libc::WNOHANG };
    loop {
        let mut status = 0;
        // `nix::sys::wait::waitpid` fails for a child that a real-time signal ended.
        // SAFETY: `status` is valid for writes for the whole call.
        let result = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, options) });
        while FORGOTTEN.load(Ordering::SeqCst) {
            // The thread that set the flag ends this process.
            std::thread::park();
        }
        match result {
            Ok(0) => return Err(Errno::EAGAIN),
            Ok(pid) => {
                let status = ExitStatus::from_raw(status);
                let change = match (status.code(), status.signal()) {
                    (Some(code), _) => Change::Ended(Status::Exited(code)),
                    (None, Some(signal)) => Change::Ended(Status::Signalled(signal)),
                    (None, None) => Change::Stopped,
                };
                return Ok((Pid::from_raw(pid), change));
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Waits for `program` to end, and calls `stopped` each time that a signal stops it.
///
/// The function reaps all other children that end meanwhile.
pub(crate) fn wait_for(program: Pid, stopped: impl Fn() -> nix::Result<()>) -> nix::Result<Status> {
    loop {
        match next_change(true)? {
            (pid, Change::Ended(status)) if pid == program => return Ok(status),
            (pid, Change::Stopped) if pid == program => stopped()?,
            _ => {}
        }
    }
}

/// Reaps all children that have ended; returns whether no child is left.
pub(crate) fn reap() -> nix::Result<bool> {
    loop {
        match next_change(false) {
            Ok(_) => {}
            Err(Errno::EAGAIN) => return Ok(false),
            Err(Errno::ECHILD) => return Ok(true),
            Err(errno) => return Err(errno),
        }
    }
}

/// Waits until all children have ended.
pub(crate) fn wait_for_all() -> nix::Result<()> {
    loop {
        match next_change(true) {
            Ok(_) => {}
            Err(Errno::ECHILD) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}
