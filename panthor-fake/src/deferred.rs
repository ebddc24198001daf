//! Deferral of trace callbacks until their caller holds no lock.

use std::marker::PhantomData;

/// A guard that defers the trace reports of this thread until it is dropped.
///
/// Use it where a lock of the caller is held during a call and a trace callback may take the same
/// lock. Reports keep the order of the calls and the state at each call.
#[doc(hidden)]
#[must_use]
#[derive(Debug)]
pub struct DeferredReports {
    #[cfg(feature = "trace")]
    _deferral: crate::trace::Deferral,
    /// Bound to this thread.
    _of_thread: PhantomData<*const ()>,
}

impl DeferredReports {
    /// Starts a deferral.
    #[expect(clippy::new_without_default, reason = "it has an effect")]
    pub fn new() -> Self {
        Self {
            #[cfg(feature = "trace")]
            _deferral: crate::trace::Deferral::begin(),
            _of_thread: PhantomData,
        }
    }
}
