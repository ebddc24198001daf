//! Sync operations of asynchronous calls: what holds for VM_BIND and GROUP_SUBMIT alike.
//!
//! Both take a batch whose elements each wait and signal. A wait is for the fence that an earlier element
//! of the batch puts there or, without one, for what the syncobj holds when the call is made.
//!
//! `order` says what a wait is for, without asking anybody; `fences` asks the driver for what is there.

mod fences;
mod order;

/// One sync operation as the driver takes it.
pub(crate) use panthor_sys::drm_panthor_sync_op as SyncOp;

pub(crate) use fences::{require_fence, wait_until_available, without_fence};
pub(crate) use order::{is_same_point, is_signal, self_waits};
