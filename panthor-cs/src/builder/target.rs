//! Targets of streams.

use crate::Arch;
use crate::operand::SbMask;

/// The architecture and the limits of a queue.
///
/// The defaults are those of Mali-G310, G610 and G710: 96 registers, 4 of which are the kernel's
/// between jobs, and 8 scoreboard entries. DRM_PANTHOR_DEV_QUERY_CSIF_INFO returns the numbers of a
/// device, which the setters take as they are.
///
/// ```
/// use panthor_cs::{Arch, builder::Target};
///
/// let target = Target::new(Arch::V13).registers(128).scoreboard_entries(16);
/// assert_eq!(target.arch(), Arch::V13);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    arch: Arch,
    registers: u16,
    unpreserved: u8,
    entries: u8,
}

impl Target {
    /// Returns a target with the default limits.
    pub const fn new(arch: Arch) -> Self {
        Self { arch, registers: 96, unpreserved: 4, entries: 8 }
    }

    /// Sets the number of registers, at most 256 (`cs_reg_count`).
    #[must_use]
    #[doc(alias = "cs_reg_count")]
    pub const fn registers(mut self, count: u32) -> Self {
        self.registers = if count > 256 { 256 } else { count as u16 };
        self
    }

    /// Sets the number of registers that the kernel overwrites between jobs
    /// (`unpreserved_cs_reg_count`).
    #[must_use]
    #[doc(alias = "unpreserved_cs_reg_count")]
    pub const fn unpreserved(mut self, count: u32) -> Self {
        self.unpreserved = if count > 255 { 255 } else { count as u8 };
        self
    }

    /// Sets the number of scoreboard entries, at most 16 (`scoreboard_slot_count`).
    #[must_use]
    #[doc(alias = "scoreboard_slot_count")]
    pub const fn scoreboard_entries(mut self, count: u32) -> Self {
        self.entries = if count > 16 { 16 } else { count as u8 };
        self
    }

    /// Returns the architecture.
    pub const fn arch(&self) -> Arch {
        self.arch
    }

    /// Returns the number of registers.
    pub const fn register_count(&self) -> u16 {
        self.registers
    }

    /// Returns the number of the first register that the kernel overwrites between jobs.
    pub const fn first_unpreserved(&self) -> u16 {
        self.registers.saturating_sub(self.unpreserved as u16)
    }

    /// Returns the mask of all scoreboard entries.
    pub const fn all_entries(&self) -> SbMask {
        SbMask::first(self.entries)
    }

    /// Returns the number of scoreboard entries.
    pub const fn entry_count(&self) -> u8 {
        self.entries
    }
}
