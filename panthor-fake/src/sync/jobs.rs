//! Queues of jobs.
//!
//! The jobs of a queue start in the order of their submission, each when the fences it waits for
//! are signalled, in whichever thread makes it ready: the one that submits it or the one that
//! signals.

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

/// Work that is queued.
#[derive(Debug)]
pub(crate) struct Job<W> {
    work: W,
    /// Fences that must be signalled before it starts, the first first.
    waits: VecDeque<Fence>,
    /// Where the points of each timeline are among them.
    timelines: BTreeMap<u64, usize>,
    done: Arc<Leaf>,
    count: Counted,
}

/// Counts a job for as long as it exists, with its device and its queue.
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
    /// One for a queue whose fences are of that line.
    pub(crate) fn new(device: Arc<DeviceInner>, line: &Arc<Line>, work: W) -> Self {
        let count = Counted::new(device, line.clone());
        let (waits, timelines) = (VecDeque::new(), BTreeMap::new());
        Self { work, waits, timelines, done: Leaf::of_job(line), count }
    }

    pub(crate) fn work(&self) -> &W {
        &self.work
    }

    /// Adds a fence to wait for, before it is queued. Of one timeline the last point says all.
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

    /// What it was still seen to wait for.
    pub(crate) fn waits(&self) -> impl Iterator<Item = &Fence> {
        self.waits.iter()
    }

    /// The fence that is signalled when it is done.
    pub(crate) fn done(&self) -> &Arc<Leaf> {
        &self.done
    }
}

/// A job whose time has come.
#[derive(Debug)]
pub(crate) struct Started<W> {
    pub(crate) work: W,
    /// To be signalled when it is done.
    pub(crate) done: Arc<Leaf>,
    /// To be dropped before that: who waits for the fence may look for leaks next.
    pub(crate) count: Counted,
}

/// The jobs of a queue that have not started.
pub(crate) struct Jobs<Q: Queue> {
    jobs: VecDeque<Job<Q::Work>>,
    /// A thread is starting a job; it looks for the next one itself.
    running: bool,
    /// Nothing starts but step by step.
    held: bool,
    /// Nobody is left who could let it go on: it is never held again.
    closed: bool,
    /// The fence whose signal restarts the queue.
    blocked_on: Option<Arc<Leaf>>,
    /// Keeps the queue while there are jobs, as each of them does in the kernel.
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

/// Something that has jobs to do.
pub(crate) trait Queue: Send + Sync + Sized + 'static {
    type Work: Send;

    fn jobs(&self) -> &Mutex<Jobs<Self>, { rank::JOBS }>;

    /// Whether there is room for a job to start. Called with the jobs locked.
    fn has_room(&self) -> bool {
        true
    }

    /// Starts a job.
    fn start(self: &Arc<Self>, job: Started<Self::Work>);

    /// Appends jobs, without starting them: see [`Queue::run`].
    fn push_jobs(self: &Arc<Self>, jobs: impl IntoIterator<Item = Job<Self::Work>>) {
        let mut queue = lock(self.jobs());
        queue.jobs.extend(jobs);
        if !queue.jobs.is_empty() {
            queue.keep = Some(self.clone());
        }
    }

    /// Starts the jobs that are ready.
    ///
    /// A job that ends may make others ready, of this queue or another: they start in a loop here,
    /// not in a recursion.
    fn run(self: &Arc<Self>) {
        run_all(self.clone());
    }

    /// Starts one job if one is ready, and `forced` or not held.
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
        // Before another thread may start the next one: fences keep the order.
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

/// Takes the first job if it is ready, else has the queue run again when that may be.
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

/// A queue of any kind.
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
