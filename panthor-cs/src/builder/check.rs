//! Checks of an instruction against the limits of a queue.

use super::{Problem, Target};
use crate::instruction::Encode;
use crate::operand::{SbEntry, Value};

/// The limits of instructions: those of the queue, and registers that the builder keeps for itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub target: Target,
    /// The first register that needs a closer look.
    first_suspect: u16,
    reserved: [u64; 4],
}

impl Limits {
    pub fn new(target: Target) -> Self {
        Self { target, first_suspect: target.register_count(), reserved: [0; 4] }
    }

    /// Refuses instructions that name `register`.
    pub fn reserve(&mut self, register: u8) {
        self.reserved[usize::from(register >> 6)] |= 1 << (register & 63);
        self.first_suspect = self.first_suspect.min(register.into());
    }

    fn is_reserved(&self, register: u16) -> bool {
        let word = self.reserved.get(usize::from(register >> 6));
        word.is_some_and(|word| word >> (register & 63) & 1 != 0)
    }

    /// Encodes `instruction` after checking it.
    #[inline]
    pub fn encode<I: Encode>(&self, instruction: &I) -> Result<u64, Problem> {
        let word = instruction.encode(self.target.arch())?;
        let demands = instruction.demands();
        if demands.last_register >= self.first_suspect
            || demands.entries & !self.target.all_entries().bits() != 0
        {
            self.check(instruction)?;
        }
        if demands.wait & demands.signal != 0 {
            return Err(waits_for_itself(instruction.name(), demands.signal));
        }
        Ok(word)
    }

    /// Finds the first operand that the queue lacks or that is reserved.
    #[cold]
    fn check<I: Encode>(&self, instruction: &I) -> Result<(), Problem> {
        let name = instruction.name();
        let mut problem = None;
        let (mut base, mut has_base) = (0, false);
        instruction.visit(|argument, got| {
            has_base |= argument == "base";
            let found = match got {
                // A number of registers from the base on.
                Value::Unsigned(count) if has_base && argument == "count" => (base..)
                    .take(count as usize)
                    .find_map(|register| self.check_registers(register, register)),
                Value::Reg(reg) => {
                    base = u16::from(reg.number());
                    self.check_registers(base, base)
                }
                Value::Pair(pair) => {
                    let first = u16::from(pair.number());
                    self.check_registers(first, first + 1)
                }
                Value::Registers(mask) => mask
                    .iter()
                    .map(|i| base + u16::from(i))
                    .find_map(|register| self.check_registers(register, register)),
                Value::Entry(entry) => self.check_entries(entry.mask().bits()),
                Value::Entries(mask) => self.check_entries(mask.bits()),
                _ => None,
            };
            if let (None, Some(refusal)) = (problem, found) {
                problem = Some(match refusal {
                    Refusal::Reserved => Problem::Reserved { instruction: name, argument, got },
                    Refusal::Missing(count) => {
                        Problem::Missing { instruction: name, argument, got, count }
                    }
                });
            }
        });
        match problem {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    fn check_registers(&self, first: u16, last: u16) -> Option<Refusal> {
        if last >= self.target.register_count() {
            Some(Refusal::Missing(self.target.register_count()))
        } else if self.is_reserved(first) || self.is_reserved(last) {
            Some(Refusal::Reserved)
        } else {
            None
        }
    }

    fn check_entries(&self, entries: u16) -> Option<Refusal> {
        let missing = entries & !self.target.all_entries().bits();
        (missing != 0).then_some(Refusal::Missing(self.target.entry_count().into()))
    }
}

/// A reason to refuse an operand.
enum Refusal {
    /// The builder keeps the register for itself.
    Reserved,
    /// The queue has only so many registers or entries.
    Missing(u16),
}

#[cold]
fn waits_for_itself(instruction: &'static str, signal: u16) -> Problem {
    let entry = SbEntry::new(signal.trailing_zeros() as u8).unwrap_or_default();
    Problem::WaitsForItself { instruction, entry }
}
