//! Process identity: a device belongs to the process that created it.
//!
//! After a fork, the child has a copy of the device's state, but shares memory and descriptors with
//! the parent. Changes by the child would break the parent's invariants.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous};

/// A process identity, distinct from those of ancestors and descendants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Process(u64);

impl Process {
    /// Returns the calling process, without a system call.
    ///
    /// Process IDs do not suffice: in a new PID namespace, a child can have the ID of its parent.
    #[inline]
    pub(crate) fn current() -> Self {
        static MARK: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
        match MARK.get_or_init(|| wiped_on_fork().ok()) {
            Some(mark) => match mark.load(Ordering::Relaxed) {
                0 => Self::enter(mark),
                number => Self(number),
            },
            None => Self(std::process::id().into()),
        }
    }

    /// Numbers a process without a number. A child inherits the counter, so it gets a new number.
    #[cold]
    fn enter(mark: &AtomicU64) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        // Another thread of this process may have been faster.
        match mark.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Self(number),
            Err(number) => Self(number),
        }
    }
}

/// Maps memory that reads as zero in every new child of a fork.
fn wiped_on_fork() -> nix::Result<&'static AtomicU64> {
    const LEN: NonZeroUsize = NonZeroUsize::new(size_of::<AtomicU64>()).unwrap();

    let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: without an address, the mapping replaces nothing.
    let page = unsafe { mmap_anonymous(None, LEN, prot, MapFlags::MAP_PRIVATE) }?;
    // SAFETY: no other code knows the new page. Zero in a child is a valid value, too.
    unsafe { madvise(page, LEN.get(), MmapAdvise::MADV_WIPEONFORK) }?;
    // SAFETY: a page is aligned, zeroed and writable, and stays mapped for the life of the process.
    // This atomic is its only use.
    Ok(unsafe { AtomicU64::from_ptr(page.as_ptr().cast()) })
}

/// A value of each process: a child of a fork gets a new one.
///
/// Locks in the new value are free, whatever other threads of the parent held.
#[derive(Debug)]
pub(crate) struct PerProcess<T: 'static> {
    current: AtomicPtr<(Process, T)>,
    make: fn() -> T,
}

impl<T: Sync> PerProcess<T> {
    pub(crate) const fn new(make: fn() -> T) -> Self {
        Self { current: AtomicPtr::new(std::ptr::null_mut()), make }
    }

    /// Returns the value of this process, created on the first call.
    pub(crate) fn get(&'static self) -> &'static T {
        let process = Process::current();
        let known = self.current.load(Ordering::Acquire);
        // SAFETY: the pointer is null or comes from `make` below. Nothing ever frees or changes its
        // target.
        match unsafe { known.as_ref() } {
            Some((owner, value)) if *owner == process => value,
            _ => self.make(known, process),
        }
    }

    /// Creates the value of this process. The value of an ancestor stays allocated, since other
    /// threads may have left it in an inconsistent state.
    #[cold]
    fn make(&'static self, known: *mut (Process, T), process: Process) -> &'static T {
        let new = Box::into_raw(Box::new((process, (self.make)())));
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let kept = match self.current.compare_exchange(known, new, order.0, order.1) {
            Ok(_) => new,
            Err(faster) => {
                // SAFETY: the box was created above, and no other thread has seen it.
                drop(unsafe { Box::from_raw(new) });
                faster
            }
        };
        // SAFETY: the target is a value of `make`, which nothing ever frees or changes.
        &unsafe { &*kept }.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::lock;

    #[test]
    fn a_process_has_one_number_and_its_child_another() {
        let this = Process::current();
        assert_eq!(std::thread::spawn(Process::current).join().unwrap(), this);
        let mark = wiped_on_fork().expect("MADV_WIPEONFORK");
        let first = Process::enter(mark);
        assert_eq!(Process::enter(mark), first);
        mark.store(0, Ordering::Relaxed); // as the kernel does in a child
        assert_ne!(Process::enter(mark), first);
    }

    #[test]
    fn threads_share_the_value_of_their_process() {
        static VALUE: PerProcess<std::sync::Mutex<u32>> =
            PerProcess::new(std::sync::Mutex::default);

        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| *lock(VALUE.get()) += 1);
            }
        });
        assert_eq!(*lock(VALUE.get()), 8);
    }
}
