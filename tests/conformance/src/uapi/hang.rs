//! A GPU that hangs: its microcontroller answers no more, until the driver resets it.

use std::time::{Duration, Instant};

use super::client::Client;
use super::ops::{GIB, PAGE, UNCACHED, map, signal, stream};
use super::streams::{HANG, MOV32, MOV48, SYNC_SET32};

/// Address of the stream's memory. The word in front of the stream reports that the stream has
/// begun.
const VA: u64 = 2 * GIB;
const STREAM: u64 = 64;

/// Objects that a hang leaves behind.
#[derive(Clone, Copy)]
pub struct Hung {
    /// The group that did it.
    pub group: u32,
    /// A group that was made afterwards.
    pub witness: u32,
}

impl Client<'_> {
    /// Hangs the GPU by a group of a VM. The driver notices at the next scheduler tick, which comes
    /// soon.
    pub fn hang(&mut self, vm: u32) -> Hung {
        let bo = self.bo(PAGE);
        self.bind(vm, &[map(bo, 0, VA, PAGE, UNCACHED)]);
        let memory = self.cpu_map(bo, PAGE);
        let instructions = [
            MOV48 | VA,
            MOV32 | 2 << 48 | 1,
            // What register 2 has goes where registers 0 and 1 say.
            SYNC_SET32 | 2 << 32,
            HANG,
        ];
        let size = memory.store_stream(STREAM, &instructions);
        let (group, done) = (self.group(vm, 1), self.syncobj());
        self.node().hold(group);
        self.submit(group, &[stream(0, VA + STREAM, size, &[signal(done, 0)])]);
        self.node().begin(vm, VA);
        let patience = Instant::now() + Duration::from_secs(10);
        while memory.load(0) == 0 {
            assert!(Instant::now() < patience, "the stream does not begin");
            std::thread::sleep(Duration::from_millis(1));
        }
        self.note("the GPU hangs");
        // The driver gives slots on the GPU to all groups that are there, and does so no more now.
        Hung { group, witness: self.witness() }
    }

    /// Waits until the driver has reset the GPU and the GPU runs again. Records how the fences of
    /// the lost work ended.
    pub fn recover(&mut self, hung: Hung, lost: &[u32]) {
        self.node().reset();
        self.until_the_gpu_runs(hung.witness);
        for &fence in lost {
            self.wait(&[fence], 0, i64::MAX);
            self.fence(fence);
        }
    }
}
