//! GPU architectures.

use core::fmt;

/// A Mali architecture with a command stream frontend.
///
/// The architecture is the top byte of the GPU ID: `GPU_ID >> 28` on parts up to 15.
///
/// ```
/// use panthor_cs::Arch;
///
/// assert_eq!(Arch::new(12), Some(Arch::V12));
/// assert_eq!(Arch::new(9), None); // a Mali with a job manager
/// assert!(Arch::V10 < Arch::V13);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Arch {
    /// Mali-G310, G510, G610, G710.
    V10 = 10,
    /// Mali-G615, G715.
    V11 = 11,
    /// Mali-G620, G720.
    V12 = 12,
    /// Mali-G625, G725.
    V13 = 13,
    /// Mali G1.
    V14 = 14,
    /// Mali G2.
    V15 = 15,
}

impl Arch {
    /// Every architecture, oldest first.
    pub const ALL: [Self; 6] = [Self::V10, Self::V11, Self::V12, Self::V13, Self::V14, Self::V15];

    /// Returns the architecture with the number `major`, from 10 to 15.
    pub const fn new(major: u32) -> Option<Self> {
        match major {
            10 => Some(Self::V10),
            11 => Some(Self::V11),
            12 => Some(Self::V12),
            13 => Some(Self::V13),
            14 => Some(Self::V14),
            15 => Some(Self::V15),
            _ => None,
        }
    }

    /// Returns the number of the architecture, from 10 to 15.
    pub const fn major(self) -> u8 {
        self as u8
    }

    /// Returns the position in [`ALL`](Self::ALL).
    pub(crate) const fn index(self) -> usize {
        self as usize - 10
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.major())
    }
}

/// A set of architectures.
///
/// ```
/// use panthor_cs::{Arch, Archs};
///
/// let archs = Archs::of(|arch| arch.major() >= 12);
/// assert!(archs.contains(Arch::V13));
/// assert_eq!(archs.to_string(), "v12-v15");
/// # use std::string::ToString;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Archs(u8);

impl Archs {
    /// Every architecture.
    pub const ALL: Self = Self(0x3f);

    /// Returns the set of the architectures for which `predicate` is true.
    pub fn of(predicate: impl Fn(Arch) -> bool) -> Self {
        let mut bits = 0;
        for arch in Arch::ALL {
            bits |= u8::from(predicate(arch)) << arch.index();
        }
        Self(bits)
    }

    /// Returns the set with one bit per architecture, the lowest for 10.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Returns whether the set contains `arch`.
    pub const fn contains(self, arch: Arch) -> bool {
        self.0 >> arch.index() & 1 != 0
    }

    /// Returns whether every architecture of `other` is in the set.
    pub const fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Returns the architectures of the set, oldest first.
    pub fn iter(self) -> impl Iterator<Item = Arch> {
        Arch::ALL.into_iter().filter(move |&arch| self.contains(arch))
    }
}

/// Evaluates to the [`Archs`] with numbers that match a pattern, in constants too.
macro_rules! archs {
    ($pattern:pat) => {{
        let (mut bits, mut major) = (0u8, 10u8);
        while major <= 15 {
            if matches!(major, $pattern) {
                bits |= 1 << (major - 10);
            }
            major += 1;
        }
        $crate::Archs::from_bits(bits)
    }};
}
pub(crate) use archs;

impl fmt::Display for Archs {
    /// Formats the set as ranges: `v10`, `v11-v15`, `v10-v11, v14`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for start in self.iter() {
            if start.index() > 0 && self.contains(Arch::ALL[start.index() - 1]) {
                continue;
            }
            let run = Arch::ALL[start.index()..].iter().take_while(|&&arch| self.contains(arch));
            let end = Arch::ALL[start.index() + run.count() - 1];
            f.write_str(if first { "" } else { ", " })?;
            first = false;
            if end == start { write!(f, "{start}")? } else { write!(f, "{start}-{end}")? }
        }
        if first { f.write_str("none") } else { Ok(()) }
    }
}

impl fmt::Debug for Archs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Archs({self})")
    }
}
