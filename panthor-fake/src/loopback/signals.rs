//! Whether a signal interrupts a thread that sleeps in the supervisor.
//!
//! The kernel lets only fatal ones do so, that no answer is lost. So it is looked at `/proc` what is pending, and
//! the wait is answered as the driver would: by an error that the kernel turns into `EINTR` or a restart when it
//! delivers the signal. It must not be given to a thread that has none to deliver: it would see that number.

use nix::unistd::Pid;

use super::process::{field, process_of, status};

/// How a wait is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Interruption {
    /// As the kernel ends one: it has a signal for the thread, and knows whether to restart.
    Restart,
    /// By `EINTR`: there is a signal that several threads could take, this one among them.
    Plain,
}

/// The signals of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Signals {
    /// Pending for the thread itself.
    own: u64,
    /// Pending for any thread of its process.
    shared: u64,
    /// Those that it does not take.
    blocked: u64,
    /// Whether it is stopped, by a signal and not by a debugger.
    stopped: bool,
    /// Whether it has a debugger.
    traced: bool,
    /// Whether it is the only thread of its process.
    alone: bool,
}

impl Signals {
    fn of(thread: Pid) -> Option<Self> {
        Some(Self::parse(&status(thread)?))
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

/// A look at the signals of a thread every now and then.
#[derive(Debug)]
pub(super) struct Watch {
    thread: Pid,
    /// The process, whose first thread has its number.
    process: Option<Pid>,
    /// What could be for this thread at the last look.
    before: u64,
}

impl Watch {
    pub(super) fn new(thread: Pid) -> Self {
        Self { thread, process: process_of(thread), before: 0 }
    }

    /// Whether the thread is to be interrupted now.
    pub(super) fn look(&mut self) -> Option<Interruption> {
        let signals = Signals::of(self.thread)?;
        if signals.own & !signals.blocked != 0 {
            return Some(Interruption::Restart);
        }
        let shared = signals.shared & !signals.blocked;
        let before = std::mem::replace(&mut self.before, shared);
        let process = self.process?;
        if shared == 0 {
            // Whoever took a signal that stops the process waits for this thread to stop as well.
            let stops = !signals.alone && !signals.traced && is_stopping(process, self.thread);
            return stops.then_some(Interruption::Restart);
        }
        // The kernel prefers the first thread.
        if self.thread == process {
            return Some(Interruption::Restart);
        }
        // A thread that runs would have taken it by now.
        let not_taken = shared & before & Signals::of(process)?.blocked;
        if not_taken == 0 {
            return None;
        }
        let others = others_that_take(process, self.thread, not_taken);
        Some(if others { Interruption::Plain } else { Interruption::Restart })
    }
}

/// Whether another thread of a process takes one of these signals.
fn others_that_take(process: Pid, thread: Pid, signals: u64) -> bool {
    let Ok(mut others) = others(process, thread) else {
        return true;
    };
    others.any(|other| signals & !other.blocked != 0)
}

/// Whether a process is being stopped, by what its other threads do: all stop, the first thread as soon as it can.
fn is_stopping(process: Pid, thread: Pid) -> bool {
    /// Of so many others the first thread looks, which is told of most signals itself.
    const SOME: usize = 8;

    if thread != process {
        return Signals::of(process).is_some_and(|first| first.stopped);
    }
    others(process, thread).is_ok_and(|others| others.take(SOME).any(|other| other.stopped))
}

/// The signals of the other threads of a process.
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
