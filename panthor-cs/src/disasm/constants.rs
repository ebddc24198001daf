//! Registers with a value that a listing knows.

use core::fmt;

use crate::Instruction;
use crate::operand::{Reg, RegPair, Value};

/// Register values that follow from immediates.
///
/// [`follow`](Self::follow) takes instructions in the order of execution. A place that several
/// paths reach, such as a branch target, needs [`forget`](Self::forget).
#[derive(Clone)]
pub struct Constants {
    known: [Option<u32>; 256],
}

impl Constants {
    /// Returns registers of which no value is known.
    pub const fn new() -> Self {
        Self { known: [None; 256] }
    }

    /// Returns the value of `reg`; `None` for an unknown value.
    pub fn get(&self, reg: Reg) -> Option<u32> {
        self.known[usize::from(reg.number())]
    }

    /// Forgets every value.
    pub fn forget(&mut self) {
        self.known = [None; 256];
    }

    /// Updates the values by the effect of `instruction`.
    pub fn follow(&mut self, instruction: &Instruction) {
        match *instruction {
            Instruction::Move48(instruction) => self.set64(instruction.dst, Some(instruction.imm)),
            Instruction::Move32(instruction) => self.set(instruction.dst, Some(instruction.imm)),
            Instruction::AddImm32(add) => {
                let sum = self.get(add.src).map(|value| value.wrapping_add_signed(add.imm));
                self.set(add.dst, sum);
            }
            Instruction::AddImm64(add) => {
                let sum = super::Registers::pair(self, add.src)
                    .map(|value| value.wrapping_add_signed(add.imm.into()));
                self.set64(add.dst, sum);
            }
            Instruction::LoadMultiple(load) => {
                for i in load.mask.iter() {
                    self.set(Reg::new(load.base.number().wrapping_add(i)), None);
                }
            }
            // The called stream may write any register.
            Instruction::Call(_) => self.forget(),
            _ => {
                let written = instruction.operands().find(|operand| operand.name == "dst");
                match written.map(|operand| operand.value) {
                    Some(Value::Reg(reg)) => self.set(reg, None),
                    Some(Value::Pair(pair)) => self.set64(pair, None),
                    _ => {}
                }
            }
        }
    }

    fn set(&mut self, reg: Reg, value: Option<u32>) {
        self.known[usize::from(reg.number())] = value;
    }

    fn set64(&mut self, pair: RegPair, value: Option<u64>) {
        self.set(pair.low(), value.map(|value| value as u32));
        self.set(pair.high(), value.map(|value| (value >> 32) as u32));
    }
}

impl Default for Constants {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Constants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known =
            (0..=u8::MAX).zip(self.known).filter_map(|(number, value)| Some((number, value?)));
        f.debug_map().entries(known.map(|(number, value)| (Reg::new(number), value))).finish()
    }
}
