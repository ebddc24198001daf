//! Queues.

use super::call_stack::{CallStack, Frame};
use super::executor::Executor;
use super::ordering::Ordering;
use super::pending::{Action, Pending, Phase};
use super::random::Random;
use super::registers::Registers;
use super::scoreboard::Scoreboard;
use super::stop::Halt;
use super::{
    Blocked, Exception, Fault, Fidelity, Gpu, Group, HeapEvent, Hooks, Memory, QueueConfig,
    QueueStatus, Resources, RingBuffer, RunId, RunOutcome, Stop,
};
use crate::disasm;
use crate::operand::{Reg, SbMask, State};

/// A queue: registers, call stack, scoreboard and everything else that outlives a job.
///
/// The [`Group`] has the heap, the progress counter and the out-of-memory event of the queue. A
/// queue that is off its slot is a value that does not run. Clones of the queues and of the group
/// are a snapshot.
///
/// ```
/// use panthor_cs::exec::{
///     Context, Group, NoHooks, Queue, QueueConfig, RingBuffer, SimulatedGpu, SliceMemory, Stop,
/// };
/// use panthor_cs::instruction::{AddImm32, Move32};
/// use panthor_cs::{Arch, reg};
///
/// let mut ring = [0; 8];
/// ring[0] = Move32 { dst: reg(1), imm: 40 }.encode(Arch::V10)?;
/// ring[1] = AddImm32 { dst: reg(1), src: reg(1), imm: 2 }.encode(Arch::V10)?;
///
/// let mut queue = Queue::new(QueueConfig::new(Arch::V10, 0));
/// queue.set_ring(RingBuffer { base: 0x1000, size: 64 });
/// queue.set_insert(16);
/// let mut context = Context {
///     memory: &mut SliceMemory::new(0x1000, &mut ring),
///     gpu: &mut SimulatedGpu::new(),
///     hooks: &mut NoHooks,
///     group: &mut Group::new(),
/// };
/// assert_eq!(queue.run(100, &mut context), Stop::Idle);
/// assert_eq!((queue.register(reg(1)), queue.extract()), (Some(42), 16));
/// # Ok::<(), panthor_cs::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    pub(super) config: QueueConfig,
    pub(super) ring: RingBuffer,
    pub(super) registers: Registers,
    pub(super) stack: CallStack,
    pub(super) scoreboard: Scoreboard,
    pub(super) pending: Pending,
    pub(super) ordering: Ordering,
    pub(super) resources: Resources,
    /// The stream for the tiler's out-of-memory event.
    pub(super) handler: Option<Frame>,
    /// The queue that raised the event of the running handler.
    pub(super) handling: u8,
    /// The exception of the error state.
    pub(super) error: Option<Exception>,
    /// The last recoverable fault.
    pub(super) fault: Option<Fault>,
    pub(super) halt: Option<Halt>,
    pub(super) blocked: Option<Blocked>,
    /// True if the next instruction has been tried already.
    pub(super) retrying: bool,
    /// An event that no run has returned yet.
    pub(super) unseen_event: Option<HeapEvent>,
    pub(super) random: Random,
    pub(super) tick: u64,
    pub(super) retired: u64,
    pub(super) next_run: u64,
    pub(super) fidelity: Fidelity,
}

/// Everything outside of a queue that an execution needs.
#[derive(Debug)]
pub struct Context<'a, M: ?Sized, G: ?Sized, H: ?Sized> {
    /// The VM of the group.
    pub memory: &'a mut M,
    /// The GPU.
    pub gpu: &'a mut G,
    /// The hooks.
    pub hooks: &'a mut H,
    /// The group of the queue.
    pub group: &'a mut Group,
}

impl Queue {
    /// Returns a new queue, without a ring buffer.
    pub fn new(config: QueueConfig) -> Self {
        Self {
            config,
            ring: RingBuffer::default(),
            registers: Registers::new(config.registers),
            stack: CallStack::new(),
            scoreboard: Scoreboard::new(config.scoreboard_entries),
            pending: Pending::new(),
            ordering: Ordering::default(),
            resources: Resources::NONE,
            handler: None,
            handling: 0,
            error: None,
            fault: None,
            halt: None,
            blocked: None,
            retrying: false,
            unseen_event: None,
            random: Random(config.seed),
            tick: 0,
            retired: 0,
            next_run: 0,
            fidelity: Fidelity::new(),
        }
    }

    /// Runs at most `budget` steps: instructions, attempts at a blocked one, and waits for a
    /// completion.
    ///
    /// Returns after a bounded time, whatever the streams do. A queue that is blocked or idle
    /// continues with the next run if the condition holds then.
    #[inline]
    pub fn run<M, G, H>(&mut self, budget: u64, context: &mut Context<'_, M, G, H>) -> Stop
    where
        M: Memory + ?Sized,
        G: Gpu + ?Sized,
        H: Hooks + ?Sized,
    {
        let Context { memory, gpu, hooks, group } = context;
        let mut executor = Executor { queue: self, memory, gpu, hooks, group };
        let stop = executor.run(budget);
        if !self.retrying {
            self.blocked = None;
        }
        stop
    }

    /// Returns the properties.
    pub fn config(&self) -> &QueueConfig {
        &self.config
    }

    /// Returns the ring buffer.
    pub fn ring(&self) -> RingBuffer {
        self.ring
    }

    /// Sets the ring buffer: CS_BASE and CS_SIZE.
    ///
    /// An instruction in a ring buffer that is misaligned or empty raises CS_CONFIG_FAULT.
    pub fn set_ring(&mut self, ring: RingBuffer) {
        self.ring = ring;
    }

    /// Returns INSERT: the position behind the last instruction in the ring buffer.
    pub fn insert(&self) -> u64 {
        self.stack.root().end
    }

    /// Sets INSERT. Positions count bytes and do not wrap.
    pub fn set_insert(&mut self, insert: u64) {
        self.stack.root_mut().end = insert;
    }

    /// Returns EXTRACT: the position of the next instruction in the ring buffer.
    ///
    /// During a call, the position is that behind the CALL.
    pub fn extract(&self) -> u64 {
        self.stack.root().ip
    }

    /// Sets EXTRACT, which the firmware does from EXTRACT_INIT when a queue starts. Calls are
    /// abandoned.
    pub fn set_extract(&mut self, extract: u64) {
        let insert = self.insert();
        self.stack = CallStack::new();
        (self.retrying, self.blocked) = (false, None);
        *self.stack.root_mut() = Frame { ip: extract, end: insert };
    }

    /// Returns the value of a register; `None` for a register that the queue lacks.
    pub fn register(&self, reg: Reg) -> Option<u32> {
        self.registers.peek(reg)
    }

    /// Sets a register. Returns whether the queue has the register.
    pub fn set_register(&mut self, reg: Reg, value: u32) -> bool {
        self.registers.poke(reg, value)
    }

    /// Returns the value of a state word; `None` for an unassigned one.
    pub fn state(&self, state: State) -> Option<u32> {
        self.scoreboard.state(state)
    }

    /// Returns the GPU VA of the next instruction: CS_STATUS_CMD_PTR.
    pub fn ip(&self) -> u64 {
        match self.stack.depth() {
            0 => self.ring.va(self.stack.top.ip),
            _ => self.stack.top.ip,
        }
    }

    /// Returns the GPU VA of the next instruction; `None` if the ring buffer or EXTRACT is
    /// misaligned.
    #[inline(always)]
    pub(super) fn fetch_va(&self) -> Option<u64> {
        let position = self.stack.top.ip;
        if self.stack.depth() != 0 {
            Some(position)
        } else if self.ring.is_valid() && position % 8 == 0 {
            Some(self.ring.va(position))
        } else {
            None
        }
    }

    /// Returns the number of calls below the ring buffer, that of an exception handler included.
    pub fn depth(&self) -> u8 {
        self.stack.depth()
    }

    /// Returns whether the exception handler runs.
    pub fn in_handler(&self) -> bool {
        self.stack.in_handler()
    }

    /// Returns the number of instructions that have retired.
    pub fn retired(&self) -> u64 {
        self.retired
    }

    /// Returns whether no operation is in flight.
    pub fn is_quiescent(&self) -> bool {
        self.pending.as_slice().is_empty()
    }

    /// Returns the report of what was not modeled.
    pub fn fidelity(&self) -> &Fidelity {
        &self.fidelity
    }

    /// Returns the status that the firmware reports to the kernel.
    pub fn status(&self, group: &Group) -> QueueStatus {
        QueueStatus {
            extract: self.extract(),
            ip: self.ip(),
            blocked: self.blocked,
            scoreboard: self.scoreboard.busy(),
            resources: self.resources,
            error: self.error,
            fault: self.fault,
            halt: self.halt,
            heap: group.heap_counters(group.heap(self.config.index)),
        }
    }

    /// Finishes work for which a hook returned [`RunOutcome::Hold`].
    ///
    /// The next run of the queue completes the work, or reports the fault or the lack of memory.
    /// Returns whether the work was held.
    pub fn finish(&mut self, run: RunId, outcome: RunOutcome) -> bool {
        let tick = self.tick;
        match outcome {
            RunOutcome::Done | RunOutcome::NotModeled => {
                self.release(run, Phase::Finishing(tick), Action::None)
            }
            RunOutcome::Hold => self.release(run, Phase::Held(run), Action::None),
            _ => {
                let action = Action::Settle { run, outcome };
                self.release(run, Phase::Deferred(SbMask::NONE), action)
            }
        }
    }

    fn release(&mut self, run: RunId, phase: Phase, action: Action) -> bool {
        let held = Phase::Held(run);
        let Some(operation) = self.pending.as_mut_slice().iter_mut().find(|op| op.phase == held)
        else {
            return false;
        };
        (operation.phase, operation.action) = (phase, action);
        self.pending.next_due = 0;
        true
    }
}

impl disasm::Registers for Queue {
    fn register(&self, reg: Reg) -> Option<u32> {
        self.registers.peek(reg)
    }
}
