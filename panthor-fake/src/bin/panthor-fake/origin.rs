//! State that this process got from its parent, and that the program must get unchanged.

use std::fs::{File, read_dir};
use std::io;
use std::os::fd::{OwnedFd, RawFd};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::unistd::{Pid, dup2_stdin, dup2_stdout};

use crate::processes::pidfd_open;

/// Foreground process, and what it inherited.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Pidfd of the foreground process.
    pub(crate) front: OwnedFd,
    pub(crate) signals: Signals,
    /// Inherited descriptors other than the standard streams.
    descriptors: Vec<RawFd>,
}

impl Origin {
    /// Blocks signals, prepares this process for children, and records the previous state.
    ///
    /// This process must not have opened a descriptor before.
    pub(crate) fn take(blocked: SigSet) -> nix::Result<Self> {
        let descriptors = inherited();
        let front = pidfd_open(Pid::this())?;
        let mask = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        // The kernel reaps the children of a process that ignores SIGCHLD.
        let child = set_handler(Signal::SIGCHLD, SigHandler::SigDfl)?;
        let ignores_child = matches!(child, SigHandler::SigIgn);
        Ok(Self { front, signals: Signals { mask, ignores_child }, descriptors })
    }

    /// Closes the inherited descriptors other than the standard error: only the program may decide
    /// how long a pipe, a lock or a socket is held.
    ///
    /// A process may call the function once.
    pub(crate) fn release(&self) -> io::Result<()> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        for &descriptor in &self.descriptors {
            // SAFETY: the descriptor was open at the start, and no value of this process owns it.
            unsafe { libc::close(descriptor) };
        }
        Ok(())
    }
}

/// Lists the open descriptors that survive `exec`, except the standard streams.
fn inherited() -> Vec<RawFd> {
    let entries = read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let mut fds: Vec<RawFd> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // SAFETY: the call reads the flags of a number, and fails if no descriptor has that number.
    // The descriptor of the listing itself is closed by now.
    fds.retain(|&fd| fd > 2 && unsafe { libc::fcntl(fd, libc::F_GETFD) } == 0);
    fds
}

/// Signal mask and ignored signals of the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signals {
    mask: SigSet,
    ignores_child: bool,
}

impl Signals {
    /// Restores the mask and the dispositions. The function makes system calls only, so that it may
    /// run after `fork`.
    pub(crate) fn restore(&self) -> nix::Result<()> {
        if self.ignores_child {
            set_handler(Signal::SIGCHLD, SigHandler::SigIgn)?;
        }
        self.mask.thread_set_mask()
    }
}

/// Sets the disposition of a signal to the default or to ignore; returns the previous one.
fn set_handler(signal: Signal, handler: SigHandler) -> nix::Result<SigHandler> {
    debug_assert!(matches!(handler, SigHandler::SigDfl | SigHandler::SigIgn));
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: neither the default nor `SIG_IGN` runs a handler.
    unsafe { sigaction(signal, &action) }.map(|previous| previous.handler())
}
