//! Operands: registers, scoreboard entries, immediates and named values, by type.

mod evaluate;
mod named;
mod register;
mod scoreboard;
mod value;

pub use named::*;
pub use register::{Reg, RegMask, RegPair, pair, reg};
pub use scoreboard::{SbEntry, SbMask, entry};
pub use value::{Kind, Operand, Value};

/// A type of instruction fields.
pub(crate) trait Field: Copy + PartialEq {
    /// The kind of the operand.
    const KIND: Kind;
    /// The value with all bits zero.
    const ZERO: Self;

    /// Returns the value of the field; `None` for bits that the type forbids.
    fn from_bits(bits: u64, width: u32) -> Option<Self>;
    /// Returns the bits of the value, sign-extended to 64.
    fn to_bits(self) -> u64;
    /// Returns the value for a reader.
    fn value(self) -> Value;

    /// Returns the number of the last register that the field names, and 0 for none.
    ///
    /// `base` is the register that a mask counts from: that of the field before.
    fn last_register(self, _base: &mut u16) -> u16 {
        0
    }

    /// Returns the scoreboard entries that the field names, as a mask.
    fn entries(self) -> u16 {
        0
    }

    /// Returns whether a field of `width` bits can hold the value.
    fn fits(self, width: u32) -> bool {
        width >= 64 || self.to_bits() >> width == 0
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Flag;
    const ZERO: Self = false;

    fn from_bits(bits: u64, _: u32) -> Option<Self> {
        Some(bits != 0)
    }
    fn to_bits(self) -> u64 {
        self.into()
    }
    fn value(self) -> Value {
        Value::Flag(self)
    }
}

/// Implements [`Field`] for unsigned integers.
macro_rules! unsigned {
    ($($ty:ty),*) => {$(
        impl Field for $ty {
            const KIND: Kind = Kind::Unsigned;
            const ZERO: Self = 0;

            fn from_bits(bits: u64, _: u32) -> Option<Self> {
                Self::try_from(bits).ok()
            }
            fn to_bits(self) -> u64 {
                self.into()
            }
            fn value(self) -> Value {
                Value::Unsigned(self.into())
            }
        }
    )*};
}
unsigned!(u8, u16, u32, u64);

/// Implements [`Field`] for signed integers.
macro_rules! signed {
    ($($ty:ty),*) => {$(
        impl Field for $ty {
            const KIND: Kind = Kind::Signed;
            const ZERO: Self = 0;

            fn from_bits(bits: u64, width: u32) -> Option<Self> {
                let unused = 64 - width;
                Self::try_from((bits << unused) as i64 >> unused).ok()
            }
            fn to_bits(self) -> u64 {
                i64::from(self) as u64
            }
            fn value(self) -> Value {
                Value::Signed(self.into())
            }
            fn fits(self, width: u32) -> bool {
                let unused = 64 - width;
                (self.to_bits() << unused) as i64 >> unused == i64::from(self)
            }
        }
    )*};
}
signed!(i16, i32);
