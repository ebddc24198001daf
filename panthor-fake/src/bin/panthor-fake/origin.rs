//! State that this process got from its parent, and that the program must get unchanged.

use std::os::fd::OwnedFd;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::unistd::Pid;

use crate::processes::pidfd_open;

/// Foreground process, and what it inherited.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Pidfd of the foreground process.
    pub(crate) front: OwnedFd,
    pub(crate) signals: Signals,
}

impl Origin {
    /// Blocks signals, prepares this process for children, and records the previous state.
    pub(crate) fn take(blocked: SigSet) -> nix::Result<Self> {
        let front = pidfd_open(Pid::this())?;
        let mask = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        // The kernel reaps the children of a process that ignores SIGCHLD.
        let child = set_handler(Signal::SIGCHLD, SigHandler::SigDfl)?;
        let ignores_child = matches!(child, SigHandler::SigIgn);
        Ok(Self { front, signals: Signals { mask, ignores_child } })
    }
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
