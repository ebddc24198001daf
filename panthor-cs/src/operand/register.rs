//! Registers of a command stream.

use core::fmt;

use super::{Field, Kind, Value};
use crate::Error;

/// A 32-bit register, from r0 to r255.
///
/// A queue has `cs_reg_count` registers (`DRM_PANTHOR_DEV_QUERY_CSIF_INFO`): 96 on architecture 10.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(u8);

impl Reg {
    /// Returns the register with the number `number`.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Returns the number of the register.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// An even/odd pair of registers: a 64-bit operand, low word first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegPair(u8);

impl RegPair {
    /// Returns the pair of the registers `first` and `first + 1`.
    ///
    /// [`pair`] is the same for a constant, without an error.
    ///
    /// # Errors
    ///
    /// [`Error::OddPair`] when `first` is odd.
    pub const fn new(first: u8) -> Result<Self, Error> {
        if first % 2 == 0 {
            Ok(Self(first))
        } else {
            Err(Error::OddPair { instruction: "", argument: "first", register: first })
        }
    }

    /// Returns the pair that contains `reg`.
    pub const fn containing(reg: Reg) -> Self {
        Self(reg.0 & !1)
    }

    /// Returns the number of the low register.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns the register with bits 0 to 31.
    pub const fn low(self) -> Reg {
        Reg(self.0)
    }

    /// Returns the register with bits 32 to 63.
    pub const fn high(self) -> Reg {
        Reg(self.0 + 1)
    }
}

/// Returns the register `number`.
pub const fn reg(number: u8) -> Reg {
    Reg(number)
}

/// Returns the pair of the registers `FIRST` and `FIRST + 1`.
///
/// ```
/// use panthor_cs::pair;
///
/// assert_eq!(pair::<40>().to_string(), "d40");
/// # use std::string::ToString;
/// ```
///
/// An odd register does not compile:
///
/// ```compile_fail
/// panthor_cs::pair::<41>();
/// ```
pub const fn pair<const FIRST: u8>() -> RegPair {
    const { assert!(FIRST % 2 == 0, "FIRST: odd register for a pair") };
    RegPair(FIRST)
}

/// A mask of 16 registers, counted from a base register.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegMask(u16);

impl RegMask {
    /// No register.
    pub const NONE: Self = Self(0);

    /// Returns the mask with these bits.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Returns the mask of the first `count` registers, at most 16.
    pub const fn first(count: u8) -> Self {
        if count >= 16 { Self(u16::MAX) } else { Self((1 << count) - 1) }
    }

    /// Returns the bits of the mask.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Returns the distances of the registers from the base register, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..16).filter(move |&i| self.0 >> i & 1 != 0)
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RegPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

impl fmt::Debug for RegPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for RegMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegMask({:#x})", self.0)
    }
}

impl Field for Reg {
    const KIND: Kind = Kind::Reg;
    const ZERO: Self = Self(0);

    fn from_bits(bits: u64, _: u32) -> Option<Self> {
        u8::try_from(bits).ok().map(Self)
    }
    fn to_bits(self) -> u64 {
        self.0.into()
    }
    fn value(self) -> Value {
        Value::Reg(self)
    }
    fn last_register(self, base: &mut u16) -> u16 {
        *base = self.0.into();
        *base
    }
}

impl Field for RegPair {
    const KIND: Kind = Kind::Pair;
    const ZERO: Self = Self(0);

    fn from_bits(bits: u64, _: u32) -> Option<Self> {
        u8::try_from(bits).ok().filter(|first| first % 2 == 0).map(Self)
    }
    fn to_bits(self) -> u64 {
        self.0.into()
    }
    fn value(self) -> Value {
        Value::Pair(self)
    }
    fn last_register(self, _: &mut u16) -> u16 {
        u16::from(self.0) + 1
    }
}

impl Field for RegMask {
    const KIND: Kind = Kind::Registers;
    const ZERO: Self = Self::NONE;

    fn from_bits(bits: u64, _: u32) -> Option<Self> {
        u16::try_from(bits).ok().map(Self)
    }
    fn to_bits(self) -> u64 {
        self.0.into()
    }
    fn value(self) -> Value {
        Value::Registers(self)
    }
    fn last_register(self, base: &mut u16) -> u16 {
        // An empty mask names no register.
        *base + 15 - (self.0 | 1).leading_zeros() as u16
    }
}
