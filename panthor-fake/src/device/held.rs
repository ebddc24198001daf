//! Holding and releasing all queues of a device.

use std::sync::Arc;

use crate::device::Device;
use crate::group::queue::GroupQueue;

impl Device {
    /// Holds the queues of all existing VMs and groups, see [`GpuView::hold`](crate::GpuView::hold)
    /// and [`GroupView::hold`](crate::GroupView::hold).
    /// [`Config::start_held`](crate::Config::start_held) decides about new queues.
    pub fn hold_all(&self) {
        for vm in self.inner().vms() {
            vm.hold();
        }
        for queue in self.queues() {
            queue.hold();
        }
    }

    /// Releases the queues of all existing VMs and groups, and runs all ready work.
    pub fn release_all(&self) {
        for vm in self.inner().vms() {
            vm.release();
        }
        for queue in self.queues() {
            queue.release();
        }
    }

    /// Runs all ready work of all VMs and groups until nothing is ready, and returns the number of
    /// steps. Held queues stay held. The order is deterministic: one step of each VM, oldest first,
    /// then one step of each group queue, repeated.
    pub fn run_held(&self) -> usize {
        let mut done = 0;
        loop {
            let vms = self.inner().vms();
            let stepped = vms.iter().filter(|vm| vm.step()).count()
                + self.queues().iter().filter(|queue| queue.step()).count();
            if stepped == 0 {
                return done;
            }
            done += stepped;
        }
    }

    fn queues(&self) -> Vec<Arc<GroupQueue>> {
        self.inner().groups().iter().flat_map(|group| group.queues()).collect()
    }
}
