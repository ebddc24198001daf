//! Leadership among the threads of a supervisor.
//!
//! The leader receives notifications. It hands the lead over before it sleeps or works for long. A
//! watch takes the lead from a leader during an unexpectedly long call. Spare threads wait for
//! the lead, so that a hand-over costs one wake-up.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::lock::lock;

/// Period of the watch. A call that it sees twice counts as long.
const TICK: Duration = Duration::from_micros(500);

/// Number of periods without a new call after which the watch sleeps until the next call.
const TICKS_UNTIL_QUIET: u32 = 40;

/// Maximum number of spare threads.
const SPARE: usize = 4;

/// The lead, and the threads that wait for it.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    /// Wakes spare threads.
    lead: Condvar,
    /// Wakes the watch.
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the last received call.
    last: u64,
    /// Set while the leader answers that call, so that no thread receives.
    goes_on: bool,
    /// Number of spare threads.
    spare: usize,
    /// Number of spare threads that were woken to lead and have not run yet.
    called: usize,
    /// Set while the watch sleeps until the next call.
    quiet: bool,
    /// Set when no notification can arrive any more.
    over: bool,
}

impl Turns {
    /// Records that the leader answers a new call; returns the number of the call.
    pub(super) fn begin(&self) -> u64 {
        let mut state = lock(&self.state);
        state.last += 1;
        state.goes_on = true;
        if std::mem::take(&mut state.quiet) {
            self.wake.notify_one();
        }
        state.last
    }

    /// Ends the answer to a call; returns whether the thread still leads.
    pub(super) fn end(&self, turn: u64) -> bool {
        let mut state = lock(&self.state);
        state.last == turn && std::mem::take(&mut state.goes_on)
    }

    /// Ends all threads, because no notification can arrive any more.
    pub(super) fn end_all(&self) {
        let mut state = lock(&self.state);
        (state.over, state.quiet) = (true, false);
        self.wake.notify_one();
        self.lead.notify_all();
    }

    /// Waits for the lead as a spare thread; returns `false` if the thread must end.
    pub(super) fn follow(&self) -> bool {
        let mut state = lock(&self.state);
        if state.over || state.spare - state.called >= SPARE {
            return false;
        }
        state.spare += 1;
        let idle = |state: &mut State| state.called == 0 && !state.over;
        state = unpoisoned(self.lead.wait_while(state, idle));
        state.spare -= 1;
        if state.over {
            return false;
        }
        state.called -= 1;
        true
    }

    /// Hands the lead over while a thread answers a call, if the thread still leads.
    ///
    /// `start` starts a new leader if there is no spare thread.
    ///
    /// # Errors
    /// Returns the error of `start`.
    pub(super) fn hand_over(
        &self,
        turn: u64,
        start: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.last == turn && state.goes_on {
            self.replace(&mut state, start)?;
        }
        Ok(())
    }

    fn replace(&self, state: &mut State, start: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if state.spare > state.called {
            state.called += 1;
            self.lead.notify_one();
        } else {
            start()?;
        }
        state.goes_on = false;
        Ok(())
    }

    /// Replaces leaders that answer for too long, until [`end_all`](Self::end_all). The caller runs
    /// it on its own thread.
    pub(super) fn watch(&self, start: impl Fn() -> io::Result<()>) {
        let (mut seen, mut idle) = (0, 0);
        let mut state = lock(&self.state);
        while !state.over {
            if state.last != seen || state.goes_on {
                idle = 0;
            }
            if state.last == seen && state.goes_on {
                // The next period retries a failed start.
                let _ = self.replace(&mut state, &start);
            }
            seen = state.last;
            idle += 1;
            if idle > TICKS_UNTIL_QUIET {
                state.quiet = true;
                state = unpoisoned(self.wake.wait_while(state, |state| state.quiet));
                // A call has just begun.
                (seen, idle) = (state.last, 0);
            }
            state = unpoisoned(self.wake.wait_timeout(state, TICK)).0;
        }
    }
}

/// Returns the state after a wait, even if another thread panicked.
fn unpoisoned<G>(waited: Result<G, PoisonError<G>>) -> G {
    waited.unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn lead_is_handed_over_once_per_call() {
        let turns = Turns::default();
        let turn = turns.begin();
        let started = AtomicUsize::new(0);
        let start = || {
            started.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        turns.hand_over(turn, start).unwrap();
        turns.hand_over(turn, start).unwrap();
        assert_eq!(started.load(Ordering::Relaxed), 1);
        let next = turns.begin();
        assert!(!turns.end(turn) && turns.end(next));
    }

    #[test]
    fn leader_keeps_the_lead_if_no_thread_can_start() {
        let turns = Turns::default();
        let turn = turns.begin();
        assert!(turns.hand_over(turn, || Err(io::ErrorKind::WouldBlock.into())).is_err());
        assert!(turns.end(turn));
    }

    #[test]
    fn spare_thread_takes_the_lead_before_one_is_started() {
        let turns = Turns::default();
        let start = || panic!("a thread is there");
        std::thread::scope(|scope| {
            let spare = scope.spawn(|| turns.follow());
            while lock(&turns.state).spare == 0 {
                std::thread::yield_now();
            }
            let turn = turns.begin();
            turns.hand_over(turn, start).unwrap();
            assert!(spare.join().unwrap());
            assert!(!turns.end(turn));
            let spare = scope.spawn(|| turns.follow());
            turns.end_all();
            assert!(!spare.join().unwrap());
        });
    }

    #[test]
    fn watch_takes_the_lead_from_a_long_call_only() {
        let turns = Turns::default();
        let started = AtomicUsize::new(0);
        // Assertions follow the scope, because a panic inside would leave the watch running
        // forever.
        let (stopped, taken, kept_lead) = std::thread::scope(|scope| {
            scope.spawn(|| {
                turns.watch(|| {
                    started.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                });
            });
            // The watch falls asleep, and the next call wakes it.
            while !lock(&turns.state).quiet {
                std::thread::yield_now();
            }
            // A busy machine can suspend this thread during some calls.
            let mut stopped = 0;
            for _ in 0..1000 {
                let turn = turns.begin();
                stopped += usize::from(!turns.end(turn));
            }
            let taken = started.swap(0, Ordering::Relaxed);
            let long = turns.begin();
            while started.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            std::thread::sleep(4 * TICK);
            let kept_lead = turns.end(long);
            turns.end_all();
            (stopped, taken, kept_lead)
        });
        assert!(stopped < 100, "{stopped}");
        assert_eq!((taken, kept_lead), (stopped, false));
        assert_eq!(started.load(Ordering::Relaxed), 1);
    }
}
