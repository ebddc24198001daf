//! When the operations of a batch are done, as a type.

mod sealed {
    pub trait Sealed {}
}

/// When the operations of a batch are done: [`Blocking`] or [`Queued`].
pub trait BindMode: sealed::Sealed {}

/// `submit` returns when they are done. The uAPI has no sync operations here.
#[derive(Debug)]
pub enum Blocking {}

/// `submit` queues them: they run in order, after what they wait for.
#[derive(Debug)]
#[doc(alias = "DRM_PANTHOR_VM_BIND_ASYNC")]
pub enum Queued {}

/// A mode whose batches wait and signal: [`Queued`].
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
