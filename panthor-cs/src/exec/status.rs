//! The status that the firmware interface reports of a queue.

use super::stop::Halt;
use super::{Blocked, Exception, Fault, HeapCounters, Resources};
use crate::operand::SbMask;

/// The state of a queue that the firmware interface reports to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct QueueStatus {
    /// CS_EXTRACT: the position of the next instruction in the ring buffer.
    pub extract: u64,
    /// CS_STATUS_CMD_PTR: the GPU VA of the next instruction.
    pub ip: u64,
    /// CS_STATUS_WAIT and the registers behind: the event that the queue waited for when it stopped
    /// last.
    pub blocked: Option<Blocked>,
    /// CS_STATUS_SCOREBOARDS: the entries that are not zero.
    pub scoreboard: SbMask,
    /// CS_STATUS_REQ_RESOURCE: the resources that the queue requests.
    pub resources: Resources,
    /// The exception of the error state.
    pub error: Option<Exception>,
    /// CS_FAULT and CS_FAULT_INFO: the last recoverable fault.
    pub fault: Option<Fault>,
    /// CS_FATAL and CS_FATAL_INFO, or the fault of the MMU.
    pub halt: Option<Halt>,
    /// CS_HEAP_VT_START, CS_HEAP_VT_END, CS_HEAP_FRAG_END: the counters of the queue's heap.
    pub heap: HeapCounters,
}
