//! Child processes of the server: the program and the orphans that it leaves behind.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::messages::Status;
use crate::processes::send;

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
    Continued,
}

/// Reaps a child that has ended, or reports one that was stopped or continued.
///
/// With `wait` the function blocks and also reports stopped and continued children.
///
/// # Errors
/// `ECHILD` without children, `EAGAIN` if `wait` is false and no child has ended.
fn next_change(wait: bool) -> nix::Result<(Pid, Change)> {
    let options = if wait { libc::WUNTRACED | libc::WCONTINUED } else { libc::WNOHANG };
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
                    (None, None) if status.continued() => Change::Continued,
                    (None, None) => Change::Stopped,
                };
                return Ok((Pid::from_raw(pid), change));
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Waits for `program` to end.
///
/// Stops `front` while the program is stopped. One thread sends both signals, so that the last one
/// matches the state of the program.
///
/// The function reaps all other children that end meanwhile.
pub(crate) fn wait_for(program: Pid, front: &OwnedFd) -> nix::Result<Status> {
    let mut stopped = false;
    let mut follow = |stop| {
        // The user may have continued the foreground process, which a second stop must follow. A
        // foreground process that the user has stopped stays stopped.
        if stop || stopped {
            // A failed send means that the foreground process has ended.
            let _ = send(front, if stop { Signal::SIGSTOP } else { Signal::SIGCONT });
        }
        stopped = stop;
    };
    loop {
        match next_change(true)? {
            (pid, change) if pid == program => match change {
                Change::Ended(status) => {
                    follow(false);
                    return Ok(status);
                }
                Change::Stopped => follow(true),
                Change::Continued => follow(false),
            },
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
