//! Values of operands, for disassembly.

use core::fmt;

use super::{Reg, RegMask, RegPair, SbEntry, SbMask};

/// The kind of an operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A bit.
    Flag,
    /// An unsigned immediate.
    Unsigned,
    /// A signed immediate.
    Signed,
    /// A 32-bit register.
    Reg,
    /// An even/odd register pair.
    Pair,
    /// A mask of registers, relative to a base register.
    Registers,
    /// A scoreboard entry.
    Entry,
    /// A mask of scoreboard entries.
    Entries,
    /// A value with a name.
    Named,
}

/// The value of an operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Value {
    /// A bit.
    Flag(bool),
    /// An unsigned immediate.
    Unsigned(u64),
    /// A signed immediate.
    Signed(i64),
    /// A 32-bit register.
    Reg(Reg),
    /// An even/odd register pair.
    Pair(RegPair),
    /// A mask of registers, relative to a base register.
    Registers(RegMask),
    /// A scoreboard entry.
    Entry(SbEntry),
    /// A mask of scoreboard entries.
    Entries(SbMask),
    /// A value with a name; the name is `None` for an unassigned value.
    Named(u8, Option<&'static str>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Flag(flag) => write!(f, "{}", u8::from(flag)),
            Self::Unsigned(value) => write!(f, "#{value:#x}"),
            Self::Signed(value) => write!(f, "#{value}"),
            Self::Reg(reg) => reg.fmt(f),
            Self::Pair(pair) => pair.fmt(f),
            Self::Registers(mask) => write!(f, "{:#x}", mask.bits()),
            Self::Entry(entry) => entry.fmt(f),
            Self::Entries(mask) => mask.fmt(f),
            Self::Named(_, Some(name)) => f.write_str(name),
            Self::Named(bits, None) => write!(f, "unassigned({bits})"),
        }
    }
}

/// An operand of an instruction: a field of the instruction table with its value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Operand {
    /// The name of the field.
    pub name: &'static str,
    /// The value of the field.
    pub value: Value,
    /// The default of the field, for a field that disassembly omits at that value.
    pub default: Option<Value>,
}

impl Operand {
    /// Returns whether the value is the one that disassembly omits.
    pub fn is_default(&self) -> bool {
        self.default == Some(self.value)
    }
}
