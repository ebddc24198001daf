//! The queues of a group.
//!
//! Jobs wait for their fences in submission order and then enter the ring buffer. The GPU runs the
//! ring buffer in order. Here a job in the ring buffer completes at once, unless the queue is held.

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

/// Ring buffer bytes per job: sixteen instructions.
const JOB_BYTES: u32 = 128;

/// Bytes of profiling data that the driver keeps for each job slot of the ring buffer.
const STATS_BYTES: u32 = 32;

/// A command stream call of a job.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    /// The GPU virtual address of the stream; zero for a job without a stream.
    pub va: u64,
    /// The size in bytes; zero for a job without a stream, which only waits and signals.
    pub size: u32,
    /// The flush ID of the submission.
    pub latest_flush: u32,
}

impl StreamInfo {
    fn is_empty(&self) -> bool {
        self.size == 0
    }
}

/// The work of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamWork {
    pub(crate) stream: StreamInfo,
    /// The profiling bits that apply to the job, as in the sysfs attribute `profiling`.
    pub(crate) measured: u32,
}

/// The state of a job in a dump.
pub(crate) struct DumpedJob {
    pub(crate) stream: StreamInfo,
    /// Set when all waits of the job are over.
    pub(crate) on_gpu: bool,
    pub(crate) waits: Vec<Fence>,
    pub(crate) done: Arc<Leaf>,
}

/// A queue.
#[derive(Debug)]
pub(crate) struct GroupQueue {
    shared: Arc<Shared>,
    index: u32,
    /// The driver's allocations for the queue: the ring buffer and the profiling data of jobs.
    _memory: [KernelBo; 2],
    /// The number of jobs that fit into the ring buffer.
    capacity: usize,
    jobs: Mutex<Jobs<Self>, { rank::JOBS }>,
    /// The fence context of the queue's jobs.
    line: Arc<Line>,
    ring: Mutex<Ring, { rank::RING }>,
}

/// The jobs on the GPU.
#[derive(Debug)]
struct Ring {
    in_flight: VecDeque<Started<StreamWork>>,
    /// Ended jobs with their results, in the order in which their fences get signaled.
    ended: VecDeque<(Started<StreamWork>, Result<()>)>,
    /// Set while a thread ends jobs. Only that thread signals fences, and it picks up the next jobs
    /// itself.
    executing: bool,
    /// Set while streams complete only by a step.
    held: bool,
    /// The planned failure of the next stream.
    fail_next: Option<Failure>,
    /// The result of the last stream, which a job without a stream also gets.
    last: Result<()>,
    /// The number of ended streams.
    seqno: u64,
}

impl GroupQueue {
    /// Creates a queue with a ring buffer of `size` bytes. `line` is the fence context of its jobs.
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

    /// Completes the next stream, held or not. Returns whether there was a stream.
    pub(crate) fn step(self: &Arc<Self>) -> bool {
        let done = self.execute(true);
        // The jobs without a stream that follow do not need a step.
        while self.execute(false) {}
        done
    }

    pub(crate) fn fail_next(&self, failure: Failure) {
        lock(&self.ring).fail_next = Some(failure);
    }

    /// Returns the pending jobs in submission order.
    pub(crate) fn pending(&self) -> Vec<StreamInfo> {
        // Both locks, so that no job is missed on its way into the ring.
        let jobs = lock(&self.jobs);
        let ring = lock(&self.ring);
        let waiting = jobs.iter().map(Job::work);
        let all = ring.in_flight.iter().map(|job| &job.work).chain(waiting);
        all.map(|work| work.stream).collect()
    }

    /// Returns whether the queue is held, and its pending jobs in submission order.
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

    /// Returns whether any job is pending, including jobs before and after their time in the ring.
    pub(crate) fn has_pending(&self) -> bool {
        self.line.unfinished.load(Ordering::Acquire) != 0
    }

    /// Returns whether the GPU has a job of this queue.
    pub(crate) fn is_active(&self) -> bool {
        !lock(&self.ring).in_flight.is_empty()
    }

    /// Ends one job. If the queue is held and the call is not `forced`, ends only a job without a
    /// stream.
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
            // The failure ends all jobs in the ring, including the failing one.
            self.shared.fail(failure, self.index);
        }
        self.signal_ended();
        // The ring has room for another job.
        self.run();
        true
    }

    /// Signals the fences of ended jobs in order. Only the thread that set `executing` may call
    /// this.
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

    /// Checks that a job may go to the GPU. The ring must be locked: a thread that takes the GPU
    /// away clears the ring afterwards.
    fn check(&self, work: &StreamInfo) -> Result<()> {
        if work.is_empty() {
            return Ok(());
        }
        if self.shared.device().check_plugged().is_err() {
            // An unplugged GPU cannot be resumed.
            return Err(Errno::ACCES);
        }
        if self.shared.can_run() { Ok(()) } else { Err(Errno::CANCELED) }
    }

    /// Updates the ring and signals the fences of the jobs that ended, unless another thread is
    /// signaling already.
    fn end(self: &Arc<Self>, end: impl FnOnce(&mut Ring)) {
        let is_mine = {
            let mut ring = lock(&self.ring);
            end(&mut ring);
            !std::mem::replace(&mut ring.executing, true)
        };
        if is_mine {
            self.signal_ended();
            // Other threads left their new jobs to this thread.
            while self.execute(false) {}
        }
    }

    /// Ends the jobs on the GPU with an error. Jobs that still wait for fences end when their waits
    /// are over.
    pub(crate) fn cancel(self: &Arc<Self>, error: Errno) {
        self.end(|ring| {
            for job in std::mem::take(&mut ring.in_flight) {
                if !job.work.stream.is_empty() {
                    ring.seqno += 1;
                    ring.last = Err(error);
                }
                ring.ended.push_back((job, ring.last));
            }
            // The driver does so to release GPU waits on the queue.
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
                // A job without a stream needs no CSG slot.
                if is_stream && !self.shared.is_seated() && self.is_active() {
                    seat(self.shared.device());
                }
                while self.execute(false) {}
            }
        }
    }
}
