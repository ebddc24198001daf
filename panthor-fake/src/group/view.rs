//! A hand on the queues of a group.

use std::sync::{Arc, Weak};

use crate::group::queue::{GroupQueue, StreamInfo};
use crate::group::{Failure, Group};

/// The queues of a group: what is submitted to them, when it is done, and how it fails.
///
/// Command streams are not run: a job is done, without an effect on memory, as soon as the fences
/// it waits for are signalled and those before it in its queue are done.
///
/// It does not keep the group: when that is destroyed, nothing here has an effect, and what makes it fail answers
/// `false`, as it does for a queue that there is not.
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

    /// The number of queues.
    pub fn queue_count(&self) -> u32 {
        self.queues().len() as u32
    }

    /// The jobs of a queue that are not done, in their order; none if there is no such queue.
    pub fn pending(&self, queue: u32) -> Vec<StreamInfo> {
        self.queue(queue).map_or_else(Vec::new, |queue| queue.pending())
    }

    /// Stops the GPU in all queues: streams are done only by [`GroupView::step`], until
    /// [`GroupView::release`] or the end of the group.
    pub fn hold(&self) {
        for queue in self.queues() {
            queue.hold();
        }
    }

    /// Does the next stream of a queue if the fences it waits for are signalled; whether it did.
    /// Jobs without a stream that come after it are done with it.
    pub fn step(&self, queue: u32) -> bool {
        self.queue(queue).is_some_and(|queue| queue.step())
    }

    /// Lets all queues go on by themselves, and does what is ready.
    pub fn release(&self) {
        for queue in self.queues() {
            queue.release();
        }
    }

    /// Lets the group time out, as one does whose stream takes more than five seconds: it takes no
    /// jobs any more, and those that the GPU has end with `ETIMEDOUT`. Whether there is the group.
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_TIMEDOUT")]
    #[must_use = "nothing failed if it is false"]
    pub fn time_out(&self) -> bool {
        self.fail(Failure::TimeOut, 0)
    }

    /// Lets a queue hit a fatal fault: the group takes no jobs any more, those that the GPU has of
    /// the queue end with `EINVAL`, those of the others with `ECANCELED`. Whether there is the queue.
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_FATAL_FAULT")]
    #[must_use = "nothing failed if it is false"]
    pub fn fault(&self, queue: u32) -> bool {
        self.fail(Failure::Fault, queue)
    }

    /// Lets the GPU hit a page fault in the VM of the group: as [`GroupView::fault`], but the driver
    /// does not know the queue and holds all of them for faulty, and so those of other groups of the VM
    /// that the GPU is busy with. Whether there is the group.
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

    /// Makes the next stream of a queue time out when it runs, see [`GroupView::time_out`]. Whether there is the queue.
    ///
    /// One failure of a queue can be planned, since with it the group has ended: the last that was says how.
    #[must_use = "nothing will fail if it is false"]
    pub fn time_out_next_job(&self, queue: u32) -> bool {
        self.fail_next(queue, Failure::TimeOut)
    }

    /// Makes the next stream of a queue fault when it runs, see [`GroupView::fault`]. Whether there is the queue; of
    /// several failures of it the last that was planned comes.
    #[must_use = "nothing will fail if it is false"]
    pub fn fault_next_job(&self, queue: u32) -> bool {
        self.fail_next(queue, Failure::Fault)
    }

    /// Makes the next stream of a queue hit a page fault when it runs, see [`GroupView::page_fault`]. Whether there is
    /// the queue; of several failures of it the last that was planned comes.
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
