//! What tells objects apart for good.

use std::sync::atomic::{AtomicU64, Ordering};

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
