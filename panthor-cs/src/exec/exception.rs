//! Exception codes.

use core::fmt;

/// A code by which a queue, an endpoint or the MMU reports an exception.
///
/// ```
/// use panthor_cs::exec::Exception;
///
/// assert_eq!(Exception::CALL_STACK_OVERFLOW.code(), 0x4a);
/// assert!(Exception::CALL_STACK_OVERFLOW.is_fatal());
/// assert_eq!(Exception::INHERIT_FAULT.to_string(), "CS_INHERIT_FAULT (0x4b)");
/// # use std::string::ToString;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exception(u8);

macro_rules! exceptions {
    ($($(#[$doc:meta])* $constant:ident = $code:literal $name:literal,)*) => {
        impl Exception {
            $(
                $(#[$doc])*
                #[doc = concat!("\n\n`", $name, "`, code `", stringify!($code), "`.")]
                pub const $constant: Self = Self($code);
            )*

            /// Every code with a name, except those of the MMU, which
            /// [`MemoryFault`](super::MemoryFault) has.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];

            /// Returns the name in the driver's messages; `None` for an unknown code.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($name),)*
                    0xc0..=0xc4 => Some("TRANSLATION_FAULT"),
                    0xc8..=0xcb => Some("PERMISSION_FAULT"),
                    0xd9..=0xdb => Some("ACCESS_FLAG"),
                    0xe0 | 0xe4..=0xe7 => Some("ADDR_SIZE_FAULT"),
                    0xe8..=0xeb => Some("MEM_ATTR_FAULT"),
                    _ => None,
                }
            }
        }
    };
}

exceptions! {
    /// No exception.
    OK = 0x00 "OK",
    /// The queue was terminated.
    TERMINATED = 0x04 "TERMINATED",
    /// A resource of the queue was terminated.
    RESOURCE_TERMINATED = 0x0f "CS_RES_TERM",
    /// The queue's state does not allow the instruction.
    CONFIG_FAULT = 0x40 "CS_CONFIG_FAULT",
    /// The GPU needs a reset.
    UNRECOVERABLE = 0x41 "CS_UNRECOVERABLE",
    /// Work of a RUN instruction failed.
    ENDPOINT_FAULT = 0x44 "CS_ENDPOINT_FAULT",
    /// A memory access of the queue failed.
    BUS_FAULT = 0x48 "CS_BUS_FAULT",
    /// A word is no valid instruction.
    INVALID_INSTRUCTION = 0x49 "CS_INVALID_INSTRUCTION",
    /// A call exceeds the call stack.
    CALL_STACK_OVERFLOW = 0x4a "CS_CALL_STACK_OVERFLOW",
    /// A sync object carries the error of another queue.
    INHERIT_FAULT = 0x4b "CS_INHERIT_FAULT",
    /// A shader jumped to an invalid address.
    INVALID_PC = 0x50 "INSTR_INVALID_PC",
    /// A shader has an invalid instruction.
    INVALID_ENCODING = 0x51 "INSTR_INVALID_ENC",
    /// A shader's barrier failed.
    BARRIER_FAULT = 0x55 "INSTR_BARRIER_FAULT",
    /// A descriptor is invalid.
    DATA_INVALID = 0x58 "DATA_INVALID_FAULT",
    /// A tile is out of range.
    TILE_RANGE = 0x59 "TILE_RANGE_FAULT",
    /// An address is out of range.
    ADDRESS_RANGE = 0x5a "ADDR_RANGE_FAULT",
    /// A fault without a place.
    IMPRECISE = 0x5b "IMPRECISE_FAULT",
    /// No memory is left.
    OUT_OF_MEMORY = 0x60 "OOM",
    /// The firmware failed.
    FIRMWARE_INTERNAL = 0x68 "CSF_FW_INTERNAL_ERROR",
    /// The eviction of a resource took too long.
    EVICTION_TIMEOUT = 0x69 "CSF_RES_EVICTION_TIMEOUT",
    /// A bus access of the GPU failed.
    GPU_BUS_FAULT = 0x80 "GPU_BUS_FAULT",
    /// The shareability of a page is wrong.
    SHAREABILITY = 0x88 "GPU_SHAREABILITY_FAULT",
    /// The shareability of a system page is wrong.
    SYSTEM_SHAREABILITY = 0x89 "SYS_SHAREABILITY_FAULT",
    /// The cacheability of a page is wrong.
    CACHEABILITY = 0x8a "GPU_CACHEABILITY_FAULT",
}

impl Exception {
    /// Returns the exception with the code `code`.
    pub const fn from_code(code: u8) -> Self {
        Self(code)
    }

    /// Returns the code.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Returns whether a queue halts at the exception, which the kernel sees as CS_FATAL.
    ///
    /// Every other exception is a CS_FAULT, after which the queue continues in its error state.
    pub const fn is_fatal(self) -> bool {
        !matches!(self.0, 0x44 | 0x4b | 0x50..=0x60)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.name().unwrap_or("unknown exception"), self.0)
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exception({self})")
    }
}
