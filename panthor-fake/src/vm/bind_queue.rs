//! The queue of asynchronous VM_BIND operations of a VM.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::bo::residency::Pins;
use crate::call::errno::Errno;
use crate::lock::{Mutex, lock, rank};
use crate::sync::jobs::{Jobs, Queue, Started};
use crate::vm::{Change, Vm};

/// A queued operation.
#[derive(Debug)]
pub(crate) struct BindWork {
    pub(crate) change: Change,
    /// The bytes of page tables that the operation holds until it has run.
    pub(crate) page_tables: u64,
    /// The pinned BOs of the batch, released after its last job.
    pub(crate) pins: Option<Arc<Pins>>,
}

impl Queue for Vm {
    type Work = BindWork;

    fn jobs(&self) -> &Mutex<Jobs<Self>, { rank::JOBS }> {
        &self.jobs
    }

    fn start(self: &Arc<Self>, job: Started<BindWork>) {
        let Started { work: BindWork { change, page_tables, pins }, done, count } = job;
        let changes = !matches!(change, Change::SyncOnly);
        let failure = if changes { lock(&self.failures).pop_front() } else { None };
        let result = match failure {
            Some(errno) => Err(errno),
            None => self.apply(change),
        };
        if result.is_err() {
            self.declare_unusable();
        }
        // Resources are released before the fence is signaled.
        self.page_tables.fetch_sub(page_tables, Ordering::Relaxed);
        drop(pins);
        drop(count);
        done.signal(result, &self.device.events);
    }
}

impl Vm {
    /// Returns the bytes of page tables that pending jobs hold.
    pub(crate) fn page_tables_in_flight(&self) -> u64 {
        self.page_tables.load(Ordering::Relaxed)
    }

    /// Adds the page tables of jobs that are about to be queued.
    pub(crate) fn add_page_tables(&self, bytes: u64) {
        self.page_tables.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Holds the queue.
    pub(crate) fn hold(&self) {
        lock(&self.jobs).hold(true);
    }

    /// Runs one job if it is ready, held or not.
    pub(crate) fn step(self: &Arc<Self>) -> bool {
        let done = self.run_one(true);
        // A thread that released the queue meanwhile has left the jobs to this thread.
        self.run();
        done
    }

    /// Releases the queue.
    pub(crate) fn release(self: &Arc<Self>) {
        lock(&self.jobs).hold(false);
        self.run();
    }

    /// Releases the queue permanently when its file is closed.
    pub(crate) fn close(self: &Arc<Self>) {
        lock(&self.jobs).close();
        self.run();
    }

    /// Returns the number of pending jobs.
    pub(crate) fn pending(&self) -> usize {
        lock(&self.jobs).len()
    }

    /// Plans the failure of the next map or unmap without a planned failure.
    pub(crate) fn fail_next_job(&self, errno: Errno) {
        lock(&self.failures).push_back(errno);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bo::Bo;
    use crate::device::Device;
    use crate::device::config::Config;
    use crate::sync::jobs::Job;
    use crate::vm::va_space::SPARSE_PERIOD;

    fn vm(device: &Device) -> Arc<Vm> {
        let sparse = Bo::new(device.inner().clone(), SPARSE_PERIOD, 0, None, false).unwrap();
        Vm::new(device.inner().clone(), 1 << 47, Arc::new(sparse))
    }

    #[test]
    fn a_release_while_a_job_runs_is_not_lost() {
        let device = Device::new(Config::default()).unwrap();
        let (inner, vm) = (device.inner(), vm(&device));
        let job = || {
            Job::new(
                inner.clone(),
                &vm.line,
                BindWork { change: Change::SyncOnly, page_tables: 0, pins: None },
            )
        };
        let (first, second) = (job(), job());
        // The action of another thread at that moment.
        let releaser = vm.clone();
        assert!(first.done().on_signal(move || releaser.release()).is_ok());
        let done = second.done().clone();
        vm.hold();
        vm.push_jobs([first, second]);
        assert!(vm.step());
        assert!(done.is_signalled());
        assert_eq!(vm.pending(), 0);
    }

    #[test]
    fn page_tables_of_a_failed_job_are_free() {
        let device = Device::new(Config::default()).unwrap();
        let vm = vm(&device);
        let work = |change, page_tables| BindWork { change, page_tables, pins: None };
        let unmap = || Change::Unmap { va: 0, size: 4096 };
        vm.hold();
        vm.add_page_tables(3 * 4096);
        vm.push_jobs(
            [work(unmap(), 4096), work(unmap(), 8192)]
                .map(|work| Job::new(device.inner().clone(), &vm.line, work)),
        );
        vm.fail_next_job(Errno::NOMEM);
        assert!(vm.step());
        assert!(vm.is_unusable());
        assert_eq!(vm.page_tables_in_flight(), 8192);
        assert!(vm.step());
        assert_eq!(vm.page_tables_in_flight(), 0);
    }

    #[test]
    fn page_tables_are_free_when_the_fence_is_signalled() {
        let device = Device::new(Config::default()).unwrap();
        let vm = vm(&device);
        let work = BindWork { change: Change::SyncOnly, page_tables: 4096, pins: None };
        let job = Job::new(device.inner().clone(), &vm.line, work);
        let seen = Arc::new(std::sync::Mutex::new(None));
        let (looker, into) = (vm.clone(), seen.clone());
        let look = move || *lock(&into) = Some(looker.page_tables_in_flight());
        assert!(job.done().on_signal(look).is_ok());
        vm.add_page_tables(4096);
        vm.push_jobs([job]);
        assert_eq!(vm.page_tables_in_flight(), 4096);
        vm.run();
        assert_eq!(*lock(&seen), Some(0));
    }
}
