//! Instructions, decoded.

use core::fmt;

pub use crate::table::types::*;

use crate::operand::{Operand, Value};
use crate::table::Definition;
use crate::{Arch, Error, disasm};

/// An instruction word with its decoded form.
///
/// Encoding [`instruction`](Self::instruction) returns `word & !reserved`: decoding loses nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Decoded {
    /// The instruction.
    pub instruction: Instruction,
    /// The bits of the word that are set and have no meaning on the architecture.
    pub reserved: u64,
}

/// An instruction that an architecture may encode: [`Instruction`] and the struct of each
/// instruction.
pub trait Encode: sealed::Sealed {
    /// Encodes the instruction.
    ///
    /// # Errors
    ///
    /// - [`Error::MissingInstruction`] or [`Error::MissingField`] for what `arch` lacks.
    /// - [`Error::OutOfRange`] for a value that does not fit its field.
    fn encode(&self, arch: Arch) -> Result<u64, Error>;

    /// Returns the name of the instruction, as Mesa spells it.
    fn name(&self) -> &'static str;
}

pub(crate) mod sealed {
    use crate::operand::Value;

    /// The registers and scoreboard entries that an instruction needs.
    #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
    pub struct Demands {
        /// The number of the last register.
        pub(crate) last_register: u16,
        /// The scoreboard entries, as a mask.
        pub(crate) entries: u16,
        /// The entries that the operation waits for.
        pub(crate) wait: u16,
        /// The entry that the operation signals, as a mask.
        pub(crate) signal: u16,
    }

    /// Keeps implementations inside of the crate.
    pub trait Sealed {
        /// Calls `visitor` with the name and value of each field.
        fn visit(&self, visitor: impl FnMut(&'static str, Value));

        /// Returns the requirements of the instruction on a queue.
        fn demands(&self) -> Demands;
    }
}

/// Generates the enum of all instructions.
macro_rules! instruction_set {
    ($($ty:ident)*) => {
        /// An instruction of a command stream.
        ///
        /// ```
        /// use panthor_cs::{Arch, Instruction};
        ///
        /// let decoded = Instruction::decode(Arch::V10, 0x0228_0000_0000_0007)?;
        /// assert_eq!(decoded.instruction.to_string(), "MOVE32 r40, #0x7");
        /// # Ok::<(), panthor_cs::Error>(())
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Instruction {$(
            #[doc = concat!("The instruction [`", stringify!($ty), "`].")]
            $ty($ty),
        )*}

        /// The instruction table. A name occurs once.
        pub static TABLE: &[Definition] = &[$($ty::DEFINITION),*];

        impl Instruction {
            /// Decodes an instruction word.
            ///
            /// # Errors
            ///
            /// - [`Error::Unassigned`] for an opcode or sub-opcode that `arch` does not assign.
            /// - [`Error::OddPair`] for a register pair with an odd number.
            pub fn decode(arch: Arch, word: u64) -> Result<Decoded, Error> {
                match (word >> 56) as u8 {
                    $($ty::OPCODE if $ty::matches(arch, word) => Ok(Decoded {
                        instruction: Self::$ty($ty::unpack(arch, word)?),
                        reserved: $ty::reserved(arch, word),
                    }),)*
                    opcode => Err(unassigned(arch, opcode, word)),
                }
            }

            /// Encodes the instruction.
            ///
            /// # Errors
            ///
            /// - [`Error::MissingInstruction`] or [`Error::MissingField`] for what `arch` lacks.
            /// - [`Error::OutOfRange`] for a value that does not fit its field.
            pub fn encode(&self, arch: Arch) -> Result<u64, Error> {
                match self {
                    $(Self::$ty(instruction) => instruction.encode(arch),)*
                }
            }

            /// Returns the row of the instruction table.
            pub fn definition(&self) -> &'static Definition {
                match self {
                    $(Self::$ty(_) => const { &$ty::DEFINITION },)*
                }
            }

            fn operand(&self, index: usize) -> Option<Operand> {
                match self {
                    $(Self::$ty(instruction) => instruction.operand(index),)*
                }
            }
        }

        impl sealed::Sealed for Instruction {
            fn visit(&self, visitor: impl FnMut(&'static str, Value)) {
                match self {
                    $(Self::$ty(instruction) => instruction.visit(visitor),)*
                }
            }

            fn demands(&self) -> sealed::Demands {
                match self {
                    $(Self::$ty(instruction) => instruction.demands(),)*
                }
            }
        }

        $(impl From<$ty> for Instruction {
            fn from(instruction: $ty) -> Self {
                Self::$ty(instruction)
            }
        })*
    };
}

instruction_set! {
    Nop Move48 Move32 Wait RunCompute RunTiling RunIdvs RunFragment RunFullscreen FinishTiling FinishFragment RunIdvs2
    RunFragment2
    AddImm32 LshiftImm32 RshiftImmU32 RshiftImmS32 BfextU32 BfextS32 BfinsImm32 UminImm32
    AddImm64 LshiftImm64 RshiftImmU64 RshiftImmS64 BfextU64 BfextS64 BfinsImm64 UminImm64
    Umin32 Add32 Sub32 Lshift32 RshiftU32 RshiftS32 Bfins32
    LogicOp32 LoadMultiple StoreMultiple Branch SetSbEntry ProgressWait SetExceptionHandler NextSbEntry SetState
    SetStateImm32 SharedSbInc SharedSbDec Call Jump ReqResource FlushCache2 SyncAdd32 SyncSet32 SyncWait32 StoreState
    ProtRegion ProgressStore ProgressLoad RunComputeIndirect ErrorBarrier HeapSet HeapOperation TracePoint SyncAdd64
    SyncSet64 SyncWait64
    Umin64 Add64 Sub64 Lshift64 RshiftU64 RshiftS64 Bfins64
    Enop
}

#[cold]
fn unassigned(arch: Arch, opcode: u8, word: u64) -> Error {
    let family = TABLE.iter().filter(|row| row.opcode == opcode && row.archs.contains(arch));
    let sub_opcode = family
        .filter_map(|row| row.sub_opcode)
        .map(|sub| ((word & sub.bits.mask()) >> sub.bits.low) as u8)
        .next();
    Error::Unassigned { arch, opcode, sub_opcode }
}

impl Instruction {
    /// Returns the name of the instruction, as Mesa spells it.
    pub fn name(&self) -> &'static str {
        self.definition().name
    }

    /// Returns the operands in the order of disassembly, those at their default included.
    pub fn operands(&self) -> impl Iterator<Item = Operand> + '_ {
        (0..).map_while(|index| self.operand(index))
    }
}

impl Encode for Instruction {
    fn encode(&self, arch: Arch) -> Result<u64, Error> {
        Self::encode(self, arch)
    }

    fn name(&self) -> &'static str {
        Self::name(self)
    }
}

impl fmt::Display for Instruction {
    /// Formats the instruction as a disassembler line: name, modifiers, operands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        disasm::write_instruction(f, self)
    }
}
