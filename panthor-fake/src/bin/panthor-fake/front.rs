//! The process that stands for the program: it passes signals on, and ends as the program does.
//!
//! The server is a process of its own, so that it can go on for what the program leaves running.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::exit;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, kill, raise, sigaction,
};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2};

use crate::FAILED;
use crate::args::Run;
use crate::server;

/// Signals that are meant for the program when somebody sends them to this process.
const PASSED_ON: [Signal; 9] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGCONT,
    Signal::SIGWINCH,
];

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Exited(i32),
    Signalled(i32),
}

impl Status {
    /// Ends this process in the same way.
    pub(crate) fn take_over(self) -> ! {
        match self {
            Self::Exited(code) => exit(code),
            Self::Signalled(number) => {
                // The program has left a core already, if it was to.
                let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
                if let Ok(signal) = Signal::try_from(number) {
                    let default =
                        SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
                    // SAFETY: the default action is no function of ours.
                    let _ = unsafe { sigaction(signal, &default) };
                    let _ = SigSet::from(signal).thread_unblock();
                    let _ = raise(signal);
                }
                // One that does not end a process, or has no name; as shells tell it.
                exit(128 + number)
            }
        }
    }
}

/// What the server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Started(Pid),
    Ended(Status),
}

impl Message {
    pub(crate) const SIZE: usize = 8;

    pub(crate) fn to_bytes(self) -> [u8; Self::SIZE] {
        let (kind, value) = match self {
            Self::Started(pid) => (0, pid.as_raw()),
            Self::Ended(Status::Exited(code)) => (1, code),
            Self::Ended(Status::Signalled(number)) => (2, number),
        };
        let mut bytes = [0; Self::SIZE];
        bytes[..4].copy_from_slice(&i32::to_ne_bytes(kind));
        bytes[4..].copy_from_slice(&value.to_ne_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let [a, b, c, d, rest @ ..] = bytes;
        let value = i32::from_ne_bytes(rest);
        match i32::from_ne_bytes([a, b, c, d]) {
            0 => Self::Started(Pid::from_raw(value)),
            1 => Self::Ended(Status::Exited(value)),
            _ => Self::Ended(Status::Signalled(value)),
        }
    }
}

/// Runs a program; returns how it ended.
pub(crate) fn run(run: &Run) -> io::Result<Status> {
    let mut signals = SigSet::empty();
    for signal in PASSED_ON {
        signals.add(signal);
    }
    // The server inherits that: what a terminal sends to all of them is for the program.
    let mask = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&signals, flags)?;
    let (from_server, to_front) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let own = Pid::this();
    // SAFETY: there is no other thread yet.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((signals, from_server));
            exit(server::serve(run, own, mask, to_front.into()));
        }
        ForkResult::Parent { child } => {
            drop(to_front);
            follow(&signals, from_server.into(), child)
        }
    }
}

/// Passes signals on until the server tells how the program ended.
fn follow(signals: &SignalFd, mut from_server: std::fs::File, server: Pid) -> io::Result<Status> {
    let mut program = None;
    loop {
        // Signals have to wait until there is a program.
        let for_signals = if program.is_some() { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut ready = [
            PollFd::new(from_server.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), for_signals),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let is_ready =
            |index: usize| ready[index].revents().is_some_and(|events| !events.is_empty());
        let (message, signal) = (is_ready(0), is_ready(1));
        if signal {
            pass_on(signals, program)?;
        }
        if message {
            let mut bytes = [0; Message::SIZE];
            match from_server.read_exact(&mut bytes) {
                Ok(()) => match Message::from_bytes(bytes) {
                    Message::Started(pid) => program = Some(pid),
                    Message::Ended(status) => return Ok(status),
                },
                Err(_) => return Ok(lost(server)),
            }
        }
    }
}

/// Passes on what was sent to this process alone; what a terminal sends, the program gets itself.
fn pass_on(signals: &SignalFd, program: Option<Pid>) -> io::Result<()> {
    while let Some(info) = signals.read_signal()? {
        if let (Some(program), true) = (program, info.ssi_code <= libc::SI_USER) {
            if let Ok(signal) = Signal::try_from(info.ssi_signo as i32) {
                // It may have ended a moment ago.
                let _ = kill(program, signal);
            }
        }
    }
    Ok(())
}

/// The server ended without a word about the program: it has said why, or was killed.
fn lost(server: Pid) -> Status {
    match waitpid(server, None) {
        Ok(WaitStatus::Exited(_, code)) if code != 0 => Status::Exited(code),
        Ok(WaitStatus::Signaled(_, signal, _)) => {
            eprintln!("panthor-fake: the server was killed by {signal}, and the program with it");
            Status::Exited(FAILED)
        }
        _ => Status::Exited(FAILED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were() {
        for message in [
            Message::Started(Pid::from_raw(4711)),
            Message::Ended(Status::Exited(3)),
            Message::Ended(Status::Signalled(11)),
        ] {
            assert_eq!(Message::from_bytes(message.to_bytes()), message);
        }
    }
}
