//! The loop over instructions.

use super::call_stack::Left;
use super::dispatch::Flow;
use super::hazard::HazardKind;
use super::stop::Halt;
use super::trap::Trap;
use super::{
    Access, Exception, Fault, Feature, Gpu, Group, Hazard, HeapChange, Hooks, Located, Memory,
    MmuFault, Queue, Stop,
};
use crate::Instruction;

/// A queue with everything around it.
pub(super) struct Executor<'a, M: ?Sized, G: ?Sized, H: ?Sized> {
    pub queue: &'a mut Queue,
    pub memory: &'a mut M,
    pub gpu: &'a mut G,
    pub hooks: &'a mut H,
    pub group: &'a mut Group,
}

impl<M, G, H> Executor<'_, M, G, H>
where
    M: Memory + ?Sized,
    G: Gpu + ?Sized,
    H: Hooks + ?Sized,
{
    pub fn run(&mut self, budget: u64) -> Stop {
        if let Some(halt) = self.queue.halt {
            return halt.into();
        }
        if let Err((trap, ip)) = self.continue_starved() {
            return self.trapped(trap, ip);
        }
        for _ in 0..budget {
            if let Some(stop) = self.step() {
                return stop;
            }
        }
        self.unseen_event().unwrap_or(Stop::Budget)
    }

    /// Executes one step. Returns the reason to stop, if there is one.
    #[inline(always)]
    fn step(&mut self) -> Option<Stop> {
        self.queue.tick = self.queue.tick.wrapping_add(1);
        if self.queue.tick >= self.queue.pending.next_due {
            if let Err((trap, ip)) = self.progress() {
                return Some(self.trapped(trap, ip));
            }
        }
        if self.group.unhandled != 0 {
            self.enter_handler();
        }
        while self.queue.stack.top.ip >= self.queue.stack.top.end {
            match self.queue.stack.leave() {
                Left::Root => return self.wait_or(Stop::Idle),
                Left::Call => {}
                Left::Handler => {
                    if let Err((trap, ip)) = self.leave_handler() {
                        return Some(self.trapped(trap, ip));
                    }
                    // There may be the event of another queue.
                    self.enter_handler();
                }
            }
        }
        let Some(ip) = self.queue.fetch_va() else {
            let exception = Exception::CONFIG_FAULT;
            return Some(self.halt(Halt::Fatal(Fault { exception, ip: self.queue.ip(), info: 0 })));
        };
        let word = match self.memory.fetch(ip) {
            Ok(word) => word,
            Err(fault) => {
                self.hazard(ip, HazardKind::StreamNotMapped);
                return Some(self.halt(Halt::Mmu(MmuFault {
                    fault,
                    va: ip,
                    access: Access::Fetch,
                    ip,
                })));
            }
        };
        let decoded = match Instruction::decode(self.queue.config.arch, word) {
            Ok(decoded) => decoded,
            Err(_) => {
                let exception = Exception::INVALID_INSTRUCTION;
                return Some(self.halt(Halt::Fatal(Fault { exception, ip, info: word })));
            }
        };
        let at = Located { ip, depth: self.queue.stack.depth(), word, decoded };
        self.hooks.before(self.queue, &at);
        self.queue.stack.top.ip = self.queue.stack.top.ip.wrapping_add(8);
        let result = self.dispatch(&at);
        // A blocked instruction reads its registers at each attempt; one report is enough.
        let first_attempt = !self.queue.retrying;
        self.queue.retrying = matches!(result, Ok(Flow::Blocked(_) | Flow::ProtectedMode));
        if let Some(hazard) = self.queue.registers.take_hazard().filter(|_| first_attempt) {
            self.hazard(ip, HazardKind::Register(hazard));
        }
        match result {
            Ok(Flow::Next) => {
                self.queue.retired += 1;
                if decoded.reserved != 0 {
                    self.queue.fidelity.note(Feature::ReservedBits);
                    self.hazard(ip, HazardKind::ReservedBits(decoded.reserved));
                }
                if self.queue.unseen_event.is_some() { self.unseen_event() } else { None }
            }
            Ok(Flow::Blocked(blocked)) => {
                self.queue.blocked = Some(blocked);
                self.retreat();
                self.wait_or(Stop::Blocked(blocked))
            }
            Ok(Flow::ProtectedMode) => {
                self.queue.blocked = None;
                self.retreat();
                self.wait_or(Stop::ProtectedMode)
            }
            Err(trap) => Some(self.instruction_trapped(trap, &at)),
        }
    }

    /// Moves the instruction pointer back to the current instruction.
    fn retreat(&mut self) {
        self.queue.stack.top.ip = self.queue.stack.top.ip.wrapping_sub(8);
    }

    /// Lets time pass until an operation completes; returns `stop` if none will by itself.
    fn wait_or(&mut self, stop: Stop) -> Option<Stop> {
        match self.queue.pending.next_due {
            u64::MAX => Some(self.unseen_event().unwrap_or(stop)),
            due => {
                self.queue.tick = self.queue.tick.max(due.saturating_sub(1));
                None
            }
        }
    }

    /// Returns the event that the caller has not seen.
    fn unseen_event(&mut self) -> Option<Stop> {
        self.queue.unseen_event.take().map(Stop::TilerOutOfMemory)
    }

    /// Stops at an exception of the current instruction, which a recoverable one skips.
    #[cold]
    fn instruction_trapped(&mut self, trap: Trap, at: &Located) -> Stop {
        let trap = match trap {
            // The exception has no information of its own.
            Trap::Exception { exception: exception @ Exception::INVALID_INSTRUCTION, info: 0 } => {
                Trap::Exception { exception, info: at.word }
            }
            other => other,
        };
        let stop = self.trapped(trap, at.ip);
        match stop {
            Stop::Fault(_) => self.queue.retired += 1,
            _ => self.retreat(),
        }
        stop
    }

    /// Stops at an exception of the instruction at `ip`.
    #[cold]
    fn trapped(&mut self, trap: Trap, ip: u64) -> Stop {
        match trap.at(ip) {
            Err(fault) => self.halt(Halt::Mmu(fault)),
            Ok(fault) if fault.exception.is_fatal() => self.halt(Halt::Fatal(fault)),
            Ok(fault) => {
                self.queue.error = Some(fault.exception);
                self.queue.fault = Some(fault);
                Stop::Fault(fault)
            }
        }
    }

    #[cold]
    fn halt(&mut self, halt: Halt) -> Stop {
        self.queue.halt = Some(halt);
        halt.into()
    }

    #[cold]
    pub fn hazard(&mut self, ip: u64, kind: HazardKind) {
        self.hooks.hazard(&Hazard { ip, kind });
    }

    /// Enters the exception handler, if the queue has one and an event needs the handler.
    #[cold]
    fn enter_handler(&mut self) {
        let Some(handler) = self.queue.handler else { return };
        if self.queue.stack.in_handler() {
            return;
        }
        if let Some(queue) = self.group.take_unhandled() {
            self.queue.stack.enter_handler(handler);
            self.queue.retrying = false;
            self.queue.handling = queue;
            self.hooks.heap(&HeapChange::HandlerStarted { queue });
        }
    }

    #[cold]
    fn leave_handler(&mut self) -> Result<(), (Trap, u64)> {
        let queue = self.queue.handling;
        self.group.handled(queue);
        self.hooks.heap(&HeapChange::HandlerEnded { queue });
        self.continue_starved()
    }
}
