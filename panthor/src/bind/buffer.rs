//! The memory of a batch.

use smallvec::SmallVec;

use super::{Op, SyncOp};

/// Operations that a batch holds without the heap.
const INLINE_OPS: usize = 16;
/// Sync operations of a whole batch that it holds without the heap.
const INLINE_SYNCS: usize = 4;

/// The memory of a batch of operations, to be reused by the next one.
///
/// 16 operations and 4 sync operations fit without the heap; beyond, the memory grows and stays.
///
/// ```
/// # let device = panthor::Device::open_fake()?;
/// # let vm = device.create_vm(Default::default())?;
/// let mut buffer = panthor::BindBuffer::with_capacity(1000);
/// for _ in 0..2 {
///     vm.bind_with(&mut buffer).map_sparse(0..1 << 30).submit()?;
/// }
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct BindBuffer {
    pub(super) ops: SmallVec<[Op; INLINE_OPS]>,
    /// Of the batch as a whole: the waits, then the signals.
    pub(super) syncs: SmallVec<[SyncOp; INLINE_SYNCS]>,
    /// How many of `syncs` are waits.
    pub(super) waits: usize,
    /// Of single operations, in the order of the operations.
    pub(super) op_syncs: Vec<OpSync>,
}

/// A sync operation that belongs to one operation, by the caller's count.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpSync {
    pub(super) op: usize,
    pub(super) sync: SyncOp,
}

impl BindBuffer {
    /// A buffer for small batches.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer with room for this many operations.
    pub fn with_capacity(ops: usize) -> Self {
        Self { ops: SmallVec::with_capacity(ops), ..Self::default() }
    }

    /// How many operations it has room for.
    pub fn capacity(&self) -> usize {
        self.ops.capacity()
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.ops.clear();
        self.syncs.clear();
        self.waits = 0;
        self.op_syncs.clear();
    }
}
