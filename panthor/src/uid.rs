//! What tells objects apart for good.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A number that no other device file or VM of this process ever had: the driver reuses its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uid(u64);

impl Uid {
    /// Equal to nothing that has a number.
    pub(crate) const NONE: Self = Self(u64::MAX);

    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The uids of what was given up for its driver's id, so that it is the same to what belongs to it when somebody
/// takes it over again.
///
/// Of an id that the driver reused since then it is not right any more. No harm comes of that: the driver looks
/// itself.
#[derive(Debug, Default)]
pub(crate) struct GivenUp(Mutex<HashMap<u32, Uid>>);

impl GivenUp {
    /// Notes who an id stands for, while nobody here owns it.
    pub(crate) fn note(&self, id: u32, uid: Uid) {
        self.change(|ids| ids.insert(id, uid));
    }

    /// Who an id stands for that somebody takes over.
    pub(crate) fn find(&self, id: u32) -> Uid {
        self.change(|ids| ids.get(&id).copied()).unwrap_or_else(Uid::next)
    }

    fn change<T>(&self, what: impl FnOnce(&mut HashMap<u32, Uid>) -> T) -> T {
        // Each change is a single one: whoever panicked left it in order.
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
