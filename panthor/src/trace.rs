//! Spans of driver calls, and warnings about silent failures (feature `tracing`).
//!
//! Each call that binds or submits is a span of level TRACE and target `panthor` with the call's
//! uAPI name. The span records the outcome: `ioctls` and submitted `operations`, or `error`.
//!
//! Two events are warnings: a failed drop, and a dropped batch with operations but without
//! `submit`. They contain the call and the location in the caller's code that created the object
//! or the batch.

use std::fmt::Display;
use std::panic::Location;

use tracing::field::{Empty, display};
use tracing::{Span, trace_span, warn};

use crate::bind::BindReport;
use crate::error::{Error, Result};

/// Creates the span of a VM_BIND with `recorded` operations.
pub(crate) fn vm_bind(vm: u32, recorded: usize, queued: bool) -> Span {
    trace_span!(
        target: "panthor",
        "VM_BIND",
        vm,
        recorded,
        queued,
        operations = Empty,
        ioctls = Empty,
        error = Empty
    )
}

/// Creates the span of a GROUP_SUBMIT.
pub(crate) fn group_submit(group: u32, queue_submits: usize) -> Span {
    trace_span!(target: "panthor", "GROUP_SUBMIT", group, queue_submits, error = Empty)
}

/// Records the outcome of a batch in a span.
pub(crate) fn bound(span: &Span, result: &Result<BindReport>) {
    match result {
        Ok(report) => {
            span.record("operations", report.operations).record("ioctls", report.ioctls);
        }
        Err(error) => failed(span, error),
    }
}

/// Records the error of a call in a span.
pub(crate) fn failed(span: &Span, error: &dyn Display) {
    span.record("error", display(error));
}

/// A location in the caller's code.
pub(crate) type Place = &'static Location<'static>;

/// Warns that the driver did not destroy a dropped object.
pub(crate) fn drop_failed(error: &Error, created: Place) {
    warn!(target: "panthor", call = error.call(), error = display(error), created = display(created), "failed drop");
}

/// Warns that an internal cleanup call failed.
pub(crate) fn cleanup_failed(error: &Error) {
    warn!(target: "panthor", call = error.call(), error = display(error), "failed clean-up");
}

/// Count of recorded elements without `submit`. Dropping a nonzero count warns.
#[derive(Debug)]
pub(crate) struct Unsubmitted {
    call: &'static str,
    started: Place,
    elements: usize,
}

impl Unsubmitted {
    #[track_caller]
    pub(crate) fn new(call: &'static str) -> Self {
        Self { call, started: Location::caller(), elements: 0 }
    }

    /// Counts an element, also a refused one.
    pub(crate) fn record(&mut self) {
        self.elements += 1;
    }

    /// Resets the count.
    pub(crate) fn clear(&mut self) {
        self.elements = 0;
    }
}

impl Drop for Unsubmitted {
    fn drop(&mut self) {
        if self.elements > 0 && !std::thread::panicking() {
            let Self { call, started, elements } = *self;
            let started = display(started);
            warn!(target: "panthor", call, elements, started, "batch dropped without submit");
        }
    }
}

/// Warns that the kernel refused to unmap `bytes` bytes.
pub(crate) fn still_mapped(bytes: usize, errno: rustix::io::Errno) {
    warn!(target: "panthor", bytes, error = %errno, "munmap: the mapping stays, its addresses are lost");
}
