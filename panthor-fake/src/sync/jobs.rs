//! Job queues.
//!
//! The jobs of a queue start in submission order, each when its wait fences are signaled. They run
//! in the thread that makes them ready: the submitting thread or the signaling thread.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::device::DeviceInner;
use crate::lock::{Mutex, lock, rank};
use crate::sync::fence::Fence;
use crate::sync::in_turn::{Next, in_turn};
use crate::sync::leaf::{About, Leaf, Line};

/// A queued job.
#[derive(Debug)]
pub(crate) struct Job<W> {
    work: W,
    /// The fences that must be signaled before the job starts, in order.
    waits: VecDeque<Fence>,
    /// The index in `waits` of each timeline's point.
    timelines: BTreeMap<u64, usize>,
    done: Arc<Leaf>,
    count: Counted,
}

/// A guard that counts a live job for its device and its queue.
#[derive(Debug)]
pub(crate) struct Counted(Arc<DeviceInner>, Arc<Line>);

impl Counted {
    fn new(device: Arc<DeviceInner>, line: Arc<Line>) -> Self {
        device.live.jobs.fetch_add(1, Ordering::Relaxed);
        line.unfinished.fetch_add(1, Ordering::AcqRel);
        Self(device, line)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.unfinished.fetch_sub(1, Ordering::AcqRel);
        self.0.live.jobs.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<W> Job<W> {
    /// Creates a job for a queue with the fence context `line`.
    pub(crate) fn new(device: Arc<DeviceInner>, line: &Arc<Line>, work: W) -> Self {
        let count = Counted::new(device, line.clone());
        let (waits, timelines) = (VecDeque::new(), BTreeMap::new());
        Self { work, waits, timelines, done: Leaf::of_job(line), count }
    }

    pub(crate) fn work(&self) -> &W {
        &self.work
    }

    /// Adds a fence to wait for before the job is queued. Of a timeline, only the last point
    /// counts.
    pub(crate) fn wait_for(&mut self, fence: Fence) {
        if fence.is_timeline() {
            let About { context, seqno, .. } = fence.about();
            if let Some(&known) = self.timelines.get(&context) {
                if seqno > self.waits[known].about().seqno {
                    self.waits[known] = fence;
                }
                return;
            }
            self.timelines.insert(context, self.waits.len());
        }
        self.waits.push_back(fence);
    }

    /// Returns the fences that the job still waits for, as of the last check.
    pub(crate) fn waits(&self) -> impl Iterator<Item = &Fence> {
        self.waits.iter()
    }

    /// Returns the completion fence.
    pub(crate) fn done(&self) -> &Arc<Leaf> {
        &self.done
    }
}

/// A started job.
#[derive(Debug)]
pub(crate) struct Started<W> {
    pub(crate) work: W,
    /// The completion fence.
    pub(crate) done: Arc<Leaf>,
    /// Dropped before the fence is signaled, because a waiter may check for leaks next.
    pub(crate) count: Counted,
}

/// The jobs of a queue that have not started.
pub(crate) struct Jobs<Q: Queue> {
    jobs: VecDeque<Job<Q::Work>>,
    /// Set while a thread starts a job. That thread also picks up the next job.
    running: bool,
    /// Set while jobs start only by a step.
    held: bool,
    /// Set once the queue cannot be held again, because no file could release it.
    closed: bool,
    /// The fence that restarts the queue when it is signaled.
    blocked_on: Option<Arc<Leaf>>,
    /// Keeps the queue alive while there are jobs, as each job does in the kernel.
    keep: Option<Arc<Q>>,
}

impl<Q: Queue> Jobs<Q> {
    pub(crate) fn new(held: bool) -> Self {
        Self {
            jobs: VecDeque::new(),
            running: false,
            held,
            closed: false,
            blocked_on: None,
            keep: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Job<Q::Work>> {
        self.jobs.iter()
    }

    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held && !self.closed;
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.held = false;
    }
}

impl<Q: Queue> fmt::Debug for Jobs<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A queue of jobs.
pub(crate) trait Queue: Send + Sync + Sized + 'static {
    type Work: Send;

    fn jobs(&self) -> &Mutex<Jobs<Self>, { rank::JOBS }>;

    /// Returns whether a job may start. Called with the jobs locked.
    fn has_room(&self) -> bool {
        true
    }

    /// Starts a job.
    fn start(self: &Arc<Self>, job: Started<Self::Work>);

    /// Appends jobs without starting them, see [`Queue::run`].
    fn push_jobs(self: &Arc<Self>, jobs: impl IntoIterator<Item = Job<Self::Work>>) {
        let mut queue = lock(self.jobs());
        queue.jobs.extend(jobs);
        if !queue.jobs.is_empty() {
            queue.keep = Some(self.clone());
        }
    }

    /// Starts the ready jobs.
    ///
    /// A job that ends may make other jobs ready, on this queue or another. The other jobs start in
    /// a loop here, without recursion.
    fn run(self: &Arc<Self>) {
        run_all(self.clone());
    }

    /// Starts one job if it is ready, and the queue is not held or the call is `forced`.
    fn run_one(self: &Arc<Self>, forced: bool) -> bool {
        let job = {
            let mut queue = lock(self.jobs());
            if queue.running || (queue.held && !forced) || !self.has_room() {
                return false;
            }
            let Some(job) = next(self, &mut queue) else {
                return false;
            };
            queue.running = true;
            job
        };
        let Job { work, waits, done, count, .. } = job;
        drop(waits);
        // Before another thread may start the next job, so that fences keep their order.
        self.start(Started { work, done, count });
        let keep = {
            let mut queue = lock(self.jobs());
            queue.running = false;
            if queue.jobs.is_empty() { queue.keep.take() } else { None }
        };
        drop(keep);
        true
    }
}

/// Removes the first job if it is ready. Otherwise makes the next wait fence restart the queue.
fn next<Q: Queue>(owner: &Arc<Q>, queue: &mut Jobs<Q>) -> Option<Job<Q::Work>> {
    let job = queue.jobs.front_mut()?;
    while let Some(fence) = job.waits.front() {
        fence.watch();
        let Some(leaf) = fence.pending_leaves().next() else {
            job.waits.pop_front();
            continue;
        };
        if queue.blocked_on.as_ref().is_some_and(|known| Arc::ptr_eq(known, &leaf)) {
            return None;
        }
        let owner = Arc::downgrade(owner);
        let restart = move || {
            if let Some(owner) = owner.upgrade() {
                lock(owner.jobs()).blocked_on = None;
                owner.run();
            }
        };
        if leaf.on_signal(restart).is_ok() {
            queue.blocked_on = Some(leaf);
            return None;
        }
    }
    queue.jobs.pop_front()
}

/// A queue of any work type.
trait AnyQueue {
    fn run_next(self: Arc<Self>) -> bool;
}

impl<Q: Queue> AnyQueue for Q {
    fn run_next(self: Arc<Self>) -> bool {
        self.run_one(false)
    }
}

fn run_all(queue: Arc<dyn AnyQueue>) {
    thread_local! {
        static NEXT: Next<Arc<dyn AnyQueue>> = const { RefCell::new(None) };
    }

    in_turn(&NEXT, [queue], |queue| while queue.clone().run_next() {});
}
