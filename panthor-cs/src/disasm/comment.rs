//! Comments of a listing: addresses and branch targets.

use core::fmt;

use super::Constants;
use crate::operand::{Reg, RegPair};
use crate::{Decoded, Instruction};

/// A source of register values.
pub trait Registers {
    /// Returns the value of `reg`; `None` for an unknown value.
    fn register(&self, reg: Reg) -> Option<u32>;

    /// Returns the value of `pair`; `None` if one of the registers is unknown.
    fn pair(&self, pair: RegPair) -> Option<u64> {
        let (low, high) = (self.register(pair.low())?, self.register(pair.high())?);
        Some(u64::from(low) | u64::from(high) << 32)
    }
}

impl Registers for Constants {
    fn register(&self, reg: Reg) -> Option<u32> {
        self.get(reg)
    }
}

/// The comment behind an instruction: branch target, decoded address, reserved bits.
///
/// The comment formats as an empty string when there is nothing to add.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Comment {
    /// The position of a branch's target, counted as the position of the instruction is.
    pub target: Option<u64>,
    /// The GPU VA that the instruction accesses, calls or registers.
    pub address: Option<u64>,
    /// The length of the called or registered stream in bytes.
    pub length: Option<u32>,
    /// The bits of the word that are set and have no meaning.
    pub reserved: u64,
}

impl Comment {
    /// Returns the comment for an instruction at `position`, with addresses from `registers`.
    ///
    /// `position` is a GPU VA or an offset in bytes.
    pub fn new(decoded: &Decoded, position: u64, registers: &impl Registers) -> Self {
        let mut comment = Self { reserved: decoded.reserved, ..Self::default() };
        let at = |pair, offset: i16| {
            registers.pair(pair).map(|base: u64| base.wrapping_add_signed(offset.into()))
        };
        match decoded.instruction {
            Instruction::Branch(branch) => {
                let distance = 8 * (i64::from(branch.offset) + 1);
                comment.target = Some(position.wrapping_add_signed(distance));
            }
            Instruction::Call(crate::instruction::Call { address, length })
            | Instruction::Jump(crate::instruction::Jump { address, length })
            | Instruction::SetExceptionHandler(crate::instruction::SetExceptionHandler {
                address,
                length,
                ..
            }) => {
                comment.address = at(address, 0);
                comment.length = comment.address.and(registers.register(length));
            }
            Instruction::LoadMultiple(load) => comment.address = at(load.address, load.offset),
            Instruction::StoreMultiple(store) => comment.address = at(store.address, store.offset),
            Instruction::StoreState(store) => comment.address = at(store.address, store.offset),
            Instruction::SyncAdd32(sync) => comment.address = at(sync.address, 0),
            Instruction::SyncSet32(sync) => comment.address = at(sync.address, 0),
            Instruction::SyncWait32(sync) => comment.address = at(sync.address, 0),
            Instruction::SyncAdd64(sync) => comment.address = at(sync.address, 0),
            Instruction::SyncSet64(sync) => comment.address = at(sync.address, 0),
            Instruction::SyncWait64(sync) => comment.address = at(sync.address, 0),
            Instruction::HeapSet(heap) => comment.address = at(heap.address, 0),
            _ => {}
        }
        comment
    }

    /// Returns whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Comment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(target) = self.target {
            write!(f, "-> {target:#x}")?;
            separator = ", ";
        }
        if let Some(address) = self.address {
            write!(f, "{separator}{address:#x}")?;
            separator = ", ";
        }
        if let Some(length) = self.length {
            write!(f, "{separator}{length} bytes")?;
        }
        if self.reserved != 0 {
            write!(f, "{separator}reserved bits {:#x}", self.reserved)?;
        }
        Ok(())
    }
}
