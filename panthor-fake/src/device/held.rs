//! All queues of a device at once: holding them, and letting them go on.

use std::sync::Arc;

use crate::device::Device;
use crate::group::queue::GroupQueue;

impl Device {
    /// Holds the queues of all VMs and groups that there are, see [`GpuView::hold`](crate::GpuView::hold) and
    /// [`GroupView::hold`](crate::GroupView::hold). New ones start as [`Config::start_held`](crate::Config::start_held)
    /// says.
    pub fn hold_all(&self) {
        for vm in self.inner().vms() {
            vm.hold();
        }
        for queue in self.queues() {
            queue.hold();
        }
    }

    /// Lets the queues of all VMs and groups that there are go on by themselves, and does what is ready.
    pub fn release_all(&self) {
        for vm in self.inner().vms() {
            vm.release();
        }
        for queue in self.queues() {
            queue.release();
        }
    }

    /// Does what is ready in the queues of all VMs and groups, and what gets ready by that, until nothing is; how many
    /// steps that took, 0 if nothing was ready. What is held stays so. The order is always the same: a step of each VM,
    /// the oldest first, then one of each queue of the groups, and again.
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
