//! The driver ioctls of Panthor.

use std::mem::offset_of;

use panthor_sys as sys;

use super::panthor_names::{self as names, NONE, SYNC_REST};
use super::schema::Kind::*;
use super::schema::{Argument, Layout, Request, layout, request};

const PAD: super::schema::Kind = Zero(u64::MAX);

static SYNC_OP: Layout = layout!(drm_panthor_sync_op, SyncOp, [
    In flags "op": Name(&names::SYNC_OP),
    In flags "type": Name(&names::SYNC_TYPE),
    In flags: Zero(SYNC_REST),
    In handle: Number,
    In timeline_value: Number,
]);

static DEV_QUERY: Layout = layout!(drm_panthor_dev_query, Plain, [
    In type_ "type": Name(&names::QUERY),
    InChanged size: Number,
    In pointer: Hex,
    InOut pointer "info": Query,
]);

static GPU_INFO: Layout = layout!(drm_panthor_gpu_info, Plain, [
    Out gpu_id: Hex,
    Out gpu_rev: Hex,
    Out csf_id: Hex,
    Out l2_features: Hex,
    Out tiler_features: Hex,
    Out mem_features: Hex,
    Out mmu_features: Hex,
    Out thread_features: Hex,
    Out max_threads: Number,
    Out thread_max_workgroup_size: Number,
    Out thread_max_barrier_size: Number,
    Out coherency_features: Hex,
    Out texture_features: Numbers(4),
    Out as_present: Hex,
    Out selected_coherency: Name(&names::COHERENCY),
    Out shader_present: Hex,
    Out l2_present: Hex,
    Out tiler_present: Hex,
    Out core_features: Hex,
    Out pad: PAD,
    Out gpu_features: Hex,
]);

static CSIF_INFO: Layout = layout!(drm_panthor_csif_info, Plain, [
    Out csg_slot_count: Number,
    Out cs_slot_count: Number,
    Out cs_reg_count: Number,
    Out scoreboard_slot_count: Number,
    Out unpreserved_cs_reg_count: Number,
    Out pad: PAD,
]);

static TIMESTAMP_INFO: Layout = layout!(drm_panthor_timestamp_info, Plain, [
    Out timestamp_frequency: Number,
    Out current_timestamp: Number,
    Out timestamp_offset: Number,
    InOut flags: Flags(&names::TIMESTAMP),
    Out duration_nsec: Number,
    Out cycle_count: Number,
    Out cpu_timestamp_sec: Number,
    Out cpu_timestamp_nsec: Number,
]);

static GROUP_PRIORITIES_INFO: Layout = layout!(drm_panthor_group_priorities_info, Plain, [
    Out allowed_mask: Hex,
    Out pad: PAD,
]);

static MMU_INFO: Layout = layout!(drm_panthor_mmu_info, Plain, [Out page_size_bitmap: Hex]);

/// Returns the structure that a query fills in.
pub(crate) fn query(kind: u32) -> Option<&'static Layout> {
    Some(match kind {
        sys::DRM_PANTHOR_DEV_QUERY_GPU_INFO => &GPU_INFO,
        sys::DRM_PANTHOR_DEV_QUERY_CSIF_INFO => &CSIF_INFO,
        sys::DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO => &TIMESTAMP_INFO,
        sys::DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO => &GROUP_PRIORITIES_INFO,
        sys::DRM_PANTHOR_DEV_QUERY_MMU_INFO => &MMU_INFO,
        _ => return None,
    })
}

static VM_CREATE: Layout = layout!(drm_panthor_vm_create, Plain, [
    In flags: Flags(&NONE),
    Out id: Number,
    InOut user_va_range: Hex,
]);

static VM_DESTROY: Layout = layout!(drm_panthor_vm_destroy, Plain, [In id: Number, In pad: PAD]);

static BIND_OP: Layout = layout!(drm_panthor_vm_bind_op, BindOp, [
    In flags "type": Name(&names::BIND_TYPE),
    In bo_handle: Number,
    In bo_offset: Hex,
    In va: Hex,
    In size: Hex,
    In flags: Flags(&names::BIND_OP),
    In syncs: Objects(&SYNC_OP),
]);

static VM_BIND: Layout = layout!(drm_panthor_vm_bind, Plain, [
    In vm_id: Number,
    In flags: Flags(&names::BIND),
    In ops: Objects(&BIND_OP),
    Changed ops "ops_count": Count,
]);

static VM_GET_STATE: Layout = layout!(drm_panthor_vm_get_state, Plain, [
    In vm_id: Number,
    Out state: Name(&names::VM_STATE),
]);

static BO_CREATE: Layout = layout!(drm_panthor_bo_create, Plain, [
    InChanged size: Number,
    In flags: Flags(&names::BO),
    In exclusive_vm_id: Number,
    Out handle: Number,
    In pad: PAD,
]);

static BO_MMAP_OFFSET: Layout = layout!(drm_panthor_bo_mmap_offset, Plain, [
    In handle: Number,
    In pad: PAD,
    Out offset: Hex,
]);

static QUEUE_CREATE: Layout = layout!(drm_panthor_queue_create, Plain, [
    In priority: Number,
    In pad: PAD,
    In ringbuf_size: Number,
]);

static GROUP_CREATE: Layout = layout!(drm_panthor_group_create, Plain, [
    In queues: Objects(&QUEUE_CREATE),
    In max_compute_cores: Number,
    In max_fragment_cores: Number,
    In max_tiler_cores: Number,
    In priority: Name(&names::GROUP_PRIORITY),
    In pad: PAD,
    In compute_core_mask: Hex,
    In fragment_core_mask: Hex,
    In tiler_core_mask: Hex,
    In vm_id: Number,
    Out group_handle: Number,
]);

static GROUP_DESTROY: Layout =
    layout!(drm_panthor_group_destroy, Plain, [In group_handle: Number, In pad: PAD]);

static QUEUE_SUBMIT: Layout = layout!(drm_panthor_queue_submit, Plain, [
    In queue_index: Number,
    In stream_size: Number,
    In stream_addr: Hex,
    In latest_flush: Number,
    In pad: PAD,
    In syncs: Objects(&SYNC_OP),
]);

static GROUP_SUBMIT: Layout = layout!(drm_panthor_group_submit, Plain, [
    In group_handle: Number,
    In pad: PAD,
    In queue_submits: Objects(&QUEUE_SUBMIT),
]);

static GROUP_GET_STATE: Layout = layout!(drm_panthor_group_get_state, Plain, [
    In group_handle: Number,
    Out state: Flags(&names::GROUP_STATE),
    Out fatal_queues: Hex,
    In pad: PAD,
]);

static HEAP_CREATE: Layout = layout!(drm_panthor_tiler_heap_create, Plain, [
    In vm_id: Number,
    In initial_chunk_count: Number,
    In chunk_size: Number,
    In max_chunks: Number,
    In target_in_flight: Number,
    Out handle: Hex,
    Out tiler_heap_ctx_gpu_va: Hex,
    Out first_heap_chunk_gpu_va: Hex,
]);

static HEAP_DESTROY: Layout =
    layout!(drm_panthor_tiler_heap_destroy, Plain, [In handle: Hex, In pad: PAD]);

/// The maximum size of a label in bytes, including its NUL.
const LABEL_MAX: usize = 4096;

static BO_SET_LABEL: Layout = layout!(drm_panthor_bo_set_label, Plain, [
    In handle: Number,
    In pad: PAD,
    In label: Text(LABEL_MAX),
]);

static MMIO_OFFSET: Layout =
    layout!(drm_panthor_set_user_mmio_offset, Plain, [In offset: Name(&names::MMIO_OFFSET)]);

static BO_SYNC_OP: Layout = layout!(drm_panthor_bo_sync_op, Plain, [
    In type_ "type": Name(&names::BO_SYNC),
    In handle: Number,
    In offset: Hex,
    In size: Hex,
]);

static BO_SYNC: Layout = layout!(drm_panthor_bo_sync, Plain, [In ops: Objects(&BO_SYNC_OP)]);

static BO_QUERY_INFO: Layout = layout!(drm_panthor_bo_query_info, Plain, [
    In handle: Number,
    Out extra_flags: Flags(&names::BO_EXTRA),
    Out create_flags: Flags(&names::BO),
    InChanged pad: PAD,
]);

/// All requests of this module.
pub(crate) static REQUESTS: &[Request] = &[
    request!(DRM_IOCTL_PANTHOR_DEV_QUERY, Argument::Struct(&DEV_QUERY)),
    request!(DRM_IOCTL_PANTHOR_VM_CREATE, Argument::Struct(&VM_CREATE)),
    request!(DRM_IOCTL_PANTHOR_VM_DESTROY, Argument::Struct(&VM_DESTROY)),
    request!(DRM_IOCTL_PANTHOR_VM_BIND, Argument::Struct(&VM_BIND)),
    request!(DRM_IOCTL_PANTHOR_VM_GET_STATE, Argument::Struct(&VM_GET_STATE)),
    request!(DRM_IOCTL_PANTHOR_BO_CREATE, Argument::Struct(&BO_CREATE)),
    request!(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, Argument::Struct(&BO_MMAP_OFFSET)),
    request!(DRM_IOCTL_PANTHOR_GROUP_CREATE, Argument::Struct(&GROUP_CREATE)),
    request!(DRM_IOCTL_PANTHOR_GROUP_DESTROY, Argument::Struct(&GROUP_DESTROY)),
    request!(DRM_IOCTL_PANTHOR_GROUP_SUBMIT, Argument::Struct(&GROUP_SUBMIT)),
    request!(DRM_IOCTL_PANTHOR_GROUP_GET_STATE, Argument::Struct(&GROUP_GET_STATE)),
    request!(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, Argument::Struct(&HEAP_CREATE)),
    request!(DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, Argument::Struct(&HEAP_DESTROY)),
    request!(DRM_IOCTL_PANTHOR_BO_SET_LABEL, Argument::Struct(&BO_SET_LABEL)),
    request!(DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, Argument::Struct(&MMIO_OFFSET)),
    request!(DRM_IOCTL_PANTHOR_BO_SYNC, Argument::Struct(&BO_SYNC)),
    request!(DRM_IOCTL_PANTHOR_BO_QUERY_INFO, Argument::Struct(&BO_QUERY_INFO)),
];

/// The offset of the flags of a timestamp query, its only input.
pub(crate) const TIMESTAMP_FLAGS: usize = offset_of!(sys::drm_panthor_timestamp_info, flags);
