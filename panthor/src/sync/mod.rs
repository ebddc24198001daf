//! Syncobjs: binary ones and timelines, their fences and their descriptors.
//!
//! * `handle` owns a syncobj of the file.
//! * `syncobj` and `timeline` are the two kinds, and `point` is their common form: a handle and a
//!   point.
//! * `many` operates on several syncobjs, `share` on descriptors.

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
