//! The queue of asynchronous VM_BIND operations of a VM.
//!
//! Jobs of a VM run in the order of their submission, each when the fences it waits for are
//! signalled, in whichever thread makes it ready: the one that submits it or the one that signals.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::device::DeviceInner;
use crate::errno::Errno;
use crate::fence::{Fence, Leaf};
use crate::lock::lock;
use crate::vm::{Change, Vm};

/// An operation that is queued.
#[derive(Debug)]
pub(crate) struct Job {
    change: Change,
    /// Fences that must be signalled before it runs.
    waits: Vec<Fence>,
    done: Arc<Leaf>,
    /// Bytes of page tables it holds until it has run.
    page_tables: u64,
    count: Counted,
}

/// Counts a job for as long as it exists.
#[derive(Debug)]
struct Counted(Arc<DeviceInner>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.live.jobs.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Job {
    pub(crate) fn new(device: Arc<DeviceInner>, change: Change, page_tables: u64) -> Self {
        device.live.jobs.fetch_add(1, Ordering::Relaxed);
        let count = Counted(device);
        Self { change, waits: Vec::new(), done: Leaf::pending(), page_tables, count }
    }

    pub(crate) fn wait_for(&mut self, fence: Fence) {
        self.waits.push(fence);
    }

    /// The fence that is signalled when it has run.
    pub(crate) fn done(&self) -> &Arc<Leaf> {
        &self.done
    }
}

/// The queue of a VM.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    jobs: VecDeque<Job>,
    /// A thread is running a job; it looks for the next one itself.
    running: bool,
    /// Nothing runs but step by step.
    held: bool,
    /// How the next job that changes something fails.
    fail_next: Option<Errno>,
    /// The fence whose signal restarts the queue.
    blocked_on: Option<Arc<Leaf>>,
    /// Bytes of page tables held by jobs.
    page_tables: u64,
    /// Keeps the VM while there are jobs, as each of them does in the kernel.
    keep: Option<Arc<Vm>>,
}

impl Vm {
    /// Bytes of page tables that pending jobs hold.
    pub(crate) fn page_tables_in_flight(&self) -> u64 {
        lock(&self.queue).page_tables
    }

    /// Appends jobs, without running them: see [`Vm::run`].
    pub(crate) fn push_jobs(self: &Arc<Self>, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut queue = lock(&self.queue);
        queue.page_tables += jobs.iter().map(|job| job.page_tables).sum::<u64>();
        queue.jobs.extend(jobs);
        queue.keep = Some(self.clone());
    }

    /// Runs the jobs that are ready.
    ///
    /// A job that ends may make others ready, of this VM or another: they run in a loop here, not
    /// in a recursion.
    pub(crate) fn run(self: &Arc<Self>) {
        thread_local! {
            /// VMs to run next, while this thread is in the loop.
            static NEXT: RefCell<Option<VecDeque<Arc<Vm>>>> = const { RefCell::new(None) };
        }
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                let left = NEXT.take();
                drop(left);
            }
        }

        let nested = NEXT.with_borrow_mut(|next| match next {
            Some(next) => {
                next.push_back(self.clone());
                true
            }
            None => {
                *next = Some(VecDeque::new());
                false
            }
        });
        if nested {
            return;
        }
        let _leave = Leave;
        let mut vm = Some(self.clone());
        while let Some(current) = vm {
            while current.run_one(false) {}
            vm = NEXT.with_borrow_mut(|next| next.as_mut().and_then(VecDeque::pop_front));
        }
    }

    /// Runs one job if one is ready, and `forced` or not held.
    fn run_one(self: &Arc<Self>, forced: bool) -> bool {
        let (job, failure) = {
            let mut queue = lock(&self.queue);
            if queue.running || (queue.held && !forced) {
                return false;
            }
            let Some(job) = self.next(&mut queue) else {
                return false;
            };
            queue.running = true;
            let changes = !matches!(job.change, Change::SyncOnly);
            (job, if changes { queue.fail_next.take() } else { None })
        };
        let Job { change, waits, done, page_tables, count } = job;
        let result = match failure {
            Some(errno) => Err(errno),
            None => self.apply(change),
        };
        if result.is_err() {
            self.declare_unusable();
        }
        // Whoever waits for the fence may look for leaks next.
        drop((waits, count));
        // Signalled before another thread may run the next one: fences keep the order.
        done.signal(result, &self.device.events);
        let keep = {
            let mut queue = lock(&self.queue);
            queue.running = false;
            queue.page_tables -= page_tables;
            if queue.jobs.is_empty() { queue.keep.take() } else { None }
        };
        drop(keep);
        true
    }

    /// Takes the first job if it is ready, else has the queue run again when that may be.
    fn next(self: &Arc<Self>, queue: &mut Queue) -> Option<Job> {
        let job = queue.jobs.front_mut()?;
        while let Some(fence) = job.waits.last() {
            let Some(leaf) = fence.pending_leaves().next() else {
                job.waits.pop();
                continue;
            };
            if queue.blocked_on.as_ref().is_some_and(|known| Arc::ptr_eq(known, &leaf)) {
                return None;
            }
            let vm = Arc::downgrade(self);
            let restart = move || {
                if let Some(vm) = vm.upgrade() {
                    lock(&vm.queue).blocked_on = None;
                    vm.run();
                }
            };
            if leaf.on_signal(restart).is_ok() {
                queue.blocked_on = Some(leaf);
                return None;
            }
        }
        queue.jobs.pop_front()
    }

    /// Stops the queue.
    pub(crate) fn hold(&self) {
        lock(&self.queue).held = true;
    }

    /// Runs one job if it is ready, held or not.
    pub(crate) fn step(self: &Arc<Self>) -> bool {
        self.run_one(true)
    }

    /// Lets the queue go on.
    pub(crate) fn release(self: &Arc<Self>) {
        lock(&self.queue).held = false;
        self.run();
    }

    /// Number of jobs that have not run.
    pub(crate) fn pending(&self) -> usize {
        lock(&self.queue).jobs.len()
    }

    /// Has the next job that changes something fail.
    pub(crate) fn fail_next_job(&self, errno: Errno) {
        lock(&self.queue).fail_next = Some(errno);
    }
}
