//! Asynchronous operations in flight.

use core::fmt;

use super::heap::ChunkList;
use super::sync::SyncSignal;
use super::{RunId, RunOutcome};
use crate::operand::{HeapCounter, SbEntry, SbMask, StoredState};

/// The number of operations that a queue holds in flight; the next one waits for room.
pub const MAX_OPERATIONS: usize = 64;

/// An asynchronous operation, which a scoreboard entry counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    /// The GPU VA of the instruction.
    pub ip: u64,
    /// The scoreboard entry.
    pub signal: SbEntry,
    /// True if the completion increments the progress counter.
    pub progress: bool,
    pub phase: Phase,
    pub action: Action,
}

/// The phase of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Starts when these entries are free.
    Deferred(SbMask),
    /// Completes at this tick.
    Finishing(u64),
    /// Waits for [`Queue::finish`](super::Queue::finish).
    Held(RunId),
    /// Continues when the tiler gets memory.
    Starved(RunId),
}

/// The effect of an operation, which happens when the operation starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// The effect was at the issue.
    None,
    Signal(SyncSignal),
    StoreState {
        state: StoredState,
        va: u64,
    },
    CountHeap {
        heap: u64,
        counter: HeapCounter,
    },
    ReturnChunks(ChunkList),
    Flush {
        id: u32,
    },
    /// The outcome of work that a hook held.
    Settle {
        run: RunId,
        outcome: RunOutcome,
    },
}

/// The operations in flight, in the order of issue.
#[derive(Clone)]
pub(super) struct Pending {
    slots: [Operation; MAX_OPERATIONS],
    len: usize,
    /// The first tick at which there is something to do.
    pub next_due: u64,
}

impl Pending {
    pub const fn new() -> Self {
        let empty = Operation {
            ip: 0,
            signal: crate::operand::entry::<0>(),
            progress: false,
            phase: Phase::Finishing(0),
            action: Action::None,
        };
        Self { slots: [empty; MAX_OPERATIONS], len: 0, next_due: u64::MAX }
    }

    pub fn is_full(&self) -> bool {
        self.len == MAX_OPERATIONS
    }

    pub fn as_slice(&self) -> &[Operation] {
        self.slots.get(..self.len).unwrap_or_default()
    }

    pub fn as_mut_slice(&mut self) -> &mut [Operation] {
        self.slots.get_mut(..self.len).unwrap_or_default()
    }

    /// Appends an operation. Call only after [`is_full`](Self::is_full) returned false.
    pub fn push(&mut self, operation: Operation) {
        if let Phase::Finishing(due) = operation.phase {
            self.next_due = self.next_due.min(due);
        }
        if let Some(slot) = self.slots.get_mut(self.len) {
            *slot = operation;
            self.len += 1;
        }
    }

    /// Removes the first operation that completes at `tick` or before.
    pub fn pop_finished(&mut self, tick: u64) -> Option<Operation> {
        let finished =
            |operation: &Operation| matches!(operation.phase, Phase::Finishing(due) if due <= tick);
        let index = self.as_slice().iter().position(finished)?;
        let operation = *self.slots.get(index)?;
        self.slots.copy_within(index + 1..self.len, index);
        self.len -= 1;
        Some(operation)
    }

    /// Computes [`next_due`](Self::next_due) anew.
    pub fn update_due(&mut self) {
        let dues = self.as_slice().iter().filter_map(|operation| match operation.phase {
            Phase::Finishing(due) => Some(due),
            _ => None,
        });
        self.next_due = dues.min().unwrap_or(u64::MAX);
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}
