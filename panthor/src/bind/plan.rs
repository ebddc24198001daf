//! Splitting of operations that the driver cannot do at once.
//!
//! This module has no side effects: `submit` calls the driver.

use std::ops::Range;

use panthor_sys as sys;

use super::Op;
use crate::sparse::SPARSE_OBJECT_SIZE;
use crate::va::GRANULE;

/// Maximum size of one map operation, and of all maps in one asynchronous batch: 64 GiB.
///
/// For each map operation the driver preallocates a page table per 2 MiB and an array of pointers
/// to the tables. Somewhere below 1 TiB the tables exhaust the kernel's memory. From 1 TiB on, the
/// allocation of the array itself fails.
pub(crate) const CHUNK: u64 = 64 << 30;

/// Internal operation type, unknown to the driver, of a recorded map of foreign memory.
///
/// Planning cuts such a map so that the driver never splits a mapped 2 MiB block later.
pub(super) const TYPE_MAP_IN_PIECES: u32 = 0xf << 28;

/// Size of a block of the GPU's larger page size.
const BLOCK: u64 = 2 << 20;

/// Maximum operations of one ioctl: the kernel allocates at most 2 GiB for their array.
pub(super) const MAX_OPS: usize = i32::MAX as usize / size_of::<Op>();

/// Mechanism for sparse operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sparse {
    Native,
    /// Repeated maps of this BO.
    Emulated {
        bo_handle: u32,
    },
}

/// Operations submitted in place of the recorded ones.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) ops: Vec<Op>,
    /// Index of the recorded operation, for each of `ops`.
    origin: Vec<usize>,
}

/// Reason why planning failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Impossible {
    /// The plan exceeds the operations of one ioctl.
    TooMany { operations: u64 },
    /// The allocation of the plan failed.
    NoMemory,
}

fn type_of(op: &Op) -> u32 {
    op.flags & sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MASK
}

pub(super) fn is_map(op: &Op) -> bool {
    matches!(type_of(op), sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MAP | TYPE_MAP_IN_PIECES)
}

fn is_sparse(op: &Op) -> bool {
    op.flags & sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE != 0
}

/// Positions at which an operation is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Nowhere,
    /// At every multiple of this size.
    Every(u64),
    /// At block boundaries, behind each block's first page and before its last page.
    ///
    /// No piece covers a whole block. A piece that touches the end of a block is one page, so the
    /// driver cannot split the piece.
    AroundBlocks,
}

impl Cut {
    fn of(op: &Op, sparse: Sparse) -> Self {
        match sparse {
            _ if !is_map(op) => Self::Nowhere,
            _ if type_of(op) == TYPE_MAP_IN_PIECES => Self::AroundBlocks,
            Sparse::Emulated { .. } if is_sparse(op) => Self::Every(SPARSE_OBJECT_SIZE),
            // A map within the limit stays whole at any VA.
            _ if op.size <= CHUNK => Self::Nowhere,
            _ => Self::Every(CHUNK),
        }
    }

    /// Returns the first cut position behind `va`.
    fn behind(self, va: u64) -> u64 {
        match self {
            Self::Nowhere => u64::MAX,
            Self::Every(stride) => (va / stride + 1).saturating_mul(stride),
            Self::AroundBlocks => {
                let block = va - va % BLOCK;
                let places = [block + GRANULE, block + BLOCK - GRANULE, block + BLOCK];
                places.into_iter().find(|&place| place > va).unwrap_or(u64::MAX)
            }
        }
    }

    /// Returns the number of cut positions above 0 and below `va`.
    fn places_below(self, va: u64) -> u64 {
        match self {
            Self::Nowhere => 0,
            Self::Every(stride) => va.saturating_sub(1) / stride,
            Self::AroundBlocks => {
                let (blocks, rest) = (va / BLOCK, va % BLOCK);
                let of_rest = [0, GRANULE, BLOCK - GRANULE].into_iter().filter(|&at| at < rest);
                // The start of the first block, VA 0, is not counted.
                (3 * blocks + of_rest.count() as u64).saturating_sub(1)
            }
        }
    }

    /// Returns the number of pieces that `op` becomes.
    fn pieces(self, op: &Op) -> u64 {
        self.places_below(op.va + op.size) - self.places_below(op.va + 1) + 1
    }
}

/// Returns the operation with which an asynchronous batch exceeds [`CHUNK`] bytes of maps.
///
/// The driver allocates the page tables of all maps in a batch at once.
pub(super) fn beyond_queue(recorded: &[Op]) -> Option<usize> {
    let mut mapped = 0u64;
    recorded.iter().position(|op| {
        mapped = mapped.saturating_add(if is_map(op) { op.size } else { 0 });
        mapped > CHUNK
    })
}

/// Splits operations that are too large for the driver, and emulates sparse ones if requested.
pub(super) fn plan(recorded: &[Op], sparse: Sparse) -> Result<Plan, Impossible> {
    let operations = recorded.iter().map(|op| Cut::of(op, sparse).pieces(op)).sum();
    let count = usize::try_from(operations).ok().filter(|&count| count <= MAX_OPS);
    let count = count.ok_or(Impossible::TooMany { operations })?;
    let mut plan = Plan::default();
    plan.ops.try_reserve_exact(count).map_err(|_| Impossible::NoMemory)?;
    plan.origin.try_reserve_exact(count).map_err(|_| Impossible::NoMemory)?;
    for (index, op) in recorded.iter().enumerate() {
        let cut = Cut::of(op, sparse);
        if cut == Cut::Nowhere {
            // A sync-only operation has size 0.
            plan.push(*op, index);
            continue;
        }
        let end = op.va + op.size;
        let mut va = op.va;
        while va < end {
            let next = cut.behind(va).min(end);
            plan.push(piece(op, va..next, sparse), index);
            va = next;
        }
    }
    Ok(plan)
}

/// Returns the part of `op` that covers `range`.
fn piece(op: &Op, range: Range<u64>, sparse: Sparse) -> Op {
    let mut part = Op { va: range.start, size: range.end - range.start, ..*op };
    match sparse {
        Sparse::Emulated { bo_handle } if is_sparse(op) => {
            part.flags &= !sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE;
            part.bo_handle = bo_handle;
            part.bo_offset = range.start % SPARSE_OBJECT_SIZE;
        }
        _ if is_sparse(op) => {}
        _ => part.bo_offset += range.start - op.va,
    }
    if type_of(op) == TYPE_MAP_IN_PIECES {
        part.flags &= !sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MASK;
        part.flags |= sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MAP;
    }
    part
}

impl Plan {
    fn push(&mut self, op: Op, origin: usize) {
        self.ops.push(op);
        self.origin.push(origin);
    }

    /// Returns the recorded operation behind operation `index`, or the number of recorded ones at
    /// the end.
    pub(super) fn origin(&self, index: usize) -> usize {
        match self.origin.get(index) {
            Some(&origin) => origin,
            None => self.origin.last().map_or(0, |last| last + 1),
        }
    }

    /// Returns the first and the last operation that recorded operation `origin` became.
    pub(super) fn span(&self, origin: usize) -> (usize, usize) {
        let first = self.origin.partition_point(|&at| at < origin);
        let end = self.origin.partition_point(|&at| at <= origin);
        (first, end - 1)
    }

    /// Returns the completed range of a recorded operation if `index` failed in its middle.
    pub(super) fn partial(&self, index: usize) -> Option<Range<u64>> {
        let (first, _) = self.span(*self.origin.get(index)?);
        (first < index).then(|| self.ops[first].va..self.ops[index].va)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    const SPARSE: u32 =
        sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE | sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;

    fn op(flags: u32, bo_handle: u32, bo_offset: u64, range: Range<u64>) -> Op {
        Op {
            flags,
            bo_handle,
            bo_offset,
            va: range.start,
            size: range.end - range.start,
            ..Op::zeroed()
        }
    }

    #[test]
    fn the_hundred_megabytes_become_48() {
        let recorded = [op(SPARSE, 0, 0, 0x4000_0000..0x4000_0000 + 100_003_840)];
        let native = plan(&recorded, Sparse::Native).unwrap();
        assert_eq!(native.ops, recorded);
        let emulated = plan(&recorded, Sparse::Emulated { bo_handle: 7 }).unwrap();
        assert_eq!(emulated.ops.len(), 48);
        assert!(emulated.ops.iter().all(|op| op.bo_handle == 7 && op.flags & SPARSE != SPARSE));
    }

    #[test]
    fn emulated_pieces_show_the_object_at_va_mod_2_mib() {
        let range = 0x1f_f000..0x60_1000;
        let plan = plan(&[op(SPARSE, 0, 0, range)], Sparse::Emulated { bo_handle: 1 }).unwrap();
        let pieces: Vec<_> = plan.ops.iter().map(|op| (op.va, op.size, op.bo_offset)).collect();
        assert_eq!(
            pieces,
            [
                (0x1f_f000, 0x1000, 0x1f_f000),
                (0x20_0000, 0x20_0000, 0),
                (0x40_0000, 0x20_0000, 0),
                (0x60_0000, 0x1000, 0)
            ]
        );
    }

    #[test]
    fn chunks_end_at_multiples_and_keep_the_offset() {
        let map = op(sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC, 3, 0x1000, 0x1000..2 * CHUNK + 0x2000);
        let small = op(SPARSE, 0, 0, CHUNK - 0x1000..CHUNK + 0x1000);
        let unmap = op(sys::DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP, 0, 0, 0..4 * CHUNK);
        let plan = plan(&[small, map, unmap], Sparse::Native).unwrap();
        let pieces: Vec<_> = plan.ops.iter().map(|op| (op.va, op.size, op.bo_offset)).collect();
        assert_eq!(
            pieces,
            [
                (CHUNK - 0x1000, 0x2000, 0),
                (0x1000, CHUNK - 0x1000, 0x1000),
                (CHUNK, CHUNK, CHUNK),
                (2 * CHUNK, 0x2000, 2 * CHUNK),
                (0, 4 * CHUNK, 0)
            ]
        );
        assert_eq!((plan.span(0), plan.span(1), plan.span(2)), ((0, 0), (1, 3), (4, 4)));
        assert_eq!((plan.origin(3), plan.origin(4), plan.origin(5)), (1, 2, 3));
        assert_eq!(plan.partial(1), None);
        assert_eq!(plan.partial(3), Some(0x1000..2 * CHUNK));
        assert_eq!(plan.partial(5), None);
    }

    #[test]
    fn what_an_asynchronous_batch_maps_is_summed_up() {
        let half = op(SPARSE, 0, 0, 0..CHUNK / 2);
        let unmap = op(sys::DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP, 0, 0, 0..4 * CHUNK);
        assert_eq!(beyond_queue(&[half, unmap, half]), None);
        assert_eq!(beyond_queue(&[half, half, unmap, op(SPARSE, 0, 0, 0..4096)]), Some(3));
    }

    #[test]
    fn too_much_is_refused_before_memory_is_taken() {
        let all = [op(SPARSE, 0, 0, 0..1 << 47)];
        let emulated = plan(&all, Sparse::Emulated { bo_handle: 1 }).unwrap_err();
        assert_eq!(emulated, Impossible::TooMany { operations: 1 << 26 });
        assert_eq!(plan(&all, Sparse::Native).unwrap().ops.len(), 2048);
    }

    #[test]
    fn pieces_cover_each_operation_without_gap() {
        let mut seed = 1u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..2000 {
            let start = random(1 << 20) << 12;
            let range = start..start + ((random(5000) + 1) << 12);
            let recorded = op(SPARSE, 0, 0, range.clone());
            let plan = plan(&[recorded], Sparse::Emulated { bo_handle: 9 }).unwrap();
            let mut next = range.start;
            for op in &plan.ops {
                assert_eq!(op.va, next);
                assert!(op.bo_offset + op.size <= SPARSE_OBJECT_SIZE);
                assert_eq!(op.bo_offset, op.va % SPARSE_OBJECT_SIZE);
                next += op.size;
            }
            assert_eq!(next, range.end);
            assert_eq!(plan.ops.len() as u64, Cut::Every(SPARSE_OBJECT_SIZE).pieces(&recorded));
        }
    }

    #[test]
    fn a_map_in_pieces_touches_ends_of_blocks_with_single_pages() {
        let flags = TYPE_MAP_IN_PIECES | sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
        let near = [0, GRANULE, 2 * GRANULE, BLOCK / 2, BLOCK - 2 * GRANULE, BLOCK - GRANULE];
        let places: Vec<u64> =
            (0..4).flat_map(|block| near.map(|place| block * BLOCK + place)).collect();
        for &start in &places {
            for &end in places.iter().filter(|&&end| end > start) {
                let recorded = op(flags, 3, 0x7000, start..end);
                let plan = plan(&[recorded], Sparse::Native).unwrap();
                assert_eq!(plan.ops.len() as u64, Cut::AroundBlocks.pieces(&recorded));
                let mut next = start;
                for piece in &plan.ops {
                    assert_eq!((piece.va, piece.bo_offset), (next, 0x7000 + next - start));
                    assert_eq!(piece.flags, sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC);
                    next += piece.size;
                    let touches = piece.va % BLOCK == 0 || next % BLOCK == 0;
                    assert!(!touches || piece.size == GRANULE, "{:#x}..{next:#x}", piece.va);
                    assert_eq!(piece.va / BLOCK, (next - 1) / BLOCK, "within one block");
                }
                assert_eq!(next, end);
            }
        }
        // A map that covers no block stays whole.
        let small = op(flags, 3, 0, GRANULE..BLOCK - GRANULE);
        assert_eq!(plan(&[small], Sparse::Native).unwrap().ops.len(), 1);
    }
}
