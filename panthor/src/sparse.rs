//! Sparse residency on drivers that have no native sparse mappings.
//!
//! Native: one operation maps any range to an object that the kernel keeps for each open file. Emulated:
//! a 2 MiB object of the VM's own is mapped again and again, at `bo_offset = va mod 2 MiB`, which is what
//! the kernel does inside; it costs an operation for each 2 MiB.

use crate::bo::{Bo, BoOptions};
use crate::error::Result;
use crate::vm::VmInner;

/// Size of the object that emulated sparse ranges show, and so the most that one operation maps.
pub(crate) const SPARSE_OBJECT_SIZE: u64 = 2 << 20;

/// How sparse ranges are mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SparseMode {
    /// Natively where the driver can (1.9), else emulated.
    #[default]
    Auto,
    /// Natively or not at all.
    Native,
    /// Emulated everywhere, for comparison and for tests.
    Emulated,
}

/// Makes the object: never mapped by the CPU, and nobody else's, so that nothing leaks through it.
pub(crate) fn create_object(vm: &VmInner) -> Result<Bo> {
    let options = BoOptions::new(SPARSE_OBJECT_SIZE).no_mmap();
    Bo::create(vm.device(), options, Some((vm.id(), vm.uid())))
}
