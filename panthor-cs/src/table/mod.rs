//! The table of instructions: opcode, architectures and fields of each.
//!
//! Structs, encoder, decoder and disassembler are all generated from the rows, which have the form
//!
//! ```text
//! /// Documentation.
//! "NAME" Type = OPCODE, [architectures], (sub-opcode bits = value, [their architectures]) {
//!     /// Documentation.
//!     field: Type = default, low..=high [architectures], low..=high [other architectures];
//! }
//! ```
//!
//! in the order of disassembly. A field without a layout for an architecture does not exist there.
//! Disassembly omits a field with a default while the field has that value.

mod arithmetic_imm;
mod arithmetic_reg;
mod definition;
mod flow;
mod heap;
mod memory;
mod run;
mod state;
mod sync;

pub use definition::{Definition, FieldDefinition, Layout, SubOpcode};
pub(crate) use definition::{no_overlap, used_bits};

pub use crate::instruction::TABLE;

/// The types of instructions, one struct each.
pub mod types {
    pub use super::arithmetic_imm::*;
    pub use super::arithmetic_reg::*;
    pub use super::flow::*;
    pub use super::heap::*;
    pub use super::memory::*;
    pub use super::run::*;
    pub use super::state::*;
    pub use super::sync::*;
}

/// Generates the structs of instructions from rows of the table.
macro_rules! instructions {
    ($(
        $(#[$doc:meta])*
        $name:literal $ty:ident = $opcode:literal, [$archs:pat]
        $(, ($sub_low:literal ..= $sub_high:literal = $sub:literal, [$sub_archs:pat]))? {$(
            $(#[$field_doc:meta])*
            $field:ident: $field_ty:ty $(= $default:expr)?, $($low:literal ..= $high:literal [$field_archs:pat]),+;
        )*}
    )*) => {$(
        $(#[$doc])*
        #[doc = concat!("\n\nOpcode `", stringify!($opcode), "`.")]
        #[doc(alias = $name)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct $ty {$(
            $(#[$field_doc])*
            pub $field: $field_ty,
        )*}

        impl $ty {
            /// Bits 56 to 63.
            pub const OPCODE: u8 = $opcode;

            /// The row of the instruction table.
            pub const DEFINITION: $crate::table::Definition = $crate::table::Definition {
                name: $name,
                opcode: $opcode,
                archs: $crate::arch::archs!($archs),
                sub_opcode: {
                    let sub: Option<$crate::table::SubOpcode> = None;
                    $(
                        let _ = sub;
                        let sub = Some($crate::table::SubOpcode {
                            bits: $crate::table::Layout {
                                low: $sub_low,
                                high: $sub_high,
                                archs: $crate::arch::archs!($sub_archs),
                            },
                            value: $sub,
                        });
                    )?
                    sub
                },
                fields: &[$($crate::table::FieldDefinition {
                    name: stringify!($field),
                    kind: <$field_ty as $crate::operand::Field>::KIND,
                    layouts: &[$($crate::table::Layout {
                        low: $low,
                        high: $high,
                        archs: $crate::arch::archs!($field_archs),
                    }),+],
                }),*],
            };

            const DEFAULT: Self = Self {$(
                $field: {
                    let default = <$field_ty as $crate::operand::Field>::ZERO;
                    $(
                        let _ = default;
                        let default = $default;
                    )?
                    default
                },
            )*};

            /// The bits of the instruction that have a meaning, by architecture.
            const USED: [u64; 6] = $crate::table::used_bits(&Self::DEFINITION);

            /// Returns whether `word` is this instruction.
            ///
            /// The opcode of `word` must be the opcode of this row.
            #[inline(always)]
            pub(crate) fn matches(arch: $crate::Arch, word: u64) -> bool {
                matches!(arch.major(), $archs)
                $(
                    && (!matches!(arch.major(), $sub_archs)
                        || word >> $sub_low & ((1 << ($sub_high - $sub_low + 1)) - 1) == $sub)
                )?
                    && { let _ = word; true }
            }

            /// Returns the nonzero bits of `word` that have no meaning.
            #[inline(always)]
            pub(crate) fn reserved(arch: $crate::Arch, word: u64) -> u64 {
                word & !Self::USED[arch.index()]
            }

            #[inline(always)]
            pub(crate) fn unpack(arch: $crate::Arch, word: u64) -> Result<Self, $crate::Error> {
                let (_, _) = (arch, word);
                Ok(Self {$(
                    $field: {
                        // A field that the architecture lacks has its default, as in the encoder.
                        let (mut bits, mut width) =
                            ($crate::operand::Field::to_bits(Self::DEFAULT.$field), 1u32);
                        $(
                            if matches!(arch.major(), $field_archs) {
                                width = $high - $low + 1;
                                bits = word >> $low & ((1 << width) - 1);
                            }
                        )+
                        match <$field_ty as $crate::operand::Field>::from_bits(bits, width) {
                            Some(value) => value,
                            None => return Err($crate::Error::OddPair {
                                instruction: $name,
                                argument: stringify!($field),
                                register: bits as u8,
                            }),
                        }
                    },
                )*})
            }

            /// Returns the instruction word.
            ///
            /// # Errors
            ///
            /// An [`Error`](crate::Error) that names what `arch` lacks or the value that does not
            /// fit.
            #[inline]
            pub fn encode(&self, arch: $crate::Arch) -> Result<u64, $crate::Error> {
                if !matches!(arch.major(), $archs) {
                    return Err(Self::DEFINITION.missing(arch));
                }
                #[allow(unused_mut)]
                let mut word = (Self::OPCODE as u64) << 56;
                $(
                    if matches!(arch.major(), $sub_archs) {
                        word |= ($sub as u64) << $sub_low;
                    }
                )?
                $(
                    match arch.major() {
                        $(
                            $field_archs => {
                                const WIDTH: u32 = $high - $low + 1;
                                if !$crate::operand::Field::fits(self.$field, WIDTH) {
                                    return Err($crate::Error::OutOfRange {
                                        instruction: $name,
                                        argument: stringify!($field),
                                        got: $crate::operand::Field::value(self.$field),
                                        width: WIDTH as u8,
                                    });
                                }
                                let bits = $crate::operand::Field::to_bits(self.$field);
                                word |= (bits & ((1 << WIDTH) - 1)) << $low;
                            }
                        )+
                        #[allow(unreachable_patterns)]
                        _ => {
                            let zero = <$field_ty as $crate::operand::Field>::ZERO;
                            if self.$field != zero && self.$field != Self::default().$field {
                                return Err(Self::DEFINITION.missing_field(stringify!($field), arch));
                            }
                        }
                    }
                )*
                Ok(word)
            }

            /// Calls `visitor` with the name and value of each field.
            #[inline(always)]
            #[allow(unused_mut, unused_variables)]
            pub(crate) fn visit(&self, mut visitor: impl FnMut(&'static str, $crate::operand::Value)) {
                $(visitor(stringify!($field), $crate::operand::Field::value(self.$field));)*
            }

            /// Returns the requirements of the instruction on a queue.
            #[inline(always)]
            #[allow(unused_mut, unused_variables, unused_assignments)]
            pub(crate) fn demands(&self) -> $crate::instruction::sealed::Demands {
                let mut demands = $crate::instruction::sealed::Demands::default();
                let (mut base, mut has_base, mut indirect) = (0, false, false);
                $({
                    let register = $crate::operand::Field::last_register(self.$field, &mut base);
                    let entries = $crate::operand::Field::entries(self.$field);
                    demands.last_register = demands.last_register.max(register);
                    demands.entries |= entries;
                    match stringify!($field) {
                        "wait" => demands.wait = entries,
                        "signal" => demands.signal = entries,
                        "base" => has_base = true,
                        "count" if has_base => {
                            let count = $crate::operand::Field::to_bits(self.$field) as u16;
                            let end = base + count;
                            demands.last_register = demands.last_register.max(end.saturating_sub(1));
                        }
                        "indirect" => indirect = $crate::operand::Field::to_bits(self.$field) != 0,
                        _ => {}
                    }
                })*
                if indirect {
                    demands.wait = 0;
                }
                demands
            }

            /// Returns the operand at `index`, counted in the order of the fields.
            #[allow(unused_assignments, unused_mut, unused_variables)]
            pub(crate) fn operand(&self, index: usize) -> Option<$crate::operand::Operand> {
                let mut position = 0;
                $(
                    if index == position {
                        #[allow(unused_variables)]
                        let default: Option<$crate::operand::Value> = None;
                        $(
                            let _ = default;
                            let default = {
                                let value: $field_ty = $default;
                                Some($crate::operand::Field::value(value))
                            };
                        )?
                        return Some($crate::operand::Operand {
                            name: stringify!($field),
                            value: $crate::operand::Field::value(self.$field),
                            default,
                        });
                    }
                    position += 1;
                )*
                None
            }
        }

        impl $crate::instruction::sealed::Sealed for $ty {
            #[inline]
            fn visit(&self, visitor: impl FnMut(&'static str, $crate::operand::Value)) {
                $ty::visit(self, visitor);
            }

            #[inline(always)]
            fn demands(&self) -> $crate::instruction::sealed::Demands {
                $ty::demands(self)
            }
        }

        impl $crate::instruction::Encode for $ty {
            #[inline]
            fn encode(&self, arch: $crate::Arch) -> Result<u64, $crate::Error> {
                $ty::encode(self, arch)
            }

            #[inline]
            fn name(&self) -> &'static str {
                $name
            }
        }

        impl Default for $ty {
            /// Returns the instruction with each field at its default, which is zero unless the
            /// table names another.
            fn default() -> Self {
                Self::DEFAULT
            }
        }

        const _: () = assert!($crate::table::no_overlap(&$ty::DEFINITION), concat!($name, ": fields overlap"));
    )*};
}
pub(crate) use instructions;
