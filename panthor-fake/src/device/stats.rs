//! Counters of what was called.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::call::ioctl::{TYPE, request_nr, request_type};
use crate::lock::{Mutex, lock, rank};

/// Calls and operations since a device was made, over all its files.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stats {
    by_nr: Vec<u64>,
    /// Operations that VM_BIND ioctls carried out or queued; ones that failed are not in it.
    pub bind_ops: u64,
    /// Jobs that GROUP_SUBMIT ioctls queued.
    pub queue_submits: u64,
}

impl Stats {
    fn zero() -> Self {
        Self { by_nr: vec![0; 256], bind_ops: 0, queue_submits: 0 }
    }

    /// How often an ioctl was called, failed calls included.
    ///
    /// Calls are told apart by the number in the request alone, since the size in it depends on
    /// the caller's header; a request that is not one of DRM counts as never called.
    pub fn ioctl_count(&self, request: u32) -> u64 {
        if request_type(request) != TYPE {
            return 0;
        }
        self.by_nr[request_nr(request) as usize]
    }

    /// How many ioctls were called, failed calls included.
    pub fn ioctls(&self) -> u64 {
        self.by_nr.iter().sum()
    }
}

/// The counters of one file. A file has its own, so that threads with a file each do not contend.
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

/// The counters of a device: those of its files, and what they had when they closed.
#[derive(Debug)]
pub(crate) struct Counters(Mutex<AllCounters, { rank::COUNTERS }>);

/// Under one lock, so that a file is always in exactly one of them.
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
    /// The counters of a new file.
    pub(crate) fn open(&self) -> Arc<FileStats> {
        let file = Arc::new(FileStats::new());
        lock(&self.0).open.push(file.clone());
        file
    }

    /// Keeps only the numbers of a file that counts no more.
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
