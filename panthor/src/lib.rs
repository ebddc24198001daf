//! The userspace half of the Panthor DRM driver (Arm Mali CSF GPUs): a safe layer over its uAPI.
//!
//! A [`Device`] is an open node. It makes [`Vm`]s, the GPU's address spaces, and [`Bo`]s, its memory; a
//! [`VmBind`] batch maps one in the other, sparse ranges included. [`SyncObj`] and [`Timeline`] order what
//! is asynchronous. A [`Group`] has the queues that run command streams, a [`TilerHeap`] the memory that
//! their tiler jobs take.
//!
//! [`Bo::export`] and [`Device::import_bo`] share memory with other drivers and processes, and
//! [`SyncPoint::export_sync_file`] and its siblings share fences.
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
//! # What to expect
//!
//! * All objects are `Send + Sync + 'static` and carry no lifetimes. Each keeps the device's file open, may
//!   be dropped in any order, and releases what it stands for once. `destroy` does so and says how it went.
//! * What the uAPI forbids does not compile where types can say it, and is refused before the ioctl, naming
//!   the argument and the rule, where they cannot. [`Error`] keeps the errno of what the driver refuses.
//! * A call that a signal interrupts goes on. A batch that stops half-way says where.
//! * There is always a way down: [`AsFd`](std::os::fd::AsFd), handles and ids, `from_raw`,
//!   [`Device::ioctl`] and [`Device::ioctl_on`]. The structs for it, in [`sys`], get new fields with new kernels, which is no breaking
//!   change: end literals of them with `..Default::default()`.
//!
//! # Features
//!
//! * `fake`: a second transport, the software device of the crate `panthor-fake`, for tests and CI.
//! * `drm`: [`Device`] is a `drm::Device`, and handles convert both ways.
//! * `tracing`: a span for each call that binds or submits, with its outcome, and warnings with the call and the place
//!   in the caller's code: of a drop that failed, and of a batch that is dropped with operations and without `submit`.

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

// Drivers store these and share them between threads.
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
