//! Callbacks of traces that wait until their caller holds no lock.

use std::marker::PhantomData;

/// Defers what the traces of devices report of this thread, until it is dropped.
///
/// For a caller whose own lock is held during a call, which a callback may want to take as well. Reports come in the
/// order of the calls, with what each call had at its time.
#[doc(hidden)]
#[must_use]
#[derive(Debug)]
pub struct DeferredReports {
    #[cfg(feature = "trace")]
    _deferral: crate::trace::Deferral,
    /// It is of this thread.
    _of_thread: PhantomData<*const ()>,
}

impl DeferredReports {
    /// Defers from now on.
    #[expect(clippy::new_without_default, reason = "it has an effect")]
    pub fn new() -> Self {
        Self {
            #[cfg(feature = "trace")]
            _deferral: crate::trace::Deferral::begin(),
            _of_thread: PhantomData,
        }
    }
}
