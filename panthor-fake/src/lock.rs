//! Locks with a checked acquisition order.
//!
//! A panic poisons no lock: a test that panics with a lock held should fail with its own message,
//! and not affect other threads of the test program.
//!
//! Debug builds check the order: a thread that takes a lock while it holds one of the same or a
//! later rank panics with both names, even without an actual deadlock. In release builds, locks are
//! those of the standard library without checks.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, PoisonError, TryLockError};
use std::time::Duration;

/// Numbers the ranks in the order of the list.
macro_rules! ranks {
    ($($(#[$meta:meta])* $name:ident,)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "names of constants")]
        enum Number {
            $($name,)*
        }
        $(
            $(#[$meta])*
            #[allow(dead_code, reason = "some locks come with a feature")]
            pub(crate) const $name: u8 = Number::$name as u8;
        )*
        /// The names of the ranks.
        #[cfg(debug_assertions)]
        pub(super) const NAMES: &[&str] = &[$(stringify!($name),)*];
    };
}

/// The ranks of locks in acquisition order. A thread that holds a lock takes only locks of later
/// ranks.
///
/// No lock is held during calls of user code: callbacks and writers of traces. See
/// [`assert_none_held`].
pub(crate) mod rank {
    ranks! {
        /// The BO handles of a file. Read-locked while a VM_BIND runs a batch of operations.
        OBJECTS,
        /// The flink names of a device.
        BO_NAMES,
        /// The VMs of a file.
        VMS,
        /// The destroyed VMs of a file.
        DESTROYED_VMS,
        /// The groups of a file.
        GROUPS,
        /// The tiler heaps of a VM.
        HEAPS,
        /// The submission to a VM. A reclaim tries the locks of all VMs of a device.
        SUBMISSION,
        /// The syncobjs of a file.
        SYNCOBJS,
        /// The right to change the residency of a device's BOs.
        TURN,
        /// The right to forget descriptors.
        SWEEPING,
        /// The exported descriptors.
        DESCRIPTORS,
        /// The dma-buf of an exported BO.
        EXPORTED,
        /// The jobs of a queue that wait for fences.
        JOBS,
        /// The jobs of a queue on the GPU.
        RING,
        /// The state of a group.
        GROUP_STATE,
        /// The open files of a device.
        DEVICE_FILES,
        /// The VMs of a device.
        DEVICE_VMS,
        /// The groups of a device.
        DEVICE_GROUPS,
        /// The address space of a VM.
        SPACE,
        /// The LRU position of a BO.
        PLACE,
        /// The LRU position of a VM.
        VM_RANK,
        /// The fence of a syncobj, with its waiters.
        SYNCOBJ,
        /// The fences of a dma-buf.
        RESERVATION,
        /// The predecessor of a timeline point.
        CHAIN,
        /// The state of a fence, with its callbacks.
        LEAF,
        /// The master of a primary node.
        MASTERS,
        /// The state of a file of a primary node.
        PRIMARY,
        /// The clients that a master may authenticate.
        MAGIC,
        // Innermost locks: no other lock is taken under them.
        /// The callback of a fence chain.
        CALLBACK,
        /// The generation of changes that waiters sleep for.
        GENERATION,
        /// The free ranges of a device's memory.
        RANGES,
        /// The memory that other processes may still have mapped.
        RETIRED,
        /// The CPU mappings of the register page.
        REGISTERS,
        /// The threads that may map a BO.
        PERMITS,
        /// The resident BOs of a device.
        RESIDENTS,
        /// The free ranges in the kernel part of a VM.
        KERNEL_VA,
        /// The planned job failures of a VM.
        FAILURES,
        /// The planned failures of ioctls.
        INJECTIONS,
        /// The counters of calls.
        COUNTERS,
        /// The label of a BO.
        LABEL,
        /// The name of a dma-buf.
        DMA_BUF_NAME,
        /// The name of a client.
        CLIENT_NAME,
        /// The descriptors of an emulated program.
        ARENA,
        /// The tracer of a device.
        TRACER,
        /// The lines of a trace.
        TRACE_LINES,
    }
}

/// The locks of each thread, in debug builds.
#[cfg(debug_assertions)]
mod held {
    use std::cell::Cell;

    use super::rank::NAMES;

    const _: () = assert!(NAMES.len() <= u64::BITS as usize);

    thread_local! {
        /// The mask of ranks of which this thread holds a lock.
        static RANKS: Cell<u64> = const { Cell::new(0) };
        /// The number of locks held per rank. Only tried locks can share a rank.
        static COUNTS: [Cell<u32>; NAMES.len()] = const { [const { Cell::new(0) }; NAMES.len()] };
    }

    /// A lock that this thread holds or is about to take.
    #[derive(Debug)]
    pub(super) struct Held(u8);

    impl Held {
        /// Enters a lock that the thread may wait for.
        ///
        /// # Panics
        /// If the thread holds a lock of the same or a later rank.
        #[track_caller]
        pub(super) fn in_order(rank: u8) -> Self {
            let later = RANKS.get() >> rank;
            if later != 0 && !std::thread::panicking() {
                let (taken, held) =
                    (usize::from(rank), usize::from(rank) + later.trailing_zeros() as usize);
                let (taken, held) = (NAMES[taken], NAMES[held]);
                panic!("lock order: {taken} is taken while {held} is held, see `lock::rank`");
            }
            Self::tried(rank)
        }

        /// Enters a lock that was taken without waiting, which cannot deadlock.
        pub(super) fn tried(rank: u8) -> Self {
            COUNTS.with(|counts| {
                let count = &counts[usize::from(rank)];
                count.set(count.get() + 1);
            });
            RANKS.set(RANKS.get() | 1 << rank);
            Self(rank)
        }
    }

    /// Checks that this thread holds no lock.
    #[cfg(feature = "trace")]
    #[track_caller]
    pub(super) fn assert_none() {
        let held = RANKS.get();
        if held != 0 && !std::thread::panicking() {
            let held = NAMES[held.trailing_zeros() as usize];
            panic!("lock order: code of a user runs while {held} is held, see `lock::rank`");
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            let left = COUNTS.with(|counts| {
                let count = &counts[usize::from(self.0)];
                count.set(count.get() - 1);
                count.get()
            });
            if left == 0 {
                RANKS.set(RANKS.get() & !(1 << self.0));
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod held {
    /// Empty in release builds, which check no order.
    #[derive(Debug)]
    pub(super) struct Held;

    impl Held {
        #[inline]
        pub(super) fn in_order(_: u8) -> Self {
            Self
        }

        #[inline]
        pub(super) fn tried(_: u8) -> Self {
            Self
        }
    }
}

use held::Held;

/// Checks in debug builds that this thread holds no lock, before a call of user code.
///
/// # Panics
/// If the thread holds a lock.
#[cfg(feature = "trace")]
#[inline]
#[track_caller]
pub(crate) fn assert_none_held() {
    #[cfg(debug_assertions)]
    held::assert_none();
}

/// A mutex with a rank.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T, const RANK: u8>(std::sync::Mutex<T>);

/// A reader-writer lock with a rank.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T, const RANK: u8>(std::sync::RwLock<T>);

/// A held lock.
#[derive(Debug)]
pub(crate) struct Guard<G> {
    /// Dropped first, in the reverse order of entry.
    guard: G,
    held: Held,
}

pub(crate) type MutexGuard<'a, T> = Guard<std::sync::MutexGuard<'a, T>>;
pub(crate) type ReadGuard<'a, T> = Guard<std::sync::RwLockReadGuard<'a, T>>;
pub(crate) type WriteGuard<'a, T> = Guard<std::sync::RwLockWriteGuard<'a, T>>;

impl<T, const RANK: u8> Mutex<T, RANK> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock if no thread holds it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let guard = match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Guard { guard, held: Held::tried(RANK) })
    }
}

impl<T, const RANK: u8> RwLock<T, RANK> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::RwLock::new(value))
    }
}

impl<G: Deref> Deref for Guard<G> {
    type Target = G::Target;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Guard<G> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.guard
    }
}

impl<'a, T> MutexGuard<'a, T> {
    /// Waits for a condition variable with the lock released, at most until `limit`.
    pub(crate) fn wait(self, condition: &Condvar, limit: Option<Duration>) -> Self {
        let Self { guard, held } = self;
        let guard = match limit {
            None => condition.wait(guard).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                condition.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        Self { guard, held }
    }
}

/// A lock that [`lock`] accepts.
pub(crate) trait Lockable {
    type Guard<'a>
    where
        Self: 'a;

    fn wait_for(&self) -> Self::Guard<'_>;
}

impl<T, const RANK: u8> Lockable for Mutex<T, RANK> {
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        Self: 'a;

    #[inline]
    #[track_caller]
    fn wait_for(&self) -> MutexGuard<'_, T> {
        let held = Held::in_order(RANK);
        Guard { guard: self.0.lock().unwrap_or_else(PoisonError::into_inner), held }
    }
}

/// A mutex without a rank, which is exempt from the order check.
impl<T> Lockable for std::sync::Mutex<T> {
    type Guard<'a>
        = std::sync::MutexGuard<'a, T>
    where
        Self: 'a;

    #[inline]
    fn wait_for(&self) -> std::sync::MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Lockable> Lockable for Arc<L> {
    type Guard<'a>
        = L::Guard<'a>
    where
        Self: 'a;

    #[inline]
    #[track_caller]
    fn wait_for(&self) -> L::Guard<'_> {
        L::wait_for(self)
    }
}

/// Takes a lock.
#[inline]
#[track_caller]
pub(crate) fn lock<L: Lockable>(mutex: &L) -> L::Guard<'_> {
    mutex.wait_for()
}

/// Takes a lock for reading.
#[inline]
#[track_caller]
pub(crate) fn read<T, const RANK: u8>(lock: &RwLock<T, RANK>) -> ReadGuard<'_, T> {
    let held = Held::in_order(RANK);
    Guard { guard: lock.0.read().unwrap_or_else(PoisonError::into_inner), held }
}

/// Takes a lock for writing.
#[inline]
#[track_caller]
pub(crate) fn write<T, const RANK: u8>(lock: &RwLock<T, RANK>) -> WriteGuard<'_, T> {
    let held = Held::in_order(RANK);
    Guard { guard: lock.0.write().unwrap_or_else(PoisonError::into_inner), held }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    type Outer = Mutex<u32, { rank::SUBMISSION }>;
    type Inner = Mutex<u32, { rank::SPACE }>;

    /// Returns the panic message of a closure.
    fn panic_of(run: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        *payload.downcast().expect("a formatted message")
    }

    #[test]
    fn locks_are_taken_in_the_order_of_ranks() {
        let (outer, inner) = (Outer::new(1), Inner::new(2));
        let first = lock(&outer);
        assert_eq!(*first + *lock(&inner), 3);
        drop(first);
        let first = lock(&inner);
        let message = panic_of(|| drop(lock(&outer)));
        assert!(
            message.starts_with("lock order: SUBMISSION is taken while SPACE is held"),
            "{message}"
        );
        drop(first);
        // The lock of the panicked closure is not held.
        drop(lock(&outer));
    }

    #[test]
    fn of_one_rank_a_thread_waits_for_one_lock() {
        let [first, second] = [Outer::new(0), Outer::new(0)];
        let held = lock(&first);
        let message = panic_of(|| drop(lock(&second)));
        assert!(message.contains("SUBMISSION is taken while SUBMISSION is held"), "{message}");
        // A try never waits.
        drop(second.try_lock().expect("a free lock"));
        assert!(first.try_lock().is_none());
        drop(held);
        let tried = first.try_lock();
        assert!(panic_of(|| drop(lock(&second))).starts_with("lock order"));
        drop(tried);
        drop(lock(&second));
    }

    #[cfg(feature = "trace")]
    #[test]
    fn code_of_a_user_runs_under_no_lock() {
        let mutex = Outer::new(0);
        assert_none_held();
        let held = lock(&mutex);
        let message = panic_of(assert_none_held);
        assert!(message.contains("code of a user runs while SUBMISSION is held"), "{message}");
        drop(held);
        assert_none_held();
    }

    #[test]
    fn readers_wait_for_one_lock_too() {
        let objects = RwLock::<u32, { rank::OBJECTS }>::new(0);
        let held = read(&objects);
        // With a writer waiting in between, both readers would deadlock.
        assert!(panic_of(|| drop(read(&objects))).starts_with("lock order"));
        drop(held);
        *write(&objects) += 1;
        assert_eq!(*read(&objects), 1);
    }
}
