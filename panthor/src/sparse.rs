//! Sparse mappings, native and emulated.
//!
//! Native (driver 1.9): one operation maps any range to a 2 MiB dummy BO that the kernel keeps for
//! each open file. Emulated: operations map a 2 MiB dummy BO of the VM repeatedly, at `bo_offset =
//! va mod 2 MiB`. The kernel does the same internally, but the emulation needs one operation for
//! each 2 MiB.
//!
//! In both modes, reads are undefined, and a write at one VA is seen 2 MiB further. With native
//! mappings, a write is also seen in other VMs of the file.

use crate::bo::{Bo, BoOptions};
use crate::error::Result;
use crate::vm::VmInner;

/// Size of the dummy BO behind emulated sparse ranges, which limits one operation.
pub(crate) const SPARSE_OBJECT_SIZE: u64 = 2 << 20;

/// Mechanism for sparse ranges.
///
/// In each mode, reads are undefined, and a write at one VA is seen 2 MiB further. Native mappings
/// also show the write in other VMs of the device file. Vulkan's `residencyNonResidentStrict`
/// therefore cannot be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SparseMode {
    /// Native mappings on driver 1.9, emulated ones on older drivers.
    #[default]
    Auto,
    /// Native mappings only: an error on older drivers.
    Native,
    /// Emulated mappings on all drivers, for comparison and tests.
    Emulated,
}

/// Creates the dummy BO: exclusive to the VM and without CPU mappings, so that no data leaks
/// through it.
pub(crate) fn create_object(vm: &VmInner) -> Result<Bo> {
    let options = BoOptions::new(SPARSE_OBJECT_SIZE).no_mmap();
    Bo::create(vm.device(), options, Some((vm.id(), vm.uid())))
}
