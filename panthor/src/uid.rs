//! Unique identities of device files and VMs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A number that this process uses for one device file or VM only. The driver reuses its IDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uid(u64);

impl Uid {
    /// A uid that no object has.
    pub(crate) const NONE: Self = Self(u64::MAX);

    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Uids of VMs released with `into_raw`, by driver ID.
///
/// A later `from_raw` finds the uid, so BOs stay exclusive to the VM. An entry is stale if the
/// driver has reused the ID. A stale entry is harmless, because the driver also checks.
#[derive(Debug, Default)]
pub(crate) struct GivenUp(Mutex<HashMap<u32, Uid>>);

impl GivenUp {
    /// Records the uid of a released ID.
    pub(crate) fn note(&self, id: u32, uid: Uid) {
        self.change(|ids| ids.insert(id, uid));
    }

    /// Returns the uid of a released ID, or a new uid.
    pub(crate) fn find(&self, id: u32) -> Uid {
        self.change(|ids| ids.get(&id).copied()).unwrap_or_else(Uid::next)
    }

    fn change<T>(&self, what: impl FnOnce(&mut HashMap<u32, Uid>) -> T) -> T {
        // Each change is a single step, so a panic leaves the map consistent.
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
