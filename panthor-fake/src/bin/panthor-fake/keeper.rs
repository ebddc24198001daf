//! The process between the foreground process and the server. All served processes end with it.
//!
//! A seccomp filter outlives its supervisor, and every notified call fails then. So the keeper, a
//! child subreaper, kills all remaining processes when the server ends. The server does the same
//! when the keeper ends.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::exit;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::{set_child_subreaper, set_name};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, dup2_stderr, fork, pipe2, setpgid};

use crate::FAILED;
use crate::args::Run;
use crate::messages::Channel;
use crate::origin::Origin;
use crate::processes::{end_descendants, pidfd_open, send};
use crate::server;

/// Longest wait for killed processes to end. A process that takes longer hangs in the kernel.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Byte that the foreground process sends before it leaves the server to the keeper.
pub(crate) const LEAVE: u8 = b'L';

/// Starts a server and waits until all served processes have ended; returns the exit status of the
/// server.
///
/// The pipe `front` reaches end of file when the
/// foreground process ends.
pub(crate) fn keep(run: &Run, origin: &Origin, channel: Channel, front: OwnedFd) -> i32 {
    match start(run, origin, channel) {
        Ok((server, number, alive)) => {
            let code = watch(&server, number, origin, File::from(front));
            drop(alive);
            code
        }
        Err(error) => {
            eprintln!("panthor-fake: cannot start the server: {error}");
            FAILED
        }
    }
}

/// Forks the server; returns its pidfd, its PID, and the write end of the pipe that the server
/// watches.
fn start(run: &Run, origin: &Origin, channel: Channel) -> io::Result<(OwnedFd, Pid, OwnedFd)> {
    set_child_subreaper(true)?;
    block_signals()?;
    let (keeper, alive) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(alive);
            exit(server::serve(run, origin, &channel, keeper));
        }
        ForkResult::Parent { child } => {
            // Signals to the foreground job, or to all processes of the command's name, must not
            // reach the keeper.
            let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
            let _ = set_name(c"panthor-keeper");
            origin.release()?;
            Ok((pidfd_open(child)?, child, alive))
        }
    }
}

/// Blocks all signals but synchronous ones, here and in the server.
///
/// The signals of a terminal are meant for the program, and a resource limit must fail the call
/// instead.
fn block_signals() -> nix::Result<()> {
    let mut signals = SigSet::all();
    for own in [
        Signal::SIGABRT,
        Signal::SIGBUS,
        Signal::SIGFPE,
        Signal::SIGILL,
        Signal::SIGSEGV,
        Signal::SIGSYS,
        Signal::SIGTRAP,
    ] {
        signals.remove(own);
    }
    signals.thread_set_mask()
}

/// Waits for the end of the server or of the foreground process, and then ends all descendants.
///
/// After the byte [`LEAVE`] the end of the foreground process is expected.
fn watch(server: &OwnedFd, number: Pid, origin: &Origin, mut front: File) -> i32 {
    let (mut left, mut orphaned) = (false, false);
    loop {
        let mut ready =
            [server.as_fd(), front.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let watched = if left { 1 } else { 2 };
        // A signal that stops the process can interrupt the call: no descriptor is ready then.
        let _ = poll(&mut ready[..watched], PollTimeout::NONE);
        let is_ready =
            |index: usize| ready[index].revents().is_some_and(|events| !events.is_empty());
        let (ended, front_told) = (is_ready(0), is_ready(1));
        if ended {
            break;
        }
        if front_told {
            let mut byte = [0];
            left = front.read(&mut byte).is_ok_and(|len| len == 1) && byte == [LEAVE];
            if !left {
                orphaned = true;
                let _ = send(server, Signal::SIGKILL);
                break;
            }
            // A reader of the standard error must see end of file when the foreground process ends.
            let _ = File::options().write(true).open("/dev/null").map(|null| dup2_stderr(&null));
        }
    }
    let status = waitpid(number, None);
    match status {
        Ok(WaitStatus::Signaled(_, signal, _)) if !orphaned => {
            // The server may have stopped the foreground process. A failed send means its end.
            let _ = send(&origin.front, Signal::SIGCONT);
            eprintln!("panthor-fake: the server was killed by {signal}, and all that it served");
        }
        _ => {}
    }
    if !end_descendants(PATIENCE, &[]) {
        eprintln!("panthor-fake: some processes that find no device any more do not end");
    }
    match status {
        Ok(WaitStatus::Exited(_, code)) => code,
        _ => FAILED,
    }
}
