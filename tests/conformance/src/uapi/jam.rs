//! VMs that become unusable: the MMU hangs while a queued bind changes what they have mapped.

use std::time::{Duration, Instant};

use super::client::Client;
use super::ops::{GIB, PAGE, UNCACHED, map, signal, stream};
use super::streams::JAM;

/// Address of streams with an effect.
const VA: u64 = GIB;

impl Client<'_> {
    /// Makes the next queued map or unmap of a VM fail. Returns the group that causes the failure
    /// and stays.
    pub fn jam(&mut self, vm: u32) -> u32 {
        let (group, done) = (self.group_with_instruction(vm, JAM), self.syncobj());
        self.submit(group, &[stream(0, VA, 8, &[signal(done, 0)])]);
        self.wait(&[done], 0, i64::MAX);
        self.node().jam(vm);
        group
    }

    /// Creates a group with a VM of its own, to find out whether the GPU runs.
    pub fn witness(&mut self) -> u32 {
        let vm = self.vm();
        self.group_with_instruction(vm, 0)
    }

    /// Waits, without recording, until the GPU runs again after a reset. The reset has begun or
    /// begins with the next job.
    ///
    /// The driver cancels jobs until then. The loop makes no other requests. Creating a group, for
    /// example, flushes caches, and the simulated GPU may miss a command that arrives together with
    /// the reset.
    pub fn until_the_gpu_runs(&mut self, witness: u32) {
        let patience = Instant::now() + Duration::from_secs(10);
        self.quietly(|c| {
            let done = c.syncobj();
            loop {
                c.submit(witness, &[stream(0, VA, 8, &[signal(done, 0)])]);
                c.wait(&[done], 0, i64::MAX);
                let file = c.sync_file(done);
                if c.node().fence_status(&file) == 1 {
                    break;
                }
                assert!(Instant::now() < patience, "the GPU does not come back");
                std::thread::sleep(Duration::from_millis(1));
            }
            c.destroy_syncobj(done);
        });
    }

    /// Creates a group, and maps a stream of one instruction in its VM.
    fn group_with_instruction(&mut self, vm: u32, instruction: u64) -> u32 {
        let bo = self.bo(PAGE);
        self.bind(vm, &[map(bo, 0, VA, PAGE, UNCACHED)]);
        let memory = self.cpu_map(bo, PAGE);
        memory.store_stream(0, &[instruction]);
        self.group(vm, 1)
    }
}
