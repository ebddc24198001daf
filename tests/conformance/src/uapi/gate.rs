//! Jobs that are held until the case releases them: their fences are certainly pending until then.

use panthor_sys::*;

use super::client::Client;
use super::memory::CpuMap;
use super::ops::{MIB, PAGE, UNCACHED, map, stream};
use super::streams::{MOV32, MOV48, SYNC_WAIT32};

/// GPU address of the gate's memory.
const VA: u64 = MIB;

/// The room for each stream, as the driver wants them aligned.
const STREAM: u64 = 64;

/// Number of jobs that each queue has room for.
const JOBS: u64 = 8;

/// Group with waiting jobs: the stream of each waits for a word of its queue.
pub struct Gate {
    pub vm: u32,
    pub group: u32,
    /// Mapping that keeps the file open.
    memory: Option<CpuMap>,
    /// Number of started jobs and number of released jobs of each queue.
    queues: Vec<(u32, u32)>,
}

impl Gate {
    /// Unmaps the memory. No job is released from now on, and the file can be closed.
    pub fn unmap(&mut self) {
        self.memory = None;
    }

    fn memory(&self) -> &CpuMap {
        self.memory.as_ref().expect("a gate that is not closed")
    }
}

impl Client<'_> {
    /// Creates a group with that many queues in a VM of its own. Only the gate counts the group's
    /// jobs.
    pub fn gate(&mut self, queues: usize) -> Gate {
        let (vm, bo) = (self.vm(), self.bo(PAGE));
        self.bind(vm, &[map(bo, 0, VA, PAGE, UNCACHED)]);
        let memory = self.cpu_map(bo, PAGE);
        let group = self.group(vm, queues);
        self.node().hold(group);
        Gate { vm, group, memory: Some(memory), queues: vec![(0, 0); queues] }
    }

    /// Submits a job that waits at the gate.
    pub fn submit_held(&mut self, gate: &mut Gate, queue: u32, syncs: &[drm_panthor_sync_op]) {
        let jobs = gate.queues[queue as usize].0;
        let (word, number) = (u64::from(queue) * 8, u64::from(jobs));
        assert!(number < JOBS, "no room for another job");
        let at = 256 + (u64::from(queue) * JOBS + number) * STREAM;
        let instructions = [
            MOV48 | (VA + word),
            MOV32 | 2 << 48 | number,
            // Registers 0 and 1 have the address, 2 the value that it must exceed.
            SYNC_WAIT32 | 2 << 32 | GREATER << 28,
        ];
        let size = gate.memory().store_stream(at, &instructions);
        gate.queues[queue as usize].0 = jobs + 1;
        let result = self.submit(gate.group, &[stream(queue, VA + at, size, syncs)]);
        assert_eq!(result, 0, "a job is refused");
    }

    /// Lets the next job of a queue go. It must have no fences to wait for any more.
    pub fn pass(&mut self, gate: &mut Gate, queue: u32) {
        let passed = gate.queues[queue as usize].1 + 1;
        gate.queues[queue as usize].1 = passed;
        gate.memory().store(u64::from(queue) * 8, passed);
        self.node().step(gate.group, queue);
        self.note(format_args!("job {passed} of queue {queue} may end"));
    }

    /// Starts the next job of a queue without releasing it, so that the job times out.
    pub fn end_late(&mut self, gate: &Gate, queue: u32) {
        self.node().step(gate.group, queue);
        self.note(format_args!("a job of queue {queue} takes too long"));
    }
}

/// The condition of SYNC_WAIT32.
const GREATER: u64 = 1;
