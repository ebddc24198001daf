//! Deferral of operations.

use crate::operand::{SbEntry, SbMask, entry};

/// The start of a deferrable operation, and the scoreboard entry that the operation signals.
///
/// ```
/// use panthor_cs::{builder::Defer, entry};
///
/// // After the operations of entries 0 and 1, on entry 2.
/// let defer = Defer::after(entry::<0>() | entry::<1>()).signal(entry::<2>());
/// assert_ne!(defer, Defer::NONE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Defer {
    pub(crate) wait: SbMask,
    pub(crate) signal: SbEntry,
    pub(crate) indirect: bool,
}

impl Defer {
    /// No deferral: the operation completes before the next instruction.
    pub const NONE: Self = Self { wait: SbMask::NONE, signal: entry::<0>(), indirect: false };

    /// The operation takes SB_MASK_WAIT as its mask and SB_SEL_DEFERRED as its entry (architecture
    /// 11 and later).
    pub const INDIRECT: Self = Self { wait: SbMask::NONE, signal: entry::<0>(), indirect: true };

    /// Starts the operation when all scoreboard entries of `entries` are zero; the operation is
    /// asynchronous on entry 0.
    ///
    /// An empty mask is no deferral.
    pub fn after(entries: impl Into<SbMask>) -> Self {
        Self { wait: entries.into(), ..Self::NONE }
    }

    /// Sets the scoreboard entry of the operation.
    #[must_use]
    pub const fn signal(mut self, entry: SbEntry) -> Self {
        self.signal = entry;
        self
    }
}

impl Default for Defer {
    fn default() -> Self {
        Self::NONE
    }
}
