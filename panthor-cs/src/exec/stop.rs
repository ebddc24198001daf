//! Reasons for which a queue stops.

use super::{Exception, HeapEvent, MmuFault, Trap};
use crate::operand::{SbEntry, SbMask, SyncCondition};

/// The reason for which [`Queue::run`](super::Queue::run) returned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stop {
    /// The budget is used up.
    Budget,
    /// The queue waits for an event outside of the queue.
    ///
    /// The next run evaluates the condition again.
    Blocked(Blocked),
    /// EXTRACT has reached INSERT.
    ///
    /// Only operations that time does not end are still in flight: work that a hook holds,
    /// operations deferred behind such work, and those that wait for their own entry.
    Idle,
    /// An instruction raised a recoverable exception, a CS_FAULT.
    ///
    /// The queue is in its error state. The next run continues.
    Fault(Fault),
    /// An instruction raised an exception that halts the queue, a CS_FATAL.
    ///
    /// Each later run returns the same.
    Fatal(Fault),
    /// The MMU refused an access, which halts the queue.
    ///
    /// Each later run returns the same.
    Mmu(MmuFault),
    /// The queue requests protected mode, and stays at its PROT_REGION.
    ProtectedMode,
    /// The tiler has no memory left and waits for an answer by
    /// [`Group::grant_memory`](super::Group::grant_memory).
    ///
    /// Returned once for each event. The queue itself goes on.
    TilerOutOfMemory(HeapEvent),
}

/// An event that a blocked queue waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Blocked {
    /// A sync object, at a SYNC_WAIT.
    Sync(SyncWait),
    /// The progress counter of another queue, at a PROGRESS_WAIT.
    Progress {
        /// The number of the other queue.
        queue: u8,
        /// The value to reach.
        value: u64,
    },
    /// Scoreboard entries.
    Scoreboard(SbMask),
    /// A scoreboard entry that is shared by the queues of the group.
    SharedScoreboard(SbEntry),
}

/// The condition of a SYNC_WAIT, as the firmware interface reports the condition to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SyncWait {
    /// The GPU VA of the sync object.
    pub address: u64,
    /// The reference. A 32-bit reference is zero-extended.
    pub reference: u64,
    /// The condition on the object against the reference.
    pub condition: SyncCondition,
    /// True for a 64-bit object.
    pub wide: bool,
}

/// An exception of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fault {
    /// The exception.
    pub exception: Exception,
    /// The GPU VA of the instruction.
    pub ip: u64,
    /// More about the exception.
    ///
    /// - A bus fault: the GPU VA.
    /// - An invalid instruction: the instruction word.
    /// - An exception of a RUN instruction: the value from the hook.
    /// - Otherwise 0.
    pub info: u64,
}

/// The exception for which a queue will not run again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Halt {
    /// A CS_FATAL.
    Fatal(Fault),
    /// An MMU fault.
    Mmu(MmuFault),
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Fatal(fault) => Self::Fatal(fault),
            Halt::Mmu(fault) => Self::Mmu(fault),
        }
    }
}

impl Trap {
    /// Returns the fault of the instruction at `ip`.
    pub(super) fn at(self, ip: u64) -> Result<Fault, MmuFault> {
        match self {
            Self::Exception { exception, info } => Ok(Fault { exception, ip, info }),
            Self::Memory { fault, va, access } => Err(MmuFault { fault, va, access, ip }),
        }
    }
}
