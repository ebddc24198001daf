//! Checks of an instruction against the limits of a queue.

use super::{Problem, Target};
use crate::instruction::Encode;
use crate::operand::Value;

/// A set of registers, one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct RegSet([u64; 4]);

impl RegSet {
    pub(crate) const fn with(mut self, register: u8) -> Self {
        self.0[register as usize >> 6] |= 1 << (register & 63);
        self
    }

    const fn contains(&self, register: u16) -> bool {
        register < 256 && self.0[register as usize >> 6] >> (register & 63) & 1 != 0
    }

    const fn is_empty(&self) -> bool {
        self.0[0] | self.0[1] | self.0[2] | self.0[3] == 0
    }
}

/// Encodes `instruction` after checking it against the queue.
///
/// `reserved` are registers that the instruction may not name.
#[inline]
pub(crate) fn encode<I: Encode>(
    instruction: &I,
    target: &Target,
    reserved: &RegSet,
) -> Result<u64, Problem> {
    let word = instruction.encode(target.arch())?;
    let mut problem = None;
    let (mut base, mut wait, mut indirect, mut signal) = (0, None, false, None);
    instruction.visit(|argument, value| {
        let registers = match value {
            Value::Reg(reg) => {
                base = u16::from(reg.number());
                (base, base)
            }
            Value::Pair(pair) => (pair.number().into(), u16::from(pair.number()) + 1),
            Value::Registers(mask) if mask.bits() != 0 => {
                let bits = mask.bits();
                (base + bits.trailing_zeros() as u16, base + 15 - bits.leading_zeros() as u16)
            }
            Value::Entry(entry) => {
                if argument == "signal" {
                    signal = Some(entry);
                }
                if entry.number() >= target.entry_count() {
                    problem = Some((argument, value, u16::from(target.entry_count())));
                }
                return;
            }
            Value::Entries(mask) => {
                if argument == "wait" {
                    wait = Some(mask);
                }
                if mask.bits() & !target.all_entries().bits() != 0 {
                    problem = Some((argument, value, u16::from(target.entry_count())));
                }
                return;
            }
            Value::Flag(flag) => {
                indirect |= flag && argument == "indirect";
                return;
            }
            _ => return,
        };
        if registers.1 >= target.register_count() {
            problem = Some((argument, value, target.register_count()));
        } else if !reserved.is_empty() && (registers.0..=registers.1).any(|r| reserved.contains(r))
        {
            problem = Some((argument, value, RESERVED));
        }
    });
    let name = instruction.name();
    match (problem, wait, signal) {
        (Some((argument, got, RESERVED)), ..) => {
            Err(Problem::Reserved { instruction: name, argument, got })
        }
        (Some((argument, got, count)), ..) => {
            Err(Problem::Missing { instruction: name, argument, got, count })
        }
        (None, Some(wait), Some(entry)) if !indirect && wait.contains(entry) => {
            Err(Problem::WaitsForItself { instruction: name, entry })
        }
        _ => Ok(word),
    }
}

/// A count that no queue has, which marks a reserved register.
const RESERVED: u16 = u16::MAX;
