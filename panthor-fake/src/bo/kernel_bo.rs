//! Memory that the kernel allocates for itself in a VM: what groups and heaps are made of.

use std::sync::Arc;

use panthor_sys as sys;

use crate::bo::Bo;
use crate::bo::residency::Pins;
use crate::call::errno::{Errno, Result};
use crate::vm::bind::page_tables;
use crate::vm::va_space::Mapping;
use crate::vm::{Change, PAGE, Vm};

/// What only the CPU has to do with the caches of: mapped so that the GPU does not keep it in its
/// own.
pub(crate) const UNCACHED: u32 =
    sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC | sys::DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;

/// What the GPU may keep in its caches.
pub(crate) const CACHED: u32 = sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;

/// An object that is mapped in the kernel's part of a VM for as long as it exists.
#[derive(Debug)]
pub(crate) struct KernelBo {
    vm: Arc<Vm>,
    bo: Arc<Bo>,
    va: u64,
    size: u64,
    /// Whether the driver has it mapped for itself, so that it is not evicted.
    pins: Option<Pins>,
}

impl KernelBo {
    /// Allocates `size` bytes and maps them with flags of a map operation.
    ///
    /// # Errors
    /// `ENOMEM` or `ENOSPC` if there is no memory or no room; `EINVAL` if the VM is unusable.
    pub(crate) fn new(vm: &Arc<Vm>, size: u64, flags: u32) -> Result<Self> {
        let device = &vm.device;
        let bo_size = size.next_multiple_of(device.config.page_size.bytes());
        let no_mmap = sys::DRM_PANTHOR_BO_NO_MMAP;
        let bo = Arc::new(Bo::new(device.clone(), bo_size, no_mmap, Some(vm.id()), false)?);
        let mut pins = Pins::default();
        pins.pin(&bo)?;
        // No more than is needed, whatever the page size of the CPU.
        let size = size.next_multiple_of(PAGE);
        let va = vm.allocate_kernel_va(size).ok_or(Errno::NOSPC)?;
        let kernel_bo = Self { vm: vm.clone(), bo, va, size, pins: Some(pins) };
        page_tables(&kernel_bo.bo, va, size, vm.page_tables_in_flight())?;
        let object = kernel_bo.bo.clone();
        vm.apply(Change::Map {
            va,
            mapping: Mapping { size, offset: 0, flags, evicted: false, object },
        })?;
        // The driver pins it only now.
        vm.list();
        Ok(kernel_bo)
    }

    /// The GPU virtual address.
    pub(crate) fn va(&self) -> u64 {
        self.va
    }

    /// The size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Ends the driver's own mapping: it writes no more, and the memory may be evicted.
    pub(crate) fn unpin(&mut self) {
        self.pins = None;
    }

    /// Writes at an offset, as the driver does through its own mapping.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        // There is no one to tell: the driver stores to memory that it has.
        let _ = self.bo.write(offset, bytes);
    }
}

impl Drop for KernelBo {
    fn drop(&mut self) {
        if self.vm.device.is_inherited() {
            return;
        }
        // In range, and an unmap works in any state of the VM.
        let _ = self.vm.apply(Change::Unmap { va: self.va, size: self.size });
        self.vm.free_kernel_va(self.va, self.size);
    }
}
