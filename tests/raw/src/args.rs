//! Arguments and their parts, with the fields that matter. The memory behind a pointer must live
//! until the call returns.

use bytemuck::Zeroable;
use panthor_sys::*;

/// 1024 bytes.
pub const KIB: u64 = 1 << 10;
/// 1024² bytes.
pub const MIB: u64 = 1 << 20;
/// 1024³ bytes.
pub const GIB: u64 = 1 << 30;
/// The GPU's granularity of addresses, in bytes.
pub const PAGE: u64 = 4 * KIB;

/// An operation that maps.
pub const MAP: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP;
/// An operation that unmaps.
pub const UNMAP: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP;
/// An operation that waits and signals only.
pub const SYNC_ONLY: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY;
/// A map that the GPU cannot write to.
pub const READONLY: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_READONLY;
/// A map that the GPU cannot run code from.
pub const NOEXEC: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
/// A map past the GPU's caches.
pub const UNCACHED: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;
/// The flags of a sparse map.
pub const SPARSE: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE | NOEXEC;
/// A bind that is queued.
pub const ASYNC: u32 = DRM_PANTHOR_VM_BIND_ASYNC;

/// Returns zeros.
pub fn zeroed<T: Zeroable>() -> T {
    T::zeroed()
}

/// Returns an array of the elements.
pub fn array<T>(items: &[T]) -> drm_panthor_obj_array {
    drm_panthor_obj_array {
        stride: size_of::<T>() as u32,
        count: items.len() as u32,
        array: address(items),
    }
}

/// Returns an address that the kernel reads from.
pub fn address<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance() as u64
}

/// Returns an address that the kernel writes to.
pub fn address_mut<T: ?Sized>(value: &mut T) -> u64 {
    std::ptr::from_mut(value).cast::<u8>().expose_provenance() as u64
}

/// Returns a map of a part of a BO.
pub fn map(
    bo_handle: u32,
    bo_offset: u64,
    va: u64,
    size: u64,
    flags: u32,
) -> drm_panthor_vm_bind_op {
    drm_panthor_vm_bind_op { flags, bo_handle, bo_offset, va, size, ..zeroed() }
}

/// Returns a sparse map.
pub fn sparse(va: u64, size: u64) -> drm_panthor_vm_bind_op {
    map(0, 0, va, size, SPARSE)
}

/// Returns an unmap.
pub fn unmap(va: u64, size: u64) -> drm_panthor_vm_bind_op {
    map(0, 0, va, size, UNMAP)
}

/// Returns an operation that waits and signals only.
pub fn sync_only(syncs: &[drm_panthor_sync_op]) -> drm_panthor_vm_bind_op {
    with_syncs(map(0, 0, 0, 0, SYNC_ONLY), syncs)
}

/// Returns the operation with waits and signals.
pub fn with_syncs(
    op: drm_panthor_vm_bind_op,
    syncs: &[drm_panthor_sync_op],
) -> drm_panthor_vm_bind_op {
    drm_panthor_vm_bind_op { syncs: array(syncs), ..op }
}

/// Returns a wait for a binary syncobj or, if `point` is not 0, for a point of a timeline.
pub fn wait(handle: u32, point: u64) -> drm_panthor_sync_op {
    let kind = match point {
        0 => DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_SYNCOBJ,
        _ => DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ,
    };
    drm_panthor_sync_op { flags: kind, handle, timeline_value: point }
}

/// Returns a signal of a binary syncobj or, if `point` is not 0, of a point of a timeline.
pub fn signal(handle: u32, point: u64) -> drm_panthor_sync_op {
    let wait = wait(handle, point);
    drm_panthor_sync_op { flags: wait.flags | DRM_PANTHOR_SYNC_OP_SIGNAL, ..wait }
}

/// Returns a queue of the default priority with a ring buffer of that many bytes.
pub fn queue(ringbuf_size: u64) -> drm_panthor_queue_create {
    drm_panthor_queue_create { ringbuf_size: ringbuf_size as u32, ..zeroed() }
}

/// Returns a group on one core of each kind.
pub fn group(vm_id: u32, queues: &[drm_panthor_queue_create]) -> drm_panthor_group_create {
    drm_panthor_group_create {
        queues: array(queues),
        max_compute_cores: 1,
        max_fragment_cores: 1,
        max_tiler_cores: 1,
        priority: PANTHOR_GROUP_PRIORITY_MEDIUM,
        compute_core_mask: 1,
        fragment_core_mask: 1,
        tiler_core_mask: 1,
        vm_id,
        ..zeroed()
    }
}

/// Returns a small tiler heap.
pub fn heap(vm_id: u32) -> drm_panthor_tiler_heap_create {
    drm_panthor_tiler_heap_create {
        vm_id,
        initial_chunk_count: 1,
        chunk_size: (256 * KIB) as u32,
        max_chunks: 4,
        target_in_flight: 4,
        ..zeroed()
    }
}

/// Returns a job without a stream.
pub fn sync_point(queue_index: u32, syncs: &[drm_panthor_sync_op]) -> drm_panthor_queue_submit {
    drm_panthor_queue_submit { queue_index, syncs: array(syncs), ..zeroed() }
}

/// Returns a job with a stream.
pub fn stream(
    queue_index: u32,
    stream_addr: u64,
    stream_size: u32,
    syncs: &[drm_panthor_sync_op],
) -> drm_panthor_queue_submit {
    drm_panthor_queue_submit { stream_addr, stream_size, ..sync_point(queue_index, syncs) }
}

/// Returns an array of syncobjs.
pub fn syncobj_array(handles: &[u32]) -> drm_syncobj_array {
    drm_syncobj_array { handles: address(handles), count_handles: handles.len() as u32, pad: 0 }
}

/// Returns an array of points.
pub fn timeline_array(handles: &[u32], points: &[u64]) -> drm_syncobj_timeline_array {
    drm_syncobj_timeline_array {
        handles: address(handles),
        points: address(points),
        count_handles: handles.len() as u32,
        flags: 0,
    }
}

/// Returns a wait for binary syncobjs until a time of CLOCK_MONOTONIC in nanoseconds.
pub fn syncobj_wait(handles: &[u32], flags: u32, timeout_nsec: i64) -> drm_syncobj_wait {
    drm_syncobj_wait {
        handles: address(handles),
        timeout_nsec,
        count_handles: handles.len() as u32,
        flags,
        ..zeroed()
    }
}

/// Returns a wait for points until a time of CLOCK_MONOTONIC in nanoseconds.
pub fn timeline_wait(
    handles: &[u32],
    points: &[u64],
    flags: u32,
    timeout_nsec: i64,
) -> drm_syncobj_timeline_wait {
    drm_syncobj_timeline_wait {
        handles: address(handles),
        points: address(points),
        timeout_nsec,
        count_handles: handles.len() as u32,
        flags,
        ..zeroed()
    }
}

/// Returns structures at multiples of `stride` bytes: with zeros between them, or cut off by the
/// next.
pub fn spread(items: &[impl AsRef<[u8]>], stride: usize) -> Vec<u64> {
    let len = items.iter().map(|item| item.as_ref().len().max(stride)).sum::<usize>();
    let mut bytes = vec![0; len];
    for (index, item) in items.iter().enumerate() {
        let item = item.as_ref();
        bytes[index * stride..][..item.len()].copy_from_slice(item);
    }
    longs(&bytes)
}

/// Returns bytes as aligned numbers of 64 bits; zeros fill the last.
pub fn longs(bytes: &[u8]) -> Vec<u64> {
    let long = |chunk: &[u8]| {
        let mut long = [0; 8];
        long[..chunk.len()].copy_from_slice(chunk);
        u64::from_ne_bytes(long)
    };
    bytes.chunks(8).map(long).collect()
}
