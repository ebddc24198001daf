//! Descriptions of a VM's mappings, for tests and dumps.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bo::Bo;
use crate::vm::Vm;
use crate::vm::va_space::Mapping;

/// A mapping of a VM.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MappingInfo {
    /// The GPU virtual address.
    pub va: u64,
    /// The size in bytes. An asynchronous map of size zero leaves a mapping of size zero.
    pub size: u64,
    /// The object behind the mapping.
    pub backing: Backing,
    /// The offset in the object, in bytes.
    pub offset: u64,
    /// The `DRM_PANTHOR_VM_BIND_OP_MAP_*` flags.
    pub flags: u32,
    /// Set while the mapping is inactive because its memory was evicted. The next job of the VM
    /// restores the memory.
    pub evicted: bool,
}

/// The object behind a mapping.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Backing {
    /// A BO of the client.
    Bo {
        /// A handle of the BO in the VM's file; `None` after the last handle was closed.
        handle: Option<u32>,
    },
    /// The 2 MiB object behind all sparse mappings of a file.
    Sparse,
    /// Driver memory of a group or a tiler heap, in the kernel part of the address space.
    Kernel,
}

/// The handles of a file, by object.
pub(crate) type HandleOf = HashMap<*const Bo, u32>;

impl MappingInfo {
    /// Describes a mapping of a VM, or a mapping that a queued operation will add.
    pub(crate) fn new(vm: &Vm, va: u64, mapping: &Mapping<Arc<Bo>>, handles: &HandleOf) -> Self {
        let backing = if mapping.is_sparse() {
            Backing::Sparse
        } else if va >= vm.user_va_range() {
            Backing::Kernel
        } else {
            Backing::Bo { handle: handles.get(&Arc::as_ptr(&mapping.object)).copied() }
        };
        let Mapping { size, offset, flags, evicted, .. } = *mapping;
        Self { va, size, backing, offset, flags, evicted }
    }

    /// Describes all mappings of a VM.
    pub(crate) fn all(vm: &Vm, handles: &HandleOf) -> Vec<Self> {
        let info = |(va, mapping): (u64, &Mapping<Arc<Bo>>)| Self::new(vm, va, mapping, handles);
        vm.with_space(|space| space.iter().map(info).collect())
    }

    /// Returns the handle of the BO behind the mapping; `None` for a BO without a handle and for
    /// other objects.
    pub fn bo_handle(&self) -> Option<u32> {
        match self.backing {
            Backing::Bo { handle } => handle,
            Backing::Sparse | Backing::Kernel => None,
        }
    }
}
