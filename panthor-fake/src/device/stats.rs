//! Counters of ioctls and operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::call::ioctl::{TYPE, request_nr, request_type};
use crate::lock::{Mutex, lock, rank};

/// Calls and operations since the device was created, over all its files.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stats {
    by_nr: Vec<u64>,
    /// Operations that VM_BIND ioctls ran or queued, without failed operations.
    pub bind_ops: u64,
    /// Jobs that GROUP_SUBMIT ioctls queued.
    pub queue_submits: u64,
}

impl Stats {
    fn zero() -> Self {
        Self { by_nr: vec![0; 256], bind_ops: 0, queue_submits: 0 }
    }

    /// Returns the number of calls of an ioctl, including failed calls.
    ///
    /// Only the number in the request is compared, since its size depends on the caller's header. A
    /// request that is not a DRM request counts as never called.
    pub fn ioctl_count(&self, request: u32) -> u64 {
        if request_type(request) != TYPE {
            return 0;
        }
        self.by_nr[request_nr(request) as usize]
    }

    /// Returns the number of ioctls called, including failed calls.
    pub fn ioctls(&self) -> u64 {
        self.by_nr.iter().sum()
    }
}

/// The counters of one file. Each file has its own, so that threads with separate files do not
/// contend.
#[derive(Debug)]
pub(crate) struct FileStats {
    by_nr: [AtomicU64; 256],
    bind_ops: AtomicU64,
    queue_submits: AtomicU64,
}

impl FileStats {
    fn new() -> Self {
        Self {
            by_nr: [const { AtomicU64::new(0) }; 256],
            bind_ops: AtomicU64::new(0),
            queue_submits: AtomicU64::new(0),
        }
    }

    pub(crate) fn count_ioctl(&self, nr: u8) {
        self.by_nr[nr as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_bind_ops(&self, ops: u64) {
        self.bind_ops.fetch_add(ops, Ordering::Relaxed);
    }

    pub(crate) fn count_queue_submits(&self, jobs: u64) {
        self.queue_submits.fetch_add(jobs, Ordering::Relaxed);
    }

    fn add_to(&self, sum: &mut Stats) {
        for (sum, counter) in sum.by_nr.iter_mut().zip(&self.by_nr) {
            *sum += counter.load(Ordering::Relaxed);
        }
        sum.bind_ops += self.bind_ops.load(Ordering::Relaxed);
        sum.queue_submits += self.queue_submits.load(Ordering::Relaxed);
    }
}

/// The counters of a device: those of its open files, and the total of closed files.
#[derive(Debug)]
pub(crate) struct Counters(Mutex<AllCounters, { rank::COUNTERS }>);

/// Open and closed counters under one lock, so that no file is in both or in neither.
#[derive(Debug)]
struct AllCounters {
    open: Vec<Arc<FileStats>>,
    closed: Stats,
}

impl Default for Counters {
    fn default() -> Self {
        Self(Mutex::new(AllCounters { open: Vec::new(), closed: Stats::zero() }))
    }
}

impl Counters {
    /// Adds the counters of a new file.
    pub(crate) fn open(&self) -> Arc<FileStats> {
        let file = Arc::new(FileStats::new());
        lock(&self.0).open.push(file.clone());
        file
    }

    /// Adds a file's final counts to the total and drops its counters.
    pub(crate) fn close(&self, file: &Arc<FileStats>) {
        let all = &mut *lock(&self.0);
        all.open.retain(|open| !Arc::ptr_eq(open, file));
        file.add_to(&mut all.closed);
    }

    pub(crate) fn sum(&self) -> Stats {
        let all = lock(&self.0);
        let mut sum = all.closed.clone();
        for file in &all.open {
            file.add_to(&mut sum);
        }
        sum
    }
}
