//! Asynchronous operations: issue, start, completion.

use super::dispatch::Flow;
use super::executor::Executor;
use super::hazard::HazardKind;
use super::pending::{Action, Operation, Phase};
use super::staging::{Run, RunId, Staging, Work};
use super::trap::{At, Trap};
use super::{
    Access, Blocked, Feature, Gpu, HeapChange, HeapEvent, Hooks, Located, Memory, RunOutcome,
};
use crate::operand::{HeapCounter, SbEntry, SbMask, StoredState};

impl<M, G, H> Executor<'_, M, G, H>
where
    M: Memory + ?Sized,
    G: Gpu + ?Sized,
    H: Hooks + ?Sized,
{
    /// Issues an operation that may be deferred: `(wait, signal, indirect)` are the instruction's
    /// fields.
    pub fn defer(
        &mut self,
        ip: u64,
        (wait, signal, indirect): (SbMask, SbEntry, bool),
        action: Action,
        always: bool,
    ) -> Result<Flow, Trap> {
        let scoreboard = &self.queue.scoreboard;
        let (wait, signal) =
            if indirect { (scoreboard.wait_mask(), scoreboard.deferred()) } else { (wait, signal) };
        let asynchronous = always || indirect || !wait.is_empty();
        if asynchronous {
            scoreboard.checked(signal)?;
            if self.queue.pending.is_full() {
                return Ok(self.full());
            }
        }
        if matches!(action, Action::Signal(_)) {
            let uncovered = self.queue.ordering.uncovered(wait);
            if !uncovered.is_empty() {
                self.hazard(ip, HazardKind::SignalBeforeStore(uncovered));
            }
            let uncovered = self.queue.ordering.uncovered_work(wait);
            if !uncovered.is_empty() {
                self.hazard(ip, HazardKind::SignalBeforeRun(uncovered));
            }
        }
        if !asynchronous {
            self.perform(action, ip)?;
            return Ok(Flow::Next);
        }
        if wait.contains(signal) {
            self.hazard(ip, HazardKind::WaitForItself(signal.mask()));
        }
        self.queue.ordering.defer(wait, signal);
        // The count comes first, so that an operation that waits for itself never starts.
        self.queue.scoreboard.increment(signal);
        let ready = self.queue.scoreboard.busy_of(wait).is_empty();
        let phase = if ready { self.finishing() } else { Phase::Deferred(wait) };
        self.queue.pending.push(Operation { ip, signal, progress: false, phase, action });
        if ready {
            self.perform(action, ip)?;
        }
        Ok(Flow::Next)
    }

    /// Issues an operation with an effect that has happened already.
    pub fn issue_done(&mut self, ip: u64, signal: SbEntry) {
        let phase = self.finishing();
        self.queue.scoreboard.increment(signal);
        self.queue.pending.push(Operation {
            ip,
            signal,
            progress: false,
            phase,
            action: Action::None,
        });
    }

    /// Issues the work of a RUN instruction.
    pub fn run_work(&mut self, work: &Work, at: &Located) -> Result<Flow, Trap> {
        if self.queue.pending.is_full() {
            return Ok(self.full());
        }
        let queue = &mut *self.queue;
        let instruction = at.decoded.instruction;
        let staging = Staging::read(&instruction, &mut queue.registers, queue.config.arch)?;
        let signal = queue.scoreboard.endpoint();
        let id = RunId(queue.next_run);
        queue.next_run += 1;
        queue.scoreboard.increment(signal);
        if !queue.resources.contains(work.needed) {
            queue.fidelity.note(Feature::MissingResource);
            let (needed, requested) = (work.needed, queue.resources);
            self.hazard(at.ip, HazardKind::MissingResource { needed, requested });
        }
        let outcome = if self.queue.error.is_some() {
            self.queue.fidelity.note(Feature::DroppedInError);
            RunOutcome::Done
        } else {
            let index = self.queue.config.index;
            let heap = self.group.heap(index);
            let run = Run { id, queue: index, ip: at.ip, instruction, staging, heap };
            let outcome = self.hooks.run(&run, &mut &mut *self.memory);
            if outcome == RunOutcome::NotModeled {
                self.queue.fidelity.note(work.feature);
            }
            outcome
        };
        let (phase, result) = self.settle(id, outcome);
        self.queue.ordering.work(signal);
        let progress = work.progress;
        self.queue.pending.push(Operation {
            ip: at.ip,
            signal,
            progress,
            phase,
            action: Action::None,
        });
        result.map(|()| Flow::Next)
    }

    /// Continues work that waits for memory, if memory was granted.
    pub fn continue_starved(&mut self) -> Result<(), (Trap, u64)> {
        let Some(chunk) = self.group.take_grant(self.queue.config.index) else { return Ok(()) };
        let mut result = Ok(());
        for index in 0..self.queue.pending.as_slice().len() {
            let Some(&operation) = self.queue.pending.as_slice().get(index) else { break };
            let Phase::Starved(id) = operation.phase else { continue };
            let outcome = self.hooks.memory_granted(id, chunk, &mut &mut *self.memory);
            let (phase, settled) = self.settle(id, outcome);
            if let Some(operation) = self.queue.pending.as_mut_slice().get_mut(index) {
                operation.phase = phase;
            }
            result = result.and(settled.map_err(|trap| (trap, operation.ip)));
        }
        self.queue.pending.update_due();
        result
    }

    /// Completes due operations. Starts deferred operations when their entries are free.
    #[cold]
    pub fn progress(&mut self) -> Result<(), (Trap, u64)> {
        while let Some(operation) = self.queue.pending.pop_finished(self.queue.tick) {
            self.queue.scoreboard.decrement(operation.signal);
            self.count_progress(operation.progress);
        }
        let mut result = Ok(());
        for index in 0..self.queue.pending.as_slice().len() {
            let Some(&operation) = self.queue.pending.as_slice().get(index) else { break };
            let Phase::Deferred(wait) = operation.phase else { continue };
            if !self.queue.scoreboard.busy_of(wait).is_empty() {
                continue;
            }
            let (phase, performed) = match operation.action {
                Action::Settle { run, outcome } => self.settle(run, outcome),
                action => (self.finishing(), self.perform(action, operation.ip)),
            };
            if let Some(operation) = self.queue.pending.as_mut_slice().get_mut(index) {
                operation.phase = phase;
            }
            if let Err(trap) = performed {
                // The others start at the next tick.
                result = Err((trap, operation.ip));
                break;
            }
        }
        self.queue.pending.update_due();
        if result.is_err() {
            self.queue.pending.next_due = 0;
        }
        result
    }

    /// Returns the phase after an outcome, and the exception of the outcome.
    fn settle(&mut self, id: RunId, outcome: RunOutcome) -> (Phase, Result<(), Trap>) {
        match outcome {
            RunOutcome::Done | RunOutcome::NotModeled => (self.finishing(), Ok(())),
            RunOutcome::Hold => (Phase::Held(id), Ok(())),
            RunOutcome::OutOfMemory => {
                let queue = self.queue.config.index;
                let heap = self.group.heap(queue);
                if self.group.ask_memory(queue) {
                    let event = HeapEvent { queue, heap, counters: self.group.heap_counters(heap) };
                    self.queue.unseen_event = Some(event);
                    self.hooks.heap(&HeapChange::OutOfMemory(event));
                }
                (Phase::Starved(id), Ok(()))
            }
            RunOutcome::Fault { exception, info } => {
                (self.finishing(), Err(Trap::Exception { exception, info }))
            }
            RunOutcome::Mmu { fault, va, access } => {
                (self.finishing(), Err(Trap::Memory { fault, va, access }))
            }
        }
    }

    /// Performs the effect of an operation.
    fn perform(&mut self, action: Action, ip: u64) -> Result<(), Trap> {
        match action {
            // `progress` settles held work.
            Action::None | Action::Settle { .. } => {}
            Action::Signal(signal) => {
                let done = signal.perform(self.memory, self.queue.error.is_some(), ip)?;
                self.hooks.signal(&done);
            }
            Action::StoreState { state, va } => self.store_state(state, va)?,
            Action::CountHeap { heap, counter } => self.count_heap(heap, counter),
            Action::ReturnChunks(list) => {
                self.hooks.heap(&HeapChange::ChunksReturned(list));
                if list.completed {
                    self.count_heap(list.heap, HeapCounter::FRAGMENT_COMPLETED);
                }
            }
            Action::Flush { id } => {
                let newer = self.gpu.latest_flush().wrapping_sub(id) as i32 > 0;
                if id == 0 || !newer {
                    self.gpu.flush();
                }
            }
        }
        Ok(())
    }

    fn store_state(&mut self, state: StoredState, va: u64) -> Result<(), Trap> {
        let value = match state {
            StoredState::ERROR_STATUS => {
                let status = self.queue.error.map_or(0, |error| error.code().into());
                return self.memory.store32(va, status).at(va, Access::Write);
            }
            StoredState::TIMESTAMP => self.gpu.timestamp(),
            StoredState::CYCLE_COUNT => self.gpu.cycles(),
            _ => self.gpu.disjoint_count(),
        };
        self.memory.store64(va, value).at(va, Access::Write)
    }

    fn count_heap(&mut self, heap: u64, counter: HeapCounter) {
        if let Some(counters) = self.group.heaps.count(heap, counter) {
            self.hooks.heap(&HeapChange::Counted { heap, counters });
        }
    }

    /// Returns the phase of an operation that has started.
    fn finishing(&mut self) -> Phase {
        let delay = self.queue.random.up_to(self.queue.config.max_delay);
        Phase::Finishing(self.queue.tick.saturating_add(delay))
    }

    /// Blocks an instruction that finds no room for its operation.
    pub fn full(&self) -> Flow {
        Flow::Blocked(Blocked::Scoreboard(self.queue.scoreboard.busy()))
    }
}
