//! Ownership of driver objects.

use std::ops::Deref;
use std::sync::Arc;

use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::transport::Process;

/// A driver object that user space must destroy.
pub(crate) trait Release {
    /// Destroys the object. After an error, the driver still has the object.
    fn release(&self) -> Result<()>;
}

/// Unique owner of a driver object, which destroys the object on drop in the creating process.
pub(crate) struct Owned<T: Release> {
    object: T,
    /// Process that destroys the object on drop, or `None` after destruction or release.
    ///
    /// A child of `fork` shares the open file, and must not destroy its parent's objects.
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

    /// Destroys the object, or returns it in the form of `wrap` with the error.
    pub(crate) fn destroy<O>(
        mut self,
        wrap: impl FnOnce(Self) -> O,
    ) -> Result<(), DestroyError<O>> {
        // A callback of the fake's trace may panic after the driver's answer. The drop must not
        // destroy the object again, because its number may already belong to another object.
        let owner = self.owner.take();
        self.object.release().map_err(|error| {
            self.owner = owner;
            DestroyError { object: wrap(self), error }
        })
    }

    /// Releases the object without destroying it.
    pub(crate) fn give_up(mut self) {
        self.owner = None;
    }

    /// Returns the owner if `shared` is the last reference. Otherwise returns `shared` in the form
    /// of `wrap`, with the reason `why`.
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
            // The driver refuses only unknown numbers, which a live object does not have. A lost
            // device has no objects left.
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
