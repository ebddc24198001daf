//! Batch modes: synchronous and asynchronous, as types.

mod sealed {
    pub trait Sealed {}
}

/// Mode of a batch: [`Blocking`] or [`Queued`].
pub trait BindMode: sealed::Sealed {}

/// Synchronous mode: `submit` returns when the operations are done. The uAPI has no sync
/// operations here.
#[derive(Debug)]
pub enum Blocking {}

/// Asynchronous mode: `submit` queues the operations, which run in order after their waits.
#[derive(Debug)]
#[doc(alias = "DRM_PANTHOR_VM_BIND_ASYNC")]
pub enum Queued {}

/// Marker trait of modes with waits and signals: [`Queued`].
#[diagnostic::on_unimplemented(
    message = "a synchronous batch has no sync operations",
    note = "start the batch with `Vm::bind_async`"
)]
pub trait TakesSyncs: BindMode {}

impl TakesSyncs for Queued {}

impl sealed::Sealed for Blocking {}
impl sealed::Sealed for Queued {}
impl BindMode for Blocking {}
impl BindMode for Queued {}
