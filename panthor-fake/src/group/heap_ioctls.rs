//! Tiler heap ioctls.

use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};
use crate::group::heap::{self, Heap};

/// Answers `DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE`.
pub(crate) fn create(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_tiler_heap_create = args(data);
    let vm = call.file.vm(args.vm_id)?;
    // The first call creates the heap pool of the VM before it checks the other arguments.
    heap::make_pool(&vm)?;
    let page = call.file.config().page_size.bytes();
    let right = args.initial_chunk_count != 0
        && args.initial_chunk_count <= args.max_chunks
        && u64::from(args.chunk_size) % page == 0
        && (128 << 10..=8 << 20).contains(&args.chunk_size);
    if !right {
        return Err(Errno::INVAL);
    }
    // Before the pool is locked, because the allocation may be slow.
    let heap = Heap::new(&vm, args.initial_chunk_count, args.chunk_size)?;
    // The driver returns the address even if the pool is full.
    args.first_heap_chunk_gpu_va = heap.first_chunk();
    let created = heap::add(heap)?;
    args.handle = args.vm_id << 16 | created.index;
    args.tiler_heap_ctx_gpu_va = created.context;
    Ok(())
}

/// Answers `DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY`.
pub(crate) fn destroy(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_tiler_heap_destroy = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let vm = call.file.vm(args.handle >> 16)?;
    heap::destroy(&vm, args.handle & 0xffff)
}
