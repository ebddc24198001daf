//! A software Panthor device: an Arm Mali GPU and its kernel driver, inside a test process.
//!
//! A [`Device`] answers the raw ioctls of the Panthor DRM driver: it takes the same request numbers
//! and user pointers, and it fails with the same error numbers. A program that works on the fake
//! should work on a board. The fake needs no GPU, no `/dev/dri` and no privileges. Its answers were
//! compared with those of the unmodified driver, versions 1.0, 1.8 and 1.9.
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
//! let mut bo =
//!     drm_panthor_bo_create { size: 4096, flags: 0, exclusive_vm_id: 0, handle: 0, pad: 0 };
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
//! Create a [`Device`] in each test. Devices are cheap and share nothing, so tests run in parallel.
//! [`Config`] chooses the GPU, the driver version, the CPU page size and the amount of memory. A
//! test can therefore run on a kernel that the CI machine does not have.
//!
//! - [`GpuView`] reads and writes memory through the GPU page tables of a VM. It also holds the
//!   queue of asynchronous operations, to produce rare orders.
//! - [`GroupView`] holds the queues of a group. [`Config::start_held`] holds all queues from the
//!   start, which exposes a missing wait.
//! - [`File::fail_ioctl`] and its neighbors inject failures, and [`Device::reclaim`] evicts BOs.
//! - [`Device::reset`] and [`Device::unplug`] reset and remove the device.
//! - [`Device::dump`] lists all objects and the fences that pending jobs wait for. [`Stats`] counts
//!   calls.
//! - [`Device::assert_released`] finds leaked objects and descriptors.
//! - With the feature `trace`, `Device::trace_to` writes a decoded line for every ioctl.
//!
//! With the feature `loopback`, whole programs and threads of a test find the device in `/dev/dri`.
//! The module `loopback` and the command `panthor-fake` (feature `cli`) provide this.
//!
//! The fake reads user memory with `process_vm_readv(2)` on its own process, which needs no
//! privilege. [`Device::new`] fails where a sandbox forbids this call.
//!
//! # What it answers
//!
//! - Versions and capabilities, and all device queries.
//! - VMs, buffer objects, synchronous and asynchronous VM_BIND, CPU mappings, labels, cache
//!   maintenance.
//! - Binary and timeline sync objects, waits, transfers, eventfds.
//! - DRM's rules for structures of other sizes, bad pointers, and render nodes.
//! - Groups, their queues and their failures, tiler heaps. Command streams do not run.
//! - dma-bufs, syncobj descriptors, sync files, and the ioctls of dma-bufs and sync files by
//!   [`descriptor_ioctl`].
//! - The primary node of a driver without displays: masters, authentication, flink names.
//!
//! The fake leaves out the bugs that crash the kernel. The driver of Linux 7.2 and 7.3 can crash
//! when a VM_BIND unmaps or replaces a part of a mapping of a foreign dma-buf. The driver of 7.3
//! also crashes when an asynchronous operation signals a sync object that does not exist; the fake
//! returns `EINVAL`.
//!
//! # What differs
//!
//! - Jobs of VMs and groups run in the thread that submits them or signals their last fence, not in
//!   a worker. A job is done when the call returns, unless something holds it, so a missing wait
//!   goes unnoticed without [`Config::start_held`]. The commands of a group's job do not run: a job
//!   writes only the driver's own counters. A held group does not time out by itself.
//! - A group uses the memory that is mapped in its VM. Firmware memory is not counted.
//! - mmap offsets start above 2⁴⁰ and are reused as late as possible. A program that maps the
//!   descriptor itself finds its BOs and the flush ID at these offsets.
//! - Only the fake knows its dma-bufs, syncobj descriptors and sync files: [`descriptor_ioctl`]
//!   answers their ioctls, `ioctl(2)` does not. A dma-buf always polls as ready, whatever its
//!   fences. The descriptor of an exported BO has the size of the BO but maps as zeros; map the BO
//!   instead. A syncobj can be imported only by files of its device.
//! - The process holds a second descriptor of each of these. The fake releases it, with the objects
//!   behind it, some time after the last other descriptor is closed: when twice as many are open as
//!   after the last check, when the process runs out of descriptors, and when [`Device::leaks`]
//!   counts. A dma-buf is also released when the last handle of its BO is closed.
//! - After an unplug, jobs on the GPU end at once. How the real driver ends them was not observed.
//!   [`Device::open`] still succeeds, and its file returns `ENODEV`.
//! - A device belongs to the process that created it, and so do its dma-bufs, sync files and
//!   syncobj descriptors. In a child of `fork`, every ioctl and mmap fails with `ECHILD`. Objects
//!   that the child drops stay alive in the parent. CPU mappings made before the fork show the same
//!   memory in both processes.
//! - No signal interrupts a call. [`File::interrupt_next_bind_after`] simulates an interruption.
//! - The driver of Linux 7.2 and 7.3 evicts BOs whenever the kernel is short of memory and has swap
//!   space. The fake evicts BOs in [`Device::reclaim`] and [`File::evict_bo`], and with
//!   [`Config::swap`] also when [`Config::memory`] is used up. A CPU access works on an evicted BO
//!   and does not make the BO resident. A BO that a VM mapped after a job was submitted is in use
//!   by that job, too.

#![cfg_attr(docsrs, feature(doc_cfg))]

/// Compiles and runs the README's example.
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
