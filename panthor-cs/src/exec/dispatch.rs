//! The effect of each instruction.

use super::call_stack::Frame;
use super::executor::Executor;
use super::staging::Work;
use super::stop::SyncWait;
use super::sync::{Waited, evaluate};
use super::trap::Trap;
use super::{Blocked, Exception, Feature, Gpu, Hooks, Located, Memory, Resources, arithmetic};
use crate::Instruction;
use crate::instruction::{Branch, NextSbEntry};
use crate::operand::{Condition, ExceptionType, Reg, RegPair, SbFormat, SbMask, SyncCondition};

/// The way on after an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flow {
    /// The instruction has retired.
    Next,
    /// The instruction has had no effect yet.
    Blocked(Blocked),
    /// The instruction requests protected mode.
    ProtectedMode,
}

impl<M, G, H> Executor<'_, M, G, H>
where
    M: Memory + ?Sized,
    G: Gpu + ?Sized,
    H: Hooks + ?Sized,
{
    /// Executes an instruction. The instruction pointer of the frame is behind the instruction.
    #[inline(always)]
    pub fn dispatch(&mut self, at: &Located) -> Result<Flow, Trap> {
        use Instruction as I;
        match at.decoded.instruction {
            I::Branch(branch) => self.branch(&branch),
            I::Nop(_) | I::Enop(_) => Ok(Flow::Next),
            ref instruction if arithmetic::execute(&mut self.queue.registers, instruction)? => {
                Ok(Flow::Next)
            }
            _ => self.dispatch_rest(at),
        }
    }

    #[inline(never)]
    fn dispatch_rest(&mut self, at: &Located) -> Result<Flow, Trap> {
        use Instruction as I;
        let queue = &mut *self.queue;
        match at.decoded.instruction {
            I::Call(call) => {
                let frame = self.stream(call.address, call.length)?;
                self.queue.stack.call(frame)?;
            }
            I::Jump(jump) => {
                if queue.stack.depth() == 0 {
                    return Err(Trap::INVALID);
                }
                self.queue.stack.top = self.stream(jump.address, jump.length)?;
            }
            I::SetExceptionHandler(set) => {
                if set.exception != ExceptionType::TILER_OOM {
                    return Err(Trap::INVALID);
                }
                let frame = self.stream(set.address, set.length)?;
                self.queue.handler = (frame.ip < frame.end).then_some(frame);
            }
            I::ErrorBarrier(_) => queue.error = None,
            I::ProtRegion(_) => {
                if !queue.retrying {
                    queue.fidelity.note(Feature::ProtectedRegion);
                }
                return Ok(Flow::ProtectedMode);
            }
            I::ReqResource(request) => {
                queue.resources = Resources::NONE
                    .with(Resources::COMPUTE, request.compute)
                    .with(Resources::FRAGMENT, request.fragment)
                    .with(Resources::TILER, request.tiler)
                    .with(Resources::IDVS, request.idvs)
                    .with(Resources::RAY_TRACING, request.ray_tracing);
            }

            I::Wait(wait) => {
                let mask = if wait.indirect { queue.scoreboard.wait_mask() } else { wait.mask };
                return Ok(self.wait(mask, wait.progress));
            }
            I::SetSbEntry(set) => queue.scoreboard.select(set.endpoint, set.other)?,
            I::SetState(set) => {
                let value = queue.registers.read(set.src)?;
                queue.scoreboard.set_state(set.state, value)?;
            }
            I::SetStateImm32(set) => queue.scoreboard.set_state(set.state, set.value)?,
            I::NextSbEntry(next) => return self.next_entry(&next),
            I::SharedSbInc(inc) => {
                let mask = if inc.indirect { queue.scoreboard.wait_mask() } else { inc.wait };
                let flow = self.wait(mask, inc.progress);
                if flow == Flow::Next {
                    let counter = &mut self.group.shared[usize::from(inc.shared.number() & 15)];
                    *counter = counter.saturating_add(1);
                    self.queue.fidelity.note(Feature::SharedScoreboard);
                }
                return Ok(flow);
            }
            I::SharedSbDec(dec) => {
                let counter = &mut self.group.shared[usize::from(dec.shared.number() & 15)];
                let Some(rest) = counter.checked_sub(1) else {
                    return Ok(Flow::Blocked(Blocked::SharedScoreboard(dec.shared)));
                };
                *counter = rest;
                queue.fidelity.note(Feature::SharedScoreboard);
                self.count_progress(dec.progress);
            }
            I::ProgressWait(wait) => {
                let value = queue.registers.read_pair(wait.value)?;
                if self.group.progress(wait.queue) < value {
                    return Ok(Flow::Blocked(Blocked::Progress { queue: wait.queue, value }));
                }
            }
            I::ProgressStore(store) => {
                let value = queue.registers.read_pair(store.src)?;
                if let Some(counter) = self.group.progress.get_mut(usize::from(queue.config.index))
                {
                    *counter = value;
                }
            }
            I::ProgressLoad(load) => {
                let value = self.group.progress(queue.config.index);
                queue.registers.write_pair(load.dst, value)?;
            }

            I::LoadMultiple(load) => return self.load(&load, at.ip),
            I::StoreMultiple(store) => return self.store(&store, at.ip),
            I::SyncWait32(wait) => {
                let reference = queue.registers.read(wait.data)?.into();
                return self.sync_wait(wait.address, reference, wait.condition, false, wait.reject);
            }
            I::SyncWait64(wait) => {
                let reference = queue.registers.read_pair(wait.data)?;
                return self.sync_wait(wait.address, reference, wait.condition, true, wait.reject);
            }

            ref instruction => match Work::of(instruction) {
                Some(work) => return self.run_work(&work, at),
                None => return self.dispatch_deferred(at),
            },
        }
        Ok(Flow::Next)
    }

    #[inline(always)]
    fn branch(&mut self, branch: &Branch) -> Result<Flow, Trap> {
        let registers = &mut self.queue.registers;
        let value = match branch.condition {
            Condition::ALWAYS => registers.unused(branch.value)?,
            _ => registers.read(branch.value)?,
        } as i32;
        if branch.condition.holds(value).ok_or(Trap::INVALID)? {
            let frame = &mut self.queue.stack.top;
            let target = frame.ip.wrapping_add_signed(i64::from(branch.offset) * 8);
            if target > frame.end {
                return Err(Trap::INVALID);
            }
            frame.ip = target;
        }
        Ok(Flow::Next)
    }

    /// Returns the stream that two operands describe.
    fn stream(&mut self, address: RegPair, length: Reg) -> Result<Frame, Trap> {
        let registers = &mut self.queue.registers;
        Frame::of_stream(registers.read_pair(address)?, registers.read(length)?)
    }

    /// Waits for the entries of `mask`.
    fn wait(&mut self, mask: SbMask, progress: bool) -> Flow {
        let busy = self.queue.scoreboard.busy_of(mask);
        if !busy.is_empty() {
            return Flow::Blocked(Blocked::Scoreboard(busy));
        }
        self.end_transfers(mask);
        self.count_progress(progress);
        Flow::Next
    }

    /// Ends the transfers that are complete when the entries of `mask` are free.
    fn end_transfers(&mut self, mask: SbMask) {
        let ended = self.queue.ordering.wait(mask);
        self.queue.registers.wait(ended);
    }

    fn next_entry(&mut self, next: &NextSbEntry) -> Result<Flow, Trap> {
        if next.selector.name().is_none() {
            return Err(Trap::INVALID);
        }
        // The register may not exist, so the selection comes after the write.
        let mut scoreboard = self.queue.scoreboard.clone();
        match scoreboard.select_next(next.selector)? {
            Err(busy) => Ok(Flow::Blocked(Blocked::Scoreboard(busy))),
            Ok(entry) => {
                let value = match next.format {
                    SbFormat::INDEX => entry.number().into(),
                    _ => entry.mask().bits().into(),
                };
                self.queue.registers.write(next.dst, value)?;
                self.queue.scoreboard = scoreboard;
                // The entry was free, so its transfers have ended.
                self.end_transfers(entry.mask());
                Ok(Flow::Next)
            }
        }
    }

    fn sync_wait(
        &mut self,
        address: RegPair,
        reference: u64,
        condition: SyncCondition,
        wide: bool,
        reject: bool,
    ) -> Result<Flow, Trap> {
        let address = self.queue.registers.read_pair(address)?;
        let wait = SyncWait { address, reference, condition, wide };
        match evaluate(self.memory, &wait)? {
            Waited::Blocked => Ok(Flow::Blocked(Blocked::Sync(wait))),
            Waited::Met { status: 0 } => Ok(Flow::Next),
            Waited::Met { .. } if reject => Err(Trap::of(Exception::INHERIT_FAULT)),
            Waited::Met { .. } => {
                self.queue.error.get_or_insert(Exception::INHERIT_FAULT);
                Ok(Flow::Next)
            }
        }
    }

    /// Increments the progress counter if `progress` is set.
    pub fn count_progress(&mut self, progress: bool) {
        if progress {
            self.group.count_progress(self.queue.config.index);
        }
    }
}
