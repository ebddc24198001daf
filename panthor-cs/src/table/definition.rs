//! Rows of the instruction table, as data.

use crate::operand::Kind;
use crate::{Arch, Archs, Error};

/// A row of the instruction table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Definition {
    /// The name of the instruction, as Mesa spells it.
    pub name: &'static str,
    /// Bits 56 to 63.
    pub opcode: u8,
    /// The architectures that have the instruction.
    pub archs: Archs,
    /// The sub-opcode, for an instruction that shares its opcode.
    pub sub_opcode: Option<SubOpcode>,
    /// The fields in the order of disassembly.
    pub fields: &'static [FieldDefinition],
}

/// A field of an instruction.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FieldDefinition {
    /// The name of the field, which is that of the struct's field.
    pub name: &'static str,
    /// The kind of values.
    pub kind: Kind,
    /// The position of the field, by architecture. The field does not exist on an architecture
    /// without a layout.
    pub layouts: &'static [Layout],
}

/// A position in the instruction word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Layout {
    /// The number of the lowest bit.
    pub low: u8,
    /// The number of the highest bit, inclusive.
    pub high: u8,
    /// The architectures with this position.
    pub archs: Archs,
}

/// A second opcode that distinguishes the instructions of one opcode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct SubOpcode {
    /// The position of the sub-opcode.
    pub bits: Layout,
    /// The value of the sub-opcode.
    pub value: u64,
}

impl Layout {
    /// Returns the mask of the bits in the instruction word.
    pub const fn mask(&self) -> u64 {
        let width = self.high - self.low + 1;
        (u64::MAX >> (64 - width)) << self.low
    }
}

impl FieldDefinition {
    /// Returns the position of the field on `arch`; `None` where the field does not exist.
    pub fn layout(&self, arch: Arch) -> Option<&'static Layout> {
        self.layouts.iter().find(|layout| layout.archs.contains(arch))
    }

    /// Returns the architectures that have the field.
    pub fn archs(&self) -> Archs {
        Archs::of(|arch| self.layout(arch).is_some())
    }
}

impl Definition {
    /// Returns the bits of the instruction word that have a meaning on `arch`, the opcode included.
    pub fn used_bits(&self, arch: Arch) -> u64 {
        used_bits(self)[arch.index()]
    }

    #[cold]
    pub(crate) fn missing(&self, arch: Arch) -> Error {
        Error::MissingInstruction { instruction: self.name, arch, archs: self.archs }
    }

    #[cold]
    pub(crate) fn missing_field(&self, name: &'static str, arch: Arch) -> Error {
        let field = self.fields.iter().find(|field| field.name == name);
        let archs = field.map_or(self.archs, FieldDefinition::archs);
        Error::MissingField { instruction: self.name, argument: name, arch, archs }
    }
}

/// Returns the bits with a meaning, by architecture.
pub(crate) const fn used_bits(row: &Definition) -> [u64; 6] {
    let (mut used, mut i) = ([0; 6], 0);
    while i < used.len() {
        used[i] = 0xff << 56;
        if let Some(sub) = &row.sub_opcode {
            used[i] |= bits_on(&sub.bits, i);
        }
        let mut field = 0;
        while field < row.fields.len() {
            let (layouts, mut layout) = (row.fields[field].layouts, 0);
            while layout < layouts.len() {
                used[i] |= bits_on(&layouts[layout], i);
                layout += 1;
            }
            field += 1;
        }
        i += 1;
    }
    used
}

/// Returns the mask of `layout` on the architecture at `index`, 0 where the layout does not apply.
const fn bits_on(layout: &Layout, index: usize) -> u64 {
    if layout.archs.contains(Arch::ALL[index]) { layout.mask() } else { 0 }
}

/// Returns whether no bit of the instruction has two meanings on one architecture.
// Rust 1.85 does not count what unnamed constants use.
#[allow(dead_code)]
pub(crate) const fn no_overlap(row: &Definition) -> bool {
    let mut i = 0;
    while i < Arch::ALL.len() {
        let mut used: u64 = 0xff << 56;
        if let Some(sub) = &row.sub_opcode {
            let bits = bits_on(&sub.bits, i);
            if used & bits != 0 {
                return false;
            }
            used |= bits;
        }
        let mut field = 0;
        while field < row.fields.len() {
            let (layouts, mut layout) = (row.fields[field].layouts, 0);
            while layout < layouts.len() {
                let bits = bits_on(&layouts[layout], i);
                if used & bits != 0 {
                    return false;
                }
                used |= bits;
                layout += 1;
            }
            field += 1;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Defines a row with fields at these bits.
    macro_rules! row {
        ($($low:literal ..= $high:literal $archs:expr),*) => {
            Definition {
                name: "",
                opcode: 0,
                archs: Archs::ALL,
                sub_opcode: None,
                fields: &[$(FieldDefinition {
                    name: "",
                    kind: Kind::Unsigned,
                    layouts: &[Layout { low: $low, high: $high, archs: $archs }],
                }),*],
            }
        };
    }

    const ALL: Archs = Archs::ALL;
    const LATE: Archs = Archs::from_bits(0b11_1110);
    const EARLY: Archs = Archs::from_bits(1);

    #[test]
    fn overlapping_fields_are_found() {
        assert!(no_overlap(&row!(0..=7 ALL, 8..=15 ALL)));
        assert!(!no_overlap(&row!(0..=7 ALL, 7..=8 ALL)));
    }

    #[test]
    fn fields_of_different_architectures_may_overlap() {
        assert!(no_overlap(&row!(0..=7 EARLY, 7..=8 LATE)));
        assert!(!no_overlap(&row!(7..=8 LATE, 8..=15 ALL)));
    }

    #[test]
    fn field_over_the_opcode_is_found() {
        assert!(!no_overlap(&row!(50..=56 ALL)));
    }

    #[test]
    fn used_bits_follow_the_architecture() {
        let used = used_bits(&row!(0..=7 ALL, 8..=15 LATE));
        assert_eq!(used[0], 0xff00_0000_0000_00ff);
        assert_eq!(used[1], 0xff00_0000_0000_ffff);
    }
}
