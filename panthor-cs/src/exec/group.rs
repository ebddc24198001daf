//! State that the queues of a group share.

use super::heap::{HeapCounters, Heaps, MAX_QUEUES};
use crate::operand::SbEntry;

/// Shared state of a group's queues.
///
/// The value outlives a suspension of the group, as each [`Queue`](super::Queue) does.
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub(super) progress: [u64; MAX_QUEUES],
    pub(super) shared: [u32; 16],
    pub(super) heaps: Heaps,
    memory_requests: [MemoryRequest; MAX_QUEUES],
    /// The queues with a request that waits for an exception handler, as a mask.
    pub(super) unhandled: u32,
}

/// The state of a queue's request for tiler memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum MemoryRequest {
    #[default]
    None,
    /// The kernel has to answer.
    Asked,
    /// The kernel had no chunk; an exception handler has to free some.
    Unhandled,
    /// The tiler can continue, with this chunk or, at 0, with those that a handler freed.
    Granted(u64),
}

impl Group {
    /// Returns the state of a new group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the progress counter of a queue; 0 for a queue that cannot exist.
    pub fn progress(&self, queue: u8) -> u64 {
        self.progress.get(usize::from(queue)).copied().unwrap_or(0)
    }

    /// Returns the counter of a shared scoreboard entry.
    pub fn shared(&self, entry: SbEntry) -> u32 {
        self.shared[usize::from(entry.number() & 15)]
    }

    /// Returns the GPU VA of the tiler heap context that a queue has set; 0 for none.
    pub fn heap(&self, queue: u8) -> u64 {
        self.heaps.get(queue)
    }

    /// Returns the counters of the tiler heap with this context.
    pub fn heap_counters(&self, heap: u64) -> HeapCounters {
        self.heaps.counters(heap)
    }

    /// Answers an out-of-memory event of `queue` with the GPU VA of a chunk.
    ///
    /// 0 is the kernel's answer when there is no chunk: the engine then runs the exception handler
    /// of the first queue that has one. Returns whether the event was unanswered.
    pub fn grant_memory(&mut self, queue: u8, chunk: u64) -> bool {
        let Some(request) = self.memory_requests.get_mut(usize::from(queue)) else { return false };
        if *request != MemoryRequest::Asked {
            return false;
        }
        if chunk == 0 {
            *request = MemoryRequest::Unhandled;
            self.unhandled |= 1 << queue;
        } else {
            *request = MemoryRequest::Granted(chunk);
        }
        true
    }

    /// Returns whether an out-of-memory event of `queue` waits for an answer.
    pub fn needs_memory(&self, queue: u8) -> bool {
        self.memory_requests.get(usize::from(queue)) == Some(&MemoryRequest::Asked)
    }

    /// Returns whether an out-of-memory event waits for a queue that has an exception handler.
    ///
    /// Such a queue runs the handler also while blocked.
    pub fn needs_handler(&self) -> bool {
        self.unhandled != 0
    }

    /// Registers an out-of-memory event. Returns whether there was none.
    pub(super) fn ask_memory(&mut self, queue: u8) -> bool {
        let Some(request) = self.memory_requests.get_mut(usize::from(queue)) else { return false };
        let new = matches!(request, MemoryRequest::None | MemoryRequest::Granted(_));
        if new {
            *request = MemoryRequest::Asked;
        }
        new
    }

    /// Takes the first queue with an event that needs an exception handler.
    pub(super) fn take_unhandled(&mut self) -> Option<u8> {
        let queue = self.unhandled.trailing_zeros();
        self.unhandled &= self.unhandled.wrapping_sub(1);
        (queue < MAX_QUEUES as u32).then_some(queue as u8)
    }

    /// Ends the event of `queue` after its exception handler.
    pub(super) fn handled(&mut self, queue: u8) {
        if let Some(request) = self.memory_requests.get_mut(usize::from(queue)) {
            *request = MemoryRequest::Granted(0);
        }
    }

    /// Takes the chunk that was granted to `queue`; `None` without one.
    pub(super) fn take_grant(&mut self, queue: u8) -> Option<u64> {
        let request = self.memory_requests.get_mut(usize::from(queue))?;
        match *request {
            MemoryRequest::Granted(chunk) => {
                *request = MemoryRequest::None;
                Some(chunk)
            }
            _ => None,
        }
    }

    /// Increments the progress counter of a queue.
    pub(super) fn count_progress(&mut self, queue: u8) {
        if let Some(counter) = self.progress.get_mut(usize::from(queue)) {
            *counter = counter.wrapping_add(1);
        }
    }
}
