//! Buffer objects.

pub(crate) mod ioctls;
pub(crate) mod kernel_bo;
pub(crate) mod mapping;
pub(crate) mod memory;
pub(crate) mod names;
pub(crate) mod place;
pub(crate) mod reclaim;
pub(crate) mod registers;
pub(crate) mod residency;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use crate::bo::place::Place;
use crate::bo::residency::Residency;
use crate::call::errno::Result;
use crate::device::DeviceInner;
use crate::lock::{Mutex, lock, rank};
use crate::sharing::dma_buf::DmaBuf;

/// A GEM object: a range of the device's memory. A handle, a VM mapping or a CPU mapping keeps it
/// alive.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Bo {
    device: Arc<DeviceInner>,
    /// The offset in the device's memory, which is also the mmap offset.
    offset: u64,
    size: u64,
    flags: u32,
    /// The identity of the only VM that may map the BO.
    exclusive_vm: Option<u64>,
    /// Set for a client's BO, clear for the BO behind sparse mappings.
    visible: bool,
    /// The state of the BO's pages.
    pub(crate) residency: Residency,
    /// The LRU entry of the BO.
    pub(crate) place: Place,
    /// The number of CPU mappings.
    cpu_mappings: AtomicUsize,
    label: Mutex<Option<Vec<u8>>, { rank::LABEL }>,
    /// The number of handles in all files.
    handles: AtomicUsize,
    /// The flink name, 0 for none.
    name: AtomicU32,
    /// Set once another process was permitted to map the BO.
    #[cfg(feature = "loopback")]
    mapped_elsewhere: std::sync::atomic::AtomicBool,
    /// The dma-buf behind an imported BO.
    import: Option<Arc<DmaBuf>>,
    /// The dma-buf of an exported BO.
    exported: Mutex<Weak<DmaBuf>, { rank::EXPORTED }>,
}

impl Bo {
    /// Creates a BO of `size` bytes, a multiple of the page size.
    pub(crate) fn new(
        device: Arc<DeviceInner>,
        size: u64,
        flags: u32,
        exclusive_vm: Option<u64>,
        visible: bool,
    ) -> Result<Self> {
        Self::with_import(device, size, flags, exclusive_vm, visible, None)
    }

    /// Creates a BO with the memory of a dma-buf. An exported BO behind the dma-buf is pinned as
    /// long as the new BO lives.
    pub(crate) fn import(device: Arc<DeviceInner>, dma_buf: Arc<DmaBuf>) -> Result<Self> {
        let exported = dma_buf.bo().cloned();
        if let Some(bo) = &exported {
            bo.pin()?;
        }
        let import = Self::with_import(device, dma_buf.size(), 0, None, true, Some(dma_buf));
        if let (Err(_), Some(bo)) = (&import, &exported) {
            bo.unpin();
        }
        import
    }

    fn with_import(
        device: Arc<DeviceInner>,
        size: u64,
        flags: u32,
        exclusive_vm: Option<u64>,
        visible: bool,
        import: Option<Arc<DmaBuf>>,
    ) -> Result<Self> {
        let offset = device.memory.allocate(size)?;
        if visible {
            device.live.bos.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Self {
            device,
            offset,
            size,
            flags,
            exclusive_vm,
            visible,
            residency: Residency::default(),
            place: Place::default(),
            cpu_mappings: AtomicUsize::new(0),
            label: Mutex::new(None),
            handles: AtomicUsize::new(0),
            name: AtomicU32::new(0),
            #[cfg(feature = "loopback")]
            mapped_elsewhere: false.into(),
            import,
            exported: Mutex::new(Weak::new()),
        })
    }

    pub(crate) fn device(&self) -> &Arc<DeviceInner> {
        &self.device
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the `DRM_PANTHOR_BO_*` flags given at creation.
    pub(crate) fn flags(&self) -> u32 {
        self.flags
    }

    pub(crate) fn is_of(&self, device: &Arc<DeviceInner>) -> bool {
        Arc::ptr_eq(&self.device, device)
    }

    /// Returns whether only one VM may map the BO.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive_vm.is_some()
    }

    /// Returns the identity of the only VM that may map the BO.
    pub(crate) fn exclusive_vm(&self) -> Option<u64> {
        self.exclusive_vm
    }

    pub(crate) fn is_imported(&self) -> bool {
        self.import.is_some()
    }

    /// Returns the dma-buf that the BO was imported from or exported as.
    pub(crate) fn dma_buf(&self) -> Option<Arc<DmaBuf>> {
        self.import.clone().or_else(|| lock(&self.exported).upgrade())
    }

    pub(crate) fn set_exported(&self, dma_buf: &Arc<DmaBuf>) {
        *lock(&self.exported) = Arc::downgrade(dma_buf);
    }

    pub(crate) fn name(&self) -> u32 {
        self.name.load(Ordering::Acquire)
    }

    pub(crate) fn set_name(&self, name: u32) {
        self.name.store(name, Ordering::Release);
    }

    /// Removes and returns the flink name.
    pub(crate) fn take_name(&self) -> u32 {
        self.name.swap(0, Ordering::AcqRel)
    }

    pub(crate) fn has_handles(&self) -> bool {
        self.handles.load(Ordering::Acquire) != 0
    }

    pub(crate) fn count_handle(&self) {
        self.handles.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns whether the BO has several handles or a dma-buf.
    pub(crate) fn is_shared(&self) -> bool {
        self.handles.load(Ordering::Acquire) > 1 || self.dma_buf().is_some()
    }

    pub(crate) fn uncount_handle(&self) {
        self.handles.fetch_sub(1, Ordering::AcqRel);
    }

    /// Returns the file with the memory, and the offset of the memory in it.
    pub(crate) fn memory(&self) -> (BorrowedFd<'_>, u64) {
        match &self.import {
            Some(dma_buf) => dma_buf.memory(),
            None => (self.device.memory.as_fd(), self.offset),
        }
    }

    pub(crate) fn mmap_offset(&self) -> u64 {
        self.offset
    }

    /// Returns whether the VM with an identity may map the BO.
    pub(crate) fn allows_vm(&self, vm: u64) -> bool {
        self.exclusive_vm.is_none_or(|only| only == vm)
    }

    pub(crate) fn set_label(&self, label: Option<Vec<u8>>) {
        *lock(&self.label) = label;
    }

    pub(crate) fn label(&self) -> Option<Vec<u8>> {
        lock(&self.label).clone()
    }

    /// Counts a new CPU mapping.
    pub(crate) fn count_cpu_mapping(&self) {
        if self.cpu_mappings.fetch_add(1, Ordering::AcqRel) == 0 {
            self.settle(false);
        }
    }

    pub(crate) fn uncount_cpu_mapping(&self) {
        if self.cpu_mappings.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settle(false);
        }
    }

    /// Returns the number of CPU mappings.
    pub(crate) fn cpu_mappings(&self) -> usize {
        self.cpu_mappings.load(Ordering::Acquire)
    }

    /// Reads at an offset within the size.
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        match &self.import {
            Some(dma_buf) => dma_buf.read(offset, buf),
            None => self.device.memory.read(self.offset + offset, buf),
        }
    }

    /// Writes at an offset within the size.
    pub(crate) fn write(&self, offset: u64, buf: &[u8]) -> std::io::Result<()> {
        match &self.import {
            Some(dma_buf) => dma_buf.write(offset, buf),
            None => self.device.memory.write(self.offset + offset, buf),
        }
    }
}

#[cfg(not(feature = "loopback"))]
impl Bo {
    /// Returns whether the CPU has the BO mapped.
    pub(crate) fn may_be_mapped_by_cpu(&self) -> bool {
        self.cpu_mappings() != 0
    }

    fn give_memory_back(&self) {
        self.device.memory.free(self.offset, self.size);
    }
}

#[cfg(feature = "loopback")]
impl Bo {
    /// Records that another process may map the BO from the device's memory. The end of such a
    /// mapping is not reported.
    pub(crate) fn set_mapped_elsewhere(&self) {
        if !self.mapped_elsewhere.swap(true, Ordering::AcqRel) {
            self.settle(false);
        }
    }

    /// Returns whether the CPU has the BO mapped, or another process may have it mapped.
    pub(crate) fn may_be_mapped_by_cpu(&self) -> bool {
        self.cpu_mappings() != 0 || self.mapped_elsewhere.load(Ordering::Acquire)
    }

    fn give_memory_back(&self) {
        if self.mapped_elsewhere.load(Ordering::Acquire) {
            self.device.memory.retire(self.offset, self.size);
        } else {
            self.device.memory.free(self.offset, self.size);
        }
    }
}

impl Drop for Bo {
    fn drop(&mut self) {
        // The memory and the locks belong to the parent.
        if self.device.is_inherited() {
            return;
        }
        self.give_memory_back();
        self.forget_pages();
        if let Some(bo) = self.import.as_ref().and_then(|dma_buf| dma_buf.bo()) {
            bo.unpin();
        }
        if self.visible {
            self.device.live.bos.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
