//! Memory as a queue sees it: the VM of the group.

use core::fmt;

use super::Exception;

/// The memory that a GPU VA reaches.
///
/// An implementation translates the VA and checks permissions. The engine checks the alignment
/// first: an access is naturally aligned. All values are little-endian.
///
/// Several threads may share the memory behind an implementation. Then accesses are atomic, and a
/// store has release and a load acquire semantics.
pub trait Memory {
    /// Fetches an instruction word.
    ///
    /// # Errors
    ///
    /// The fault of the MMU. Whether NOEXEC matters is the implementation's choice: the real driver
    /// maps its own ring buffers NOEXEC.
    fn fetch(&mut self, va: u64) -> Result<u64, MemoryFault> {
        self.load64(va)
    }

    /// Loads 32 bits.
    ///
    /// # Errors
    ///
    /// The fault of the MMU.
    fn load32(&mut self, va: u64) -> Result<u32, MemoryFault>;

    /// Loads 64 bits.
    ///
    /// # Errors
    ///
    /// The fault of the MMU.
    fn load64(&mut self, va: u64) -> Result<u64, MemoryFault>;

    /// Stores 32 bits.
    ///
    /// # Errors
    ///
    /// The fault of the MMU.
    fn store32(&mut self, va: u64, value: u32) -> Result<(), MemoryFault>;

    /// Stores 64 bits.
    ///
    /// # Errors
    ///
    /// The fault of the MMU.
    fn store64(&mut self, va: u64, value: u64) -> Result<(), MemoryFault>;

    /// Adds to 32 bits, wrapping, and returns the sum.
    ///
    /// # Errors
    ///
    /// The fault of the MMU.
    fn add32(&mut self, va: u64, value: u32) -> Result<u32, MemoryFault>;

    /// Adds to 64 bits, wrapping, and returns the sum.
    ///
    /// # Errors
    ///
    /// The fault of the MMU.
    fn add64(&mut self, va: u64, value: u64) -> Result<u64, MemoryFault>;
}

impl<M: Memory + ?Sized> Memory for &mut M {
    fn fetch(&mut self, va: u64) -> Result<u64, MemoryFault> {
        (**self).fetch(va)
    }
    fn load32(&mut self, va: u64) -> Result<u32, MemoryFault> {
        (**self).load32(va)
    }
    fn load64(&mut self, va: u64) -> Result<u64, MemoryFault> {
        (**self).load64(va)
    }
    fn store32(&mut self, va: u64, value: u32) -> Result<(), MemoryFault> {
        (**self).store32(va, value)
    }
    fn store64(&mut self, va: u64, value: u64) -> Result<(), MemoryFault> {
        (**self).store64(va, value)
    }
    fn add32(&mut self, va: u64, value: u32) -> Result<u32, MemoryFault> {
        (**self).add32(va, value)
    }
    fn add64(&mut self, va: u64, value: u64) -> Result<u64, MemoryFault> {
        (**self).add64(va, value)
    }
}

/// A reason for which the MMU refuses an access.
///
/// `level` is the level of the page table walk, from 0 at the root to 3.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum MemoryFault {
    /// The VA is not mapped. Level 4 is that of an identity mapping.
    Translation {
        /// The level, at most 4.
        level: u8,
    },
    /// The mapping does not permit the access.
    Permission {
        /// The level, at most 3.
        level: u8,
    },
    /// The access flag of the mapping is clear.
    AccessFlag {
        /// The level, from 1 to 3.
        level: u8,
    },
    /// The VA has more bits than the VM.
    InputAddressSize,
    /// A physical address has too many bits.
    OutputAddressSize {
        /// The level, at most 3.
        level: u8,
    },
    /// The memory attributes of the mapping do not permit the access.
    Attributes {
        /// The level, at most 3.
        level: u8,
    },
}

impl MemoryFault {
    /// Returns the exception code, which the MMU reports in the low byte of AS_FAULTSTATUS.
    ///
    /// A level out of range counts as the nearest one in range.
    pub fn exception(self) -> Exception {
        Exception::from_code(match self {
            Self::Translation { level } => 0xc0 + level.min(4),
            Self::Permission { level } => 0xc8 + level.min(3),
            Self::AccessFlag { level } => 0xd8 + level.clamp(1, 3),
            Self::InputAddressSize => 0xe0,
            Self::OutputAddressSize { level } => 0xe4 + level.min(3),
            Self::Attributes { level } => 0xe8 + level.min(3),
        })
    }
}

impl fmt::Display for MemoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exception().fmt(f)
    }
}

/// The kind of a memory access.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// The fetch of an instruction.
    Fetch,
    /// A load.
    Read,
    /// A store.
    Write,
    /// An atomic addition.
    Atomic,
}

impl Access {
    /// Returns the access type of AS_FAULTSTATUS, bits 8 and 9.
    pub const fn code(self) -> u8 {
        match self {
            Self::Atomic => 0,
            Self::Fetch => 1,
            Self::Read => 2,
            Self::Write => 3,
        }
    }
}

/// A memory access of a queue that the MMU refused.
///
/// The driver disables the address space, which ends all groups of the VM.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MmuFault {
    /// The reason.
    pub fault: MemoryFault,
    /// The GPU VA of the access.
    pub va: u64,
    /// The kind of the access.
    pub access: Access,
    /// The GPU VA of the instruction.
    pub ip: u64,
}

impl fmt::Display for MmuFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, va, access, ip } = self;
        write!(f, "{fault} on {access:?} at {va:#x}, instruction at {ip:#x}")
    }
}
