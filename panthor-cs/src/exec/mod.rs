//! The execution engine: a queue that executes command streams against a [`Memory`].
//!
//! A [`Queue`] executes one queue of a group. [`Queue::run`] takes a budget and returns why the
//! queue stopped: blocked, idle, faulted or out of budget. Which groups are on slots, and which
//! queue runs next, is the caller's business:
//!
//! - [`Memory`] is the VM: loads, stores and fetches by GPU VA, with the faults of the MMU.
//! - [`Gpu`] has the clocks and the flush ID.
//! - [`Group`] has the shared state of a group's queues: progress counters, heaps, shared
//!   scoreboard entries.
//! - [`Hooks`] observe instructions, signals, heaps and hazards, and do the work of RUN
//!   instructions. Without a hook, such work completes and shades nothing, and [`Fidelity`] counts
//!   the instructions.
//!
//! A scheduler runs the queues of a group in turn, until each is idle or blocked:
//!
//! - [`Blocked::Sync`] may end with any later run; CPU stores and signals of other groups wake
//!   nothing by themselves.
//! - [`Hooks::signal`] has the scope of each signal: a system-scope signal concerns blocked groups
//!   and job fences.
//! - [`Stop::TilerOutOfMemory`] needs an answer by [`Group::grant_memory`]. While
//!   [`Group::needs_handler`] holds, blocked queues have to run, too.
//! - [`Stop::Fault`] concerns one job; after [`Stop::Fatal`] and [`Stop::Mmu`] the group is lost.
//!
//! The state of a queue is in its [`Queue`] and its [`Group`], and outlives jobs. The same state,
//! memory and hooks give the same execution: delays of asynchronous operations follow from
//! [`QueueConfig::seed`].
//!
//! Nothing public describes all of the command stream. [`CHOICES`] lists the engine's decisions
//! where public sources are silent.

mod alu;
mod arithmetic;
mod call_stack;
mod choices;
mod config;
mod deferred;
mod dispatch;
mod exception;
mod executor;
mod fidelity;
mod gpu;
mod group;
mod hazard;
mod heap;
mod hooks;
mod memory;
mod operations;
mod ordering;
mod pending;
mod queue;
mod random;
mod registers;
mod resources;
mod scoreboard;
mod slice_memory;
mod staging;
mod status;
mod stop;
mod sync;
mod transfer;
mod trap;

pub use call_stack::CALL_STACK_DEPTH;
pub use choices::{CHOICES, Choice};
pub use config::{QueueConfig, RingBuffer};
pub use exception::Exception;
pub use fidelity::{Feature, Fidelity};
pub use gpu::{Gpu, SimulatedGpu};
pub use group::Group;
pub use hazard::{Hazard, HazardKind, RegisterHazard};
pub use heap::{ChunkList, HeapChange, HeapCounters, HeapEvent, MAX_QUEUES};
pub use hooks::{Hooks, Located, NoHooks, RunOutcome};
pub use memory::{Access, Memory, MemoryFault, MmuFault};
pub use pending::MAX_OPERATIONS;
pub use queue::{Context, Queue};
pub use resources::Resources;
pub use slice_memory::SliceMemory;
pub use staging::{
    Bounds, ComputeState, FragmentState, FrameState, FullscreenState, Idvs2State, IdvsState, Run,
    RunId, Staging,
};
pub use status::QueueStatus;
pub use stop::{Blocked, Fault, Halt, Stop, SyncWait};
pub use sync::Signal;

use trap::Trap;
