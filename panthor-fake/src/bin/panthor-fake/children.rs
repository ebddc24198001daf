//! The children of the server: the program, and what it leaves behind.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use crate::messages::Status;

/// Whether this process kills its children, so that their end is nothing to report.
static FORGOTTEN: AtomicBool = AtomicBool::new(false);

/// Has no wait for a child return any more.
pub(crate) fn forget() {
    FORGOTTEN.store(true, Ordering::SeqCst);
}

/// What became of a child.
enum Change {
    Ended(Status),
    Stopped,
}

/// Waits for a child that has ended, which is buried, or was stopped, or only looks for one.
///
/// # Errors
/// `ECHILD` if there are none, and `EAGAIN` if nothing has happened and it should not wait.
fn next_change(wait: bool) -> nix::Result<(Pid, Change)> {
    let options = if wait { libc::WUNTRACED } else { libc::WNOHANG };
    loop {
        let mut status = 0;
        // Not nix's, for which a child that a real-time signal ended is an error.
        // SAFETY: there is room for the status.
        let result = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, options) });
        while FORGOTTEN.load(Ordering::SeqCst) {
            // How the program ends now is nothing to report.
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

/// Waits for the end of a child, calls `stopped` when a signal stops it, and buries all others that end meanwhile.
pub(crate) fn wait_for(program: Pid, stopped: impl Fn() -> nix::Result<()>) -> nix::Result<Status> {
    loop {
        match next_change(true)? {
            (pid, Change::Ended(status)) if pid == program => return Ok(status),
            (pid, Change::Stopped) if pid == program => stopped()?,
            _ => {}
        }
    }
}

/// Buries all that have ended; returns whether nothing else is left.
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

/// Waits until all have ended.
pub(crate) fn wait_for_all() -> nix::Result<()> {
    loop {
        match next_change(true) {
            Ok(_) => {}
            Err(Errno::ECHILD) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}
