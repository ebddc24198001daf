//! Spans around what a driver looks for in a profile (feature `tracing`).
//!
//! Each call that binds or submits is a span of level TRACE and target `panthor`, named as in the uAPI. How
//! it ended is recorded in it: `ioctls` and the driver's `operations`, or `error`.

use std::fmt::Display;

use tracing::field::{Empty, display};
use tracing::{Span, trace_span};

use crate::bind::BindReport;
use crate::error::Result;

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
