//! LOAD_MULTIPLE and STORE_MULTIPLE.

use super::dispatch::Flow;
use super::executor::Executor;
use super::trap::{At, Trap, aligned};
use super::{Access, Gpu, Hooks, Memory};
use crate::instruction::{LoadMultiple, StoreMultiple};
use crate::operand::{Reg, RegMask};

impl<M, G, H> Executor<'_, M, G, H>
where
    M: Memory + ?Sized,
    G: Gpu + ?Sized,
    H: Hooks + ?Sized,
{
    pub fn load(&mut self, load: &LoadMultiple, ip: u64) -> Result<Flow, Trap> {
        if self.queue.pending.is_full() {
            return Ok(self.full());
        }
        let registers = &mut self.queue.registers;
        let address = registers.read_pair(load.address)?.wrapping_add_signed(load.offset.into());
        aligned(address, 4)?;
        self.check_registers(load.base, load.mask)?;
        let entry = self.queue.scoreboard.other();
        for i in load.mask.iter() {
            let va = address.wrapping_add(4 * u64::from(i));
            let value = self.memory.load32(va).at(va, Access::Read)?;
            let reg = Reg::new(load.base.number().wrapping_add(i));
            self.queue.registers.write(reg, value)?;
            self.queue.registers.mark_loading(reg, entry);
        }
        self.queue.ordering.load(entry);
        self.issue_done(ip, entry);
        Ok(Flow::Next)
    }

    pub fn store(&mut self, store: &StoreMultiple, ip: u64) -> Result<Flow, Trap> {
        if self.queue.pending.is_full() {
            return Ok(self.full());
        }
        let registers = &mut self.queue.registers;
        let address = registers.read_pair(store.address)?.wrapping_add_signed(store.offset.into());
        aligned(address, 4)?;
        self.check_registers(store.base, store.mask)?;
        let entry = self.queue.scoreboard.other();
        for i in store.mask.iter() {
            let va = address.wrapping_add(4 * u64::from(i));
            let reg = Reg::new(store.base.number().wrapping_add(i));
            let value = self.queue.registers.read(reg)?;
            self.memory.store32(va, value).at(va, Access::Write)?;
            self.queue.registers.mark_storing(reg, entry);
        }
        self.queue.ordering.store(entry);
        self.issue_done(ip, entry);
        Ok(Flow::Next)
    }

    /// Refuses registers that the queue lacks, before any of them moves.
    fn check_registers(&self, base: Reg, mask: RegMask) -> Result<(), Trap> {
        let last = 15u16.saturating_sub(mask.bits().leading_zeros() as u16);
        let exists =
            mask.bits() == 0 || u16::from(base.number()) + last < self.queue.registers.count();
        if exists { Ok(()) } else { Err(Trap::INVALID) }
    }
}
