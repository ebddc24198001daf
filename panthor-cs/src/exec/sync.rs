//! Sync objects: a sequence number and a status word.

use super::memory::{Access, Memory};
use super::stop::SyncWait;
use super::trap::{At, Trap, aligned};
use crate::operand::Scope;

/// The way in which a signal changes the sequence number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SyncChange {
    Add,
    Set,
}

/// A signal that a SYNC_ADD or SYNC_SET performs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SyncSignal {
    pub change: SyncChange,
    pub wide: bool,
    pub scope: Scope,
    pub propagate: bool,
    pub address: u64,
    pub data: u64,
}

/// A signal of a sync object that has happened.
///
/// A signal of scope [`Scope::GROUP`] wakes only the queues of the group. A signal of scope
/// [`Scope::SYSTEM`] also raises the interrupt by which the kernel looks at blocked groups and at
/// job fences.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Signal {
    /// The GPU VA of the instruction.
    pub ip: u64,
    /// The scope.
    pub scope: Scope,
    /// The GPU VA of the sync object.
    pub address: u64,
    /// True for a 64-bit object.
    pub wide: bool,
    /// The new sequence number.
    pub value: u64,
    /// The new status word: 1 for an error that is propagated, otherwise 0.
    pub status: u32,
}

impl SyncSignal {
    /// Checks the operands.
    pub fn checked(self) -> Result<Self, Trap> {
        aligned(self.address, if self.wide { 8 } else { 4 })?;
        match self.scope {
            Scope::SYSTEM | Scope::GROUP => Ok(self),
            _ => Err(Trap::INVALID),
        }
    }

    /// Changes the object in memory, the status word first.
    pub fn perform<M: Memory + ?Sized>(
        &self,
        memory: &mut M,
        in_error: bool,
        ip: u64,
    ) -> Result<Signal, Trap> {
        let &Self { change, wide, scope, address, data, .. } = self;
        let status = u32::from(self.propagate && in_error);
        let status_va = status_address(address, wide);
        memory.store32(status_va, status).at(status_va, Access::Write)?;
        let value = match (change, wide) {
            (SyncChange::Add, true) => memory.add64(address, data).at(address, Access::Atomic)?,
            (SyncChange::Add, false) => {
                memory.add32(address, data as u32).at(address, Access::Atomic)?.into()
            }
            (SyncChange::Set, true) => {
                memory.store64(address, data).at(address, Access::Write)?;
                data
            }
            (SyncChange::Set, false) => {
                memory.store32(address, data as u32).at(address, Access::Write)?;
                data
            }
        };
        Ok(Signal { ip, scope, address, wide, value, status })
    }
}

/// The state of a sync object that a queue waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waited {
    /// The condition does not hold.
    Blocked,
    /// The condition holds; the status is that of the object.
    Met { status: u32 },
}

/// Evaluates the condition of a SYNC_WAIT.
pub(super) fn evaluate<M: Memory + ?Sized>(
    memory: &mut M,
    wait: &SyncWait,
) -> Result<Waited, Trap> {
    let &SyncWait { address, reference, condition, wide } = wait;
    aligned(address, if wide { 8 } else { 4 })?;
    let value = if wide {
        memory.load64(address).at(address, Access::Read)?
    } else {
        memory.load32(address).at(address, Access::Read)?.into()
    };
    match condition.holds(value, reference) {
        None => Err(Trap::INVALID),
        Some(false) => Ok(Waited::Blocked),
        Some(true) => {
            let status_va = status_address(address, wide);
            let status = memory.load32(status_va).at(status_va, Access::Read)?;
            Ok(Waited::Met { status })
        }
    }
}

/// Returns the GPU VA of the status word.
fn status_address(address: u64, wide: bool) -> u64 {
    address.wrapping_add(if wide { 8 } else { 4 })
}
