//! VM_BIND: mapping and unmapping, in batches.
//!
//! `builder` records what the caller wants in `storage` and has `rules` check it; `mode` says when it is done;
//! `plan` turns operations that the driver cannot do in one into several; `syncs` lays the sync operations
//! out; `submit` alone talks to the driver.

mod builder;
mod flags;
mod mode;
mod plan;
mod report;
mod rules;
mod storage;
mod submit;
mod syncs;

pub use builder::VmBind;
pub use flags::MapFlags;
pub use mode::{BindMode, Blocking, Queued, TakesSyncs};
pub(crate) use plan::CHUNK as MAX_QUEUED_MAP_SIZE;
pub use report::BindReport;
pub use storage::{BindBuffer, BindStorage, InlineStorage};
pub(crate) use submit::unmap_behind_queued;

/// One sync operation as the driver takes it.
use panthor_sys::drm_panthor_sync_op as SyncOp;
/// One operation as the driver takes it.
use panthor_sys::drm_panthor_vm_bind_op as Op;

/// The name of the call in errors.
const CALL: &str = "VM_BIND";
