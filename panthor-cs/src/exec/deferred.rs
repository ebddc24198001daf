//! Instructions that may be deferred, and HEAP_SET.

use super::dispatch::Flow;
use super::executor::Executor;
use super::heap::ChunkList;
use super::pending::Action;
use super::sync::{SyncChange, SyncSignal};
use super::trap::{Trap, aligned};
use super::{Feature, Gpu, Hooks, Located, Memory};
use crate::Instruction;
use crate::operand::{HeapCounter, Reg, StoredState};

impl<M, G, H> Executor<'_, M, G, H>
where
    M: Memory + ?Sized,
    G: Gpu + ?Sized,
    H: Hooks + ?Sized,
{
    /// Executes an instruction that may be deferred.
    pub fn dispatch_deferred(&mut self, at: &Located) -> Result<Flow, Trap> {
        use Instruction as I;
        macro_rules! signal {
            ($sync:expr, $change:ident, $wide:literal, $data:expr) => {{
                let sync = $sync;
                let data = u64::from($data);
                let address = self.queue.registers.read_pair(sync.address)?;
                let signal = SyncSignal {
                    change: SyncChange::$change,
                    wide: $wide,
                    scope: sync.scope,
                    propagate: sync.propagate,
                    address,
                    data,
                };
                (defer!(sync), Action::Signal(signal.checked()?))
            }};
        }
        macro_rules! defer {
            ($instruction:expr) => {
                ($instruction.wait, $instruction.signal, $instruction.indirect)
            };
        }
        let registers = &mut self.queue.registers;
        let ((wait, signal, indirect), action) = match at.decoded.instruction {
            I::SyncAdd32(sync) => signal!(sync, Add, false, registers.read(sync.data)?),
            I::SyncSet32(sync) => signal!(sync, Set, false, registers.read(sync.data)?),
            I::SyncAdd64(sync) => signal!(sync, Add, true, registers.read_pair(sync.data)?),
            I::SyncSet64(sync) => signal!(sync, Set, true, registers.read_pair(sync.data)?),
            I::StoreState(store) => {
                let size = match store.state {
                    StoredState::ERROR_STATUS => 4,
                    state if state.name().is_some() => 8,
                    _ => return Err(Trap::INVALID),
                };
                let va =
                    registers.read_pair(store.address)?.wrapping_add_signed(store.offset.into());
                (defer!(store), Action::StoreState { state: store.state, va: aligned(va, size)? })
            }
            I::HeapOperation(count) => {
                let heap = self.group.heap(self.queue.config.index);
                if !HeapCounter::ASSIGNED.contains(&count.counter) {
                    return Err(Trap::INVALID);
                }
                if heap == 0 {
                    return Err(Trap::CONFIG);
                }
                (defer!(count), Action::CountHeap { heap, counter: count.counter })
            }
            I::FinishFragment(finish) => {
                let first = registers.read_pair(finish.first)?;
                let last = registers.read_pair(finish.last)?;
                let heap = self.group.heap(self.queue.config.index);
                if heap == 0 && (first, last) != (0, 0) {
                    return Err(Trap::CONFIG);
                }
                let list = ChunkList { heap, first, last, completed: finish.count };
                (defer!(finish), Action::ReturnChunks(list))
            }
            I::TracePoint(trace) => {
                for i in 0..trace.count {
                    let number = trace.base.number().checked_add(i).ok_or(Trap::INVALID)?;
                    registers.read(Reg::new(number))?;
                }
                if !self.queue.retrying {
                    self.queue.fidelity.note(Feature::TracePoint);
                }
                (defer!(trace), Action::None)
            }
            I::FlushCache2(flush) => {
                let assigned = flush.l2.name().and(flush.lsc.name()).and(flush.others.name());
                assigned.ok_or(Trap::INVALID)?;
                let id = registers.read(flush.flush_id)?;
                return self.defer(at.ip, defer!(flush), Action::Flush { id }, true);
            }
            I::HeapSet(set) => {
                let heap = registers.read_pair(set.address)?;
                self.group.heaps.set(self.queue.config.index, heap);
                return Ok(Flow::Next);
            }
            // Every instruction is above; one that the table adds later is refused, not skipped.
            _ => return Err(Trap::INVALID),
        };
        self.defer(at.ip, (wait, signal, indirect), action, false)
    }
}
