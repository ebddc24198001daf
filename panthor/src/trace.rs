//! Spans around what a driver looks for in a profile, and warnings of what would be silent (feature `tracing`).
//!
//! A drop that fails, and a batch with operations that is dropped without `submit`, are warnings with the call, and the
//! place in the caller's code where the object or the batch was made. Each call that binds or submits is a span of level TRACE and target `panthor`, named as in the uAPI. How
//! it ended is recorded in it: `ioctls` and the driver's `operations`, or `error`.

use std::fmt::Display;
use std::panic::Location;

use tracing::field::{Empty, display};
use tracing::{Span, trace_span, warn};

use crate::bind::BindReport;
use crate::error::{Error, Result};

/// The span of a VM_BIND of so many recorded operations.
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

/// The span of a GROUP_SUBMIT of so many queue submits.
pub(crate) fn group_submit(group: u32, queue_submits: usize) -> Span {
    trace_span!(target: "panthor", "GROUP_SUBMIT", group, queue_submits, error = Empty)
}

/// Records in a span how a batch ended.
pub(crate) fn bound(span: &Span, result: &Result<BindReport>) {
    match result {
        Ok(report) => {
            span.record("operations", report.operations).record("ioctls", report.ioctls);
        }
        Err(error) => failed(span, error),
    }
}

/// Records in a span why a call failed.
pub(crate) fn failed(span: &Span, error: &dyn Display) {
    span.record("error", display(error));
}

/// A place in the caller's code.
pub(crate) type Place = &'static Location<'static>;

/// Warns that an object was dropped and the driver did not destroy it.
pub(crate) fn drop_failed(error: &Error, created: Place) {
    warn!(target: "panthor", call = error.call(), error = display(error), created = display(created), "failed drop");
}

/// Warns that a part of another call, which nobody asked for, failed.
pub(crate) fn cleanup_failed(error: &Error) {
    warn!(target: "panthor", call = error.call(), error = display(error), "failed clean-up");
}

/// The elements of a batch that are recorded and not submitted: dropped with any, it warns.
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

    /// Notes an element, refused ones as well.
    pub(crate) fn record(&mut self) {
        self.elements += 1;
    }

    /// Notes that nothing is left to submit.
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

/// Warns of a mapping that the kernel refused to end, of so many bytes.
pub(crate) fn still_mapped(bytes: usize, errno: rustix::io::Errno) {
    warn!(target: "panthor", bytes, error = %errno, "munmap: the mapping stays, its addresses are lost");
}
