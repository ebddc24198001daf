//! The register file, with the registers that transfers in flight use.

use core::fmt;

use super::Trap;
use super::hazard::RegisterHazard;
use crate::operand::{Reg, RegPair, SbEntry, SbMask};

/// Registers of a queue.
#[derive(Clone)]
pub(super) struct Registers {
    values: [u32; 256],
    count: u16,
    loads: InFlight,
    stores: InFlight,
    noted: Option<RegisterHazard>,
}

/// Registers that transfers use, until a WAIT for the transfer's scoreboard entry.
#[derive(Clone)]
struct InFlight {
    by_entry: [Set; 16],
    all: Set,
    /// The entries with registers.
    entries: u16,
}

/// A set of registers.
type Set = [u64; 4];

impl InFlight {
    const NONE: Self = Self { by_entry: [[0; 4]; 16], all: [0; 4], entries: 0 };

    #[inline(always)]
    fn contains(&self, number: u8) -> bool {
        self.entries != 0 && self.all[usize::from(number >> 6)] >> (number & 63) & 1 != 0
    }

    fn insert(&mut self, number: u8, entry: SbEntry) {
        let (word, bit) = (usize::from(number >> 6), 1 << (number & 63));
        self.by_entry[usize::from(entry.number() & 15)][word] |= bit;
        self.all[word] |= bit;
        self.entries |= entry.mask().bits();
    }

    fn remove(&mut self, waited: SbMask) {
        let ended = SbMask::from_bits(self.entries & waited.bits());
        if ended.is_empty() {
            return;
        }
        for entry in ended.iter() {
            self.by_entry[usize::from(entry.number() & 15)] = [0; 4];
        }
        self.entries &= !waited.bits();
        self.all = [0; 4];
        for entry in SbMask::from_bits(self.entries).iter() {
            let set = &self.by_entry[usize::from(entry.number() & 15)];
            self.all.iter_mut().zip(set).for_each(|(all, word)| *all |= word);
        }
    }
}

impl Registers {
    /// Returns `count` registers, at most 256, that are 0.
    pub fn new(count: u16) -> Self {
        Self {
            values: [0; 256],
            count: count.min(256),
            loads: InFlight::NONE,
            stores: InFlight::NONE,
            noted: None,
        }
    }

    /// Returns the number of registers.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Returns the value of a register for a spectator; `None` for a register that does not exist.
    pub fn peek(&self, reg: Reg) -> Option<u32> {
        self.exists(reg.number()).then(|| self.values[usize::from(reg.number())])
    }

    /// Sets a register from outside of the queue. Returns whether the register exists.
    pub fn poke(&mut self, reg: Reg, value: u32) -> bool {
        let exists = self.exists(reg.number());
        if exists {
            self.values[usize::from(reg.number())] = value;
        }
        exists
    }

    #[inline(always)]
    fn exists(&self, number: u8) -> bool {
        u16::from(number) < self.count
    }

    /// Reads a register.
    #[inline(always)]
    pub fn read(&mut self, reg: Reg) -> Result<u32, Trap> {
        let number = reg.number();
        if !self.exists(number) {
            return Err(Trap::INVALID);
        }
        if self.loads.contains(number) {
            self.note(RegisterHazard::ReadBeforeLoad(reg));
        }
        Ok(self.values[usize::from(number)])
    }

    /// Returns the value of an operand that the result does not depend on, for which a transfer is
    /// no hazard.
    #[inline(always)]
    pub fn unused(&self, reg: Reg) -> Result<u32, Trap> {
        self.peek(reg).ok_or(Trap::INVALID)
    }

    /// Writes a register.
    #[inline(always)]
    pub fn write(&mut self, reg: Reg, value: u32) -> Result<(), Trap> {
        let number = reg.number();
        if !self.exists(number) {
            return Err(Trap::INVALID);
        }
        if self.loads.contains(number) {
            self.note(RegisterHazard::WrittenBeforeLoad(reg));
        } else if self.stores.contains(number) {
            self.note(RegisterHazard::WrittenBeforeStore(reg));
        }
        self.values[usize::from(number)] = value;
        Ok(())
    }

    /// Reads a pair.
    #[inline(always)]
    pub fn read_pair(&mut self, pair: RegPair) -> Result<u64, Trap> {
        let high = self.read(pair.high())?;
        Ok(u64::from(self.read(pair.low())?) | u64::from(high) << 32)
    }

    /// Writes a pair.
    #[inline(always)]
    pub fn write_pair(&mut self, pair: RegPair, value: u64) -> Result<(), Trap> {
        self.write(pair.high(), (value >> 32) as u32)?;
        self.write(pair.low(), value as u32)
    }

    /// Marks a register as the destination of a load on `entry`.
    pub fn mark_loading(&mut self, reg: Reg, entry: SbEntry) {
        self.loads.insert(reg.number(), entry);
    }

    /// Marks a register as the source of a store on `entry`.
    pub fn mark_storing(&mut self, reg: Reg, entry: SbEntry) {
        self.stores.insert(reg.number(), entry);
    }

    /// Ends the transfers on the entries of `waited`.
    pub fn wait(&mut self, waited: SbMask) {
        self.loads.remove(waited);
        self.stores.remove(waited);
    }

    /// Returns the first hazard since the last call.
    #[inline(always)]
    pub fn take_hazard(&mut self) -> Option<RegisterHazard> {
        self.noted.take()
    }

    #[cold]
    fn note(&mut self, hazard: RegisterHazard) {
        self.noted.get_or_insert(hazard);
    }
}

impl fmt::Debug for Registers {
    /// Formats the registers that are not 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = (0u8..=255).zip(self.values).filter(|&(_, value)| value != 0);
        f.debug_map().entries(values.map(|(number, value)| (Reg::new(number), value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operand::{entry, pair, reg};

    #[test]
    fn registers_beyond_the_count_do_not_exist() {
        let mut registers = Registers::new(96);
        assert_eq!(registers.write(reg(95), 1), Ok(()));
        assert_eq!(registers.write(reg(96), 1), Err(Trap::INVALID));
        assert_eq!(registers.read(reg(255)), Err(Trap::INVALID));
        assert_eq!(Registers::new(95).read_pair(pair::<94>()), Err(Trap::INVALID));
        assert_eq!(registers.peek(reg(96)), None);
        assert!(!registers.poke(reg(96), 1));
    }

    #[test]
    fn pair_has_the_low_word_first() {
        let mut registers = Registers::new(96);
        registers.write_pair(pair::<4>(), 0x1_0000_0002).unwrap();
        assert_eq!((registers.peek(reg(4)), registers.peek(reg(5))), (Some(2), Some(1)));
        assert_eq!(registers.read_pair(pair::<4>()), Ok(0x1_0000_0002));
    }

    #[test]
    fn transfer_ends_at_a_wait_for_its_entry_only() {
        let mut registers = Registers::new(96);
        registers.mark_loading(reg(3), entry::<1>());
        registers.mark_storing(reg(4), entry::<2>());
        registers.wait(entry::<0>().mask());
        registers.read(reg(4)).unwrap();
        assert_eq!(registers.take_hazard(), None);
        registers.read(reg(3)).unwrap();
        assert_eq!(registers.take_hazard(), Some(RegisterHazard::ReadBeforeLoad(reg(3))));
        registers.write(reg(4), 0).unwrap();
        assert_eq!(registers.take_hazard(), Some(RegisterHazard::WrittenBeforeStore(reg(4))));
        registers.mark_loading(reg(5), entry::<3>());
        registers.wait(entry::<1>() | entry::<2>());
        registers.read(reg(5)).unwrap();
        assert_eq!(registers.take_hazard(), Some(RegisterHazard::ReadBeforeLoad(reg(5))));
        registers.read(reg(3)).unwrap();
        registers.write(reg(4), 0).unwrap();
        assert_eq!(registers.take_hazard(), None);
    }
}
