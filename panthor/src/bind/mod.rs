//! VM_BIND: batches of map and unmap operations.
//!
//! * `builder` records operations in `storage` and checks them with `rules`.
//! * `mode` distinguishes synchronous from asynchronous batches.
//! * `plan` splits operations that the driver cannot do at once.
//! * `syncs` lays out the sync operations.
//! * `submit` alone calls the driver.

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

/// One sync operation in the uAPI's layout.
use panthor_sys::drm_panthor_sync_op as SyncOp;
/// One bind operation in the uAPI's layout.
use panthor_sys::drm_panthor_vm_bind_op as Op;

/// Call name in errors.
const CALL: &str = "VM_BIND";
