//! Errors of encoding, decoding and building.

use core::fmt;

use crate::operand::Value;
use crate::table::TABLE;
use crate::{Arch, Archs};

/// A word that is no instruction, or an instruction that an architecture cannot encode.
///
/// ```
/// use panthor_cs::{Arch, Instruction, instruction::Move48, pair};
///
/// let wide = Instruction::from(Move48 { dst: pair::<40>(), imm: 1 << 48 });
/// let error = wide.encode(Arch::V10).unwrap_err();
/// assert_eq!(error.to_string(), "MOVE48 imm: out of range (0x1000000000000, 48 bits)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The architecture assigns no instruction to the opcode.
    Unassigned {
        /// The architecture.
        arch: Arch,
        /// Bits 56 to 63.
        opcode: u8,
        /// The sub-opcode, where the opcode has one.
        sub_opcode: Option<u8>,
    },
    /// A register pair starts with an odd register.
    OddPair {
        /// The name of the instruction; empty outside of an instruction.
        instruction: &'static str,
        /// The field.
        argument: &'static str,
        /// The number of the odd register.
        register: u8,
    },
    /// The architecture lacks the instruction.
    MissingInstruction {
        /// The name of the instruction.
        instruction: &'static str,
        /// The architecture.
        arch: Arch,
        /// The architectures that have the instruction.
        archs: Archs,
    },
    /// The architecture lacks a field of the instruction, and the field is neither 0 nor its
    /// default.
    MissingField {
        /// The name of the instruction.
        instruction: &'static str,
        /// The field.
        argument: &'static str,
        /// The architecture.
        arch: Arch,
        /// The architectures that have the field.
        archs: Archs,
    },
    /// A value does not fit its field.
    OutOfRange {
        /// The name of the instruction.
        instruction: &'static str,
        /// The field.
        argument: &'static str,
        /// The value.
        got: Value,
        /// The width of the field in bits.
        width: u8,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unassigned { arch, opcode, sub_opcode } => {
                write!(f, "opcode: unassigned ({opcode:#04x}")?;
                if let Some(sub) = sub_opcode {
                    write!(f, " with sub-opcode {sub}")?;
                }
                write!(f, ", architecture {arch})")?;
                let elsewhere =
                    TABLE.iter().find(|row| row.opcode == opcode && !row.archs.contains(arch));
                match elsewhere {
                    Some(row) => write!(f, ". The opcode is {1} on {0}.", row.archs, row.name),
                    None => Ok(()),
                }
            }
            Self::OddPair { instruction, argument, register } => {
                let space = if instruction.is_empty() { "" } else { " " };
                write!(f, "{instruction}{space}{argument}: odd register for a pair (r{register})")
            }
            Self::MissingInstruction { instruction, arch, archs } => {
                write!(f, "{instruction}: no such instruction ({arch}, {archs} only)")
            }
            Self::MissingField { instruction, argument, arch, archs } => {
                write!(f, "{instruction} {argument}: no such field ({arch}, {archs} only)")
            }
            Self::OutOfRange { instruction, argument, got, width } => {
                write!(f, "{instruction} {argument}: out of range (")?;
                match got {
                    Value::Unsigned(value) => write!(f, "{value:#x}")?,
                    Value::Signed(value) => write!(f, "{value}")?,
                    other => write!(f, "{other}")?,
                }
                write!(f, ", {width} bits)")
            }
        }
    }
}

impl core::error::Error for Error {}
