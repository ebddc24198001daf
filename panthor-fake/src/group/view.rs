//! Test control over the queues of a group.

use std::sync::{Arc, Weak};

use crate::group::queue::{GroupQueue, StreamInfo};
use crate::group::{Failure, Group};

/// The queues of a group: their pending jobs, when jobs finish, and how they fail.
///
/// Command streams do not run. A job is done, without an effect on memory, once its wait fences are
/// signaled and the earlier jobs of its queue are done.
///
/// The view does not keep the group alive. After the group is destroyed, calls have no effect, and
/// the methods that inject failures return `false`. The same methods return `false` for a queue
/// that does not exist.
#[derive(Clone, Debug)]
pub struct GroupView {
    group: Weak<Group>,
}

impl GroupView {
    pub(crate) fn new(group: &Arc<Group>) -> Self {
        Self { group: Arc::downgrade(group) }
    }

    fn queues(&self) -> Vec<Arc<GroupQueue>> {
        self.group.upgrade().map_or_else(Vec::new, |group| group.queues.clone())
    }

    fn queue(&self, index: u32) -> Option<Arc<GroupQueue>> {
        self.group.upgrade()?.queues.get(index as usize).cloned()
    }

    /// Returns the number of queues.
    pub fn queue_count(&self) -> u32 {
        self.queues().len() as u32
    }

    /// Returns the pending jobs of a queue in submission order; empty if there is no such queue.
    pub fn pending(&self, queue: u32) -> Vec<StreamInfo> {
        self.queue(queue).map_or_else(Vec::new, |queue| queue.pending())
    }

    /// Holds all queues: until [`GroupView::release`] or the end of the group, only
    /// [`GroupView::step`] completes streams.
    pub fn hold(&self) {
        for queue in self.queues() {
            queue.hold();
        }
    }

    /// Completes the next stream of a queue if its wait fences are signaled, and then the jobs
    /// without a stream that follow. Returns whether a stream completed.
    pub fn step(&self, queue: u32) -> bool {
        self.queue(queue).is_some_and(|queue| queue.step())
    }

    /// Releases all queues and completes all ready jobs.
    pub fn release(&self) {
        for queue in self.queues() {
            queue.release();
        }
    }

    /// Makes the group time out, as if a stream had run for more than five seconds. The group
    /// accepts no more jobs, and its jobs on the GPU end with `ETIMEDOUT`. Returns `false` if the
    /// group is gone.
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_TIMEDOUT")]
    #[must_use = "nothing failed if it is false"]
    pub fn time_out(&self) -> bool {
        self.fail(Failure::TimeOut, 0)
    }

    /// Injects a fatal fault on a queue. The group accepts no more jobs. Jobs of the queue on the
    /// GPU end with `EINVAL`, those of the other queues with `ECANCELED`. Returns `false` if there
    /// is no such queue.
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_FATAL_FAULT")]
    #[must_use = "nothing failed if it is false"]
    pub fn fault(&self, queue: u32) -> bool {
        self.fail(Failure::Fault, queue)
    }

    /// Injects a GPU page fault in the VM of the group. The effect is that of [`GroupView::fault`]
    /// on all queues, since the driver does not know the faulting queue. The fault extends to the
    /// other groups of the VM that are busy on the GPU. Returns `false` if the group is gone.
    #[must_use = "nothing failed if it is false"]
    pub fn page_fault(&self) -> bool {
        self.fail(Failure::PageFault, 0)
    }

    fn fail(&self, failure: Failure, queue: u32) -> bool {
        let group = self.group.upgrade().filter(|group| (queue as usize) < group.queues.len());
        if let Some(group) = &group {
            group.shared.fail(failure, queue);
        }
        group.is_some()
    }

    /// Makes the next stream of a queue time out when it runs, see [`GroupView::time_out`]. Returns
    /// `false` if there is no such queue.
    ///
    /// A queue has at most one planned failure, since a failure ends the group. A new plan replaces
    /// the old one.
    #[must_use = "nothing will fail if it is false"]
    pub fn time_out_next_job(&self, queue: u32) -> bool {
        self.fail_next(queue, Failure::TimeOut)
    }

    /// Makes the next stream of a queue fault when it runs, see [`GroupView::fault`]. Replaces an
    /// earlier plan. Returns `false` if there is no such queue.
    #[must_use = "nothing will fail if it is false"]
    pub fn fault_next_job(&self, queue: u32) -> bool {
        self.fail_next(queue, Failure::Fault)
    }

    /// Makes the next stream of a queue hit a page fault when it runs, see
    /// [`GroupView::page_fault`]. Replaces an earlier plan. Returns `false` if there is no such
    /// queue.
    #[must_use = "nothing will fail if it is false"]
    pub fn page_fault_next_job(&self, queue: u32) -> bool {
        self.fail_next(queue, Failure::PageFault)
    }

    fn fail_next(&self, queue: u32, failure: Failure) -> bool {
        let queue = self.queue(queue);
        if let Some(queue) = &queue {
            queue.fail_next(failure);
        }
        queue.is_some()
    }
}
