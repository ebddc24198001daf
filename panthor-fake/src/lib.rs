//! A software Panthor: an Arm Mali GPU with its kernel driver, inside a test.
//!
//! A [`Device`] answers the raw ioctls of the Panthor DRM driver as the driver does, at the level
//! of request numbers and user pointers: what works on it should work on a board, and what a board
//! refuses, it refuses with the same error number. It needs no GPU, no `/dev/dri`, no privileges.
//! The answers were compared with those of the unmodified driver, versions 1.0, 1.8 and 1.9.
//!
//! # A first test
//!
//! ```
//! use panthor_fake::{Config, Device, File, Prot};
//! use panthor_sys::*;
//!
//! fn ioctl<T>(file: &File, request: u32, arg: &mut T) {
//!     // SAFETY: the argument is ours, and so is all that its pointers lead to.
//!     let result = unsafe { file.ioctl(request, (&raw mut *arg).cast()) };
//!     assert_eq!(result, 0);
//! }
//!
//! let device = Device::new(Config::default())?;
//! let file = device.open();
//!
//! let mut vm = drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
//! ioctl(&file, DRM_IOCTL_PANTHOR_VM_CREATE, &mut vm);
//! let mut bo = drm_panthor_bo_create { size: 4096, flags: 0, exclusive_vm_id: 0, handle: 0, pad: 0 };
//! ioctl(&file, DRM_IOCTL_PANTHOR_BO_CREATE, &mut bo);
//!
//! // 100 MB of sparse memory in one operation, and a page of real memory in the middle of it.
//! let no_syncs = drm_panthor_obj_array { stride: 0, count: 0, array: 0 };
//! let sparse = drm_panthor_vm_bind_op {
//!     flags: DRM_PANTHOR_VM_BIND_OP_TYPE_MAP
//!         | DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE
//!         | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC,
//!     bo_handle: 0,
//!     bo_offset: 0,
//!     va: 1 << 32,
//!     size: 100_003_840,
//!     syncs: no_syncs,
//! };
//! let real = drm_panthor_vm_bind_op {
//!     flags: DRM_PANTHOR_VM_BIND_OP_TYPE_MAP,
//!     bo_handle: bo.handle,
//!     va: (1 << 32) + (50 << 20),
//!     size: 4096,
//!     ..sparse
//! };
//! let ops = [sparse, real];
//! let array = drm_panthor_obj_array {
//!     stride: size_of::<drm_panthor_vm_bind_op>() as u32,
//!     count: ops.len() as u32,
//!     array: ops.as_ptr() as u64,
//! };
//! let mut bind = drm_panthor_vm_bind { vm_id: vm.id, flags: 0, ops: array };
//! ioctl(&file, DRM_IOCTL_PANTHOR_VM_BIND, &mut bind);
//!
//! // The GPU writes, the CPU sees it.
//! let gpu = file.gpu(vm.id).expect("the VM");
//! assert_eq!(gpu.mapping_count(), 3);
//! gpu.write(real.va, b"hello")?;
//! let mut offset = drm_panthor_bo_mmap_offset { handle: bo.handle, pad: 0, offset: 0 };
//! ioctl(&file, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut offset);
//! let cpu = file.mmap(4096, Prot::READ, offset.offset).expect("a mapping");
//! // SAFETY: it is mapped for reading.
//! assert_eq!(unsafe { cpu.as_ptr().read_volatile() }, b'h');
//!
//! // Closing the file takes the rest with it, as in the kernel.
//! drop((cpu, file));
//! device.assert_released();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # In CI
//!
//! Make a [`Device`] in each test: they cost little and share nothing, so tests run in parallel.
//! [`Config`] chooses the GPU, the driver version, the page size of the CPU and the memory there
//! is, so that a test sees a kernel that the CI machine does not have. [`GpuView`] looks through
//! the GPU's eyes and holds the queue of asynchronous operations to make orders happen that are
//! rare otherwise, and [`GroupView`] does so with the queues of a group; with [`Config::start_held`] that
//! is so from the start, which shows who forgets to wait; [`File::fail_ioctl`] and
//! its neighbours bring failures that are rare, [`Device::reclaim`] takes memory away. [`Device::reset`]
//! and [`Device::unplug`] bring the ends. [`Device::dump`] shows what there is and what is waited for,
//! [`Stats`] counts calls, and [`Device::assert_released`] finds what was
//! forgotten, descriptors too. With the feature
//! `trace`, `Device::trace_to` writes a decoded line for every ioctl.
//!
//! With the feature `loopback` whole programs, and threads of a test, find the device in `/dev/dri`: see the
//! module `loopback`, and the command `panthor-fake` (feature `cli`).
//!
//! User memory is read with `process_vm_readv(2)` on the own process, which needs no privilege;
//! where a sandbox forbids even that, [`Device::new`] says so.
//!
//! # What it answers
//!
//! - Versions and capabilities; all device queries.
//! - VMs, buffer objects, VM_BIND in both ways, CPU mappings, labels, cache maintenance.
//! - Sync objects: binary ones and timelines, waits, transfers, eventfds.
//! - DRM's rules for structures of another size, bad pointers, and render nodes.
//! - Groups, their queues and their ends, tiler heaps. Command streams are not run.
//! - dma-bufs, descriptors of sync objects, sync files, and the ioctls of dma-bufs and sync files
//!   themselves, by [`descriptor_ioctl`].
//! - The primary node of a driver without displays: masters, authentication, names of BOs.
//!
//! Not at all: the bugs that take a kernel down. The driver of Linux 7.2 and 7.3
//! crashes when a mapping of a foreign dma-buf is cut; that of 7.3 also when an asynchronous
//! operation is to signal a sync object that does not exist, where the fake answers `EINVAL`.
//!
//! # What differs
//!
//! - Jobs of VMs and groups run in the thread that submits them or that signals what they wait for,
//!   not in a worker: they are over when the call returns, unless something holds them, so a wait that was
//!   forgotten does not show; with [`Config::start_held`] it does. What a job of a group calls is not run, and
//!   does nothing to memory but to the driver's own counters; a group that is held does not time out by itself.
//! - A group costs the memory that is mapped in its VM; what the firmware keeps of it is not counted.
//! - mmap offsets start above 2⁴⁰, and one is used again as late as possible. A program that maps the
//!   descriptor itself finds its BOs there, and the flush ID.
//! - A dma-buf, a descriptor of a sync object and a sync file are known to the fake only:
//!   [`descriptor_ioctl`] answers their own ioctls, `ioctl(2)` does not. A dma-buf always polls as ready,
//!   whatever fences are in it. The descriptor of an exported BO has its
//!   size but shows zeros when it is mapped: map the BO. A sync object goes to files of its device
//!   only. Of each the process has a second descriptor. What one keeps, that one too, is given back a while
//!   after it was closed: when there are twice as many as were open the last time, when the process has no descriptors
//!   left, and when [`Device::leaks`] counts; what a dma-buf keeps also when the last handle of its BO is closed.
//! - Of a device that is unplugged nobody has seen the driver end the jobs that the GPU had; here they end at once, so
//!   that who waits for them finds out. [`Device::open`] succeeds then, and its file answers `ENODEV`.
//! - A device lives in the process that created it, and so do its dma-bufs, sync files and descriptors of sync objects. In
//!   a child of a fork every ioctl and mmap of it is `ECHILD`, whatever the child drops the parent keeps, and what the
//!   parent had mapped shows the same memory in both.
//! - No signal interrupts a call; [`File::interrupt_next_bind_after`] plays one.
//! - The driver of Linux 7.2 and 7.3 evicts BOs whenever the kernel is short of memory and has swap
//!   space. Here it happens by [`Device::reclaim`] and [`File::evict_bo`], and with [`Config::swap`]
//!   also when [`Config::memory`] is used up. An access by the CPU brings no memory back and does not
//!   need it. A BO that a VM mapped after a job was submitted is in use by that job, too.

#![cfg_attr(docsrs, feature(doc_cfg))]

/// Keeps the README's example working.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod bo;
mod call;
mod deferred;
mod device;
mod dump;
mod file;
mod group;
mod holes;
mod lock;
#[cfg(feature = "loopback")]
pub mod loopback;
mod memfd;
mod process;
mod sharing;
mod sync;
#[cfg(feature = "trace")]
pub mod trace;
mod vm;

pub use bo::mapping::{Mapping, Prot};
pub use call::arena::Arena;
#[doc(hidden)]
pub use deferred::DeferredReports;
pub use device::Device;
pub use device::config::{Config, PageSize};
pub use device::disturb::Disturbance;
pub use device::gpu_model::Gpu;
pub use device::leaks::Leaks;
pub use device::stats::Stats;
pub use dump::{
    BindChange, BindDump, BoDump, DeviceDump, FileDump, GroupDump, HeapDump, JobDump, PointDump,
    QueueDump, Signaller, SyncobjDump, SyncobjState, VmDump,
};
pub use file::File;
pub use group::queue::StreamInfo;
pub use group::view::GroupView;
pub use sharing::dma_buf::dma_buf_name;
pub use sharing::ioctls::descriptor_ioctl;
pub use sharing::sync_fd::sync_file_status;
pub use vm::gpu_view::{Access, FaultKind, GpuFault, GpuVa, GpuView};
pub use vm::mapping_info::{Backing, MappingInfo};
