//! Storage of recorded operations: inline, or in a reusable [`BindBuffer`].
//!
//! Recording dominates the cost of a large batch, so both kinds have a cheap `push`: see the
//! benchmark `bind_cost`.

mod syncs;

use bytemuck::allocation::{try_zeroed_vec, zeroed_vec};

use super::Op;
use crate::spilling::Spilling;

/// Operations that a batch stores without heap memory.
const INLINE_OPS: usize = 16;

/// A recorded operation without its sync operations.
#[derive(Debug, Clone, Copy)]
pub struct Record {
    pub(crate) flags: u32,
    pub(crate) bo_handle: u32,
    pub(crate) bo_offset: u64,
    pub(crate) va: u64,
    pub(crate) size: u64,
}

mod sealed {
    use super::{Op, Record, Syncs};

    /// A list of operations without sync operations.
    pub trait Ops {
        fn push(&mut self, record: Record);
        /// Reserves capacity for this many more operations. Does nothing if the allocation fails.
        fn reserve(&mut self, more: usize);
        fn len(&self) -> usize;
        fn as_slice(&self) -> &[Op];
        /// Returns the operations. Callers may set the sync operations of the first and the last.
        fn as_mut_slice(&mut self) -> &mut [Op];
        fn clear(&mut self);
    }

    pub trait Storage {
        type Ops: Ops;
        fn ops(&self) -> &Self::Ops;
        fn syncs(&self) -> &Syncs;
        fn parts(&mut self) -> (&mut Self::Ops, &mut Syncs);
    }
}

pub(super) use sealed::{Ops, Storage};
pub(super) use syncs::OpSync;
pub use syncs::Syncs;

/// Storage of a batch: its own memory, or a [`BindBuffer`].
pub trait BindStorage: Storage {}

impl<S: Storage> BindStorage for S {}

/// A batch's own memory: 16 operations and 4 sync operations without heap memory.
#[derive(Debug)]
pub struct InlineStorage {
    ops: Spilling<Op, INLINE_OPS>,
    syncs: Syncs,
}

impl InlineStorage {
    // Without `always`, the compiler copies the uninitialized slots, too.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { ops: Spilling::new(), syncs: Syncs::new() }
    }
}

/// Reusable memory for batches of many operations.
///
/// The buffer grows on demand and never shrinks. Recording into a buffer is cheaper than into a
/// batch's own memory.
///
/// ```
/// # let device = panthor::Device::open_fake()?;
/// # let vm = device.create_vm(Default::default())?;
/// let mut buffer = panthor::BindBuffer::with_capacity(1000);
/// for _ in 0..2 {
///     vm.bind_with(&mut buffer).map_sparse(0..1 << 30).submit()?;
/// }
/// assert_eq!(buffer.capacity(), 1000);
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Debug)]
pub struct BindBuffer {
    ops: Slots,
    syncs: Syncs,
}

impl BindBuffer {
    /// Creates a buffer without memory.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// Creates a buffer with capacity for this many operations, or without memory if the
    /// allocation fails.
    pub fn with_capacity(operations: usize) -> Self {
        let slots = try_zeroed_vec(operations).unwrap_or_default();
        Self { ops: Slots { slots, used: 0 }, syncs: Syncs::new() }
    }

    /// Returns the capacity in operations.
    pub fn capacity(&self) -> usize {
        self.ops.slots.len()
    }

    #[inline]
    pub(crate) fn cleared(&mut self) -> &mut Self {
        self.ops.clear();
        self.syncs.clear();
        self
    }
}

impl Default for BindBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Operations in memory that is initialized up to its capacity.
///
/// Unused slots have no sync operations, so `push` writes only the record.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<Op>,
    used: usize,
}

impl Slots {
    /// Grows the memory and returns the next slot.
    #[cold]
    #[inline(never)]
    fn grown(&mut self) -> &mut Op {
        self.move_to(zeroed_vec(self.used + self.used.max(INLINE_OPS)));
        &mut self.slots[self.used]
    }

    /// Moves the operations to other memory, which must be zeroed and at least as large.
    fn move_to(&mut self, mut slots: Vec<Op>) {
        slots[..self.used].copy_from_slice(&self.slots[..self.used]);
        self.slots = slots;
    }
}

impl Ops for Slots {
    #[inline]
    fn push(&mut self, record: Record) {
        let slot = match self.slots.get_mut(self.used) {
            Some(slot) => slot,
            None => self.grown(),
        };
        slot.flags = record.flags;
        slot.bo_handle = record.bo_handle;
        slot.bo_offset = record.bo_offset;
        slot.va = record.va;
        slot.size = record.size;
        self.used += 1;
    }

    fn reserve(&mut self, more: usize) {
        let total = self.used.saturating_add(more);
        if total > self.slots.len() {
            if let Ok(slots) = try_zeroed_vec(total) {
                self.move_to(slots);
            }
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.used
    }

    fn as_slice(&self) -> &[Op] {
        &self.slots[..self.used]
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [Op] {
        &mut self.slots[..self.used]
    }

    #[inline]
    fn clear(&mut self) {
        if let Some(last) = self.used.checked_sub(1) {
            self.slots[0].syncs = Default::default();
            self.slots[last].syncs = Default::default();
        }
        self.used = 0;
    }
}

impl Ops for Spilling<Op, INLINE_OPS> {
    #[inline]
    fn push(&mut self, record: Record) {
        let Record { flags, bo_handle, bo_offset, va, size } = record;
        self.push(Op { flags, bo_handle, bo_offset, va, size, ..Op::default() });
    }

    fn reserve(&mut self, more: usize) {
        self.reserve(more);
    }

    #[inline]
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn as_slice(&self) -> &[Op] {
        self.as_slice()
    }

    #[inline]
    fn as_mut_slice(&mut self) -> &mut [Op] {
        self.as_mut_slice()
    }

    #[inline]
    fn clear(&mut self) {
        self.clear();
    }
}

impl Storage for InlineStorage {
    type Ops = Spilling<Op, INLINE_OPS>;

    #[inline]
    fn ops(&self) -> &Self::Ops {
        &self.ops
    }

    fn syncs(&self) -> &Syncs {
        &self.syncs
    }

    #[inline]
    fn parts(&mut self) -> (&mut Self::Ops, &mut Syncs) {
        (&mut self.ops, &mut self.syncs)
    }
}

impl Storage for &mut BindBuffer {
    type Ops = Slots;

    #[inline]
    fn ops(&self) -> &Self::Ops {
        &self.ops
    }

    fn syncs(&self) -> &Syncs {
        &self.syncs
    }

    #[inline]
    fn parts(&mut self) -> (&mut Self::Ops, &mut Syncs) {
        (&mut self.ops, &mut self.syncs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(va: u64) -> Record {
        Record { flags: 2, bo_handle: 1, bo_offset: 0, va, size: 4096 }
    }

    fn check(ops: &mut impl Ops) {
        for count in [0, 1, 15, 16, 17, 100] {
            ops.clear();
            for va in 0..count {
                assert_eq!(ops.len() as u64, va);
                ops.push(record(va));
            }
            let vas: Vec<_> = ops.as_mut_slice().iter().map(|op| op.va).collect();
            assert_eq!(vas, (0..count).collect::<Vec<_>>());
            assert!(ops.as_mut_slice().iter().all(|op| op.syncs == Default::default()));
            if let Some(last) = ops.as_mut_slice().last_mut() {
                last.syncs.count = 1;
            }
            if let Some(first) = ops.as_mut_slice().first_mut() {
                first.syncs.count = 1;
            }
        }
    }

    #[test]
    fn both_kinds_keep_order_and_start_without_syncs() {
        check(&mut InlineStorage::new().ops);
        check(&mut BindBuffer::new().ops);
        check(&mut BindBuffer::with_capacity(17).ops);
    }

    #[test]
    fn reserved_room_is_used_without_growing() {
        let mut buffer = BindBuffer::new();
        buffer.ops.push(record(0));
        buffer.ops.reserve(99);
        let capacity = buffer.capacity();
        for va in 1..100 {
            buffer.ops.push(record(va));
        }
        assert_eq!((buffer.capacity(), buffer.ops.len()), (capacity, 100));
    }

    #[test]
    fn room_that_there_is_no_memory_for_is_not_made() {
        for many in [usize::MAX / size_of::<Op>(), usize::MAX] {
            let (mut inline, mut buffer) = (InlineStorage::new(), BindBuffer::with_capacity(many));
            assert_eq!(buffer.capacity(), 0);
            for va in 0..20 {
                Ops::push(&mut inline.ops, record(va));
                buffer.ops.push(record(va));
                Ops::reserve(&mut inline.ops, many);
                buffer.ops.reserve(many);
            }
            for ops in [inline.ops.as_slice(), buffer.ops.as_slice()] {
                assert!(ops.iter().map(|op| op.va).eq(0..20));
            }
        }
    }
}
