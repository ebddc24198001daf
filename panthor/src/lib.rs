//! Userspace half of the Panthor DRM driver (Arm Mali CSF GPUs): a safe layer over its uAPI.
//!
//! * [`Device`]: an open device file, which creates all other objects.
//! * [`Vm`]: a GPU virtual address space.
//! * [`Bo`]: a buffer object, shared by [`Bo::export`] and [`Device::import_bo`].
//! * [`VmBind`]: a batch of map and unmap operations, including sparse ranges.
//! * [`SyncObj`] and [`Timeline`]: synchronization of asynchronous work, shared for example by
//!   [`SyncPoint::export_sync_file`].
//! * [`Group`]: queues that run command streams, with a [`TilerHeap`] for tiler jobs.
//!
//! ```
//! use panthor::{BoOptions, Device, MapFlags, VmOptions};
//!
//! let device = Device::open_fake()?; // on a board: Device::open_any()?
//! let vm = device.create_vm(VmOptions::new())?;
//! let bo = device.create_bo(BoOptions::new(2 << 20).exclusive_to(&vm))?;
//! let va = 4 << 30;
//! vm.bind()
//!     .map_sparse(va..va + 100_003_840)
//!     .map(&bo, .., va + (4 << 20), MapFlags::NOEXEC)
//!     .submit()?;
//! # Ok::<(), panthor::Error>(())
//! ```
//!
//! # Guarantees
//!
//! * All objects are `Send + Sync + 'static` and have no lifetime parameters. Objects may be
//!   dropped in any order, because each keeps the device file open. Each object is destroyed once:
//!   silently on drop, or with a result by `destroy`.
//! * The uAPI's rules are checked by the compiler where types can express them. All others are
//!   checked before the ioctl, with an error that names the argument and the rule. [`Error`] keeps
//!   the errno of driver errors.
//! * Calls resume after signals. A batch that stops in its middle reports its progress.
//! * Raw access is always possible: [`AsFd`](std::os::fd::AsFd), handles and IDs, `from_raw`,
//!   [`Device::ioctl`] and [`Device::ioctl_on`]. The uAPI's structs are in [`sys`]. New kernels
//!   add fields to them, which is not a breaking change: end struct literals with
//!   `..Default::default()`.
//!
//! # Sparse ranges
//!
//! Reads of a [sparse](VmBind::map_sparse) range are undefined. A write at one VA is seen 2 MiB
//! further and, on native driver 1.9, also in other VMs of the same file. Vulkan's
//! `residencyNonResidentStrict` therefore cannot be offered.
//!
//! # Features
//!
//! * `fake`: a second transport, the software device of the crate `panthor-fake`, for tests and
//!   CI.
//! * `drm`: [`Device`] implements `drm::Device`, and handles convert both ways.
//! * `tracing`: a span with the outcome for each call that binds or submits. A failed drop is a
//!   warning, and so is a dropped batch with operations but without `submit`. Both contain the
//!   call and the location in the caller's code.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "fake")]
pub use panthor_fake as fake;
pub use panthor_sys as sys;

mod bind;
mod bo;
mod device;
mod dma_buf;
mod error;
mod flush_id;
mod group;
mod heap;
#[cfg(feature = "drm")]
mod interop;
mod node;
mod owned;
mod profiling;
mod query;
mod range;
mod raw_ioctl;
mod sparse;
mod spilling;
mod sync;
mod sync_ops;
#[cfg(test)]
mod temp_file;
#[cfg(feature = "tracing")]
mod trace;
mod transport;
mod uid;
mod usage;
mod va;
mod version;
mod vm;

pub use bind::{
    BindBuffer, BindMode, BindReport, BindStorage, Blocking, InlineStorage, MapFlags, Queued,
    TakesSyncs, VmBind,
};
pub use bo::{
    AtomicWord, Bo, BoFlags, BoInfo, BoMap, BoOptions, BoSync, CacheMaintenance, CacheOp,
    DmaBufAccess, MapAccess, Word,
};
pub use device::Device;
pub use error::{DestroyError, Error, ErrorKind, Result};
pub use flush_id::{FlushId, UserMmioOffset};
pub use group::{
    Group, GroupFlags, GroupOptions, GroupState, GroupSubmit, QueueOptions, QueueSubmit,
};
pub use heap::{TilerHeap, TilerHeapOptions};
pub use node::{Node, NodeNumber, NodeNumbers, list};
pub use profiling::Profiling;
pub use query::{
    Arch, Coherency, CpuClock, CsifInfo, GpuInfo, GroupPriorities, GroupPriority, PageSizeSource,
    PageSizes, PageSizesIter, TimestampRequest, Timestamps,
};
pub use sparse::SparseMode;
pub use sync::{FenceStatus, SyncObj, SyncPoint, Timeline, Timeout, Wait, WaitFor, point};
pub use usage::Usage;
pub use va::{Fragmentation, VaAllocator, VaRequest};
pub use version::{Features, Version};
pub use vm::{Vm, VmOptions, VmState};

// Drivers store these objects and share them between threads.
const _: () = {
    const fn is_shareable<T: Send + Sync + 'static>() {}
    is_shareable::<Device>();
    is_shareable::<Vm>();
    is_shareable::<Bo>();
    is_shareable::<BoMap>();
    is_shareable::<BindBuffer>();
    is_shareable::<Group>();
    is_shareable::<TilerHeap>();
    is_shareable::<SyncObj>();
    is_shareable::<Timeline>();
    is_shareable::<Error>();
};
