//! Hazards: races that make the result of a program depend on timing.

use core::fmt;

use super::Resources;
use crate::operand::{Reg, SbMask};

/// A use of a register that races with a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RegisterHazard {
    /// The register is read before a WAIT for the LOAD_MULTIPLE that writes the register.
    ReadBeforeLoad(Reg),
    /// The register is written before a WAIT for the LOAD_MULTIPLE that writes the register, too.
    WrittenBeforeLoad(Reg),
    /// The register is written before a WAIT for the STORE_MULTIPLE that reads the register.
    WrittenBeforeStore(Reg),
}

/// A hazard and its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hazard {
    /// The GPU VA of the instruction.
    pub ip: u64,
    /// The kind.
    pub kind: HazardKind,
}

/// The kind of a hazard.
///
/// The engine reports a hazard and continues. Hardware may give another result.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HazardKind {
    /// A register is used before a WAIT for a transfer of the register.
    ///
    /// The engine transfers at once. Only the first register of an instruction is reported.
    Register(RegisterHazard),
    /// A sync object is signaled before a WAIT for the STORE_MULTIPLE instructions on these
    /// entries.
    ///
    /// The waiting side may see the memory as it was before. A signal that is deferred behind the
    /// entries is fine, directly or by way of a FLUSH_CACHE2.
    SignalBeforeStore(SbMask),
    /// A sync object is signaled before a WAIT for the RUN instructions on these entries.
    ///
    /// The waiting side may see the memory as it was before the work. Deferral covers work as it
    /// covers stores.
    SignalBeforeRun(SbMask),
    /// An operation waits for the entry that it signals itself, which never ends.
    WaitForItself(SbMask),
    /// A RUN instruction needs resources that REQ_RESOURCE did not request.
    MissingResource {
        /// The resources that the instruction needs.
        needed: Resources,
        /// The resources that are requested.
        requested: Resources,
    },
    /// An instruction lies where the MMU refuses to fetch.
    StreamNotMapped,
    /// Bits without a meaning are set.
    ReservedBits(u64),
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}: {}", self.ip, self.kind)
    }
}

impl fmt::Display for HazardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(RegisterHazard::ReadBeforeLoad(reg)) => {
                write!(f, "{reg}: read before a WAIT for its load")
            }
            Self::Register(RegisterHazard::WrittenBeforeLoad(reg)) => {
                write!(f, "{reg}: written before a WAIT for its load")
            }
            Self::Register(RegisterHazard::WrittenBeforeStore(reg)) => {
                write!(f, "{reg}: written before a WAIT for its store")
            }
            Self::SignalBeforeStore(entries) => {
                write!(f, "signal before a WAIT for the stores on {entries}")
            }
            Self::SignalBeforeRun(entries) => {
                write!(f, "signal before a WAIT for the work on {entries}")
            }
            Self::WaitForItself(entries) => {
                write!(f, "operation on {entries} waits for itself")
            }
            Self::MissingResource { needed, requested } => {
                write!(f, "resource missing (needs {needed}, requested {requested})")
            }
            Self::StreamNotMapped => f.write_str("stream is not mapped"),
            Self::ReservedBits(bits) => write!(f, "reserved bits set ({bits:#x})"),
        }
    }
}
