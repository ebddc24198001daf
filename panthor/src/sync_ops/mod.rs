//! Sync operations of asynchronous calls, common to VM_BIND and GROUP_SUBMIT.
//!
//! Both ioctls take a batch of elements, each with waits and signals. A wait uses the fence of an
//! earlier element in the batch or, without one, the syncobj's fence at the time of the call.
//!
//! `order` matches waits to signals within a batch, and `fences` queries the driver for existing
//! fences.

mod fences;
mod order;

/// One sync operation in the uAPI's layout.
pub(crate) use panthor_sys::drm_panthor_sync_op as SyncOp;

pub(crate) use fences::{require_fence, wait_until_available, without_fence};
pub(crate) use order::{is_same_point, is_signal, self_waits};
