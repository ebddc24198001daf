// Generated from panthor_drm.h, drm.h, dma-buf.h and sync_file.h; do not edit. bindgen takes names,
// numbers and layouts from the headers. Types and documentation come from generate/docs.txt. To
// generate the file again, install libclang and name the headers' directory:
//
//     PANTHOR_DRM_HEADER_DIR=... cargo xtask bindings

use crate::pod::pod_size;
use core::ffi::c_char;
use core::mem::offset_of;

/// Driver-private ioctl indices of Panthor, counted from [`DRM_COMMAND_BASE`]. The complete request
/// numbers are the `DRM_IOCTL_PANTHOR_*` constants.
pub type drm_panthor_ioctl_id = u32;

/// Index of [`DRM_IOCTL_PANTHOR_DEV_QUERY`].
pub const DRM_PANTHOR_DEV_QUERY: u32 = 0;

/// Index of [`DRM_IOCTL_PANTHOR_VM_CREATE`].
pub const DRM_PANTHOR_VM_CREATE: u32 = 1;

/// Index of [`DRM_IOCTL_PANTHOR_VM_DESTROY`].
pub const DRM_PANTHOR_VM_DESTROY: u32 = 2;

/// Index of [`DRM_IOCTL_PANTHOR_VM_BIND`].
pub const DRM_PANTHOR_VM_BIND: u32 = 3;

/// Index of [`DRM_IOCTL_PANTHOR_VM_GET_STATE`].
pub const DRM_PANTHOR_VM_GET_STATE: u32 = 4;

/// Index of [`DRM_IOCTL_PANTHOR_BO_CREATE`].
pub const DRM_PANTHOR_BO_CREATE: u32 = 5;

/// Index of [`DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET`].
pub const DRM_PANTHOR_BO_MMAP_OFFSET: u32 = 6;

/// Index of [`DRM_IOCTL_PANTHOR_GROUP_CREATE`].
pub const DRM_PANTHOR_GROUP_CREATE: u32 = 7;

/// Index of [`DRM_IOCTL_PANTHOR_GROUP_DESTROY`].
pub const DRM_PANTHOR_GROUP_DESTROY: u32 = 8;

/// Index of [`DRM_IOCTL_PANTHOR_GROUP_SUBMIT`].
pub const DRM_PANTHOR_GROUP_SUBMIT: u32 = 9;

/// Index of [`DRM_IOCTL_PANTHOR_GROUP_GET_STATE`].
pub const DRM_PANTHOR_GROUP_GET_STATE: u32 = 10;

/// Index of [`DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE`].
pub const DRM_PANTHOR_TILER_HEAP_CREATE: u32 = 11;

/// Index of [`DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY`].
pub const DRM_PANTHOR_TILER_HEAP_DESTROY: u32 = 12;

/// Index of [`DRM_IOCTL_PANTHOR_BO_SET_LABEL`]; driver 1.4 and later.
pub const DRM_PANTHOR_BO_SET_LABEL: u32 = 13;

/// Index of [`DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET`]; driver 1.5 and later.
pub const DRM_PANTHOR_SET_USER_MMIO_OFFSET: u32 = 14;

/// Index of [`DRM_IOCTL_PANTHOR_BO_SYNC`]; driver 1.7 and later.
pub const DRM_PANTHOR_BO_SYNC: u32 = 15;

/// Index of [`DRM_IOCTL_PANTHOR_BO_QUERY_INFO`]; driver 1.7 and later.
pub const DRM_PANTHOR_BO_QUERY_INFO: u32 = 0x10;

/// Queries information about the device.
///
/// Argument: [`drm_panthor_dev_query`].
pub const DRM_IOCTL_PANTHOR_DEV_QUERY: u32 = 0xc010_6440;

/// Creates a VM, a GPU address space.
///
/// Argument: [`drm_panthor_vm_create`].
pub const DRM_IOCTL_PANTHOR_VM_CREATE: u32 = 0xc010_6441;

/// Destroys a VM.
///
/// Argument: [`drm_panthor_vm_destroy`].
pub const DRM_IOCTL_PANTHOR_VM_DESTROY: u32 = 0xc008_6442;

/// Maps and unmaps address ranges of a VM.
///
/// Argument: [`drm_panthor_vm_bind`].
pub const DRM_IOCTL_PANTHOR_VM_BIND: u32 = 0xc018_6443;

/// Returns whether a VM is still usable.
///
/// Argument: [`drm_panthor_vm_get_state`].
pub const DRM_IOCTL_PANTHOR_VM_GET_STATE: u32 = 0xc008_6444;

/// Creates a buffer object.
///
/// Argument: [`drm_panthor_bo_create`].
pub const DRM_IOCTL_PANTHOR_BO_CREATE: u32 = 0xc018_6445;

/// Returns the file offset for an `mmap` of a buffer object.
///
/// Argument: [`drm_panthor_bo_mmap_offset`].
pub const DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET: u32 = 0xc010_6446;

/// Creates a scheduling group and its queues.
///
/// Argument: [`drm_panthor_group_create`].
pub const DRM_IOCTL_PANTHOR_GROUP_CREATE: u32 = 0xc038_6447;

/// Destroys a scheduling group.
///
/// Argument: [`drm_panthor_group_destroy`].
pub const DRM_IOCTL_PANTHOR_GROUP_DESTROY: u32 = 0xc008_6448;

/// Submits command streams to the queues of a group.
///
/// Argument: [`drm_panthor_group_submit`].
pub const DRM_IOCTL_PANTHOR_GROUP_SUBMIT: u32 = 0xc018_6449;

/// Returns the state of a group: timeouts and fatal faults.
///
/// Argument: [`drm_panthor_group_get_state`].
pub const DRM_IOCTL_PANTHOR_GROUP_GET_STATE: u32 = 0xc010_644a;

/// Creates a tiler heap.
///
/// Argument: [`drm_panthor_tiler_heap_create`].
pub const DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE: u32 = 0xc028_644b;

/// Destroys a tiler heap.
///
/// Argument: [`drm_panthor_tiler_heap_destroy`].
pub const DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY: u32 = 0xc008_644c;

/// Names a buffer object in the kernel's statistics; driver 1.4 and later.
///
/// Argument: [`drm_panthor_bo_set_label`].
pub const DRM_IOCTL_PANTHOR_BO_SET_LABEL: u32 = 0xc010_644d;

/// Sets the file offset of the MMIO pages; driver 1.5 and later.
///
/// Argument: [`drm_panthor_set_user_mmio_offset`].
pub const DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET: u32 = 0xc008_644e;

/// Maintains the CPU caches over ranges of buffer objects; driver 1.7 and later.
///
/// Argument: [`drm_panthor_bo_sync`].
pub const DRM_IOCTL_PANTHOR_BO_SYNC: u32 = 0xc010_644f;

/// Returns the creation flags and the origin of a buffer object; driver 1.7 and later.
///
/// Argument: [`drm_panthor_bo_query_info`].
pub const DRM_IOCTL_PANTHOR_BO_QUERY_INFO: u32 = 0xc010_6450;

/// File offset of the MMIO pages for a process with 32-bit `long`.
///
/// Goes into [`drm_panthor_set_user_mmio_offset::offset`].
pub const DRM_PANTHOR_USER_MMIO_OFFSET_32BIT: u64 = 0x800_0000_0000;

/// File offset of the MMIO pages for a process with 64-bit `long`.
///
/// Goes into [`drm_panthor_set_user_mmio_offset::offset`].
pub const DRM_PANTHOR_USER_MMIO_OFFSET_64BIT: u64 = 0x100_0000_0000_0000;

/// An array of structs in user memory, which another struct refers to. The stride lets the kernel
/// and the program disagree about the size of an element. Fields that the kernel does not know must
/// be zero. The kernel takes fields that the program does not know as zero.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_obj_array {
    /// Distance from one element to the next in bytes, which is the size of an element as the
    /// program knows it.
    pub stride: u32,
    /// Number of elements.
    pub count: u32,
    /// User address of the first element.
    pub array: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_obj_array>() == 16);
    assert!(align_of::<drm_panthor_obj_array>() == 8);
    assert!(offset_of!(drm_panthor_obj_array, stride) == 0);
    assert!(offset_of!(drm_panthor_obj_array, count) == 4);
    assert!(offset_of!(drm_panthor_obj_array, array) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_obj_array| &it.stride);
    filled += pod_size(|it: &drm_panthor_obj_array| &it.count);
    filled += pod_size(|it: &drm_panthor_obj_array| &it.array);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_obj_array {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_obj_array {}

/// Kind of object and direction of a [`drm_panthor_sync_op`].
///
/// Goes into [`drm_panthor_sync_op::flags`].
pub type drm_panthor_sync_op_flags = u32;

/// The bits of the flags with the kind of object.
pub const DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_MASK: u32 = 0xff;

/// The handle is a binary syncobj.
pub const DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_SYNCOBJ: u32 = 0;

/// The handle is a timeline syncobj, and the timeline value is the point.
pub const DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ: u32 = 1;

/// Wait before the work starts; no bit stands for a wait.
pub const DRM_PANTHOR_SYNC_OP_WAIT: u32 = 0;

/// Signal when the work is complete: bit 31.
pub const DRM_PANTHOR_SYNC_OP_SIGNAL: u32 = 0x8000_0000;

/// One wait or signal that goes with a bind operation or a submission.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_sync_op {
    /// `DRM_PANTHOR_SYNC_OP_*`: a kind of object and a direction.
    pub flags: u32,
    /// Handle of the syncobj.
    pub handle: u32,
    /// Point on the timeline; zero for a binary syncobj.
    pub timeline_value: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_sync_op>() == 16);
    assert!(align_of::<drm_panthor_sync_op>() == 8);
    assert!(offset_of!(drm_panthor_sync_op, flags) == 0);
    assert!(offset_of!(drm_panthor_sync_op, handle) == 4);
    assert!(offset_of!(drm_panthor_sync_op, timeline_value) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_sync_op| &it.flags);
    filled += pod_size(|it: &drm_panthor_sync_op| &it.handle);
    filled += pod_size(|it: &drm_panthor_sync_op| &it.timeline_value);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_sync_op {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_sync_op {}

/// Kind of information that [`DRM_IOCTL_PANTHOR_DEV_QUERY`] returns.
///
/// Goes into [`drm_panthor_dev_query::type_`].
pub type drm_panthor_dev_query_type = u32;

/// Answered with [`drm_panthor_gpu_info`].
pub const DRM_PANTHOR_DEV_QUERY_GPU_INFO: u32 = 0;

/// Answered with [`drm_panthor_csif_info`].
pub const DRM_PANTHOR_DEV_QUERY_CSIF_INFO: u32 = 1;

/// Answered with [`drm_panthor_timestamp_info`]; driver 1.1 and later.
pub const DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO: u32 = 2;

/// Answered with [`drm_panthor_group_priorities_info`]; driver 1.2 and later.
pub const DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO: u32 = 3;

/// Answered with [`drm_panthor_mmu_info`]; driver 1.9 and later.
pub const DRM_PANTHOR_DEV_QUERY_MMU_INFO: u32 = 4;

/// Coherency protocol between the GPU and the CPUs' caches. In
/// [`drm_panthor_gpu_info::coherency_features`] the value is the number of a bit.
///
/// Goes into [`drm_panthor_gpu_info::selected_coherency`].
pub type drm_panthor_gpu_coherency = u32;

/// ACE-Lite: the GPU snoops the CPUs' caches (I/O coherency).
pub const DRM_PANTHOR_GPU_COHERENCY_ACE_LITE: u32 = 0;

/// ACE: full coherency both ways.
pub const DRM_PANTHOR_GPU_COHERENCY_ACE: u32 = 1;

/// No coherency: caches are maintained by software.
pub const DRM_PANTHOR_GPU_COHERENCY_NONE: u32 = 0x1f;

/// Identity and features of the GPU, mostly the values of its registers.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_gpu_info {
    /// GPU_ID register. [`drm_panthor_arch_major`](crate::drm_panthor_arch_major) and its siblings
    /// return its fields.
    pub gpu_id: u32,
    /// Revision register of the GPU.
    pub gpu_rev: u32,
    /// CSF_ID register: the versions of the command stream frontend's hardware and of its MCU.
    /// [`drm_panthor_cshw_major`](crate::drm_panthor_cshw_major) and its siblings return its
    /// fields.
    pub csf_id: u32,
    /// L2 cache features register.
    pub l2_features: u32,
    /// Tiler features register.
    pub tiler_features: u32,
    /// Memory system features register.
    pub mem_features: u32,
    /// MMU features register; [`drm_panthor_mmu_va_bits`](crate::drm_panthor_mmu_va_bits) returns
    /// the VA size of the register.
    pub mmu_features: u32,
    /// Thread features register.
    pub thread_features: u32,
    /// Largest number of threads a shader core runs.
    pub max_threads: u32,
    /// Largest number of threads in a workgroup.
    pub thread_max_workgroup_size: u32,
    /// Largest number of threads that can meet at one barrier.
    pub thread_max_barrier_size: u32,
    /// Coherency protocols of the GPU itself: bit `n` stands for the `DRM_PANTHOR_GPU_COHERENCY_*`
    /// of value `n`. [`selected_coherency`](Self::selected_coherency) has the protocol in use.
    pub coherency_features: u32,
    /// Texture features registers: a bit for each compressed format.
    pub texture_features: [u32; 4],
    /// A bit for each hardware address space slot.
    pub as_present: u32,
    /// The `DRM_PANTHOR_GPU_COHERENCY_*` in use on this system. Driver 1.7 and later fill the
    /// field; older drivers leave the field zero, whatever the protocol.
    pub selected_coherency: u32,
    /// A bit for each shader core. Bits may be missing in the middle.
    pub shader_present: u64,
    /// A bit for each L2 cache slice.
    pub l2_present: u64,
    /// A bit for each tiler unit.
    pub tiler_present: u64,
    /// Core features register, which distinguishes variants of one product.
    pub core_features: u32,
    /// Padding; must be zero.
    pub pad: u32,
    /// GPU features register, a bit for each feature.
    pub gpu_features: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_gpu_info>() == 112);
    assert!(align_of::<drm_panthor_gpu_info>() == 8);
    assert!(offset_of!(drm_panthor_gpu_info, gpu_id) == 0);
    assert!(offset_of!(drm_panthor_gpu_info, gpu_rev) == 4);
    assert!(offset_of!(drm_panthor_gpu_info, csf_id) == 8);
    assert!(offset_of!(drm_panthor_gpu_info, l2_features) == 12);
    assert!(offset_of!(drm_panthor_gpu_info, tiler_features) == 16);
    assert!(offset_of!(drm_panthor_gpu_info, mem_features) == 20);
    assert!(offset_of!(drm_panthor_gpu_info, mmu_features) == 24);
    assert!(offset_of!(drm_panthor_gpu_info, thread_features) == 28);
    assert!(offset_of!(drm_panthor_gpu_info, max_threads) == 32);
    assert!(offset_of!(drm_panthor_gpu_info, thread_max_workgroup_size) == 36);
    assert!(offset_of!(drm_panthor_gpu_info, thread_max_barrier_size) == 40);
    assert!(offset_of!(drm_panthor_gpu_info, coherency_features) == 44);
    assert!(offset_of!(drm_panthor_gpu_info, texture_features) == 48);
    assert!(offset_of!(drm_panthor_gpu_info, as_present) == 64);
    assert!(offset_of!(drm_panthor_gpu_info, selected_coherency) == 68);
    assert!(offset_of!(drm_panthor_gpu_info, shader_present) == 72);
    assert!(offset_of!(drm_panthor_gpu_info, l2_present) == 80);
    assert!(offset_of!(drm_panthor_gpu_info, tiler_present) == 88);
    assert!(offset_of!(drm_panthor_gpu_info, core_features) == 96);
    assert!(offset_of!(drm_panthor_gpu_info, pad) == 100);
    assert!(offset_of!(drm_panthor_gpu_info, gpu_features) == 104);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.gpu_id);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.gpu_rev);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.csf_id);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.l2_features);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.tiler_features);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.mem_features);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.mmu_features);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.thread_features);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.max_threads);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.thread_max_workgroup_size);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.thread_max_barrier_size);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.coherency_features);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.texture_features);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.as_present);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.selected_coherency);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.shader_present);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.l2_present);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.tiler_present);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.core_features);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.pad);
    filled += pod_size(|it: &drm_panthor_gpu_info| &it.gpu_features);
    assert!(filled == 112);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_gpu_info {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_gpu_info {}

/// Properties of the firmware's command stream interface.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_csif_info {
    /// Number of group slots in the firmware: groups that can be on the GPU at a time.
    pub csg_slot_count: u32,
    /// Number of command stream slots in a group: its largest number of queues.
    pub cs_slot_count: u32,
    /// Number of 32-bit registers a command stream has.
    pub cs_reg_count: u32,
    /// Number of scoreboard slots.
    pub scoreboard_slot_count: u32,
    /// Number of registers at the top of the register file that the kernel overwrites whenever it
    /// calls a submitted stream.
    pub unpreserved_cs_reg_count: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_csif_info>() == 24);
    assert!(align_of::<drm_panthor_csif_info>() == 4);
    assert!(offset_of!(drm_panthor_csif_info, csg_slot_count) == 0);
    assert!(offset_of!(drm_panthor_csif_info, cs_slot_count) == 4);
    assert!(offset_of!(drm_panthor_csif_info, cs_reg_count) == 8);
    assert!(offset_of!(drm_panthor_csif_info, scoreboard_slot_count) == 12);
    assert!(offset_of!(drm_panthor_csif_info, unpreserved_cs_reg_count) == 16);
    assert!(offset_of!(drm_panthor_csif_info, pad) == 20);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_csif_info| &it.csg_slot_count);
    filled += pod_size(|it: &drm_panthor_csif_info| &it.cs_slot_count);
    filled += pod_size(|it: &drm_panthor_csif_info| &it.cs_reg_count);
    filled += pod_size(|it: &drm_panthor_csif_info| &it.scoreboard_slot_count);
    filled += pod_size(|it: &drm_panthor_csif_info| &it.unpreserved_cs_reg_count);
    filled += pod_size(|it: &drm_panthor_csif_info| &it.pad);
    assert!(filled == 24);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_csif_info {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_csif_info {}

/// Values that a timestamp query measures; driver 1.8 and later. No flag means
/// [`DRM_PANTHOR_TIMESTAMP_GPU`], [`DRM_PANTHOR_TIMESTAMP_GPU_OFFSET`] and
/// [`DRM_PANTHOR_TIMESTAMP_FREQ`].
///
/// Goes into [`drm_panthor_timestamp_info::flags`].
pub type drm_panthor_timestamp_info_flags = u32;

/// Read the GPU's system timestamp.
pub const DRM_PANTHOR_TIMESTAMP_GPU: u32 = 1;

/// Do not read a CPU clock; no bit stands for this choice.
pub const DRM_PANTHOR_TIMESTAMP_CPU_NONE: u32 = 0;

/// Read `CLOCK_MONOTONIC` along with the GPU.
pub const DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC: u32 = 2;

/// Read `CLOCK_MONOTONIC_RAW` along with the GPU.
pub const DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC_RAW: u32 = 4;

/// The bits of the flags that choose the CPU clock.
pub const DRM_PANTHOR_TIMESTAMP_CPU_TYPE_MASK: u32 = 14;

/// Read the offset that the GPU adds to the system timer.
pub const DRM_PANTHOR_TIMESTAMP_GPU_OFFSET: u32 = 0x10;

/// Read the GPU's cycle counter.
pub const DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT: u32 = 0x20;

/// Report the frequency of the timestamp.
pub const DRM_PANTHOR_TIMESTAMP_FREQ: u32 = 0x40;

/// Measure how long the reading took.
pub const DRM_PANTHOR_TIMESTAMP_DURATION: u32 = 0x80;

/// Timestamps of the GPU and, from driver 1.8 on, of a CPU clock. The only query that reads its
/// buffer: the flags go in with it.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_timestamp_info {
    /// Frequency of the timestamp in Hz; zero for an unknown frequency.
    pub timestamp_frequency: u64,
    /// The GPU's timestamp now, in ticks.
    pub current_timestamp: u64,
    /// Offset register of the timestamp, in ticks.
    pub timestamp_offset: u64,
    /// `DRM_PANTHOR_TIMESTAMP_*`, set by the program; at most one CPU clock.
    pub flags: u32,
    /// Duration of the reading in nanoseconds.
    pub duration_nsec: u32,
    /// The GPU's cycle counter.
    pub cycle_count: u64,
    /// Whole seconds of the CPU clock.
    pub cpu_timestamp_sec: u64,
    /// Nanoseconds of the CPU clock beyond the seconds.
    pub cpu_timestamp_nsec: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_timestamp_info>() == 56);
    assert!(align_of::<drm_panthor_timestamp_info>() == 8);
    assert!(offset_of!(drm_panthor_timestamp_info, timestamp_frequency) == 0);
    assert!(offset_of!(drm_panthor_timestamp_info, current_timestamp) == 8);
    assert!(offset_of!(drm_panthor_timestamp_info, timestamp_offset) == 16);
    assert!(offset_of!(drm_panthor_timestamp_info, flags) == 24);
    assert!(offset_of!(drm_panthor_timestamp_info, duration_nsec) == 28);
    assert!(offset_of!(drm_panthor_timestamp_info, cycle_count) == 32);
    assert!(offset_of!(drm_panthor_timestamp_info, cpu_timestamp_sec) == 40);
    assert!(offset_of!(drm_panthor_timestamp_info, cpu_timestamp_nsec) == 48);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_timestamp_info| &it.timestamp_frequency);
    filled += pod_size(|it: &drm_panthor_timestamp_info| &it.current_timestamp);
    filled += pod_size(|it: &drm_panthor_timestamp_info| &it.timestamp_offset);
    filled += pod_size(|it: &drm_panthor_timestamp_info| &it.flags);
    filled += pod_size(|it: &drm_panthor_timestamp_info| &it.duration_nsec);
    filled += pod_size(|it: &drm_panthor_timestamp_info| &it.cycle_count);
    filled += pod_size(|it: &drm_panthor_timestamp_info| &it.cpu_timestamp_sec);
    filled += pod_size(|it: &drm_panthor_timestamp_info| &it.cpu_timestamp_nsec);
    assert!(filled == 56);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_timestamp_info {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_timestamp_info {}

/// Properties of the GPU's MMU; driver 1.9 and later.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_mmu_info {
    /// Page sizes that mappings can use: bit `n` stands for 2^`n` bytes.
    pub page_size_bitmap: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_mmu_info>() == 8);
    assert!(align_of::<drm_panthor_mmu_info>() == 8);
    assert!(offset_of!(drm_panthor_mmu_info, page_size_bitmap) == 0);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_mmu_info| &it.page_size_bitmap);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_mmu_info {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_mmu_info {}

/// Group priorities that this file may use; driver 1.2 and later.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_group_priorities_info {
    /// Bit `n` stands for the `PANTHOR_GROUP_PRIORITY_*` of value `n`.
    pub allowed_mask: u8,
    /// Padding; must be zero.
    pub pad: [u8; 3],
}

const _: () = {
    assert!(size_of::<drm_panthor_group_priorities_info>() == 4);
    assert!(align_of::<drm_panthor_group_priorities_info>() == 1);
    assert!(offset_of!(drm_panthor_group_priorities_info, allowed_mask) == 0);
    assert!(offset_of!(drm_panthor_group_priorities_info, pad) == 1);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_group_priorities_info| &it.allowed_mask);
    filled += pod_size(|it: &drm_panthor_group_priorities_info| &it.pad);
    assert!(filled == 4);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_group_priorities_info {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_group_priorities_info {}

/// A query and the buffer for the answer.
///
/// Argument of [`DRM_IOCTL_PANTHOR_DEV_QUERY`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_dev_query {
    /// `DRM_PANTHOR_DEV_QUERY_*`.
    #[doc(alias = "type")]
    pub type_: u32,
    /// Size of the buffer in bytes. When the pointer is null, the driver returns the size of its
    /// answer here. Otherwise the driver keeps the field, and fills bytes beyond its answer with
    /// zeros.
    pub size: u32,
    /// User address of the buffer, or zero to ask for the answer's size only.
    pub pointer: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_dev_query>() == 16);
    assert!(align_of::<drm_panthor_dev_query>() == 8);
    assert!(offset_of!(drm_panthor_dev_query, type_) == 0);
    assert!(offset_of!(drm_panthor_dev_query, size) == 4);
    assert!(offset_of!(drm_panthor_dev_query, pointer) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_dev_query| &it.type_);
    filled += pod_size(|it: &drm_panthor_dev_query| &it.size);
    filled += pod_size(|it: &drm_panthor_dev_query| &it.pointer);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_dev_query {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_dev_query {}

/// A new VM.
///
/// Argument of [`DRM_IOCTL_PANTHOR_VM_CREATE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_vm_create {
    /// Must be zero.
    pub flags: u32,
    /// Returned: the VM's id, which starts at 1 and is used again after the VM is destroyed.
    pub id: u32,
    /// Size of the part of the address space that the program may map into, in bytes, starting at
    /// address 0. Zero leaves the choice to the driver. Returned: the size that the driver granted,
    /// which may be far more.
    pub user_va_range: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_vm_create>() == 16);
    assert!(align_of::<drm_panthor_vm_create>() == 8);
    assert!(offset_of!(drm_panthor_vm_create, flags) == 0);
    assert!(offset_of!(drm_panthor_vm_create, id) == 4);
    assert!(offset_of!(drm_panthor_vm_create, user_va_range) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_vm_create| &it.flags);
    filled += pod_size(|it: &drm_panthor_vm_create| &it.id);
    filled += pod_size(|it: &drm_panthor_vm_create| &it.user_va_range);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_vm_create {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_vm_create {}

/// The VM to destroy.
///
/// Argument of [`DRM_IOCTL_PANTHOR_VM_DESTROY`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_vm_destroy {
    /// Id of the VM.
    pub id: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_vm_destroy>() == 8);
    assert!(align_of::<drm_panthor_vm_destroy>() == 4);
    assert!(offset_of!(drm_panthor_vm_destroy, id) == 0);
    assert!(offset_of!(drm_panthor_vm_destroy, pad) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_vm_destroy| &it.id);
    filled += pod_size(|it: &drm_panthor_vm_destroy| &it.pad);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_vm_destroy {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_vm_destroy {}

/// Type of a bind operation, in the top four bits, and attributes of a mapping, in the others.
///
/// Goes into [`drm_panthor_vm_bind_op::flags`].
pub type drm_panthor_vm_bind_op_flags = u32;

/// The GPU may not write through this mapping.
pub const DRM_PANTHOR_VM_BIND_OP_MAP_READONLY: u32 = 1;

/// The GPU may not fetch shader code through this mapping.
pub const DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC: u32 = 2;

/// The GPU does not cache this mapping.
pub const DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED: u32 = 4;

/// Map the range without memory behind it: reads give undefined values and no other file sees
/// writes. Needs [`DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC`], and zeros as buffer object and offset.
/// Driver 1.9 and later.
pub const DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE: u32 = 8;

/// The bits of the flags with the operation's type.
pub const DRM_PANTHOR_VM_BIND_OP_TYPE_MASK: u32 = 0xf000_0000;

/// Map a buffer object, over whatever is mapped there.
pub const DRM_PANTHOR_VM_BIND_OP_TYPE_MAP: u32 = 0;

/// Unmap a range.
pub const DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP: u32 = 0x1000_0000;

/// Change nothing; only wait and signal, in the order of the VM's queue. Asynchronous calls only,
/// and with at least one sync.
pub const DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY: u32 = 0x2000_0000;

/// One operation on a range of a VM.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_vm_bind_op {
    /// `DRM_PANTHOR_VM_BIND_OP_*`: one type, and for a map its attributes.
    pub flags: u32,
    /// GEM handle to map; zero for a sparse map, an unmap or a sync.
    pub bo_handle: u32,
    /// Where in the buffer object the range starts, in bytes, a multiple of 4096; zero for a sparse
    /// map, an unmap or a sync.
    pub bo_offset: u64,
    /// First GPU address of the range, a multiple of 4096; zero for a sync.
    pub va: u64,
    /// Size of the range in bytes, a multiple of 4096; zero for a sync.
    pub size: u64,
    /// Array of [`drm_panthor_sync_op`]: empty for a synchronous call.
    pub syncs: drm_panthor_obj_array,
}

const _: () = {
    assert!(size_of::<drm_panthor_vm_bind_op>() == 48);
    assert!(align_of::<drm_panthor_vm_bind_op>() == 8);
    assert!(offset_of!(drm_panthor_vm_bind_op, flags) == 0);
    assert!(offset_of!(drm_panthor_vm_bind_op, bo_handle) == 4);
    assert!(offset_of!(drm_panthor_vm_bind_op, bo_offset) == 8);
    assert!(offset_of!(drm_panthor_vm_bind_op, va) == 16);
    assert!(offset_of!(drm_panthor_vm_bind_op, size) == 24);
    assert!(offset_of!(drm_panthor_vm_bind_op, syncs) == 32);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_vm_bind_op| &it.flags);
    filled += pod_size(|it: &drm_panthor_vm_bind_op| &it.bo_handle);
    filled += pod_size(|it: &drm_panthor_vm_bind_op| &it.bo_offset);
    filled += pod_size(|it: &drm_panthor_vm_bind_op| &it.va);
    filled += pod_size(|it: &drm_panthor_vm_bind_op| &it.size);
    filled += pod_size(|it: &drm_panthor_vm_bind_op| &it.syncs);
    assert!(filled == 48);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_vm_bind_op {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_vm_bind_op {}

/// Options of a batch of bind operations.
///
/// Goes into [`drm_panthor_vm_bind::flags`].
pub type drm_panthor_vm_bind_flags = u32;

/// Put the operations on the VM's queue and return. Without this flag, the operations are complete
/// when the ioctl returns, and carry no syncs.
pub const DRM_PANTHOR_VM_BIND_ASYNC: u32 = 1;

/// A batch of operations on one VM.
///
/// Argument of [`DRM_IOCTL_PANTHOR_VM_BIND`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_vm_bind {
    /// Id of the VM.
    pub vm_id: u32,
    /// `DRM_PANTHOR_VM_BIND_ASYNC` or zero.
    pub flags: u32,
    /// Array of [`drm_panthor_vm_bind_op`]. When a synchronous batch fails half-way, the driver
    /// returns in `count` the index of the operation that failed.
    pub ops: drm_panthor_obj_array,
}

const _: () = {
    assert!(size_of::<drm_panthor_vm_bind>() == 24);
    assert!(align_of::<drm_panthor_vm_bind>() == 8);
    assert!(offset_of!(drm_panthor_vm_bind, vm_id) == 0);
    assert!(offset_of!(drm_panthor_vm_bind, flags) == 4);
    assert!(offset_of!(drm_panthor_vm_bind, ops) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_vm_bind| &it.vm_id);
    filled += pod_size(|it: &drm_panthor_vm_bind| &it.flags);
    filled += pod_size(|it: &drm_panthor_vm_bind| &it.ops);
    assert!(filled == 24);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_vm_bind {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_vm_bind {}

/// State of a VM.
///
/// Goes into [`drm_panthor_vm_get_state::state`].
pub type drm_panthor_vm_state = u32;

/// The VM accepts all operations.
pub const DRM_PANTHOR_VM_STATE_USABLE: u32 = 0;

/// The VM failed permanently, for example in an asynchronous operation. The VM still accepts
/// synchronous unmaps only; destroy and replace the VM.
pub const DRM_PANTHOR_VM_STATE_UNUSABLE: u32 = 1;

/// A VM and its state.
///
/// Argument of [`DRM_IOCTL_PANTHOR_VM_GET_STATE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_vm_get_state {
    /// Id of the VM.
    pub vm_id: u32,
    /// Returned: `DRM_PANTHOR_VM_STATE_*`.
    pub state: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_vm_get_state>() == 8);
    assert!(align_of::<drm_panthor_vm_get_state>() == 4);
    assert!(offset_of!(drm_panthor_vm_get_state, vm_id) == 0);
    assert!(offset_of!(drm_panthor_vm_get_state, state) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_vm_get_state| &it.vm_id);
    filled += pod_size(|it: &drm_panthor_vm_get_state| &it.state);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_vm_get_state {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_vm_get_state {}

/// Options of a new buffer object.
///
/// Goes into [`drm_panthor_bo_create::flags`].
pub type drm_panthor_bo_flags = u32;

/// The CPU never maps the buffer object: the kernel refuses `mmap` and the request for an offset.
pub const DRM_PANTHOR_BO_NO_MMAP: u32 = 1;

/// The CPU's mapping is write-back cached even where the GPU does not snoop the CPU's caches.
/// Driver 1.7 and later.
pub const DRM_PANTHOR_BO_WB_MMAP: u32 = 2;

/// A new buffer object.
///
/// Argument of [`DRM_IOCTL_PANTHOR_BO_CREATE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_bo_create {
    /// Size in bytes, not zero. Returned: the size rounded up to whole pages of the CPU.
    pub size: u64,
    /// `DRM_PANTHOR_BO_NO_MMAP`, `DRM_PANTHOR_BO_WB_MMAP`, both or neither.
    pub flags: u32,
    /// Id of the only VM that may map the object, or zero. An object with an exclusive VM cannot be
    /// exported, and costs less to use.
    pub exclusive_vm_id: u32,
    /// Returned: the GEM handle, not zero.
    pub handle: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_bo_create>() == 24);
    assert!(align_of::<drm_panthor_bo_create>() == 8);
    assert!(offset_of!(drm_panthor_bo_create, size) == 0);
    assert!(offset_of!(drm_panthor_bo_create, flags) == 8);
    assert!(offset_of!(drm_panthor_bo_create, exclusive_vm_id) == 12);
    assert!(offset_of!(drm_panthor_bo_create, handle) == 16);
    assert!(offset_of!(drm_panthor_bo_create, pad) == 20);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_bo_create| &it.size);
    filled += pod_size(|it: &drm_panthor_bo_create| &it.flags);
    filled += pod_size(|it: &drm_panthor_bo_create| &it.exclusive_vm_id);
    filled += pod_size(|it: &drm_panthor_bo_create| &it.handle);
    filled += pod_size(|it: &drm_panthor_bo_create| &it.pad);
    assert!(filled == 24);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_bo_create {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_bo_create {}

/// A buffer object and its offset for `mmap`.
///
/// Argument of [`DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_bo_mmap_offset {
    /// GEM handle.
    pub handle: u32,
    /// Padding; must be zero.
    pub pad: u32,
    /// Returned: the offset to call `mmap` with on the device's file descriptor.
    pub offset: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_bo_mmap_offset>() == 16);
    assert!(align_of::<drm_panthor_bo_mmap_offset>() == 8);
    assert!(offset_of!(drm_panthor_bo_mmap_offset, handle) == 0);
    assert!(offset_of!(drm_panthor_bo_mmap_offset, pad) == 4);
    assert!(offset_of!(drm_panthor_bo_mmap_offset, offset) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_bo_mmap_offset| &it.handle);
    filled += pod_size(|it: &drm_panthor_bo_mmap_offset| &it.pad);
    filled += pod_size(|it: &drm_panthor_bo_mmap_offset| &it.offset);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_bo_mmap_offset {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_bo_mmap_offset {}

/// One queue of a new group.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_queue_create {
    /// Priority inside the group: 0, the lowest, to 15.
    pub priority: u8,
    /// Padding; must be zero.
    pub pad: [u8; 3],
    /// Size of the ring buffer in bytes: a power of two from 4096 to 64 KiB.
    pub ringbuf_size: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_queue_create>() == 8);
    assert!(align_of::<drm_panthor_queue_create>() == 4);
    assert!(offset_of!(drm_panthor_queue_create, priority) == 0);
    assert!(offset_of!(drm_panthor_queue_create, pad) == 1);
    assert!(offset_of!(drm_panthor_queue_create, ringbuf_size) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_queue_create| &it.priority);
    filled += pod_size(|it: &drm_panthor_queue_create| &it.pad);
    filled += pod_size(|it: &drm_panthor_queue_create| &it.ringbuf_size);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_queue_create {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_queue_create {}

/// Scheduling priority of a group.
///
/// Goes into [`drm_panthor_group_create::priority`].
pub type drm_panthor_group_priority = u8;

/// Below the others.
pub const PANTHOR_GROUP_PRIORITY_LOW: u8 = 0;

/// The usual priority.
pub const PANTHOR_GROUP_PRIORITY_MEDIUM: u8 = 1;

/// Above the usual; needs `CAP_SYS_NICE` or DRM master.
pub const PANTHOR_GROUP_PRIORITY_HIGH: u8 = 2;

/// Above all; needs `CAP_SYS_NICE` or DRM master. Driver 1.2 and later.
pub const PANTHOR_GROUP_PRIORITY_REALTIME: u8 = 3;

/// A new scheduling group.
///
/// Argument of [`DRM_IOCTL_PANTHOR_GROUP_CREATE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_group_create {
    /// Array of [`drm_panthor_queue_create`].
    pub queues: drm_panthor_obj_array,
    /// Most shader cores that its compute jobs use at a time; at most as many as the mask has.
    pub max_compute_cores: u8,
    /// Most shader cores that its fragment jobs use at a time; at most as many as the mask has.
    pub max_fragment_cores: u8,
    /// Most tilers that its tiler jobs use at a time; at most as many as the mask has.
    pub max_tiler_cores: u8,
    /// `PANTHOR_GROUP_PRIORITY_*`.
    pub priority: u8,
    /// Padding; must be zero.
    pub pad: u32,
    /// Shader cores that compute jobs may use, out of [`drm_panthor_gpu_info::shader_present`].
    pub compute_core_mask: u64,
    /// Shader cores that fragment jobs may use, out of [`drm_panthor_gpu_info::shader_present`].
    pub fragment_core_mask: u64,
    /// Tilers that tiler jobs may use, out of [`drm_panthor_gpu_info::tiler_present`].
    pub tiler_core_mask: u64,
    /// Id of the VM that all of the group's work runs in.
    pub vm_id: u32,
    /// Returned: the group's handle.
    pub group_handle: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_group_create>() == 56);
    assert!(align_of::<drm_panthor_group_create>() == 8);
    assert!(offset_of!(drm_panthor_group_create, queues) == 0);
    assert!(offset_of!(drm_panthor_group_create, max_compute_cores) == 16);
    assert!(offset_of!(drm_panthor_group_create, max_fragment_cores) == 17);
    assert!(offset_of!(drm_panthor_group_create, max_tiler_cores) == 18);
    assert!(offset_of!(drm_panthor_group_create, priority) == 19);
    assert!(offset_of!(drm_panthor_group_create, pad) == 20);
    assert!(offset_of!(drm_panthor_group_create, compute_core_mask) == 24);
    assert!(offset_of!(drm_panthor_group_create, fragment_core_mask) == 32);
    assert!(offset_of!(drm_panthor_group_create, tiler_core_mask) == 40);
    assert!(offset_of!(drm_panthor_group_create, vm_id) == 48);
    assert!(offset_of!(drm_panthor_group_create, group_handle) == 52);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_group_create| &it.queues);
    filled += pod_size(|it: &drm_panthor_group_create| &it.max_compute_cores);
    filled += pod_size(|it: &drm_panthor_group_create| &it.max_fragment_cores);
    filled += pod_size(|it: &drm_panthor_group_create| &it.max_tiler_cores);
    filled += pod_size(|it: &drm_panthor_group_create| &it.priority);
    filled += pod_size(|it: &drm_panthor_group_create| &it.pad);
    filled += pod_size(|it: &drm_panthor_group_create| &it.compute_core_mask);
    filled += pod_size(|it: &drm_panthor_group_create| &it.fragment_core_mask);
    filled += pod_size(|it: &drm_panthor_group_create| &it.tiler_core_mask);
    filled += pod_size(|it: &drm_panthor_group_create| &it.vm_id);
    filled += pod_size(|it: &drm_panthor_group_create| &it.group_handle);
    assert!(filled == 56);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_group_create {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_group_create {}

/// The group to destroy.
///
/// Argument of [`DRM_IOCTL_PANTHOR_GROUP_DESTROY`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_group_destroy {
    /// Handle of the group.
    pub group_handle: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_group_destroy>() == 8);
    assert!(align_of::<drm_panthor_group_destroy>() == 4);
    assert!(offset_of!(drm_panthor_group_destroy, group_handle) == 0);
    assert!(offset_of!(drm_panthor_group_destroy, pad) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_group_destroy| &it.group_handle);
    filled += pod_size(|it: &drm_panthor_group_destroy| &it.pad);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_group_destroy {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_group_destroy {}

/// A command stream for one queue. A submission without a stream only waits and signals.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_queue_submit {
    /// Index of the queue in the group.
    pub queue_index: u32,
    /// Size of the stream in bytes, a multiple of 8; zero for none.
    pub stream_size: u32,
    /// GPU address of the stream, a multiple of 64; zero for none.
    pub stream_addr: u64,
    /// Flush ID read when the stream was complete. The GPU skips its cache flush if another flush
    /// has happened since. Zero forces the flush.
    pub latest_flush: u32,
    /// Padding; must be zero.
    pub pad: u32,
    /// Array of [`drm_panthor_sync_op`].
    pub syncs: drm_panthor_obj_array,
}

const _: () = {
    assert!(size_of::<drm_panthor_queue_submit>() == 40);
    assert!(align_of::<drm_panthor_queue_submit>() == 8);
    assert!(offset_of!(drm_panthor_queue_submit, queue_index) == 0);
    assert!(offset_of!(drm_panthor_queue_submit, stream_size) == 4);
    assert!(offset_of!(drm_panthor_queue_submit, stream_addr) == 8);
    assert!(offset_of!(drm_panthor_queue_submit, latest_flush) == 16);
    assert!(offset_of!(drm_panthor_queue_submit, pad) == 20);
    assert!(offset_of!(drm_panthor_queue_submit, syncs) == 24);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_queue_submit| &it.queue_index);
    filled += pod_size(|it: &drm_panthor_queue_submit| &it.stream_size);
    filled += pod_size(|it: &drm_panthor_queue_submit| &it.stream_addr);
    filled += pod_size(|it: &drm_panthor_queue_submit| &it.latest_flush);
    filled += pod_size(|it: &drm_panthor_queue_submit| &it.pad);
    filled += pod_size(|it: &drm_panthor_queue_submit| &it.syncs);
    assert!(filled == 40);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_queue_submit {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_queue_submit {}

/// A batch of command streams for one group.
///
/// Argument of [`DRM_IOCTL_PANTHOR_GROUP_SUBMIT`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_group_submit {
    /// Handle of the group.
    pub group_handle: u32,
    /// Padding; must be zero.
    pub pad: u32,
    /// Array of [`drm_panthor_queue_submit`].
    pub queue_submits: drm_panthor_obj_array,
}

const _: () = {
    assert!(size_of::<drm_panthor_group_submit>() == 24);
    assert!(align_of::<drm_panthor_group_submit>() == 8);
    assert!(offset_of!(drm_panthor_group_submit, group_handle) == 0);
    assert!(offset_of!(drm_panthor_group_submit, pad) == 4);
    assert!(offset_of!(drm_panthor_group_submit, queue_submits) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_group_submit| &it.group_handle);
    filled += pod_size(|it: &drm_panthor_group_submit| &it.pad);
    filled += pod_size(|it: &drm_panthor_group_submit| &it.queue_submits);
    assert!(filled == 24);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_group_submit {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_group_submit {}

/// Failures of a group. A group with any of these flags takes no more jobs.
///
/// Goes into [`drm_panthor_group_get_state::state`].
pub type drm_panthor_group_state_flags = u32;

/// A job did not finish in time.
pub const DRM_PANTHOR_GROUP_STATE_TIMEDOUT: u32 = 1;

/// A queue hit an unrecoverable fault.
pub const DRM_PANTHOR_GROUP_STATE_FATAL_FAULT: u32 = 2;

/// The group was killed by a reset that another group caused; comes with
/// [`DRM_PANTHOR_GROUP_STATE_TIMEDOUT`]. Driver 1.3 and later.
pub const DRM_PANTHOR_GROUP_STATE_INNOCENT: u32 = 4;

/// A group and its state.
///
/// Argument of [`DRM_IOCTL_PANTHOR_GROUP_GET_STATE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_group_get_state {
    /// Handle of the group.
    pub group_handle: u32,
    /// Returned: `DRM_PANTHOR_GROUP_STATE_*`, zero when all is well.
    pub state: u32,
    /// Returned: a bit for each queue with a fatal fault.
    pub fatal_queues: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_group_get_state>() == 16);
    assert!(align_of::<drm_panthor_group_get_state>() == 4);
    assert!(offset_of!(drm_panthor_group_get_state, group_handle) == 0);
    assert!(offset_of!(drm_panthor_group_get_state, state) == 4);
    assert!(offset_of!(drm_panthor_group_get_state, fatal_queues) == 8);
    assert!(offset_of!(drm_panthor_group_get_state, pad) == 12);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_group_get_state| &it.group_handle);
    filled += pod_size(|it: &drm_panthor_group_get_state| &it.state);
    filled += pod_size(|it: &drm_panthor_group_get_state| &it.fatal_queues);
    filled += pod_size(|it: &drm_panthor_group_get_state| &it.pad);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_group_get_state {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_group_get_state {}

/// A new tiler heap.
///
/// Argument of [`DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_tiler_heap_create {
    /// Id of the VM that maps the heap.
    pub vm_id: u32,
    /// Number of chunks allocated at once, at least one.
    pub initial_chunk_count: u32,
    /// Size of a chunk in bytes: from 128 KiB to 8 MiB, in whole pages of the CPU.
    pub chunk_size: u32,
    /// Most chunks the heap may grow to; not less than the initial count.
    pub max_chunks: u32,
    /// Number of render passes in flight beyond which the firmware waits.
    pub target_in_flight: u32,
    /// Returned: the heap's handle.
    pub handle: u32,
    /// Returned: GPU address of the heap's context, which command streams use.
    pub tiler_heap_ctx_gpu_va: u64,
    /// Returned: GPU address of the first chunk of the heap's list.
    pub first_heap_chunk_gpu_va: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_tiler_heap_create>() == 40);
    assert!(align_of::<drm_panthor_tiler_heap_create>() == 8);
    assert!(offset_of!(drm_panthor_tiler_heap_create, vm_id) == 0);
    assert!(offset_of!(drm_panthor_tiler_heap_create, initial_chunk_count) == 4);
    assert!(offset_of!(drm_panthor_tiler_heap_create, chunk_size) == 8);
    assert!(offset_of!(drm_panthor_tiler_heap_create, max_chunks) == 12);
    assert!(offset_of!(drm_panthor_tiler_heap_create, target_in_flight) == 16);
    assert!(offset_of!(drm_panthor_tiler_heap_create, handle) == 20);
    assert!(offset_of!(drm_panthor_tiler_heap_create, tiler_heap_ctx_gpu_va) == 24);
    assert!(offset_of!(drm_panthor_tiler_heap_create, first_heap_chunk_gpu_va) == 32);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_tiler_heap_create| &it.vm_id);
    filled += pod_size(|it: &drm_panthor_tiler_heap_create| &it.initial_chunk_count);
    filled += pod_size(|it: &drm_panthor_tiler_heap_create| &it.chunk_size);
    filled += pod_size(|it: &drm_panthor_tiler_heap_create| &it.max_chunks);
    filled += pod_size(|it: &drm_panthor_tiler_heap_create| &it.target_in_flight);
    filled += pod_size(|it: &drm_panthor_tiler_heap_create| &it.handle);
    filled += pod_size(|it: &drm_panthor_tiler_heap_create| &it.tiler_heap_ctx_gpu_va);
    filled += pod_size(|it: &drm_panthor_tiler_heap_create| &it.first_heap_chunk_gpu_va);
    assert!(filled == 40);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_tiler_heap_create {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_tiler_heap_create {}

/// The tiler heap to destroy.
///
/// Argument of [`DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_tiler_heap_destroy {
    /// Handle of the heap.
    pub handle: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_tiler_heap_destroy>() == 8);
    assert!(align_of::<drm_panthor_tiler_heap_destroy>() == 4);
    assert!(offset_of!(drm_panthor_tiler_heap_destroy, handle) == 0);
    assert!(offset_of!(drm_panthor_tiler_heap_destroy, pad) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_tiler_heap_destroy| &it.handle);
    filled += pod_size(|it: &drm_panthor_tiler_heap_destroy| &it.pad);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_tiler_heap_destroy {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_tiler_heap_destroy {}

/// A buffer object and its name; driver 1.4 and later.
///
/// Argument of [`DRM_IOCTL_PANTHOR_BO_SET_LABEL`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_bo_set_label {
    /// GEM handle.
    pub handle: u32,
    /// Padding; must be zero.
    pub pad: u32,
    /// User address of a NUL-terminated string of at most 4096 bytes; zero removes the name.
    pub label: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_bo_set_label>() == 16);
    assert!(align_of::<drm_panthor_bo_set_label>() == 8);
    assert!(offset_of!(drm_panthor_bo_set_label, handle) == 0);
    assert!(offset_of!(drm_panthor_bo_set_label, pad) == 4);
    assert!(offset_of!(drm_panthor_bo_set_label, label) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_bo_set_label| &it.handle);
    filled += pod_size(|it: &drm_panthor_bo_set_label| &it.pad);
    filled += pod_size(|it: &drm_panthor_bo_set_label| &it.label);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_bo_set_label {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_bo_set_label {}

/// File offset of this file's MMIO pages; driver 1.5 and later. An emulator needs the ioctl when
/// its `long` differs from the `long` of the emulated program.
///
/// Argument of [`DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_set_user_mmio_offset {
    /// [`DRM_PANTHOR_USER_MMIO_OFFSET_32BIT`] or [`DRM_PANTHOR_USER_MMIO_OFFSET_64BIT`].
    pub offset: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_set_user_mmio_offset>() == 8);
    assert!(align_of::<drm_panthor_set_user_mmio_offset>() == 8);
    assert!(offset_of!(drm_panthor_set_user_mmio_offset, offset) == 0);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_set_user_mmio_offset| &it.offset);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_set_user_mmio_offset {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_set_user_mmio_offset {}

/// Kind of maintenance of the CPU's caches.
///
/// Goes into [`drm_panthor_bo_sync_op::type_`].
pub type drm_panthor_bo_sync_op_type = u32;

/// Write dirty lines back, after the CPU wrote and before the GPU reads.
pub const DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH: u32 = 0;

/// Write dirty lines back and drop the lines, after the GPU wrote and before the CPU reads.
pub const DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE: u32 = 1;

/// One range to maintain the CPU's caches over.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_bo_sync_op {
    /// GEM handle.
    pub handle: u32,
    /// `DRM_PANTHOR_BO_SYNC_*`.
    #[doc(alias = "type")]
    pub type_: u32,
    /// First byte of the range in the buffer object; rounded down to a cache line.
    pub offset: u64,
    /// Size of the range in bytes; its end is rounded up to a cache line.
    pub size: u64,
}

const _: () = {
    assert!(size_of::<drm_panthor_bo_sync_op>() == 24);
    assert!(align_of::<drm_panthor_bo_sync_op>() == 8);
    assert!(offset_of!(drm_panthor_bo_sync_op, handle) == 0);
    assert!(offset_of!(drm_panthor_bo_sync_op, type_) == 4);
    assert!(offset_of!(drm_panthor_bo_sync_op, offset) == 8);
    assert!(offset_of!(drm_panthor_bo_sync_op, size) == 16);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_bo_sync_op| &it.handle);
    filled += pod_size(|it: &drm_panthor_bo_sync_op| &it.type_);
    filled += pod_size(|it: &drm_panthor_bo_sync_op| &it.offset);
    filled += pod_size(|it: &drm_panthor_bo_sync_op| &it.size);
    assert!(filled == 24);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_bo_sync_op {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_bo_sync_op {}

/// A batch of cache maintenance; driver 1.7 and later.
///
/// Argument of [`DRM_IOCTL_PANTHOR_BO_SYNC`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_bo_sync {
    /// Array of [`drm_panthor_bo_sync_op`].
    pub ops: drm_panthor_obj_array,
}

const _: () = {
    assert!(size_of::<drm_panthor_bo_sync>() == 16);
    assert!(align_of::<drm_panthor_bo_sync>() == 8);
    assert!(offset_of!(drm_panthor_bo_sync, ops) == 0);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_bo_sync| &it.ops);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_bo_sync {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_bo_sync {}

/// Properties of a buffer object beyond its creation flags.
///
/// Goes into [`drm_panthor_bo_query_info::extra_flags`].
pub type drm_panthor_bo_extra_flags = u32;

/// The memory belongs to another driver: the buffer object is an imported dma-buf.
pub const DRM_PANTHOR_BO_IS_IMPORTED: u32 = 1;

/// A buffer object, its creation flags and its origin; driver 1.7 and later.
///
/// Argument of [`DRM_IOCTL_PANTHOR_BO_QUERY_INFO`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_panthor_bo_query_info {
    /// GEM handle.
    pub handle: u32,
    /// Returned: `DRM_PANTHOR_BO_IS_IMPORTED` or zero.
    pub extra_flags: u32,
    /// Returned: the `DRM_PANTHOR_BO_*` flags of the creation; zero for an import from another
    /// driver.
    pub create_flags: u32,
    /// Padding; zero on return.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_panthor_bo_query_info>() == 16);
    assert!(align_of::<drm_panthor_bo_query_info>() == 4);
    assert!(offset_of!(drm_panthor_bo_query_info, handle) == 0);
    assert!(offset_of!(drm_panthor_bo_query_info, extra_flags) == 4);
    assert!(offset_of!(drm_panthor_bo_query_info, create_flags) == 8);
    assert!(offset_of!(drm_panthor_bo_query_info, pad) == 12);
    let mut filled = 0;
    filled += pod_size(|it: &drm_panthor_bo_query_info| &it.handle);
    filled += pod_size(|it: &drm_panthor_bo_query_info| &it.extra_flags);
    filled += pod_size(|it: &drm_panthor_bo_query_info| &it.create_flags);
    filled += pod_size(|it: &drm_panthor_bo_query_info| &it.pad);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_panthor_bo_query_info {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_panthor_bo_query_info {}

/// First ioctl number that belongs to the driver rather than to the DRM core.
pub const DRM_COMMAND_BASE: u32 = 0x40;

/// One beyond the last ioctl number that belongs to the driver.
pub const DRM_COMMAND_END: u32 = 0xa0;

/// Returns the token by which a DRM master authenticates this file.
///
/// Argument: [`drm_auth`].
pub const DRM_IOCTL_GET_MAGIC: u32 = 0x8004_6402;

/// Negotiates versions of the DRM interface; master only.
///
/// Argument: [`drm_set_version`].
pub const DRM_IOCTL_SET_VERSION: u32 = 0xc010_6407;

/// Closes a GEM handle.
///
/// Argument: [`drm_gem_close`].
pub const DRM_IOCTL_GEM_CLOSE: u32 = 0x4008_6409;

/// Creates a global name for a buffer object; primary nodes only.
///
/// Argument: [`drm_gem_flink`].
pub const DRM_IOCTL_GEM_FLINK: u32 = 0xc008_640a;

/// Opens a buffer object by its global name; primary nodes only.
///
/// Argument: [`drm_gem_open`].
pub const DRM_IOCTL_GEM_OPEN: u32 = 0xc010_640b;

/// Returns the value of a capability of the device.
///
/// Argument: [`drm_get_cap`].
pub const DRM_IOCTL_GET_CAP: u32 = 0xc010_640c;

/// Enables or disables a capability of the client.
///
/// Argument: [`drm_set_client_cap`].
pub const DRM_IOCTL_SET_CLIENT_CAP: u32 = 0x4010_640d;

/// Authenticates the file with this token; master only.
///
/// Argument: [`drm_auth`].
pub const DRM_IOCTL_AUTH_MAGIC: u32 = 0x4004_6411;

/// Becomes DRM master of a primary node.
///
/// No argument.
pub const DRM_IOCTL_SET_MASTER: u32 = 0x641e;

/// Stops being DRM master.
///
/// No argument.
pub const DRM_IOCTL_DROP_MASTER: u32 = 0x641f;

/// Exports a buffer object as a dma-buf.
///
/// Argument: [`drm_prime_handle`].
pub const DRM_IOCTL_PRIME_HANDLE_TO_FD: u32 = 0xc00c_642d;

/// Imports a dma-buf as a buffer object.
///
/// Argument: [`drm_prime_handle`].
pub const DRM_IOCTL_PRIME_FD_TO_HANDLE: u32 = 0xc00c_642e;

/// Creates a syncobj.
///
/// Argument: [`drm_syncobj_create`].
pub const DRM_IOCTL_SYNCOBJ_CREATE: u32 = 0xc008_64bf;

/// Destroys a syncobj handle.
///
/// Argument: [`drm_syncobj_destroy`].
pub const DRM_IOCTL_SYNCOBJ_DESTROY: u32 = 0xc008_64c0;

/// Exports a syncobj, or its fence as a sync_file.
///
/// Argument: [`drm_syncobj_handle`].
pub const DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD: u32 = 0xc018_64c1;

/// Imports a syncobj, or a sync_file's fence into a syncobj.
///
/// Argument: [`drm_syncobj_handle`].
pub const DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE: u32 = 0xc018_64c2;

/// Waits for binary syncobjs.
///
/// Argument: [`drm_syncobj_wait`].
pub const DRM_IOCTL_SYNCOBJ_WAIT: u32 = 0xc028_64c3;

/// Removes the fences of syncobjs.
///
/// Argument: [`drm_syncobj_array`].
pub const DRM_IOCTL_SYNCOBJ_RESET: u32 = 0xc010_64c4;

/// Signals binary syncobjs from the CPU.
///
/// Argument: [`drm_syncobj_array`].
pub const DRM_IOCTL_SYNCOBJ_SIGNAL: u32 = 0xc010_64c5;

/// Waits for points on timelines.
///
/// Argument: [`drm_syncobj_timeline_wait`].
pub const DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT: u32 = 0xc030_64ca;

/// Returns the points that timelines have reached.
///
/// Argument: [`drm_syncobj_timeline_array`].
pub const DRM_IOCTL_SYNCOBJ_QUERY: u32 = 0xc018_64cb;

/// Copies a fence from one syncobj to another.
///
/// Argument: [`drm_syncobj_transfer`].
pub const DRM_IOCTL_SYNCOBJ_TRANSFER: u32 = 0xc020_64cc;

/// Signals points on timelines from the CPU.
///
/// Argument: [`drm_syncobj_timeline_array`].
pub const DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL: u32 = 0xc018_64cd;

/// Makes the kernel write to an eventfd when a point is reached.
///
/// Argument: [`drm_syncobj_eventfd`].
pub const DRM_IOCTL_SYNCOBJ_EVENTFD: u32 = 0xc018_64cf;

/// Names this file in the kernel's statistics; Linux 6.13 and later.
///
/// Argument: [`drm_set_client_name`].
pub const DRM_IOCTL_SET_CLIENT_NAME: u32 = 0xc010_64d1;

/// A token for authentication of a primary node's file.
///
/// Argument of [`DRM_IOCTL_GET_MAGIC`] and [`DRM_IOCTL_AUTH_MAGIC`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_auth {
    /// The token.
    pub magic: u32,
}

const _: () = {
    assert!(size_of::<drm_auth>() == 4);
    assert!(align_of::<drm_auth>() == 4);
    assert!(offset_of!(drm_auth, magic) == 0);
    let mut filled = 0;
    filled += pod_size(|it: &drm_auth| &it.magic);
    assert!(filled == 4);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_auth {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_auth {}

/// Versions of the DRM interface. On return, those in force.
///
/// Argument of [`DRM_IOCTL_SET_VERSION`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_set_version {
    /// Major version of the device-independent interface, or -1.
    pub drm_di_major: i32,
    /// Minor version of the device-independent interface.
    pub drm_di_minor: i32,
    /// Major version of the driver's interface, or -1.
    pub drm_dd_major: i32,
    /// Minor version of the driver's interface.
    pub drm_dd_minor: i32,
}

const _: () = {
    assert!(size_of::<drm_set_version>() == 16);
    assert!(align_of::<drm_set_version>() == 4);
    assert!(offset_of!(drm_set_version, drm_di_major) == 0);
    assert!(offset_of!(drm_set_version, drm_di_minor) == 4);
    assert!(offset_of!(drm_set_version, drm_dd_major) == 8);
    assert!(offset_of!(drm_set_version, drm_dd_minor) == 12);
    let mut filled = 0;
    filled += pod_size(|it: &drm_set_version| &it.drm_di_major);
    filled += pod_size(|it: &drm_set_version| &it.drm_di_minor);
    filled += pod_size(|it: &drm_set_version| &it.drm_dd_major);
    filled += pod_size(|it: &drm_set_version| &it.drm_dd_minor);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_set_version {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_set_version {}

/// The GEM handle to close.
///
/// Argument of [`DRM_IOCTL_GEM_CLOSE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_gem_close {
    /// GEM handle.
    pub handle: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_gem_close>() == 8);
    assert!(align_of::<drm_gem_close>() == 4);
    assert!(offset_of!(drm_gem_close, handle) == 0);
    assert!(offset_of!(drm_gem_close, pad) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_gem_close| &it.handle);
    filled += pod_size(|it: &drm_gem_close| &it.pad);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_gem_close {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_gem_close {}

/// A buffer object and its global name.
///
/// Argument of [`DRM_IOCTL_GEM_FLINK`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_gem_flink {
    /// GEM handle.
    pub handle: u32,
    /// Returned: the global name.
    pub name: u32,
}

const _: () = {
    assert!(size_of::<drm_gem_flink>() == 8);
    assert!(align_of::<drm_gem_flink>() == 4);
    assert!(offset_of!(drm_gem_flink, handle) == 0);
    assert!(offset_of!(drm_gem_flink, name) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_gem_flink| &it.handle);
    filled += pod_size(|it: &drm_gem_flink| &it.name);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_gem_flink {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_gem_flink {}

/// A global name and its buffer object.
///
/// Argument of [`DRM_IOCTL_GEM_OPEN`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_gem_open {
    /// The global name.
    pub name: u32,
    /// Returned: a GEM handle of this file.
    pub handle: u32,
    /// Returned: size of the buffer object in bytes.
    pub size: u64,
}

const _: () = {
    assert!(size_of::<drm_gem_open>() == 16);
    assert!(align_of::<drm_gem_open>() == 8);
    assert!(offset_of!(drm_gem_open, name) == 0);
    assert!(offset_of!(drm_gem_open, handle) == 4);
    assert!(offset_of!(drm_gem_open, size) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_gem_open| &it.name);
    filled += pod_size(|it: &drm_gem_open| &it.handle);
    filled += pod_size(|it: &drm_gem_open| &it.size);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_gem_open {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_gem_open {}

/// Dumb buffers can be created.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_DUMB_BUFFER: u64 = 1;

/// Vertical blanks of any CRTC can be waited for.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_VBLANK_HIGH_CRTC: u64 = 2;

/// Preferred depth of a dumb buffer.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_DUMB_PREFERRED_DEPTH: u64 = 3;

/// A shadow buffer makes drawing faster.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_DUMB_PREFER_SHADOW: u64 = 4;

/// Directions of dma-buf sharing: `DRM_PRIME_CAP_*`.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_PRIME: u64 = 5;

/// Timestamps of events are of `CLOCK_MONOTONIC`.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_TIMESTAMP_MONOTONIC: u64 = 6;

/// Page flips need not wait for the vertical blank.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_ASYNC_PAGE_FLIP: u64 = 7;

/// Preferred width of a cursor, in pixels.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_CURSOR_WIDTH: u64 = 8;

/// Preferred height of a cursor, in pixels.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_CURSOR_HEIGHT: u64 = 9;

/// Framebuffers take format modifiers.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_ADDFB2_MODIFIERS: u64 = 0x10;

/// A page flip can name the vertical blank it waits for.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_PAGE_FLIP_TARGET: u64 = 0x11;

/// Events name their CRTC.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_CRTC_IN_VBLANK_EVENT: u64 = 0x12;

/// Syncobjs can be used.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_SYNCOBJ: u64 = 0x13;

/// Syncobjs can be timelines.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_SYNCOBJ_TIMELINE: u64 = 0x14;

/// Atomic commits can flip without waiting.
///
/// Goes into [`drm_get_cap::capability`].
pub const DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP: u64 = 0x15;

/// Answer to [`DRM_CAP_PRIME`]: dma-bufs can be imported.
///
/// Goes into [`drm_get_cap::value`].
pub const DRM_PRIME_CAP_IMPORT: u64 = 1;

/// Answer to [`DRM_CAP_PRIME`]: dma-bufs can be exported.
///
/// Goes into [`drm_get_cap::value`].
pub const DRM_PRIME_CAP_EXPORT: u64 = 2;

/// A capability of the device and its value.
///
/// Argument of [`DRM_IOCTL_GET_CAP`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_get_cap {
    /// `DRM_CAP_*`.
    pub capability: u64,
    /// Returned: the value, zero for an unsupported capability.
    pub value: u64,
}

const _: () = {
    assert!(size_of::<drm_get_cap>() == 16);
    assert!(align_of::<drm_get_cap>() == 8);
    assert!(offset_of!(drm_get_cap, capability) == 0);
    assert!(offset_of!(drm_get_cap, value) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_get_cap| &it.capability);
    filled += pod_size(|it: &drm_get_cap| &it.value);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_get_cap {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_get_cap {}

/// The client understands stereo modes.
///
/// Goes into [`drm_set_client_cap::capability`].
pub const DRM_CLIENT_CAP_STEREO_3D: u64 = 1;

/// The client wants to see all planes.
///
/// Goes into [`drm_set_client_cap::capability`].
pub const DRM_CLIENT_CAP_UNIVERSAL_PLANES: u64 = 2;

/// The client sets modes atomically.
///
/// Goes into [`drm_set_client_cap::capability`].
pub const DRM_CLIENT_CAP_ATOMIC: u64 = 3;

/// The client understands aspect ratios of modes.
///
/// Goes into [`drm_set_client_cap::capability`].
pub const DRM_CLIENT_CAP_ASPECT_RATIO: u64 = 4;

/// The client wants to see writeback connectors.
///
/// Goes into [`drm_set_client_cap::capability`].
pub const DRM_CLIENT_CAP_WRITEBACK_CONNECTORS: u64 = 5;

/// The client sets the hotspot of the cursor.
///
/// Goes into [`drm_set_client_cap::capability`].
pub const DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT: u64 = 6;

/// The client sets the color pipelines of planes.
///
/// Goes into [`drm_set_client_cap::capability`].
pub const DRM_CLIENT_CAP_PLANE_COLOR_PIPELINE: u64 = 7;

/// A capability of the client.
///
/// Argument of [`DRM_IOCTL_SET_CLIENT_CAP`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_set_client_cap {
    /// `DRM_CLIENT_CAP_*`.
    pub capability: u64,
    /// The value, mostly 1 to switch the capability on.
    pub value: u64,
}

const _: () = {
    assert!(size_of::<drm_set_client_cap>() == 16);
    assert!(align_of::<drm_set_client_cap>() == 8);
    assert!(offset_of!(drm_set_client_cap, capability) == 0);
    assert!(offset_of!(drm_set_client_cap, value) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_set_client_cap| &it.capability);
    filled += pod_size(|it: &drm_set_client_cap| &it.value);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_set_client_cap {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_set_client_cap {}

/// The dma-buf can be mapped for writing: the value of `O_RDWR`.
///
/// Goes into [`drm_prime_handle::flags`].
pub const DRM_RDWR: u32 = 2;

/// The file descriptor is closed by `exec`: the value of `O_CLOEXEC`.
///
/// Goes into [`drm_prime_handle::flags`].
pub const DRM_CLOEXEC: u32 = 0x8_0000;

/// A buffer object and its dma-buf.
///
/// Argument of [`DRM_IOCTL_PRIME_HANDLE_TO_FD`] and [`DRM_IOCTL_PRIME_FD_TO_HANDLE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_prime_handle {
    /// GEM handle: given for an export, returned by an import.
    pub handle: u32,
    /// [`DRM_RDWR`] and [`DRM_CLOEXEC`] for an export.
    pub flags: u32,
    /// File descriptor: returned by an export, given for an import.
    pub fd: i32,
}

const _: () = {
    assert!(size_of::<drm_prime_handle>() == 12);
    assert!(align_of::<drm_prime_handle>() == 4);
    assert!(offset_of!(drm_prime_handle, handle) == 0);
    assert!(offset_of!(drm_prime_handle, flags) == 4);
    assert!(offset_of!(drm_prime_handle, fd) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_prime_handle| &it.handle);
    filled += pod_size(|it: &drm_prime_handle| &it.flags);
    filled += pod_size(|it: &drm_prime_handle| &it.fd);
    assert!(filled == 12);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_prime_handle {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_prime_handle {}

/// The new syncobj is signaled already.
///
/// Goes into [`drm_syncobj_create::flags`].
pub const DRM_SYNCOBJ_CREATE_SIGNALED: u32 = 1;

/// A new syncobj.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_CREATE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_create {
    /// Returned: the handle.
    pub handle: u32,
    /// [`DRM_SYNCOBJ_CREATE_SIGNALED`] or zero.
    pub flags: u32,
}

const _: () = {
    assert!(size_of::<drm_syncobj_create>() == 8);
    assert!(align_of::<drm_syncobj_create>() == 4);
    assert!(offset_of!(drm_syncobj_create, handle) == 0);
    assert!(offset_of!(drm_syncobj_create, flags) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_create| &it.handle);
    filled += pod_size(|it: &drm_syncobj_create| &it.flags);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_create {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_create {}

/// The syncobj handle to destroy.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_DESTROY`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_destroy {
    /// Handle of the syncobj.
    pub handle: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_syncobj_destroy>() == 8);
    assert!(align_of::<drm_syncobj_destroy>() == 4);
    assert!(offset_of!(drm_syncobj_destroy, handle) == 0);
    assert!(offset_of!(drm_syncobj_destroy, pad) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_destroy| &it.handle);
    filled += pod_size(|it: &drm_syncobj_destroy| &it.pad);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_destroy {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_destroy {}

/// The descriptor is a sync_file. Its fence goes into the existing syncobj.
///
/// Goes into [`drm_syncobj_handle::flags`].
pub const DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE: u32 = 1;

/// The fence goes to a point on a timeline; newer kernels.
///
/// Goes into [`drm_syncobj_handle::flags`].
pub const DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE: u32 = 2;

/// Export the current fence as a sync_file.
///
/// Goes into [`drm_syncobj_handle::flags`].
pub const DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE: u32 = 1;

/// The fence is that of a point on a timeline; newer kernels.
///
/// Goes into [`drm_syncobj_handle::flags`].
pub const DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE: u32 = 2;

/// A syncobj and its file descriptor.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD`] and [`DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_handle {
    /// Handle of the syncobj; returned when a syncobj is imported.
    pub handle: u32,
    /// `DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_*` or `DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_*`.
    pub flags: u32,
    /// File descriptor: returned by an export, given for an import.
    pub fd: i32,
    /// Padding; must be zero.
    pub pad: u32,
    /// Point on the timeline, with the `TIMELINE` flags. Kernels before these flags have a shorter
    /// struct and ask for zero.
    pub point: u64,
}

const _: () = {
    assert!(size_of::<drm_syncobj_handle>() == 24);
    assert!(align_of::<drm_syncobj_handle>() == 8);
    assert!(offset_of!(drm_syncobj_handle, handle) == 0);
    assert!(offset_of!(drm_syncobj_handle, flags) == 4);
    assert!(offset_of!(drm_syncobj_handle, fd) == 8);
    assert!(offset_of!(drm_syncobj_handle, pad) == 12);
    assert!(offset_of!(drm_syncobj_handle, point) == 16);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_handle| &it.handle);
    filled += pod_size(|it: &drm_syncobj_handle| &it.flags);
    filled += pod_size(|it: &drm_syncobj_handle| &it.fd);
    filled += pod_size(|it: &drm_syncobj_handle| &it.pad);
    filled += pod_size(|it: &drm_syncobj_handle| &it.point);
    assert!(filled == 24);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_handle {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_handle {}

/// Two syncobjs, between which a fence is copied.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_TRANSFER`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_transfer {
    /// Handle of the syncobj that has the fence.
    pub src_handle: u32,
    /// Handle of the syncobj that gets the fence.
    pub dst_handle: u32,
    /// Point on the source, zero for a binary syncobj.
    pub src_point: u64,
    /// Point on the destination, zero for a binary syncobj.
    pub dst_point: u64,
    /// `DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT` or zero.
    pub flags: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_syncobj_transfer>() == 32);
    assert!(align_of::<drm_syncobj_transfer>() == 8);
    assert!(offset_of!(drm_syncobj_transfer, src_handle) == 0);
    assert!(offset_of!(drm_syncobj_transfer, dst_handle) == 4);
    assert!(offset_of!(drm_syncobj_transfer, src_point) == 8);
    assert!(offset_of!(drm_syncobj_transfer, dst_point) == 16);
    assert!(offset_of!(drm_syncobj_transfer, flags) == 24);
    assert!(offset_of!(drm_syncobj_transfer, pad) == 28);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_transfer| &it.src_handle);
    filled += pod_size(|it: &drm_syncobj_transfer| &it.dst_handle);
    filled += pod_size(|it: &drm_syncobj_transfer| &it.src_point);
    filled += pod_size(|it: &drm_syncobj_transfer| &it.dst_point);
    filled += pod_size(|it: &drm_syncobj_transfer| &it.flags);
    filled += pod_size(|it: &drm_syncobj_transfer| &it.pad);
    assert!(filled == 32);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_transfer {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_transfer {}

/// Wait for all syncobjs rather than for any.
///
/// Goes into [`drm_syncobj_wait::flags`].
pub const DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL: u32 = 1;

/// Wait for a fence to appear first instead of refusing a syncobj without a fence.
///
/// Goes into [`drm_syncobj_wait::flags`].
pub const DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT: u32 = 2;

/// Wait only until a fence appears, not until it signals; timelines only.
///
/// Goes into [`drm_syncobj_wait::flags`].
pub const DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE: u32 = 4;

/// Pass the deadline to the fence's driver.
///
/// Goes into [`drm_syncobj_wait::flags`].
pub const DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE: u32 = 8;

/// A wait for binary syncobjs.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_WAIT`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_wait {
    /// User address of an array of `u32` handles.
    pub handles: u64,
    /// End of the wait: nanoseconds of `CLOCK_MONOTONIC`, not a duration.
    pub timeout_nsec: i64,
    /// Number of handles.
    pub count_handles: u32,
    /// `DRM_SYNCOBJ_WAIT_FLAGS_*`.
    pub flags: u32,
    /// Returned: index of a signaled syncobj, unless the call waits for all.
    pub first_signaled: u32,
    /// Padding; must be zero.
    pub pad: u32,
    /// With `DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE`, the deadline of the fence, in nanoseconds of
    /// `CLOCK_MONOTONIC`.
    pub deadline_nsec: u64,
}

const _: () = {
    assert!(size_of::<drm_syncobj_wait>() == 40);
    assert!(align_of::<drm_syncobj_wait>() == 8);
    assert!(offset_of!(drm_syncobj_wait, handles) == 0);
    assert!(offset_of!(drm_syncobj_wait, timeout_nsec) == 8);
    assert!(offset_of!(drm_syncobj_wait, count_handles) == 16);
    assert!(offset_of!(drm_syncobj_wait, flags) == 20);
    assert!(offset_of!(drm_syncobj_wait, first_signaled) == 24);
    assert!(offset_of!(drm_syncobj_wait, pad) == 28);
    assert!(offset_of!(drm_syncobj_wait, deadline_nsec) == 32);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_wait| &it.handles);
    filled += pod_size(|it: &drm_syncobj_wait| &it.timeout_nsec);
    filled += pod_size(|it: &drm_syncobj_wait| &it.count_handles);
    filled += pod_size(|it: &drm_syncobj_wait| &it.flags);
    filled += pod_size(|it: &drm_syncobj_wait| &it.first_signaled);
    filled += pod_size(|it: &drm_syncobj_wait| &it.pad);
    filled += pod_size(|it: &drm_syncobj_wait| &it.deadline_nsec);
    assert!(filled == 40);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_wait {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_wait {}

/// A wait for points on timelines.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_timeline_wait {
    /// User address of an array of `u32` handles.
    pub handles: u64,
    /// User address of an array of `u64` points, one for each handle.
    pub points: u64,
    /// End of the wait: nanoseconds of `CLOCK_MONOTONIC`, not a duration.
    pub timeout_nsec: i64,
    /// Number of handles.
    pub count_handles: u32,
    /// `DRM_SYNCOBJ_WAIT_FLAGS_*`.
    pub flags: u32,
    /// Returned: index of a signaled syncobj, unless the call waits for all.
    pub first_signaled: u32,
    /// Padding; must be zero.
    pub pad: u32,
    /// With `DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE`, the deadline of the fence, in nanoseconds of
    /// `CLOCK_MONOTONIC`.
    pub deadline_nsec: u64,
}

const _: () = {
    assert!(size_of::<drm_syncobj_timeline_wait>() == 48);
    assert!(align_of::<drm_syncobj_timeline_wait>() == 8);
    assert!(offset_of!(drm_syncobj_timeline_wait, handles) == 0);
    assert!(offset_of!(drm_syncobj_timeline_wait, points) == 8);
    assert!(offset_of!(drm_syncobj_timeline_wait, timeout_nsec) == 16);
    assert!(offset_of!(drm_syncobj_timeline_wait, count_handles) == 24);
    assert!(offset_of!(drm_syncobj_timeline_wait, flags) == 28);
    assert!(offset_of!(drm_syncobj_timeline_wait, first_signaled) == 32);
    assert!(offset_of!(drm_syncobj_timeline_wait, pad) == 36);
    assert!(offset_of!(drm_syncobj_timeline_wait, deadline_nsec) == 40);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_timeline_wait| &it.handles);
    filled += pod_size(|it: &drm_syncobj_timeline_wait| &it.points);
    filled += pod_size(|it: &drm_syncobj_timeline_wait| &it.timeout_nsec);
    filled += pod_size(|it: &drm_syncobj_timeline_wait| &it.count_handles);
    filled += pod_size(|it: &drm_syncobj_timeline_wait| &it.flags);
    filled += pod_size(|it: &drm_syncobj_timeline_wait| &it.first_signaled);
    filled += pod_size(|it: &drm_syncobj_timeline_wait| &it.pad);
    filled += pod_size(|it: &drm_syncobj_timeline_wait| &it.deadline_nsec);
    assert!(filled == 48);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_timeline_wait {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_timeline_wait {}

/// An eventfd for a point of a syncobj.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_EVENTFD`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_eventfd {
    /// Handle of the syncobj.
    pub handle: u32,
    /// `DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE` or zero.
    pub flags: u32,
    /// Point on the timeline, zero for a binary syncobj.
    pub point: u64,
    /// File descriptor of the eventfd.
    pub fd: i32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_syncobj_eventfd>() == 24);
    assert!(align_of::<drm_syncobj_eventfd>() == 8);
    assert!(offset_of!(drm_syncobj_eventfd, handle) == 0);
    assert!(offset_of!(drm_syncobj_eventfd, flags) == 4);
    assert!(offset_of!(drm_syncobj_eventfd, point) == 8);
    assert!(offset_of!(drm_syncobj_eventfd, fd) == 16);
    assert!(offset_of!(drm_syncobj_eventfd, pad) == 20);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_eventfd| &it.handle);
    filled += pod_size(|it: &drm_syncobj_eventfd| &it.flags);
    filled += pod_size(|it: &drm_syncobj_eventfd| &it.point);
    filled += pod_size(|it: &drm_syncobj_eventfd| &it.fd);
    filled += pod_size(|it: &drm_syncobj_eventfd| &it.pad);
    assert!(filled == 24);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_eventfd {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_eventfd {}

/// Binary syncobjs to signal or to reset.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_RESET`] and [`DRM_IOCTL_SYNCOBJ_SIGNAL`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_array {
    /// User address of an array of `u32` handles.
    pub handles: u64,
    /// Number of handles.
    pub count_handles: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<drm_syncobj_array>() == 16);
    assert!(align_of::<drm_syncobj_array>() == 8);
    assert!(offset_of!(drm_syncobj_array, handles) == 0);
    assert!(offset_of!(drm_syncobj_array, count_handles) == 8);
    assert!(offset_of!(drm_syncobj_array, pad) == 12);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_array| &it.handles);
    filled += pod_size(|it: &drm_syncobj_array| &it.count_handles);
    filled += pod_size(|it: &drm_syncobj_array| &it.pad);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_array {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_array {}

/// Return the last submitted point rather than the last reached point.
///
/// Goes into [`drm_syncobj_timeline_array::flags`].
pub const DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED: u32 = 1;

/// Timelines and a point on each, to query or to signal.
///
/// Argument of [`DRM_IOCTL_SYNCOBJ_QUERY`] and [`DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_syncobj_timeline_array {
    /// User address of an array of `u32` handles.
    pub handles: u64,
    /// User address of an array of `u64` points, which a query writes.
    pub points: u64,
    /// Number of handles.
    pub count_handles: u32,
    /// [`DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED`] for a query, or zero.
    pub flags: u32,
}

const _: () = {
    assert!(size_of::<drm_syncobj_timeline_array>() == 24);
    assert!(align_of::<drm_syncobj_timeline_array>() == 8);
    assert!(offset_of!(drm_syncobj_timeline_array, handles) == 0);
    assert!(offset_of!(drm_syncobj_timeline_array, points) == 8);
    assert!(offset_of!(drm_syncobj_timeline_array, count_handles) == 16);
    assert!(offset_of!(drm_syncobj_timeline_array, flags) == 20);
    let mut filled = 0;
    filled += pod_size(|it: &drm_syncobj_timeline_array| &it.handles);
    filled += pod_size(|it: &drm_syncobj_timeline_array| &it.points);
    filled += pod_size(|it: &drm_syncobj_timeline_array| &it.count_handles);
    filled += pod_size(|it: &drm_syncobj_timeline_array| &it.flags);
    assert!(filled == 24);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_syncobj_timeline_array {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_syncobj_timeline_array {}

/// Longest client name in bytes, without a NUL.
pub const DRM_CLIENT_NAME_MAX_LEN: usize = 64;

/// A name for the file; Linux 6.13 and later.
///
/// Argument of [`DRM_IOCTL_SET_CLIENT_NAME`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct drm_set_client_name {
    /// Length of the name in bytes, without a NUL; zero removes the name.
    pub name_len: u64,
    /// User address of the name.
    pub name: u64,
}

const _: () = {
    assert!(size_of::<drm_set_client_name>() == 16);
    assert!(align_of::<drm_set_client_name>() == 8);
    assert!(offset_of!(drm_set_client_name, name_len) == 0);
    assert!(offset_of!(drm_set_client_name, name) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &drm_set_client_name| &it.name_len);
    filled += pod_size(|it: &drm_set_client_name| &it.name);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for drm_set_client_name {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for drm_set_client_name {}

/// The CPU reads.
///
/// Goes into [`dma_buf_sync::flags`].
pub const DMA_BUF_SYNC_READ: u64 = 1;

/// The CPU writes.
///
/// Goes into [`dma_buf_sync::flags`].
pub const DMA_BUF_SYNC_WRITE: u64 = 2;

/// The CPU reads and writes.
///
/// Goes into [`dma_buf_sync::flags`].
pub const DMA_BUF_SYNC_RW: u64 = 3;

/// The access begins; no bit stands for the begin.
///
/// Goes into [`dma_buf_sync::flags`].
pub const DMA_BUF_SYNC_START: u64 = 0;

/// The access is over.
///
/// Goes into [`dma_buf_sync::flags`].
pub const DMA_BUF_SYNC_END: u64 = 4;

/// All defined flags.
///
/// Goes into [`dma_buf_sync::flags`].
pub const DMA_BUF_SYNC_VALID_FLAGS_MASK: u64 = 7;

/// The beginning or the end of the CPU's access to a mapped dma-buf.
///
/// Argument of [`DMA_BUF_IOCTL_SYNC`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct dma_buf_sync {
    /// `DMA_BUF_SYNC_*`: begin or end, and the kind of access.
    pub flags: u64,
}

const _: () = {
    assert!(size_of::<dma_buf_sync>() == 8);
    assert!(align_of::<dma_buf_sync>() == 8);
    assert!(offset_of!(dma_buf_sync, flags) == 0);
    let mut filled = 0;
    filled += pod_size(|it: &dma_buf_sync| &it.flags);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for dma_buf_sync {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for dma_buf_sync {}

/// The fences of a dma-buf, as a sync_file.
///
/// Argument of [`DMA_BUF_IOCTL_EXPORT_SYNC_FILE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct dma_buf_export_sync_file {
    /// [`DMA_BUF_SYNC_READ`] for the fences a reader waits for, [`DMA_BUF_SYNC_WRITE`] for those a
    /// writer waits for, in 32 bits.
    pub flags: u32,
    /// Returned: file descriptor of the sync_file.
    pub fd: i32,
}

const _: () = {
    assert!(size_of::<dma_buf_export_sync_file>() == 8);
    assert!(align_of::<dma_buf_export_sync_file>() == 4);
    assert!(offset_of!(dma_buf_export_sync_file, flags) == 0);
    assert!(offset_of!(dma_buf_export_sync_file, fd) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &dma_buf_export_sync_file| &it.flags);
    filled += pod_size(|it: &dma_buf_export_sync_file| &it.fd);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for dma_buf_export_sync_file {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for dma_buf_export_sync_file {}

/// A fence to put into a dma-buf.
///
/// Argument of [`DMA_BUF_IOCTL_IMPORT_SYNC_FILE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct dma_buf_import_sync_file {
    /// [`DMA_BUF_SYNC_READ`] when the work reads, [`DMA_BUF_SYNC_WRITE`] when it writes, in 32
    /// bits.
    pub flags: u32,
    /// File descriptor of the sync_file.
    pub fd: i32,
}

const _: () = {
    assert!(size_of::<dma_buf_import_sync_file>() == 8);
    assert!(align_of::<dma_buf_import_sync_file>() == 4);
    assert!(offset_of!(dma_buf_import_sync_file, flags) == 0);
    assert!(offset_of!(dma_buf_import_sync_file, fd) == 4);
    let mut filled = 0;
    filled += pod_size(|it: &dma_buf_import_sync_file| &it.flags);
    filled += pod_size(|it: &dma_buf_import_sync_file| &it.fd);
    assert!(filled == 8);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for dma_buf_import_sync_file {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for dma_buf_import_sync_file {}

/// Longest name of a dma-buf in bytes, with the NUL.
pub const DMA_BUF_NAME_LEN: usize = 32;

/// Brackets the CPU's access to a mapped dma-buf.
///
/// Argument: [`dma_buf_sync`].
pub const DMA_BUF_IOCTL_SYNC: u32 = 0x4008_6200;

/// Exports the fences of a dma-buf as a sync_file.
///
/// Argument: [`dma_buf_export_sync_file`].
pub const DMA_BUF_IOCTL_EXPORT_SYNC_FILE: u32 = 0xc008_6202;

/// Puts a sync_file's fence into a dma-buf.
///
/// Argument: [`dma_buf_import_sync_file`].
pub const DMA_BUF_IOCTL_IMPORT_SYNC_FILE: u32 = 0x4008_6203;

/// Names a dma-buf; the argument itself is the address of the string, and the number is that of
/// 32-bit programs.
pub const DMA_BUF_SET_NAME_A: u32 = 0x4004_6201;

/// Names a dma-buf; the argument itself is the address of the string, and the number is that of
/// 64-bit programs.
pub const DMA_BUF_SET_NAME_B: u32 = 0x4008_6201;

/// Two sync_files and the result of their merge.
///
/// Argument of [`SYNC_IOC_MERGE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct sync_merge_data {
    /// Name of the merged sync_file, NUL-terminated.
    pub name: [c_char; 32],
    /// File descriptor of the second sync_file; the first is the one the ioctl is called on.
    pub fd2: i32,
    /// Returned: file descriptor of the merged sync_file.
    pub fence: i32,
    /// Must be zero.
    pub flags: u32,
    /// Padding; must be zero.
    pub pad: u32,
}

const _: () = {
    assert!(size_of::<sync_merge_data>() == 48);
    assert!(align_of::<sync_merge_data>() == 4);
    assert!(offset_of!(sync_merge_data, name) == 0);
    assert!(offset_of!(sync_merge_data, fd2) == 32);
    assert!(offset_of!(sync_merge_data, fence) == 36);
    assert!(offset_of!(sync_merge_data, flags) == 40);
    assert!(offset_of!(sync_merge_data, pad) == 44);
    let mut filled = 0;
    filled += pod_size(|it: &sync_merge_data| &it.name);
    filled += pod_size(|it: &sync_merge_data| &it.fd2);
    filled += pod_size(|it: &sync_merge_data| &it.fence);
    filled += pod_size(|it: &sync_merge_data| &it.flags);
    filled += pod_size(|it: &sync_merge_data| &it.pad);
    assert!(filled == 48);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for sync_merge_data {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for sync_merge_data {}

/// One fence of a sync_file.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct sync_fence_info {
    /// Name of the timeline the fence is on.
    pub obj_name: [c_char; 32],
    /// Name of the driver that signals the fence.
    pub driver_name: [c_char; 32],
    /// 1 when signaled, 0 when active, a negative errno after a failure.
    pub status: i32,
    /// No flags are defined.
    pub flags: u32,
    /// Time of the signal in nanoseconds of `CLOCK_MONOTONIC`.
    pub timestamp_ns: u64,
}

const _: () = {
    assert!(size_of::<sync_fence_info>() == 80);
    assert!(align_of::<sync_fence_info>() == 8);
    assert!(offset_of!(sync_fence_info, obj_name) == 0);
    assert!(offset_of!(sync_fence_info, driver_name) == 32);
    assert!(offset_of!(sync_fence_info, status) == 64);
    assert!(offset_of!(sync_fence_info, flags) == 68);
    assert!(offset_of!(sync_fence_info, timestamp_ns) == 72);
    let mut filled = 0;
    filled += pod_size(|it: &sync_fence_info| &it.obj_name);
    filled += pod_size(|it: &sync_fence_info| &it.driver_name);
    filled += pod_size(|it: &sync_fence_info| &it.status);
    filled += pod_size(|it: &sync_fence_info| &it.flags);
    filled += pod_size(|it: &sync_fence_info| &it.timestamp_ns);
    assert!(filled == 80);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for sync_fence_info {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for sync_fence_info {}

/// A sync_file and its fences.
///
/// Argument of [`SYNC_IOC_FILE_INFO`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct sync_file_info {
    /// Name of the sync_file.
    pub name: [c_char; 32],
    /// 1 when all are signaled, 0 when some are active, a negative errno when one failed.
    pub status: i32,
    /// Must be zero.
    pub flags: u32,
    /// Number of elements in the array. Returned: number of fences.
    pub num_fences: u32,
    /// Padding; must be zero.
    pub pad: u32,
    /// User address of an array of [`sync_fence_info`], or zero to ask for the number.
    pub sync_fence_info: u64,
}

const _: () = {
    assert!(size_of::<sync_file_info>() == 56);
    assert!(align_of::<sync_file_info>() == 8);
    assert!(offset_of!(sync_file_info, name) == 0);
    assert!(offset_of!(sync_file_info, status) == 32);
    assert!(offset_of!(sync_file_info, flags) == 36);
    assert!(offset_of!(sync_file_info, num_fences) == 40);
    assert!(offset_of!(sync_file_info, pad) == 44);
    assert!(offset_of!(sync_file_info, sync_fence_info) == 48);
    let mut filled = 0;
    filled += pod_size(|it: &sync_file_info| &it.name);
    filled += pod_size(|it: &sync_file_info| &it.status);
    filled += pod_size(|it: &sync_file_info| &it.flags);
    filled += pod_size(|it: &sync_file_info| &it.num_fences);
    filled += pod_size(|it: &sync_file_info| &it.pad);
    filled += pod_size(|it: &sync_file_info| &it.sync_fence_info);
    assert!(filled == 56);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for sync_file_info {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for sync_file_info {}

/// Deadline of a sync_file's fences; Linux 6.6 and later.
///
/// Argument of [`SYNC_IOC_SET_DEADLINE`].
#[repr(C)]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct sync_set_deadline {
    /// The time in nanoseconds of `CLOCK_MONOTONIC`.
    pub deadline_ns: u64,
    /// Padding; must be zero.
    pub pad: u64,
}

const _: () = {
    assert!(size_of::<sync_set_deadline>() == 16);
    assert!(align_of::<sync_set_deadline>() == 8);
    assert!(offset_of!(sync_set_deadline, deadline_ns) == 0);
    assert!(offset_of!(sync_set_deadline, pad) == 8);
    let mut filled = 0;
    filled += pod_size(|it: &sync_set_deadline| &it.deadline_ns);
    filled += pod_size(|it: &sync_set_deadline| &it.pad);
    assert!(filled == 16);
};

// SAFETY: the struct is `repr(C)`, and as asserted above every field is Pod and no padding is left.
unsafe impl bytemuck::Zeroable for sync_set_deadline {}

// SAFETY: as above.
unsafe impl bytemuck::Pod for sync_set_deadline {}

/// Merges two sync_files.
///
/// Argument: [`sync_merge_data`].
pub const SYNC_IOC_MERGE: u32 = 0xc030_3e03;

/// Returns the state of a sync_file and of its fences.
///
/// Argument: [`sync_file_info`].
pub const SYNC_IOC_FILE_INFO: u32 = 0xc038_3e04;

/// Passes a deadline to the drivers of a sync_file's fences; Linux 6.6 and later.
///
/// Argument: [`sync_set_deadline`].
pub const SYNC_IOC_SET_DEADLINE: u32 = 0x4010_3e05;
