//! Detection of signals that interrupt a thread while it sleeps in the supervisor.
//!
//! With `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` only fatal signals interrupt a received
//! notification. So the supervisor polls `/proc` for pending signals, and then ends the wait as the
//! driver would: with an error that the kernel turns into `EINTR` or a restart when it delivers the
//! signal. A thread without a signal to deliver would see the raw error number, and must not get
//! it.

use nix::unistd::Pid;

use super::process::{field, process_of, status};

/// End of an interrupted wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Interruption {
    /// `ERESTARTSYS`: the kernel has a signal for this thread, and decides between `EINTR` and a
    /// restart.
    Restart,
    /// `EINTR`: several threads could take the signal, so that this thread may have none to
    /// deliver.
    Plain,
}

/// Signal state of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Signals {
    /// Signals that are pending for the thread.
    own: u64,
    /// Signals that are pending for the process.
    shared: u64,
    /// Signals that the thread does not take.
    blocked: u64,
    /// Set if a signal, and not a debugger, has stopped the thread.
    stopped: bool,
    /// Set if a debugger is attached.
    traced: bool,
    /// Set if the process has no other thread.
    alone: bool,
}

impl Signals {
    fn of(thread: Pid) -> Option<Self> {
        Some(Self::parse(&status(thread).ok()?))
    }

    fn parse(status: &str) -> Self {
        let mask = |name| field(status, name).and_then(|text| u64::from_str_radix(text, 16).ok());
        let mask = |name| mask(name).unwrap_or(0);
        let is_in =
            |states: &[char]| field(status, "State").is_some_and(|state| state.starts_with(states));
        let blocked = if is_in(&['Z', 'X']) { u64::MAX } else { mask("SigBlk") };
        let ignored = mask("SigIgn");
        Self {
            own: mask("SigPnd") & !ignored,
            shared: mask("ShdPnd") & !ignored,
            blocked,
            stopped: is_in(&['T']),
            traced: field(status, "TracerPid").is_some_and(|tracer| tracer != "0"),
            alone: field(status, "Threads") == Some("1"),
        }
    }
}

/// Periodic check of a thread's signals.
#[derive(Debug)]
pub(super) struct Watch {
    thread: Pid,
    /// Process of the thread. Its first thread has the same number.
    process: Option<Pid>,
    /// Signals that the thread could take at the last check.
    before: u64,
}

impl Watch {
    pub(super) fn new(thread: Pid) -> Self {
        Self { thread, process: process_of(thread).ok(), before: 0 }
    }

    /// Returns the end of the wait; `None` if the wait continues.
    pub(super) fn look(&mut self) -> Option<Interruption> {
        let signals = Signals::of(self.thread)?;
        if signals.own & !signals.blocked != 0 {
            return Some(Interruption::Restart);
        }
        let shared = signals.shared & !signals.blocked;
        let before = std::mem::replace(&mut self.before, shared);
        // A check that failed for a lack of descriptors is repeated.
        let process = self.process.or_else(|| process_of(self.thread).ok())?;
        self.process = Some(process);
        if shared == 0 {
            // A thread that took a signal that stops the process waits for this thread to stop as
            // well.
            let stops = !signals.alone && !signals.traced && is_stopping(process, self.thread);
            return stops.then_some(Interruption::Restart);
        }
        // The kernel prefers the first thread.
        if self.thread == process {
            return Some(Interruption::Restart);
        }
        // A running first thread would have taken an unblocked signal by now.
        let not_taken = shared & before & Signals::of(process)?.blocked;
        if not_taken == 0 {
            return None;
        }
        let others = others_that_take(process, self.thread, not_taken);
        Some(if others { Interruption::Plain } else { Interruption::Restart })
    }
}

/// Returns whether another thread of a process takes one of these signals.
fn others_that_take(process: Pid, thread: Pid, signals: u64) -> bool {
    let Ok(mut others) = others(process, thread) else {
        return true;
    };
    others.any(|other| signals & !other.blocked != 0)
}

/// Returns whether other threads show that a signal stops the process. All threads stop, the first
/// one as soon as it can.
fn is_stopping(process: Pid, thread: Pid) -> bool {
    /// Number of other threads that the first thread checks. The first thread itself receives most
    /// signals.
    const SOME: usize = 8;

    if thread != process {
        return Signals::of(process).is_some_and(|first| first.stopped);
    }
    others(process, thread).is_ok_and(|others| others.take(SOME).any(|other| other.stopped))
}

/// Returns the signals of the other threads of a process.
fn others(process: Pid, thread: Pid) -> std::io::Result<impl Iterator<Item = Signals>> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"))?;
    Ok(threads
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .filter(move |&other| other != thread)
        .filter_map(Signals::of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_not_pending_and_the_dead_take_nothing() {
        let text = "State:\tS (sleeping)\nSigPnd:\t0000000000000003\nShdPnd:\t0000000000000201\n\
                    SigBlk:\t0000000000000002\nSigIgn:\t0000000000000001\n";
        let expected = Signals { own: 2, shared: 0x200, blocked: 2, ..Signals::default() };
        assert_eq!(Signals::parse(text), expected);
        assert_eq!(Signals::parse("State:\tZ (zombie)\n").blocked, u64::MAX);
    }

    #[test]
    fn who_is_stopped_by_a_debugger_is_not_stopped_by_a_signal() {
        for (text, stopped, traced, alone) in [
            ("State:\tT (stopped)\nTracerPid:\t0\nThreads:\t2\n", true, false, false),
            ("State:\tt (tracing stop)\nTracerPid:\t7\nThreads:\t1\n", false, true, true),
        ] {
            let expected = Signals { stopped, traced, alone, ..Signals::default() };
            assert_eq!(Signals::parse(text), expected);
        }
    }

    #[test]
    fn a_thread_without_signals_goes_on() {
        let mut watch = Watch::new(nix::unistd::gettid());
        assert_eq!(watch.look(), None);
    }
}
