//! Scoreboard entries.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

use super::{Field, Kind, Value};

/// A scoreboard entry, from 0 to 15: a counter of asynchronous operations that are not complete.
///
/// A queue has `scoreboard_slot_count` entries (`DRM_PANTHOR_DEV_QUERY_CSIF_INFO`): 8 on
/// architecture 10.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SbEntry(u8);

impl SbEntry {
    /// Returns the entry with the number `number`, at most 15.
    ///
    /// [`entry`] is the same for a constant.
    pub const fn new(number: u8) -> Option<Self> {
        if number < 16 { Some(Self(number)) } else { None }
    }

    /// Returns the number of the entry.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns the mask of this entry.
    pub const fn mask(self) -> SbMask {
        SbMask(1 << self.0)
    }
}

/// Returns the scoreboard entry `NUMBER`, at most 15.
///
/// ```compile_fail
/// panthor_cs::entry::<16>();
/// ```
pub const fn entry<const NUMBER: u8>() -> SbEntry {
    const { assert!(NUMBER < 16, "NUMBER: no scoreboard entry (at most 15)") };
    SbEntry(NUMBER)
}

/// A mask of scoreboard entries.
///
/// ```
/// use panthor_cs::{SbMask, entry};
///
/// let mask = entry::<0>() | entry::<3>();
/// assert_eq!(mask.bits(), 0b1001);
/// assert_eq!(mask.to_string(), "sb{0,3}");
/// assert_eq!(SbMask::first(8).to_string(), "sb{0-7}");
/// # use std::string::ToString;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SbMask(u16);

impl SbMask {
    /// No entry.
    pub const NONE: Self = Self(0);

    /// Returns the mask with these bits.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Returns the mask of the first `count` entries, at most 16.
    pub const fn first(count: u8) -> Self {
        if count >= 16 { Self(u16::MAX) } else { Self((1 << count) - 1) }
    }

    /// Returns the bits of the mask.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Returns whether the mask is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether the mask contains `entry`.
    pub const fn contains(self, entry: SbEntry) -> bool {
        self.0 >> entry.0 & 1 != 0
    }

    /// Returns the entries of the mask, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = SbEntry> {
        (0..16).map(SbEntry).filter(move |&entry| self.contains(entry))
    }
}

impl From<SbEntry> for SbMask {
    fn from(entry: SbEntry) -> Self {
        entry.mask()
    }
}

impl<T: Into<SbMask>> BitOr<T> for SbEntry {
    type Output = SbMask;

    fn bitor(self, other: T) -> SbMask {
        self.mask() | other
    }
}

impl<T: Into<SbMask>> BitOr<T> for SbMask {
    type Output = Self;

    fn bitor(self, other: T) -> Self {
        Self(self.0 | other.into().0)
    }
}

impl<T: Into<SbMask>> BitOrAssign<T> for SbMask {
    fn bitor_assign(&mut self, other: T) {
        *self = *self | other;
    }
}

impl fmt::Display for SbEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sb{}", self.0)
    }
}

impl fmt::Debug for SbEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SbMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("sb{}");
        }
        let (mut separator, mut next) = ("sb{", 0);
        while next < 16 {
            let start = next + (self.0 >> next).trailing_zeros();
            if start >= 16 {
                break;
            }
            let end = start + (self.0 >> start).trailing_ones() - 1;
            if end == start {
                write!(f, "{separator}{start}")?;
            } else {
                write!(f, "{separator}{start}-{end}")?;
            }
            (separator, next) = (",", end + 1);
        }
        f.write_str("}")
    }
}

impl fmt::Debug for SbMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Field for SbEntry {
    const KIND: Kind = Kind::Entry;
    const ZERO: Self = Self(0);

    fn from_bits(bits: u64, _: u32) -> Option<Self> {
        u8::try_from(bits).ok().and_then(Self::new)
    }
    fn to_bits(self) -> u64 {
        self.0.into()
    }
    fn value(self) -> Value {
        Value::Entry(self)
    }
    fn entries(self) -> u16 {
        self.mask().0
    }
}

impl Field for SbMask {
    const KIND: Kind = Kind::Entries;
    const ZERO: Self = Self::NONE;

    fn from_bits(bits: u64, _: u32) -> Option<Self> {
        u16::try_from(bits).ok().map(Self)
    }
    fn to_bits(self) -> u64 {
        self.0.into()
    }
    fn value(self) -> Value {
        Value::Entries(self)
    }
    fn entries(self) -> u16 {
        self.0
    }
}
