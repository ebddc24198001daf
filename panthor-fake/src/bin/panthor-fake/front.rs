//! The foreground process, which stands in for the program: it forwards signals, stops when the
//! program stops, and ends with the same status.
//!
//! The server is a separate process, so that it can serve background processes after the program
//! has ended.

use std::os::fd::{AsFd, OwnedFd};
use std::process::exit;
use std::time::{Duration, Instant};
use std::{io, mem, ptr};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, write};

use crate::FAILED;
use crate::args::Run;
use crate::keeper::{LEAVE, PATIENCE, keep};
use crate::messages::{Channel, Message, Status};
use crate::origin::Origin;
use crate::processes::{children, end_descendants, send};

/// Signals that this process forwards to the program.
const PASSED_ON: [Signal; 10] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGCONT,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
];

/// Forwarded signals that terminals send to process groups.
const OF_TERMINALS: [Signal; 6] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGCONT,
    Signal::SIGTSTP,
    Signal::SIGWINCH,
];

/// Forwarded signals that end no process by default.
const HARMLESS: [Signal; 3] = [Signal::SIGCONT, Signal::SIGWINCH, Signal::SIGTSTP];

/// Signals that would stop this process. It blocks them, and stops when the program does.
const STOPS: [Signal; 3] = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];

/// Longest time that a forwarded signal waits for the program to start.
const START: Duration = Duration::from_secs(2);

/// Ends this process with the given exit status or signal.
pub(crate) fn end_as(status: Status) -> ! {
    match status {
        Status::Exited(code) => exit(code),
        Status::Signalled(number) => {
            // The program has written its own core dump.
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
            if let Ok(signal) = Signal::try_from(number) {
                let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
                // SAFETY: the default action runs no handler.
                let _ = unsafe { sigaction(signal, &default) };
                let _ = SigSet::from(signal).thread_unblock();
                let _ = raise(signal);
            }
            // The signal ends no process by default, or has no name: exit as a shell would.
            exit(128 + number)
        }
    }
}

/// Runs a program; returns its exit status or its signal.
pub(crate) fn run(run: &Run) -> io::Result<Status> {
    let passed_on: SigSet = PASSED_ON.into_iter().collect();
    let blocked: SigSet = PASSED_ON.into_iter().chain(STOPS).collect();
    let origin = Origin::take(blocked)?;
    let inherited = children();
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&passed_on, flags)?;
    let (channel, of_server) = Channel::pair()?;
    let (of_keeper, alive) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // If the keeper and the server are killed together, this process must reap the orphans.
    set_child_subreaper(true)?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((signals, channel, alive));
            exit(keep(run, &origin, of_server, of_keeper));
        }
        ForkResult::Parent { child } => {
            drop((of_server, of_keeper));
            origin.release()?;
            let state = State::Preparing;
            let (keeper, server, early) = (child, None, Vec::new());
            Front { signals, channel, keeper, inherited, server, alive, state, early }.follow()
        }
    }
}

/// Progress of the program.
enum State {
    /// The server sets up the device.
    Preparing,
    /// The program is about to start, or has started without a report yet.
    Starting,
    /// The program runs. The variant holds its pidfd.
    Running(OwnedFd),
}

struct Front {
    signals: SignalFd,
    channel: Channel,
    keeper: Pid,
    /// Children from before `exec`, which are not part of the run.
    inherited: Vec<Pid>,
    /// PID of the server, once the program is about to start.
    server: Option<Pid>,
    /// Write end of a pipe. Its end of file makes the keeper end the run.
    alive: OwnedFd,
    state: State,
    /// Signals that arrived while the program started, with their arrival times.
    early: Vec<(Signal, Instant)>,
}

impl Front {
    /// Forwards signals until the server reports the end of the program.
    fn follow(mut self) -> io::Result<Status> {
        loop {
            let mut ready = [self.channel.as_fd(), self.signals.as_fd()]
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            match poll(&mut ready, self.timeout()) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            let is_ready =
                |index: usize| ready[index].revents().is_some_and(|events| !events.is_empty());
            let (message, signal) = (is_ready(0), is_ready(1));
            if message {
                match self.channel.receive()? {
                    Some((Message::Starting(server), _)) => {
                        self.server = Some(server);
                        self.state = State::Starting;
                    }
                    Some((Message::Started, Some(handle))) => {
                        for (signal, _) in mem::take(&mut self.early) {
                            // A failed send means that the program has ended.
                            let _ = send(&handle, signal);
                        }
                        self.state = State::Running(handle);
                    }
                    Some((Message::Ended(status), _)) => {
                        wait_for_keeper(self.keeper, &self.inherited);
                        return Ok(status);
                    }
                    Some((Message::Left(status), _)) => {
                        // A failed write means that the keeper is gone, and the server with it.
                        let _ = write(&self.alive, &[LEAVE]);
                        return Ok(status);
                    }
                    Some((Message::Started, None)) | None => {
                        return Ok(Status::Exited(
                            wait_for_keeper(self.keeper, &self.inherited).unwrap_or(FAILED),
                        ));
                    }
                }
            }
            if signal {
                while let Some(info) = self.signals.read_signal()? {
                    let Ok(signal) = Signal::try_from(info.ssi_signo as i32) else { continue };
                    let sender = Pid::from_raw(info.ssi_pid as i32);
                    if signal == Signal::SIGCONT && Some(sender) == self.server {
                        // The program continues already.
                        continue;
                    }
                    if self.is_end(signal, info.ssi_code) {
                        self.kill();
                        return Ok(Status::Signalled(signal as i32));
                    }
                }
            }
            let is_late = |&&(signal, since): &&(Signal, Instant)| {
                since.elapsed() > START && ends_processes(signal)
            };
            if let Some(&(signal, _)) = self.early.iter().find(is_late) {
                self.kill();
                return Ok(Status::Signalled(signal as i32));
            }
        }
    }

    fn timeout(&self) -> PollTimeout {
        let wait = |&(_, since): &(Signal, Instant)| (since + START) - Instant::now();
        let left = self.early.iter().find(|(signal, _)| ends_processes(*signal)).map(wait);
        left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::ZERO)
        })
    }

    /// Forwards a signal; returns whether the signal ends the run instead.
    ///
    /// The signal ends the run before the program starts and after the program has ended.
    fn is_end(&mut self, signal: Signal, code: i32) -> bool {
        match &self.state {
            State::Preparing => ends_processes(signal),
            State::Starting => {
                self.early.push((signal, Instant::now()));
                false
            }
            // The terminal sent this signal to the whole process group, the program included. The
            // kernel sends others to this process alone: an alarm outlives `exec`, for example.
            State::Running(handle) if code > libc::SI_USER && OF_TERMINALS.contains(&signal) => {
                has_ended(handle) && ends_processes(signal)
            }
            State::Running(handle) => {
                send(handle, signal) == Err(Errno::ESRCH) && ends_processes(signal)
            }
        }
    }

    /// Ends the run: the keeper kills all remaining processes.
    fn kill(self) {
        let Self { keeper, alive, inherited, .. } = self;
        drop(alive);
        wait_for_keeper(keeper, &inherited);
    }
}

/// Waits until the keeper has ended the run; returns its exit status, or `None` if it was killed.
///
/// The function spares the children `inherited` from before the run.
fn wait_for_keeper(keeper: Pid, inherited: &[Pid]) -> Option<i32> {
    let deadline = Instant::now() + 2 * PATIENCE;
    let status = loop {
        match waitpid(keeper, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(Errno::EINTR) => {}
            status => break status,
        }
    };
    if let Ok(WaitStatus::Exited(_, code)) = status {
        return Some(code);
    }
    eprintln!("panthor-fake: the server's keeper was killed, and all that was served");
    end_descendants(PATIENCE, inherited);
    None
}

/// Returns whether the process behind a pidfd has ended.
fn has_ended(process: &OwnedFd) -> bool {
    let mut ready = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    poll(&mut ready, PollTimeout::ZERO) == Ok(1)
}

/// Returns whether a signal would end this process if it were not blocked.
fn ends_processes(signal: Signal) -> bool {
    !HARMLESS.contains(&signal) && !is_ignored(signal)
}

fn is_ignored(signal: Signal) -> bool {
    // SAFETY: the structure holds integers and an optional function, and all of them may be zero.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: the null pointer leaves the action unchanged, and `action` is valid for writes.
    let asked = unsafe { libc::sigaction(signal as i32, ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}
