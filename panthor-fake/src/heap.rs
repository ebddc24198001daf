//! Tiler heaps: memory that the tiler takes chunks of, and the contexts that keep its accounts.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::errno::{Errno, Result};
use crate::handles::Handles;
use crate::kernel_bo::{CACHED, KernelBo};
use crate::vm::Vm;

/// The most heaps of a VM.
const HEAPS_MAX: u32 = 128;

/// The bytes of a heap's context: a line of the GPU's L2 cache.
const CONTEXT_BYTES: u64 = 64;

/// The bytes of the header of a chunk.
const HEADER_BYTES: usize = 64;

/// The heaps of a VM.
#[derive(Debug)]
pub(crate) struct HeapPool {
    /// The contexts of all heaps, in the order of their indices.
    contexts: KernelBo,
    heaps: Handles<Heap>,
}

/// A heap: its chunks.
#[derive(Debug)]
struct Heap {
    vm: Arc<Vm>,
    _chunks: Vec<KernelBo>,
}

/// A heap that was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Created {
    /// Tells it apart from others of the VM, from 0.
    pub(crate) index: u32,
    /// The address of its context.
    pub(crate) context: u64,
    /// The address of the chunk that the list of chunks begins with.
    pub(crate) first_chunk: u64,
}

impl HeapPool {
    pub(crate) fn new(vm: &Arc<Vm>) -> Result<Self> {
        let contexts = KernelBo::new(vm, u64::from(HEAPS_MAX) * CONTEXT_BYTES, CACHED)?;
        Ok(Self { contexts, heaps: Handles::new() })
    }

    /// Makes a heap of `count` chunks, at least one.
    ///
    /// # Errors
    /// `EBUSY` if there are as many heaps as there can be; otherwise what [`KernelBo::new`] says.
    pub(crate) fn create(&mut self, vm: &Arc<Vm>, count: u32, chunk_size: u32) -> Result<Created> {
        let mut chunks = Vec::new();
        let mut first_chunk = 0;
        for _ in 0..count {
            let chunk = KernelBo::new(vm, chunk_size.into(), CACHED)?;
            // The list grows at its head.
            let next = match first_chunk {
                0 => 0,
                before => before | u64::from(chunk_size >> 12),
            };
            let mut header = [0; HEADER_BYTES];
            header[..8].copy_from_slice(&next.to_ne_bytes());
            chunk.write(0, &header);
            first_chunk = chunk.va();
            chunks.push(chunk);
        }
        vm.device.live.heaps.fetch_add(1, Ordering::Relaxed);
        let heap = Heap { vm: vm.clone(), _chunks: chunks };
        let index = self.heaps.insert(heap, HEAPS_MAX).ok_or(Errno::BUSY)? - 1;
        let offset = u64::from(index) * CONTEXT_BYTES;
        self.contexts.write(offset, &[0; CONTEXT_BYTES as usize]);
        Ok(Created { index, context: self.contexts.va() + offset, first_chunk })
    }

    /// # Errors
    /// `EINVAL` if there is no such heap.
    pub(crate) fn destroy(&mut self, index: u32) -> Result<()> {
        self.heaps.remove(index + 1).map(drop).ok_or(Errno::INVAL)
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.vm.device.live.heaps.fetch_sub(1, Ordering::Relaxed);
    }
}
