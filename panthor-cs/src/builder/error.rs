//! Errors of building.

use core::fmt;

use crate::Error;
use crate::operand::{Reg, RegPair, SbEntry, Value};

/// The first problem of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BuildError {
    /// The number of the instruction, counted from 0 in the order of building.
    pub index: usize,
    /// The problem.
    pub problem: Problem,
}

/// A reason why a stream cannot be built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The architecture cannot encode the instruction.
    Encoding(Error),
    /// The queue lacks a register or scoreboard entry.
    Missing {
        /// The name of the instruction.
        instruction: &'static str,
        /// The field.
        argument: &'static str,
        /// The register, scoreboard entry or mask.
        got: Value,
        /// The number of registers or scoreboard entries.
        count: u16,
    },
    /// The instruction uses a register that the chain of chunks overwrites.
    Reserved {
        /// The name of the instruction.
        instruction: &'static str,
        /// The field.
        argument: &'static str,
        /// The register, as the instruction names it.
        got: Value,
    },
    /// A deferred operation waits for the scoreboard entry that it signals, and never starts.
    WaitsForItself {
        /// The name of the instruction.
        instruction: &'static str,
        /// The entry.
        entry: SbEntry,
    },
    /// A branch target is too far away.
    BranchTooFar {
        /// The distance in instructions, from the instruction behind the branch.
        distance: i64,
    },
    /// A branch outside of a block.
    BranchOutsideBlock,
    /// A label with branches was not bound.
    UnboundLabel {
        /// The number of branches without a target.
        branches: u32,
    },
    /// A label was bound a second time.
    BoundTwice,
    /// A label of another block.
    ForeignLabel,
    /// A condition without an inverse, or an unassigned condition.
    Condition {
        /// The bits of the condition.
        bits: u8,
    },
    /// No memory is left.
    OutOfMemory {
        /// The number of words that memory was needed for.
        words: usize,
    },
    /// A chunk is too small.
    ChunkTooSmall {
        /// The number of words of the chunk.
        got: usize,
        /// The smallest number of words that is enough.
        least: usize,
    },
    /// The GPU VA of a chunk or stream is not aligned or has more than 48 bits.
    BadVa {
        /// The GPU VA.
        va: u64,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// The size of a stream is not a multiple of 8.
    BadSize {
        /// The size in bytes.
        size: u32,
    },
    /// The registers of a chain overlap.
    ChainRegisters {
        /// The pair for the address.
        address: RegPair,
        /// The register for the length.
        length: Reg,
    },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Encoding(error)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Encoding(error) => error.fmt(f),
            Self::Missing { instruction, argument, got, count } => {
                let what = match got {
                    Value::Entry(_) | Value::Entries(_) => "scoreboard entry",
                    _ => "register",
                };
                write!(f, "{instruction} {argument}: no such {what} ({got}, {count} in all)")
            }
            Self::Reserved { instruction, argument, got } => {
                write!(f, "{instruction} {argument}: reserved for chaining ({got})")
            }
            Self::WaitsForItself { instruction, entry } => {
                write!(f, "{instruction} wait: contains the signaled entry ({entry})")
            }
            Self::BranchTooFar { distance } => {
                write!(f, "label: too far away ({distance} instructions, -32768 to 32767)")
            }
            Self::BranchOutsideBlock => f.write_str(
                "BRANCH: outside of a block. A new chunk may separate the branch from its target.",
            ),
            Self::UnboundLabel { branches } => {
                write!(f, "label: not bound ({branches} branches)")
            }
            Self::BoundTwice => f.write_str("label: bound twice"),
            Self::ForeignLabel => f.write_str("label: of another block"),
            Self::Condition { bits } => write!(f, "condition: has no inverse ({bits})"),
            Self::OutOfMemory { words } => write!(f, "memory: none left ({words} words needed)"),
            Self::ChunkTooSmall { got, least } => {
                write!(f, "chunk: too small ({got} words, at least {least})")
            }
            Self::BadVa { va, alignment } => {
                write!(
                    f,
                    "va: not aligned or too large ({va:#x}, multiple of {alignment} below 2^48)"
                )
            }
            Self::BadSize { size } => write!(f, "size: not a multiple of 8 ({size})"),
            Self::ChainRegisters { address, length } => {
                write!(f, "length: overlaps the address ({length}, {address})")
            }
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {}: {}", self.index, self.problem)
    }
}

impl core::error::Error for Problem {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Encoding(error) => Some(error),
            _ => None,
        }
    }
}

impl core::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.problem)
    }
}
