//! Who destroys what the driver made.

use std::ops::Deref;
use std::sync::Arc;

use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::transport::Process;

/// Something that the driver keeps until it is told not to.
pub(crate) trait Release {
    /// Tells the driver. With an error the driver still has it.
    fn release(&self) -> Result<()>;
}

/// The one owner of something: destroys it on drop, in the process that made it.
pub(crate) struct Owned<T: Release> {
    object: T,
    /// The process that destroys it on drop, as a child of a fork shares the open file and must leave to its
    /// parent what is the parent's. Nobody does once it is destroyed or given up.
    owner: Option<Process>,
    #[cfg(feature = "tracing")]
    created: crate::trace::Place,
}

impl<T: Release> Owned<T> {
    #[cfg_attr(feature = "tracing", track_caller)]
    pub(crate) fn new(object: T) -> Self {
        Self {
            object,
            owner: Some(Process::current()),
            #[cfg(feature = "tracing")]
            created: std::panic::Location::caller(),
        }
    }

    /// Destroys it, or gives it back as `wrap` makes it.
    pub(crate) fn destroy<O>(
        mut self,
        wrap: impl FnOnce(Self) -> O,
    ) -> Result<(), DestroyError<O>> {
        // A callback of the fake's trace may panic behind the driver's answer: what is destroyed must not be
        // destroyed again, when its number may be another object's.
        let owner = self.owner.take();
        self.object.release().map_err(|error| {
            self.owner = owner;
            DestroyError { object: wrap(self), error }
        })
    }

    /// Leaves it to somebody else.
    pub(crate) fn give_up(mut self) {
        self.owner = None;
    }

    /// The owner out of an `Arc` that nobody else holds, or the `Arc` as `wrap` makes it; `why` says who holds
    /// it, then.
    pub(crate) fn unshared<O>(
        shared: Arc<Self>,
        call: &'static str,
        why: &'static str,
        wrap: impl FnOnce(Arc<Self>) -> O,
    ) -> Result<Self, DestroyError<O>> {
        Arc::try_unwrap(shared).map_err(|shared| {
            let error = Error::refused(ErrorKind::Busy, call, why);
            DestroyError { object: wrap(shared), error }
        })
    }
}

impl<T: Release> Deref for Owned<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T: Release> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.owner == Some(Process::current()) {
            // The driver refuses only a number that it does not know, which would be ours to have kept; and a
            // device that is gone has nothing left.
            let _released = self.object.release();
            #[cfg(feature = "tracing")]
            if let Err(error) = &_released {
                crate::trace::drop_failed(error, self.created);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    struct Counted<'a> {
        calls: &'a AtomicU32,
        fails: bool,
    }

    impl Release for Counted<'_> {
        fn release(&self) -> Result<()> {
            self.calls.fetch_add(1, Relaxed);
            if self.fails {
                Err(Error::refused(ErrorKind::Busy, "TEST", "told to"))
            } else {
                Ok(())
            }
        }
    }

    #[test]
    fn it_is_destroyed_once() {
        let calls = &AtomicU32::new(0);
        let owned = || Owned::new(Counted { calls, fails: false });
        drop(owned());
        assert_eq!(calls.swap(0, Relaxed), 1);
        owned().destroy(|_| ()).unwrap();
        assert_eq!(calls.swap(0, Relaxed), 1);
        owned().give_up();
        assert_eq!(calls.swap(0, Relaxed), 0);
    }

    #[test]
    fn what_could_not_be_destroyed_comes_back() {
        let calls = &AtomicU32::new(0);
        let failed = Owned::new(Counted { calls, fails: true }).destroy(|owned| owned).unwrap_err();
        assert_eq!((calls.load(Relaxed), failed.error.kind()), (1, ErrorKind::Busy));
        drop(failed.object);
        assert_eq!(calls.load(Relaxed), 2);
    }

    #[test]
    fn what_is_shared_stays_so() {
        let calls = &AtomicU32::new(0);
        let shared = Arc::new(Owned::new(Counted { calls, fails: false }));
        let other = shared.clone();
        let Err(failed) = Owned::unshared(shared, "TEST", "the other", |shared| shared) else {
            panic!("it was shared");
        };
        assert_eq!(failed.error.to_string(), "TEST: the other");
        drop(failed.object);
        assert_eq!(calls.load(Relaxed), 0);
        assert!(Owned::unshared(other, "TEST", "nobody", |_| ()).is_ok());
        assert_eq!(calls.load(Relaxed), 1);
    }

    #[test]
    fn another_process_leaves_it() {
        let calls = &AtomicU32::new(0);
        let mut inherited = Owned::new(Counted { calls, fails: false });
        inherited.owner = Some(Process::current().other());
        drop(inherited);
        assert_eq!(calls.load(Relaxed), 0);
    }
}
