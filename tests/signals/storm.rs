//! Signals at short intervals.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigevNotify, Signal, sigaction};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use nix::unistd::gettid;

const SIGNAL: Signal = Signal::SIGALRM;
const INTERVAL: Duration = Duration::from_micros(500);

static COUNT: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: c_int) {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// A timer that sends signals to the thread that started it.
pub struct Storm {
    _timer: Timer,
}

impl Storm {
    pub fn start() -> Self {
        // Without SA_RESTART.
        let action = SigAction::new(SigHandler::Handler(count), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler adds to an atomic, which is allowed in one.
        unsafe { sigaction(SIGNAL, &action) }.expect("a handler");
        let thread_id = gettid().as_raw();
        let notify = SigevNotify::SigevThreadId { signal: SIGNAL, thread_id, si_value: 0 };
        let clock = ClockId::CLOCK_MONOTONIC;
        let mut timer =
            Timer::new(clock, nix::sys::signal::SigEvent::new(notify)).expect("a timer");
        let interval = Expiration::Interval(INTERVAL.into());
        timer.set(interval, TimerSetTimeFlags::empty()).expect("an interval");
        Self { _timer: timer }
    }

    /// Ends the storm and returns the number of its signals.
    pub fn end(self) -> u64 {
        drop(self);
        COUNT.load(Ordering::Relaxed)
    }
}
