//! Whose turn it is to receive: one thread's at a time, which gives it away before it sleeps, or has it taken when it
//! is long in coming back.

use std::io;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::lock::lock;

/// For so long others wait for a thread that answers; and for twice that at most.
const PATIENCE: Duration = Duration::from_millis(20);

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    /// Tells the watch that there is something to look at again.
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last turn that began.
    last: u64,
    /// Whether it goes on: its thread answers, and nobody receives.
    goes_on: bool,
    /// Whether the watch sleeps until it is woken.
    quiet: bool,
    /// Whether nobody will receive any more.
    over: bool,
}

impl Turns {
    /// A thread has received a call, which it answers now.
    pub(super) fn begin(&self) -> u64 {
        let mut state = lock(&self.state);
        state.last += 1;
        state.goes_on = true;
        if std::mem::take(&mut state.quiet) {
            self.wake.notify_one();
        }
        state.last
    }

    /// A thread has answered. Whether it is to receive again.
    pub(super) fn end(&self, turn: u64) -> bool {
        let mut state = lock(&self.state);
        state.last == turn && std::mem::take(&mut state.goes_on)
    }

    /// Nobody will receive any more.
    pub(super) fn end_all(&self) {
        let mut state = lock(&self.state);
        (state.over, state.quiet) = (true, false);
        self.wake.notify_one();
    }

    /// Starts a thread that receives instead of the one that has this turn, unless there is one already.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub(super) fn hand_over(
        &self,
        turn: u64,
        start: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = lock(&self.state);
        if state.last == turn && state.goes_on {
            start()?;
            state.goes_on = false;
        }
        Ok(())
    }

    /// Takes turns that are too long, until all is over; for a thread of its own.
    pub(super) fn watch(&self, start: impl Fn() -> io::Result<()>) {
        let mut seen = 0;
        let mut state = lock(&self.state);
        while !state.over {
            if state.last == seen && !state.goes_on {
                // Nothing happens: who begins the next turn tells.
                state.quiet = true;
            } else if state.last == seen && start().is_ok() {
                state.goes_on = false;
                continue;
            }
            seen = state.last;
            state = if state.quiet {
                let woken = self.wake.wait_while(state, |state| state.quiet);
                woken.unwrap_or_else(|poisoned| poisoned.into_inner())
            } else {
                let woken = self.wake.wait_timeout(state, PATIENCE);
                woken.unwrap_or_else(|poisoned| poisoned.into_inner()).0
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_turn_that_is_given_away_is_not_taken_as_well() {
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
    fn who_cannot_start_another_keeps_the_turn() {
        let turns = Turns::default();
        let turn = turns.begin();
        assert!(turns.hand_over(turn, || Err(io::ErrorKind::WouldBlock.into())).is_err());
        assert!(turns.end(turn));
    }

    #[test]
    fn a_long_turn_is_taken_once_and_short_ones_are_not() {
        let turns = Turns::default();
        let started = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                turns.watch(|| {
                    started.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                });
            });
            // The watch falls asleep, and is woken again.
            std::thread::sleep(3 * PATIENCE);
            for _ in 0..1000 {
                let turn = turns.begin();
                assert!(turns.end(turn));
            }
            let long = turns.begin();
            while started.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            std::thread::sleep(3 * PATIENCE);
            assert!(!turns.end(long));
            turns.end_all();
        });
        assert_eq!(started.load(Ordering::Relaxed), 1);
    }
}
