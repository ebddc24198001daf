//! Exceptions on their way out of an instruction.

use super::{Access, Exception, MemoryFault};

/// An exception without the place of the instruction, which the caller knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trap {
    /// An exception of the queue or an endpoint.
    Exception { exception: Exception, info: u64 },
    /// A refusal of the MMU.
    Memory { fault: MemoryFault, va: u64, access: Access },
}

impl Trap {
    /// An operand that the queue or the architecture lacks.
    pub const INVALID: Self = Self::of(Exception::INVALID_INSTRUCTION);
    /// State that does not allow the instruction.
    pub const CONFIG: Self = Self::of(Exception::CONFIG_FAULT);

    /// Returns a trap without further information.
    pub const fn of(exception: Exception) -> Self {
        Self::Exception { exception, info: 0 }
    }

    /// Returns the trap of a misaligned access.
    pub const fn misaligned(va: u64) -> Self {
        Self::Exception { exception: Exception::BUS_FAULT, info: va }
    }
}

/// Attaches the place of a memory access.
pub(super) trait At<T> {
    /// Returns the trap of an access to `va`.
    fn at(self, va: u64, access: Access) -> Result<T, Trap>;
}

impl<T> At<T> for Result<T, MemoryFault> {
    #[inline(always)]
    fn at(self, va: u64, access: Access) -> Result<T, Trap> {
        self.map_err(|fault| Trap::Memory { fault, va, access })
    }
}

/// Checks that `va` is a multiple of `size`, a power of two.
#[inline(always)]
pub(super) fn aligned(va: u64, size: u64) -> Result<u64, Trap> {
    if va & (size - 1) == 0 { Ok(va) } else { Err(Trap::misaligned(va)) }
}
