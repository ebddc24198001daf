//! The names of what goes into fields of Panthor's structures.

use panthor_sys as sys;

use super::schema::{Names, names};

const ALL: u64 = u64::MAX;

/// Fields for flags of which there are none.
pub(crate) static NONE: Names = names!("", ALL, []);

pub(crate) static SYNC_TYPE: Names = names!(
    "DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_",
    sys::DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_MASK,
    [DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_SYNCOBJ, DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ,]
);

pub(crate) static SYNC_OP: Names = names!(
    "DRM_PANTHOR_SYNC_OP_",
    sys::DRM_PANTHOR_SYNC_OP_SIGNAL,
    [DRM_PANTHOR_SYNC_OP_WAIT, DRM_PANTHOR_SYNC_OP_SIGNAL]
);

/// The bits of `drm_panthor_sync_op::flags` that mean nothing.
pub(crate) const SYNC_REST: u64 =
    !(sys::DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_MASK | sys::DRM_PANTHOR_SYNC_OP_SIGNAL) as u64;

pub(crate) static BIND_TYPE: Names = names!(
    "DRM_PANTHOR_VM_BIND_OP_TYPE_",
    sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MASK,
    [
        DRM_PANTHOR_VM_BIND_OP_TYPE_MAP,
        DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP,
        DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY,
    ]
);

pub(crate) static BIND_OP: Names = names!(
    "DRM_PANTHOR_VM_BIND_OP_MAP_",
    !sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MASK,
    [
        DRM_PANTHOR_VM_BIND_OP_MAP_READONLY,
        DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC,
        DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED,
        DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE,
    ]
);

pub(crate) static BIND: Names = names!("DRM_PANTHOR_VM_BIND_", ALL, [DRM_PANTHOR_VM_BIND_ASYNC]);

pub(crate) static VM_STATE: Names = names!(
    "DRM_PANTHOR_VM_STATE_",
    ALL,
    [DRM_PANTHOR_VM_STATE_USABLE, DRM_PANTHOR_VM_STATE_UNUSABLE]
);

pub(crate) static BO: Names =
    names!("DRM_PANTHOR_BO_", ALL, [DRM_PANTHOR_BO_NO_MMAP, DRM_PANTHOR_BO_WB_MMAP]);

pub(crate) static BO_EXTRA: Names = names!("DRM_PANTHOR_BO_", ALL, [DRM_PANTHOR_BO_IS_IMPORTED]);

pub(crate) static BO_SYNC: Names = names!(
    "DRM_PANTHOR_BO_SYNC_",
    ALL,
    [DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH, DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE,]
);

pub(crate) static MMIO_OFFSET: Names = names!(
    "DRM_PANTHOR_",
    ALL,
    [DRM_PANTHOR_USER_MMIO_OFFSET_32BIT, DRM_PANTHOR_USER_MMIO_OFFSET_64BIT]
);

pub(crate) static GROUP_PRIORITY: Names = names!(
    "PANTHOR_GROUP_PRIORITY_",
    ALL,
    [
        PANTHOR_GROUP_PRIORITY_LOW,
        PANTHOR_GROUP_PRIORITY_MEDIUM,
        PANTHOR_GROUP_PRIORITY_HIGH,
        PANTHOR_GROUP_PRIORITY_REALTIME,
    ]
);

pub(crate) static GROUP_STATE: Names = names!(
    "DRM_PANTHOR_GROUP_STATE_",
    ALL,
    [
        DRM_PANTHOR_GROUP_STATE_TIMEDOUT,
        DRM_PANTHOR_GROUP_STATE_FATAL_FAULT,
        DRM_PANTHOR_GROUP_STATE_INNOCENT,
    ]
);

pub(crate) static QUERY: Names = names!(
    "DRM_PANTHOR_DEV_QUERY_",
    ALL,
    [
        DRM_PANTHOR_DEV_QUERY_GPU_INFO,
        DRM_PANTHOR_DEV_QUERY_CSIF_INFO,
        DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO,
        DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO,
        DRM_PANTHOR_DEV_QUERY_MMU_INFO,
    ]
);

pub(crate) static COHERENCY: Names = names!(
    "DRM_PANTHOR_GPU_COHERENCY_",
    ALL,
    [
        DRM_PANTHOR_GPU_COHERENCY_ACE_LITE,
        DRM_PANTHOR_GPU_COHERENCY_ACE,
        DRM_PANTHOR_GPU_COHERENCY_NONE,
    ]
);

pub(crate) static TIMESTAMP: Names = names!(
    "DRM_PANTHOR_TIMESTAMP_",
    ALL,
    [
        DRM_PANTHOR_TIMESTAMP_GPU,
        DRM_PANTHOR_TIMESTAMP_CPU_NONE in DRM_PANTHOR_TIMESTAMP_CPU_TYPE_MASK,
        DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC in DRM_PANTHOR_TIMESTAMP_CPU_TYPE_MASK,
        DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC_RAW in DRM_PANTHOR_TIMESTAMP_CPU_TYPE_MASK,
        DRM_PANTHOR_TIMESTAMP_GPU_OFFSET,
        DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT,
        DRM_PANTHOR_TIMESTAMP_FREQ,
        DRM_PANTHOR_TIMESTAMP_DURATION,
    ]
);
