//! Syncobjs: binary ones and timelines, and what passes between them and the rest of the system.
//!
//! `handle` owns a syncobj of the file; `syncobj` and `timeline` are the two ways to use one, and `point` is
//! what both come down to: a handle and a point. `many` is about several at once, `share` about descriptors.

mod handle;
mod many;
mod point;
mod share;
mod syncobj;
mod timeline;
mod timeout;

pub(crate) use handle::{WAIT_FIRST, describe_missing, has_fence};
pub use many::WaitFor;
pub(crate) use many::wait_for_fences;
pub use point::SyncPoint;
pub use share::FenceStatus;
pub use syncobj::SyncObj;
pub use timeline::{Timeline, point};
pub use timeout::{Timeout, Wait};
