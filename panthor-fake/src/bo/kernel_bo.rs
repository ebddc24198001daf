//! Kernel BOs: the driver's own memory for groups and heaps.

use std::sync::Arc;

use panthor_sys as sys;

use crate::bo::Bo;
use crate::bo::residency::Pins;
use crate::call::errno::{Errno, Result};
use crate::vm::bind::page_tables;
use crate::vm::va_space::Mapping;
use crate::vm::{Change, PAGE, Vm};

/// The map flags of memory that bypasses the GPU caches, for CPU access.
pub(crate) const UNCACHED: u32 =
    sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC | sys::DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;

/// The map flags of memory that the GPU may cache.
pub(crate) const CACHED: u32 = sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;

/// A BO mapped in the kernel part of a VM for its whole lifetime.
#[derive(Debug)]
pub(crate) struct KernelBo {
    vm: Arc<Vm>,
    bo: Arc<Bo>,
    va: u64,
    size: u64,
    /// The pin of the driver's own CPU mapping, which prevents eviction.
    pins: Option<Pins>,
}

impl KernelBo {
    /// Allocates `size` bytes and maps them with map operation flags.
    ///
    /// # Errors
    /// `ENOMEM` or `ENOSPC` without free memory or address space; `EINVAL` if the VM is unusable.
    pub(crate) fn new(vm: &Arc<Vm>, size: u64, flags: u32) -> Result<Self> {
        let device = &vm.device;
        let bo_size = size.next_multiple_of(device.config.page_size.bytes());
        let no_mmap = sys::DRM_PANTHOR_BO_NO_MMAP;
        let bo = Arc::new(Bo::new(device.clone(), bo_size, no_mmap, Some(vm.id()), false)?);
        let mut pins = Pins::default();
        pins.pin(&bo)?;
        // The GPU page size, whatever the CPU page size.
        let size = size.next_multiple_of(PAGE);
        let va = vm.allocate_kernel_va(size).ok_or(Errno::NOSPC)?;
        let kernel_bo = Self { vm: vm.clone(), bo, va, size, pins: Some(pins) };
        page_tables(&kernel_bo.bo, va, size, vm.page_tables_in_flight())?;
        let object = kernel_bo.bo.clone();
        vm.apply(Change::Map {
            va,
            mapping: Mapping { size, offset: 0, flags, evicted: false, object },
        })?;
        // The driver, too, pins a kernel BO after mapping it.
        vm.list();
        Ok(kernel_bo)
    }

    /// Returns the GPU virtual address.
    pub(crate) fn va(&self) -> u64 {
        self.va
    }

    /// Returns the size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Ends the driver's CPU mapping: no more writes follow, and the memory may be evicted.
    pub(crate) fn unpin(&mut self) {
        self.pins = None;
    }

    /// Writes at an offset, as the driver does through its CPU mapping.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        // There is no caller to report a failure to: the driver stores to mapped memory.
        let _ = self.bo.write(offset, bytes);
    }
}

impl Drop for KernelBo {
    fn drop(&mut self) {
        if self.vm.device.is_inherited() {
            return;
        }
        // The range is valid, and an unmap works in any state of the VM.
        let _ = self.vm.apply(Change::Unmap { va: self.va, size: self.size });
        self.vm.free_kernel_va(self.va, self.size);
    }
}
