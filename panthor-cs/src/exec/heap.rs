//! Tiler heaps: counters and chunk lists.

use crate::operand::HeapCounter;

/// The number of queues of a group, at most.
pub const MAX_QUEUES: usize = 32;

/// The counters of a tiler heap, by which the kernel answers an out-of-memory event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct HeapCounters {
    /// Vertex/tiler jobs that have started: CS_HEAP_VT_START.
    pub vt_started: u32,
    /// Vertex/tiler jobs that have completed: CS_HEAP_VT_END.
    pub vt_completed: u32,
    /// Fragment jobs that have completed: CS_HEAP_FRAG_END.
    pub fragment_completed: u32,
}

/// An out-of-memory event of the tiler.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HeapEvent {
    /// The number of the queue in the group.
    pub queue: u8,
    /// The GPU VA of the heap context.
    pub heap: u64,
    /// The counters of the heap.
    pub counters: HeapCounters,
}

/// A list of chunks that FINISH_FRAGMENT returns to a tiler heap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ChunkList {
    /// The GPU VA of the heap context, 0 if the queue has none.
    pub heap: u64,
    /// The GPU VA of the first chunk, 0 for an empty list.
    pub first: u64,
    /// The GPU VA of the last chunk, 0 for an empty list.
    pub last: u64,
    /// True if the instruction counts a fragment job as completed.
    pub completed: bool,
}

/// A change of a tiler heap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HeapChange {
    /// A counter was incremented; the counters are the new ones.
    Counted {
        /// The GPU VA of the heap context.
        heap: u64,
        /// The counters.
        counters: HeapCounters,
    },
    /// Chunks were returned.
    ChunksReturned(ChunkList),
    /// The tiler has no memory left.
    OutOfMemory(HeapEvent),
    /// The exception handler of a queue starts, for an event that the kernel gave no chunk for.
    HandlerStarted {
        /// The number of the queue that raised the event.
        queue: u8,
    },
    /// The exception handler has ended.
    HandlerEnded {
        /// The number of the queue that raised the event.
        queue: u8,
    },
}

/// The heaps of a group's queues with their counters.
#[derive(Clone, Debug, Default)]
pub(super) struct Heaps {
    /// The heap that each queue has set; 0 for none.
    set: [u64; MAX_QUEUES],
    /// Heaps by GPU VA; 0 for a free slot. There are as many slots as queues.
    ///
    /// A heap that no queue has set keeps its counters until another heap needs the slot.
    known: [(u64, HeapCounters); MAX_QUEUES],
}

impl Heaps {
    /// Returns the heap of a queue; 0 for none.
    pub fn get(&self, queue: u8) -> u64 {
        self.set.get(usize::from(queue)).copied().unwrap_or(0)
    }

    /// Sets the heap of a queue.
    pub fn set(&mut self, queue: u8, heap: u64) {
        let Some(slot) = self.set.get_mut(usize::from(queue)) else { return };
        *slot = heap;
        if heap == 0 || self.known.iter().any(|known| known.0 == heap) {
            return;
        }
        // The queue itself has no other heap now, so at most 31 slots are in use by others.
        let free = self.known.iter().position(|known| known.0 == 0);
        let unused = || self.known.iter().position(|known| !self.set.contains(&known.0));
        if let Some(slot) = free.or_else(unused) {
            self.known[slot] = (heap, HeapCounters::default());
        }
    }

    /// Returns the counters of a heap.
    pub fn counters(&self, heap: u64) -> HeapCounters {
        let known = self.known.iter().find(|known| known.0 == heap && heap != 0);
        known.map(|known| known.1).unwrap_or_default()
    }

    /// Increments a counter. Returns the new counters; `None` for an unknown heap or counter.
    pub fn count(&mut self, heap: u64, counter: HeapCounter) -> Option<HeapCounters> {
        let known = self.known.iter_mut().find(|known| known.0 == heap && heap != 0)?;
        let counters = &mut known.1;
        let counter = match counter {
            HeapCounter::VT_STARTED => &mut counters.vt_started,
            HeapCounter::VT_COMPLETED => &mut counters.vt_completed,
            HeapCounter::FRAGMENT_COMPLETED => &mut counters.fragment_completed,
            _ => return None,
        };
        *counter = counter.wrapping_add(1);
        Some(*counters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_share_the_counters_of_a_heap() {
        let mut heaps = Heaps::default();
        heaps.set(0, 0x1000);
        heaps.set(1, 0x1000);
        heaps.count(0x1000, HeapCounter::VT_STARTED).unwrap();
        assert_eq!(heaps.counters(heaps.get(1)).vt_started, 1);
    }

    #[test]
    fn counters_of_heaps_that_a_queue_alternates_stay() {
        let mut heaps = Heaps::default();
        for round in 1..10 {
            for heap in (1..=MAX_QUEUES as u64).map(|number| number << 12) {
                heaps.set(0, heap);
                let counters = heaps.count(heap, HeapCounter::VT_STARTED).unwrap();
                assert_eq!(counters.vt_started, round, "heap {heap:#x}");
            }
        }
    }

    #[test]
    fn any_number_of_heaps_finds_room() {
        let mut heaps = Heaps::default();
        for heap in 1..1000 {
            heaps.set((heap % 32) as u8, heap * 64);
            heaps.count(heap * 64, HeapCounter::VT_COMPLETED).unwrap();
            assert_eq!(heaps.counters(heap * 64).vt_completed, 1);
        }
        // Counters of heaps that are set stay.
        for heap in 968..1000 {
            assert_eq!(heaps.counters(heap * 64).vt_completed, 1, "heap {heap}");
        }
    }

    #[test]
    fn heap_that_is_set_again_keeps_its_counters() {
        let mut heaps = Heaps::default();
        heaps.set(0, 0x1000);
        heaps.set(1, 0x2000);
        heaps.count(0x2000, HeapCounter::VT_STARTED).unwrap();
        heaps.set(0, 0x2000);
        assert_eq!(heaps.counters(0x2000).vt_started, 1);
    }

    #[test]
    fn heap_0_has_no_counters() {
        let mut heaps = Heaps::default();
        assert_eq!(heaps.count(0, HeapCounter::VT_STARTED), None);
        heaps.set(0, 0);
        assert_eq!(heaps.count(0, HeapCounter::VT_STARTED), None);
        heaps.set(0, 64);
        assert_eq!(heaps.count(64, HeapCounter::from_bits(2)), None);
    }
}
