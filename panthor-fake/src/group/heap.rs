//! Tiler heaps: chunks of memory for the tiler, and the heap contexts that describe them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::bo::kernel_bo::{CACHED, KernelBo};
use crate::call::errno::{Errno, Result};
use crate::dump::HeapDump;
use crate::file::handles::Handles;
use crate::lock::lock;
use crate::vm::Vm;

/// The maximum number of heaps of a VM.
const HEAPS_MAX: u32 = 128;

/// The size of a heap context in bytes, a line of the GPU's L2 cache.
const CONTEXT_BYTES: u64 = 64;

/// The size of a chunk header in bytes.
const HEADER_BYTES: usize = 64;

/// The heaps of a VM.
#[derive(Debug)]
pub(crate) struct HeapPool {
    /// The contexts of all heaps, by heap index.
    contexts: KernelBo,
    heaps: Handles<Heap>,
}

/// A heap with its chunks.
#[derive(Debug)]
pub(crate) struct Heap {
    vm: Arc<Vm>,
    chunks: Chunks,
}

/// Chunks, oldest first. A drop frees the chunks in list order, newest first.
#[derive(Debug, Default)]
struct Chunks(Vec<KernelBo>);

impl Drop for Chunks {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

/// A new heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Created {
    /// The index in the VM, from 0.
    pub(crate) index: u32,
    /// The GPU virtual address of the context.
    pub(crate) context: u64,
}

/// Creates the heap pool of a VM, unless it exists.
///
/// # Errors
/// `EINVAL` if the VM was destroyed; otherwise the error of [`KernelBo::new`].
pub(crate) fn make_pool(vm: &Arc<Vm>) -> Result<()> {
    let mut pool = lock(&vm.heaps);
    if vm.is_destroyed() {
        return Err(Errno::INVAL);
    }
    if pool.is_none() {
        *pool = Some(HeapPool::new(vm)?);
    }
    Ok(())
}

/// Adds a heap to the pool of its VM.
///
/// # Errors
/// `EBUSY` if the VM has the maximum number of heaps; `EINVAL` if the VM was destroyed.
pub(crate) fn add(heap: Heap) -> Result<Created> {
    let vm = heap.vm.clone();
    let mut pool = lock(&vm.heaps);
    let Some(pool) = &mut *pool else {
        // The pool was destroyed with its VM.
        return Err(Errno::INVAL);
    };
    pool.insert(heap)
}

/// # Errors
/// `ENOENT` if the VM never had a heap, `EINVAL` if there is no such heap.
pub(crate) fn destroy(vm: &Vm, index: u32) -> Result<()> {
    let heap = lock(&vm.heaps).as_mut().ok_or(Errno::NOENT)?.heaps.remove(index + 1);
    // The chunks are freed without the lock.
    heap.map(drop).ok_or(Errno::INVAL)
}

/// Returns a dump of the heaps of a VM.
pub(crate) fn dump(vm: &Vm) -> Vec<HeapDump> {
    let pool = lock(&vm.heaps);
    let Some(pool) = &*pool else {
        return Vec::new();
    };
    let heap = |(handle, heap): (u32, &Heap)| HeapDump {
        index: handle - 1,
        context_va: pool.context_va(handle - 1),
        chunk_size: heap.chunks.0.first().map_or(0, KernelBo::size),
        chunks: heap.chunks.0.iter().map(KernelBo::va).collect(),
    };
    pool.heaps.iter().map(heap).collect()
}

impl HeapPool {
    fn new(vm: &Arc<Vm>) -> Result<Self> {
        let contexts = KernelBo::new(vm, u64::from(HEAPS_MAX) * CONTEXT_BYTES, CACHED)?;
        Ok(Self { contexts, heaps: Handles::new() })
    }

    fn insert(&mut self, heap: Heap) -> Result<Created> {
        let index = self.heaps.insert(heap, HEAPS_MAX).ok_or(Errno::BUSY)? - 1;
        let offset = u64::from(index) * CONTEXT_BYTES;
        self.contexts.write(offset, &[0; CONTEXT_BYTES as usize]);
        Ok(Created { index, context: self.context_va(index) })
    }

    fn context_va(&self, index: u32) -> u64 {
        self.contexts.va() + u64::from(index) * CONTEXT_BYTES
    }
}

impl Heap {
    /// Creates a heap of `count` chunks, at least one.
    ///
    /// # Errors
    /// The error of [`KernelBo::new`].
    pub(crate) fn new(vm: &Arc<Vm>, count: u32, chunk_size: u32) -> Result<Self> {
        let mut chunks = Chunks::default();
        for left in (0..count).rev() {
            chunks.0.push(KernelBo::new(vm, chunk_size.into(), CACHED)?);
            if chunks.0.len() == 1 {
                check_room(vm, u64::from(left) * u64::from(chunk_size))?;
            }
        }
        // New chunks become the head of the list. The list is written last, because written memory
        // needs pages.
        let mut next = 0;
        for chunk in &mut chunks.0 {
            let mut header = [0; HEADER_BYTES];
            header[..8].copy_from_slice(&u64::to_ne_bytes(next));
            chunk.write(0, &header);
            chunk.unpin();
            next = chunk.va() | u64::from(chunk_size >> 12);
        }
        vm.device.live.heaps.fetch_add(1, Ordering::Relaxed);
        Ok(Self { vm: vm.clone(), chunks })
    }

    /// Returns the address of the first chunk in the list.
    pub(crate) fn first_chunk(&self) -> u64 {
        self.chunks.0.last().map_or(0, KernelBo::va)
    }
}

/// Refuses chunks that cannot fit, before allocating any.
fn check_room(vm: &Vm, bytes: u64) -> Result<()> {
    let device = &vm.device;
    // With swap, eviction may make room.
    let limit = if device.config.swap { u64::MAX } else { device.config.memory };
    if !device.pinned.has_room(bytes, limit) {
        return Err(Errno::NOMEM);
    }
    if !device.memory.has_room(bytes) {
        return Err(Errno::NOSPC);
    }
    Ok(())
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.vm.device.live.heaps.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bo::Bo;
    use crate::device::Device;
    use crate::device::config::Config;
    use crate::vm::va_space::SPARSE_PERIOD;

    #[test]
    fn a_vm_that_was_destroyed_gets_no_heap() {
        let device = Device::new(Config::default()).unwrap();
        let inner = device.inner();
        let sparse = Arc::new(Bo::new(inner.clone(), SPARSE_PERIOD, 0, None, false).unwrap());
        let vm = Vm::new(inner.clone(), 1 << 47, sparse);
        assert_eq!(make_pool(&vm), Ok(()));
        let heap = Heap::new(&vm, 1, 128 << 10).unwrap();
        vm.destroy();
        // Another thread may have found the pool earlier.
        assert_eq!(make_pool(&vm), Err(Errno::INVAL));
        assert!(lock(&vm.heaps).is_none());
        assert_eq!(add(heap), Err(Errno::INVAL));
        assert_eq!(vm.mapping_count(), 0);
        drop(vm);
        device.assert_released();
    }
}
