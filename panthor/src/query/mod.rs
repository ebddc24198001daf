//! Device queries (DRM_IOCTL_PANTHOR_DEV_QUERY).

mod csif_info;
mod gpu_info;
mod model;
mod page_sizes;
mod priorities;
mod timestamp;

pub use csif_info::CsifInfo;
pub use gpu_info::{Arch, Coherency, GpuInfo};
pub use page_sizes::{PageSizeSource, PageSizes, PageSizesIter};
pub use priorities::{GroupPriorities, GroupPriority};
pub use timestamp::{CpuClock, TimestampRequest, Timestamps};
