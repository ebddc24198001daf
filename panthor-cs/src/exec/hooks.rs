//! Hooks: the observations and additions of a user of the engine.

use super::{
    Access, Exception, Hazard, HeapChange, Memory, MemoryFault, Queue, Run, RunId, Signal,
};
use crate::Decoded;

/// Observers of a queue, and the work of RUN instructions.
///
/// Each method has a default: observers do nothing, RUN instructions shade nothing.
///
/// ```
/// use panthor_cs::exec::{Hooks, Memory, Run, RunOutcome, Signal, Staging};
///
/// /// Counts workgroups and signals.
/// #[derive(Default)]
/// struct Counts {
///     workgroups: u64,
///     signals: u64,
/// }
///
/// impl Hooks for Counts {
///     fn run(&mut self, run: &Run, _: &mut dyn Memory) -> RunOutcome {
///         match run.staging {
///             Staging::Compute(state) => {
///                 self.workgroups += state.workgroups.map(u64::from).iter().product::<u64>();
///                 RunOutcome::Done
///             }
///             _ => RunOutcome::NotModeled,
///         }
///     }
///
///     fn signal(&mut self, _: &Signal) {
///         self.signals += 1;
///     }
/// }
/// # use panthor_cs::exec::{Context, Group, Queue, QueueConfig, RingBuffer, SimulatedGpu};
/// # use panthor_cs::exec::{SliceMemory, Stop};
/// # use panthor_cs::instruction::{Move32, RunCompute};
/// # use panthor_cs::{Arch, reg};
/// # let mut ring = [0; 8];
/// # for (word, axis) in ring.iter_mut().zip(37..40) {
/// #     *word = Move32 { dst: reg(axis), imm: 5 }.encode(Arch::V10)?;
/// # }
/// # ring[3] = RunCompute::default().encode(Arch::V10)?;
/// # let mut queue = Queue::new(QueueConfig::new(Arch::V10, 0));
/// # queue.set_ring(RingBuffer { base: 0, size: 64 });
/// # queue.set_insert(32);
/// # let mut hooks = Counts::default();
/// # let mut context = Context {
/// #     memory: &mut SliceMemory::new(0, &mut ring),
/// #     gpu: &mut SimulatedGpu::new(),
/// #     hooks: &mut hooks,
/// #     group: &mut Group::new(),
/// # };
/// # assert_eq!(queue.run(100, &mut context), Stop::Idle);
/// # assert_eq!((hooks.workgroups, hooks.signals), (125, 0));
/// # Ok::<(), panthor_cs::Error>(())
/// ```
pub trait Hooks {
    /// Observes an instruction before the instruction executes.
    ///
    /// A blocked instruction is observed at each attempt.
    fn before(&mut self, queue: &Queue, at: &Located) {
        let _ = (queue, at);
    }

    /// Does the work of a RUN instruction or a FINISH_TILING.
    ///
    /// Called at the issue, except in the error state of the queue, in which work is dropped.
    /// `memory` is the VM of the group; accesses are naturally aligned. A fault of `memory` becomes
    /// [`RunOutcome::Mmu`].
    fn run(&mut self, run: &Run, memory: &mut dyn Memory) -> RunOutcome {
        let _ = (run, memory);
        RunOutcome::NotModeled
    }

    /// Continues work that returned [`RunOutcome::OutOfMemory`], with a chunk of the tiler heap.
    ///
    /// `chunk` is 0 after an exception handler, which has freed memory.
    fn memory_granted(&mut self, run: RunId, chunk: u64, memory: &mut dyn Memory) -> RunOutcome {
        let _ = (run, chunk, memory);
        RunOutcome::NotModeled
    }

    /// Observes a signal of a sync object.
    fn signal(&mut self, signal: &Signal) {
        let _ = signal;
    }

    /// Observes a change of a tiler heap.
    fn heap(&mut self, change: &HeapChange) {
        let _ = change;
    }

    /// Observes a hazard.
    fn hazard(&mut self, hazard: &Hazard) {
        let _ = hazard;
    }
}

/// Hooks that observe nothing and shade nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {}

impl<H: Hooks + ?Sized> Hooks for &mut H {
    fn before(&mut self, queue: &Queue, at: &Located) {
        (**self).before(queue, at);
    }
    fn run(&mut self, run: &Run, memory: &mut dyn Memory) -> RunOutcome {
        (**self).run(run, memory)
    }
    fn memory_granted(&mut self, run: RunId, chunk: u64, memory: &mut dyn Memory) -> RunOutcome {
        (**self).memory_granted(run, chunk, memory)
    }
    fn signal(&mut self, signal: &Signal) {
        (**self).signal(signal);
    }
    fn heap(&mut self, change: &HeapChange) {
        (**self).heap(change);
    }
    fn hazard(&mut self, hazard: &Hazard) {
        (**self).hazard(hazard);
    }
}

/// An instruction with its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Located {
    /// The GPU VA.
    pub ip: u64,
    /// The number of calls below the ring buffer.
    pub depth: u8,
    /// The instruction word.
    pub word: u64,
    /// The decoded instruction.
    pub decoded: Decoded,
}

/// The outcome of the work of a RUN instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RunOutcome {
    /// The work is done. The operation completes after a delay.
    Done,
    /// The same outcome as [`Done`](Self::Done), but [`Fidelity`](super::Fidelity) counts the work
    /// as not modeled.
    NotModeled,
    /// The work goes on elsewhere. [`Queue::finish`] takes the outcome.
    Hold,
    /// The tiler needs a chunk.
    OutOfMemory,
    /// The work failed.
    Fault {
        /// The exception, for example [`Exception::ENDPOINT_FAULT`].
        exception: Exception,
        /// More about the exception.
        info: u64,
    },
    /// The MMU refused an access of the work.
    Mmu {
        /// The reason.
        fault: MemoryFault,
        /// The GPU VA of the access.
        va: u64,
        /// The kind of the access.
        access: Access,
    },
}
