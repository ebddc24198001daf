//! The report of the features that the engine does not model.

use core::fmt;
use core::ops::AddAssign;

use super::choices::{CHOICES, Choice};

macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident $name:literal,)*) => {
        /// A feature of command streams that the engine does not model, or a feature with unknown
        /// semantics.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Feature {$(
            $(#[$doc])*
            $feature,
        )*}

        impl Feature {
            /// Every feature.
            pub const ALL: &'static [Self] = &[$(Self::$feature),*];

            /// Returns the name for a report.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$feature => $name,)*
                }
            }
        }
    };
}

features! {
    /// A RUN_COMPUTE that shaded nothing.
    RunCompute "RUN_COMPUTE",
    /// A RUN_COMPUTE_INDIRECT that shaded nothing.
    RunComputeIndirect "RUN_COMPUTE_INDIRECT",
    /// A RUN_TILING that binned nothing.
    RunTiling "RUN_TILING",
    /// A RUN_IDVS that shaded nothing.
    RunIdvs "RUN_IDVS",
    /// A RUN_IDVS2 that shaded nothing.
    RunIdvs2 "RUN_IDVS2",
    /// A RUN_FRAGMENT that drew nothing.
    RunFragment "RUN_FRAGMENT",
    /// A RUN_FRAGMENT2 that drew nothing.
    RunFragment2 "RUN_FRAGMENT2",
    /// A RUN_FULLSCREEN that drew nothing.
    RunFullscreen "RUN_FULLSCREEN",
    /// A FINISH_TILING that flushed nothing.
    FinishTiling "FINISH_TILING",
    /// Work that was dropped because its queue was in the error state.
    DroppedInError "work dropped in the error state",
    /// A TRACE_POINT without an instrumentation buffer.
    TracePoint "TRACE_POINT",
    /// A PROT_REGION, for which the engine has no protected mode.
    ProtectedRegion "PROT_REGION",
    /// A shared scoreboard entry. Its semantics are not known.
    SharedScoreboard "shared scoreboard entry",
    /// A RUN instruction without its resource, which continued.
    MissingResource "RUN without its resource",
    /// An instruction with reserved bits, which were ignored.
    ReservedBits "reserved bits ignored",
}

/// Counts of features that the engine does not model, by name.
///
/// ```
/// use panthor_cs::exec::{Feature, Fidelity};
///
/// let fidelity = Fidelity::new();
/// assert!(fidelity.is_exact());
/// assert_eq!(fidelity.count(Feature::RunCompute), 0);
/// assert!(!Fidelity::choices().is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fidelity {
    counts: [u64; Feature::ALL.len()],
}

impl Fidelity {
    /// Returns a report without entries.
    pub const fn new() -> Self {
        Self { counts: [0; Feature::ALL.len()] }
    }

    /// Returns the decisions behind everything that public sources do not settle.
    pub const fn choices() -> &'static [Choice] {
        CHOICES
    }

    /// Returns how often `feature` was met.
    pub fn count(&self, feature: Feature) -> u64 {
        self.counts[feature as usize]
    }

    /// Returns whether no feature was met.
    pub fn is_exact(&self) -> bool {
        self.counts.iter().all(|&count| count == 0)
    }

    /// Returns the features that were met, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Feature, u64)> + '_ {
        let all = Feature::ALL.iter().map(|&feature| (feature, self.count(feature)));
        all.filter(|&(_, count)| count != 0)
    }

    pub(super) fn note(&mut self, feature: Feature) {
        let count = &mut self.counts[feature as usize];
        *count = count.saturating_add(1);
    }
}

impl Default for Fidelity {
    fn default() -> Self {
        Self::new()
    }
}

impl AddAssign for Fidelity {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
    }
}

impl fmt::Debug for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(feature, count)| (feature.name(), count))).finish()
    }
}

impl fmt::Display for Fidelity {
    /// Formats one line: `RUN_COMPUTE 3, TRACE_POINT 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (feature, count) in self.iter() {
            write!(f, "{separator}{} {count}", feature.name())?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("exact") } else { Ok(()) }
    }
}
