//! Waits for changes of fences and sync objects.

use std::ops::Deref;
use std::sync::Condvar;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::time::{Duration, Instant};

use crate::lock::{Mutex, lock, rank};
use crate::process::PerProcess;

/// The wait queue of all devices of the process. Devices share the queue, since a sync file may
/// take a fence from one device to another.
#[derive(Debug, Default)]
pub(crate) struct Events(());

impl Deref for Events {
    type Target = Place;

    fn deref(&self) -> &Place {
        static PLACE: PerProcess<Place> = PerProcess::new(Place::new);

        PLACE.get()
    }
}

/// A wait queue.
///
/// A single queue for all waiters: each waiter checks its own fences after every change, so it
/// cannot miss one. The extra checks are cheap in tests. Without waiters, a change costs nothing.
#[derive(Debug)]
pub(crate) struct Place {
    waiters: AtomicUsize,
    generation: Mutex<u64, { rank::GENERATION }>,
    changed: Condvar,
}

impl Place {
    const fn new() -> Self {
        Self { waiters: AtomicUsize::new(0), generation: Mutex::new(0), changed: Condvar::new() }
    }

    /// Wakes the waiters after a fence was signaled or a sync object got a fence.
    pub(crate) fn notify(&self) {
        // Pairs with the fence in `wait`: either the waiter sees the change, or this thread sees
        // the waiter.
        fence(Ordering::SeqCst);
        if self.waiters.load(Ordering::SeqCst) != 0 {
            *lock(&self.generation) += 1;
            self.changed.notify_all();
        }
    }

    /// Calls `ready` at least once, and after each change, until it returns a value or the deadline
    /// has passed. `None` is no deadline.
    pub(crate) fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let _waiter = Waiter::new(&self.waiters);
        fence(Ordering::SeqCst);
        loop {
            let seen = *lock(&self.generation);
            if let Some(answer) = ready() {
                return Some(answer);
            }
            let mut generation = lock(&self.generation);
            while *generation == seen {
                let left = match deadline {
                    None => Duration::MAX,
                    Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                };
                if left.is_zero() {
                    drop(generation);
                    // A change at the last moment counts.
                    return ready();
                }
                generation = generation.wait(&self.changed, deadline.map(|_| left));
            }
        }
    }
}

/// The registration of a waiter, removed on drop, including during a panic.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn new(waiters: &'a AtomicUsize) -> Self {
        waiters.fetch_add(1, Ordering::SeqCst);
        Self(waiters)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn a_waiter_sees_a_change_of_another_thread() {
        for _ in 0..200 {
            let shared = Arc::new((Place::new(), AtomicBool::new(false)));
            let other = shared.clone();
            let signaller = std::thread::spawn(move || {
                other.1.store(true, Ordering::Release);
                other.0.notify();
            });
            let answer = shared.0.wait(None, || shared.1.load(Ordering::Acquire).then_some(1));
            assert_eq!(answer, Some(1));
            signaller.join().unwrap();
        }
    }

    #[test]
    fn notify_wakes_every_waiter() {
        const WAITERS: usize = 4;
        let deadline = Instant::now() + Duration::from_secs(20);
        for _ in 0..20 {
            let (place, done) = (Place::new(), AtomicBool::new(false));
            std::thread::scope(|scope| {
                let wait = || {
                    place.wait(Some(deadline), || done.load(Ordering::Acquire).then(Instant::now))
                };
                let waiters: Vec<_> = (0..WAITERS).map(|_| scope.spawn(wait)).collect();
                while place.waiters.load(Ordering::SeqCst) < WAITERS {
                    std::thread::yield_now();
                }
                // Gives the waiters time to fall asleep.
                std::thread::sleep(Duration::from_millis(2));
                done.store(true, Ordering::Release);
                place.notify();
                for waiter in waiters {
                    assert!(waiter.join().unwrap().is_some_and(|woken| woken < deadline));
                }
            });
        }
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let events = Place::new();
        let deadline = Instant::now() + Duration::from_millis(20);
        assert_eq!(events.wait(Some(deadline), || None::<()>), None);
        assert!(Instant::now() >= deadline);
        assert_eq!(events.waiters.load(Ordering::SeqCst), 0);
    }
}
