//! Arguments and their parts, with the fields that matter.

use bytemuck::Zeroable;
use panthor_sys::*;

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;
pub const GIB: u64 = 1 << 30;
pub const PAGE: u64 = 4 * KIB;

pub const MAP: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP;
pub const UNMAP: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP;
pub const SYNC_ONLY: u32 = DRM_PANTHOR_VM_BIND_OP_TYPE_SYNC_ONLY;
pub const READONLY: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_READONLY;
pub const NOEXEC: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
pub const UNCACHED: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;
/// The flags of a sparse map.
pub const SPARSE: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE | NOEXEC;
pub const ASYNC: u32 = DRM_PANTHOR_VM_BIND_ASYNC;

pub fn zeroed<T: Zeroable>() -> T {
    T::zeroed()
}

/// An array, whose elements must live until the call.
pub fn array<T>(items: &[T]) -> drm_panthor_obj_array {
    drm_panthor_obj_array {
        stride: size_of::<T>() as u32,
        count: items.len() as u32,
        array: address(items),
    }
}

/// Where something is.
pub fn address<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance() as u64
}

/// Where something is that the kernel writes to.
pub fn address_mut<T: ?Sized>(value: &mut T) -> u64 {
    std::ptr::from_mut(value).cast::<u8>().expose_provenance() as u64
}

/// A request of the same number and directions for an argument of another size.
pub const fn resized(request: u32, size: usize) -> u32 {
    request & !(0x3fff << 16) | (size as u32) << 16
}

pub fn map(
    bo_handle: u32,
    bo_offset: u64,
    va: u64,
    size: u64,
    flags: u32,
) -> drm_panthor_vm_bind_op {
    drm_panthor_vm_bind_op { flags, bo_handle, bo_offset, va, size, ..zeroed() }
}

pub fn sparse(va: u64, size: u64) -> drm_panthor_vm_bind_op {
    map(0, 0, va, size, SPARSE)
}

pub fn unmap(va: u64, size: u64) -> drm_panthor_vm_bind_op {
    map(0, 0, va, size, UNMAP)
}

pub fn sync_only(syncs: &[drm_panthor_sync_op]) -> drm_panthor_vm_bind_op {
    with_syncs(map(0, 0, 0, 0, SYNC_ONLY), syncs)
}

/// The operation with syncs, which must live until the call.
pub fn with_syncs(
    op: drm_panthor_vm_bind_op,
    syncs: &[drm_panthor_sync_op],
) -> drm_panthor_vm_bind_op {
    drm_panthor_vm_bind_op { syncs: array(syncs), ..op }
}

/// A wait for a syncobj, or for a point of one that is not 0.
pub fn wait(handle: u32, point: u64) -> drm_panthor_sync_op {
    let kind = match point {
        0 => DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_SYNCOBJ,
        _ => DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ,
    };
    drm_panthor_sync_op { flags: kind, handle, timeline_value: point }
}

/// A signal of a syncobj, or of a point of one that is not 0.
pub fn signal(handle: u32, point: u64) -> drm_panthor_sync_op {
    let wait = wait(handle, point);
    drm_panthor_sync_op { flags: wait.flags | DRM_PANTHOR_SYNC_OP_SIGNAL, ..wait }
}

pub fn queue(ringbuf_size: u64) -> drm_panthor_queue_create {
    drm_panthor_queue_create { ringbuf_size: ringbuf_size as u32, ..zeroed() }
}

/// A group on one core of each kind, with those queues, which must live until the call.
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

/// A small tiler heap.
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

/// A job without a stream.
pub fn sync_point(queue_index: u32, syncs: &[drm_panthor_sync_op]) -> drm_panthor_queue_submit {
    drm_panthor_queue_submit { queue_index, syncs: array(syncs), ..zeroed() }
}

/// A job with a stream.
pub fn stream(
    queue_index: u32,
    stream_addr: u64,
    stream_size: u32,
    syncs: &[drm_panthor_sync_op],
) -> drm_panthor_queue_submit {
    drm_panthor_queue_submit { stream_addr, stream_size, ..sync_point(queue_index, syncs) }
}

pub fn syncobj_array(handles: &[u32]) -> drm_syncobj_array {
    drm_syncobj_array { handles: address(handles), count_handles: handles.len() as u32, pad: 0 }
}

pub fn timeline_array(handles: &[u32], points: &[u64]) -> drm_syncobj_timeline_array {
    drm_syncobj_timeline_array {
        handles: address(handles),
        points: address(points),
        count_handles: handles.len() as u32,
        flags: 0,
    }
}

/// A wait for binary syncobjs, until a point in time in nanoseconds.
pub fn syncobj_wait(handles: &[u32], flags: u32, timeout_nsec: i64) -> drm_syncobj_wait {
    drm_syncobj_wait {
        handles: address(handles),
        timeout_nsec,
        count_handles: handles.len() as u32,
        flags,
        ..zeroed()
    }
}

/// A wait for points, until a point in time in nanoseconds.
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

/// Structures with so many bytes from one to the next: zeros between them, or what does not fit is lost
/// to the next.
pub fn spread(items: &[impl AsRef<[u8]>], stride: usize) -> Vec<u64> {
    let len = items.iter().map(|item| item.as_ref().len().max(stride)).sum::<usize>();
    let mut bytes = vec![0; len];
    for (index, item) in items.iter().enumerate() {
        let item = item.as_ref();
        bytes[index * stride..][..item.len()].copy_from_slice(item);
    }
    longs(&bytes)
}

/// Bytes as numbers of 64 bits, which are aligned; the last is filled up with zeros.
pub fn longs(bytes: &[u8]) -> Vec<u64> {
    let long = |chunk: &[u8]| {
        let mut long = [0; 8];
        long[..chunk.len()].copy_from_slice(chunk);
        u64::from_ne_bytes(long)
    };
    bytes.chunks(8).map(long).collect()
}
