//! The queues of a group.
//!
//! A job waits for its fences in the order of submission, then it goes into the ring buffer. The
//! GPU takes what is there in order, and here it is done at once unless the queue is held.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::bo::kernel_bo::{KernelBo, UNCACHED};
use crate::call::errno::{Errno, Result};
use crate::group::{Failure, Shared, seat};
use crate::lock::{Mutex, lock, rank};
use crate::sync::fence::Fence;
use crate::sync::jobs::{Counted, Job, Jobs, Queue, Started};
use crate::sync::leaf::Leaf;
use crate::sync::leaf::Line;
use crate::vm::Vm;

/// How many bytes of the ring buffer a job takes: sixteen instructions.
const JOB_BYTES: u32 = 128;

/// The bytes of statistics that the driver keeps for each job that fits into the ring buffer.
const STATS_BYTES: u32 = 32;

/// A call of a command stream by a queue.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    /// The GPU virtual address of the stream; zero if the job has none.
    pub va: u64,
    /// The size in bytes; zero for a job without a stream, which is there for its syncs.
    pub size: u32,
    /// The flush ID that came with it.
    pub latest_flush: u32,
}

impl StreamInfo {
    fn is_empty(&self) -> bool {
        self.size == 0
    }
}

/// A job of a queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamWork {
    pub(crate) stream: StreamInfo,
    /// What the driver measures of it: bits of the attribute `profiling`.
    pub(crate) measured: u32,
}

/// What a dump tells of a job.
pub(crate) struct DumpedJob {
    pub(crate) stream: StreamInfo,
    /// Whether its waits are over.
    pub(crate) on_gpu: bool,
    pub(crate) waits: Vec<Fence>,
    pub(crate) done: Arc<Leaf>,
}

/// A queue.
#[derive(Debug)]
pub(crate) struct GroupQueue {
    shared: Arc<Shared>,
    index: u32,
    /// What the driver allocates for it: the ring buffer and the statistics of jobs.
    _memory: [KernelBo; 2],
    /// How many jobs the ring buffer has room for.
    capacity: usize,
    jobs: Mutex<Jobs<Self>, { rank::JOBS }>,
    /// The line of the fences of its jobs.
    line: Arc<Line>,
    ring: Mutex<Ring, { rank::RING }>,
}

/// What the GPU has to do.
#[derive(Debug)]
struct Ring {
    in_flight: VecDeque<Started<StreamWork>>,
    /// Jobs that have ended and whose fences are still to be signalled, in this order, with how they ended.
    ended: VecDeque<(Started<StreamWork>, Result<()>)>,
    /// A thread is ending jobs. Only that one signals fences, and looks for the next job itself.
    executing: bool,
    /// Streams are done step by step only.
    held: bool,
    /// What happens to the next stream.
    fail_next: Option<Failure>,
    /// How the last stream ended: a job without one ends the same way.
    last: Result<()>,
    /// Number of streams that ended.
    seqno: u64,
}

impl GroupQueue {
    /// A queue with a ring buffer of that many bytes. `line` is that of its fences.
    pub(crate) fn new(
        vm: &Arc<Vm>,
        shared: &Arc<Shared>,
        index: u32,
        size: u32,
        line: Arc<Line>,
    ) -> Result<Self> {
        let jobs = size / JOB_BYTES;
        let ring = KernelBo::new(vm, size.into(), UNCACHED)?;
        let stats = KernelBo::new(vm, (jobs * STATS_BYTES).into(), UNCACHED)?;
        Ok(Self {
            shared: shared.clone(),
            index,
            _memory: [ring, stats],
            capacity: jobs as usize,
            jobs: Mutex::new(Jobs::new(false)),
            line,
            ring: Mutex::new(Ring {
                in_flight: VecDeque::new(),
                ended: VecDeque::new(),
                executing: false,
                held: vm.device.config.start_held,
                fail_next: None,
                last: Ok(()),
                seqno: 0,
            }),
        })
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub(crate) fn hold(&self) {
        lock(&self.ring).held = true;
    }

    pub(crate) fn release(self: &Arc<Self>) {
        lock(&self.ring).held = false;
        while self.execute(false) {}
    }

    /// Does the next stream, held or not; whether there was one.
    pub(crate) fn step(self: &Arc<Self>) -> bool {
        let done = self.execute(true);
        // What is behind it may not need a step.
        while self.execute(false) {}
        done
    }

    pub(crate) fn fail_next(&self, failure: Failure) {
        lock(&self.ring).fail_next = Some(failure);
    }

    /// The jobs that are not done, in their order.
    pub(crate) fn pending(&self) -> Vec<StreamInfo> {
        // Both at once, so that none is missed on its way from one to the other.
        let jobs = lock(&self.jobs);
        let ring = lock(&self.ring);
        let waiting = jobs.iter().map(Job::work);
        let all = ring.in_flight.iter().map(|job| &job.work).chain(waiting);
        all.map(|work| work.stream).collect()
    }

    /// The jobs that are not done, in their order, with what a dump tells of them.
    pub(crate) fn jobs_for_dump(&self) -> (bool, Vec<DumpedJob>) {
        let jobs = lock(&self.jobs);
        let ring = lock(&self.ring);
        let on_gpu = ring.in_flight.iter().map(|job| DumpedJob {
            stream: job.work.stream,
            on_gpu: true,
            waits: Vec::new(),
            done: job.done.clone(),
        });
        let waiting = jobs.iter().map(|job| DumpedJob {
            stream: job.work().stream,
            on_gpu: false,
            waits: job.waits().cloned().collect(),
            done: job.done().clone(),
        });
        (ring.held, on_gpu.chain(waiting).collect())
    }

    /// Whether there are jobs that are not done, be they on their way to the ring or out of it.
    pub(crate) fn has_pending(&self) -> bool {
        self.line.unfinished.load(Ordering::Acquire) != 0
    }

    /// Whether the GPU has something to do.
    pub(crate) fn is_active(&self) -> bool {
        !lock(&self.ring).in_flight.is_empty()
    }

    /// Does one job; only one without a stream if the queue is held, unless `forced`.
    fn execute(self: &Arc<Self>, forced: bool) -> bool {
        let failure = {
            let mut ring = lock(&self.ring);
            let Some(next) = ring.in_flight.front() else {
                return false;
            };
            let is_stream = !next.work.stream.is_empty();
            let measured = next.work.measured;
            if ring.executing || (is_stream && ring.held && !forced) {
                return false;
            }
            ring.executing = true;
            let failure = match is_stream {
                true if self.shared.lacks_vm() => Some(Failure::PageFault),
                true => {
                    let hangs = || self.shared.device().take_hang().then_some(Failure::TimeOut);
                    ring.fail_next.take().or_else(hangs)
                }
                false => None,
            };
            if failure.is_none() {
                if is_stream {
                    ring.seqno += 1;
                    ring.last = Ok(());
                    self.shared.write_seqno(self.index, ring.seqno, 0);
                    let time = self.shared.device().config.stream_time;
                    self.shared.gpu_time.add(time, measured);
                }
                let (job, last) = (ring.in_flight.pop_front(), ring.last);
                ring.ended.extend(job.map(|job| (job, last)));
            }
            failure
        };
        if let Some(failure) = failure {
            // It takes what is in the ring, with the job that fails first.
            self.shared.fail(failure, self.index);
        }
        self.signal_ended();
        // There is room for another.
        self.run();
        true
    }

    /// Signals the fences of the jobs that have ended, one after the other. Only who has set `executing` may do
    /// so, until it is over.
    fn signal_ended(&self) {
        loop {
            let (job, result) = {
                let mut ring = lock(&self.ring);
                let Some(next) = ring.ended.pop_front() else {
                    ring.executing = false;
                    return;
                };
                next
            };
            let Started { done, count, .. } = job;
            drop::<Counted>(count);
            done.signal(result, self.shared.events());
        }
    }

    /// Whether a job gets as far as the GPU. To be called with the ring locked: who takes the GPU away looks at the
    /// ring after that.
    fn check(&self, work: &StreamInfo) -> Result<()> {
        if work.is_empty() {
            return Ok(());
        }
        if self.shared.device().check_plugged().is_err() {
            // What is gone cannot be woken up.
            return Err(Errno::ACCES);
        }
        if self.shared.can_run() { Ok(()) } else { Err(Errno::CANCELED) }
    }

    /// Has the fences signalled of jobs that have just ended: here, or by the thread that does so now.
    fn end(self: &Arc<Self>, end: impl FnOnce(&mut Ring)) {
        let is_mine = {
            let mut ring = lock(&self.ring);
            end(&mut ring);
            !std::mem::replace(&mut ring.executing, true)
        };
        if is_mine {
            self.signal_ended();
            // Others have left to this thread what came meanwhile.
            while self.execute(false) {}
        }
    }

    /// Ends what the GPU has to do with an error. What waits for fences ends when its time comes.
    pub(crate) fn cancel(self: &Arc<Self>, error: Errno) {
        self.end(|ring| {
            for job in std::mem::take(&mut ring.in_flight) {
                if !job.work.stream.is_empty() {
                    ring.seqno += 1;
                    ring.last = Err(error);
                }
                ring.ended.push_back((job, ring.last));
            }
            // As the driver does, to free what waits for it on the GPU.
            self.shared.write_seqno(self.index, ring.seqno, u32::MAX);
        });
        self.run();
    }
}

impl Queue for GroupQueue {
    type Work = StreamWork;

    fn jobs(&self) -> &Mutex<Jobs<Self>, { rank::JOBS }> {
        &self.jobs
    }

    fn has_room(&self) -> bool {
        lock(&self.ring).in_flight.len() < self.capacity
    }

    fn start(self: &Arc<Self>, job: Started<StreamWork>) {
        let is_stream = !job.work.stream.is_empty();
        let refused = {
            let mut ring = lock(&self.ring);
            match self.check(&job.work.stream) {
                Ok(()) => {
                    ring.in_flight.push_back(job);
                    None
                }
                Err(error) => Some((job, error)),
            }
        };
        match refused {
            Some((job, error)) => self.end(|ring| ring.ended.push_back((job, Err(error)))),
            None => {
                // Without a stream the GPU has nothing to do with it.
                if is_stream && !self.shared.is_seated() && self.is_active() {
                    seat(self.shared.device());
                }
                while self.execute(false) {}
            }
        }
    }
}
