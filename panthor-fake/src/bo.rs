//! Buffer objects.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::device::DeviceInner;
use crate::dma_buf::DmaBuf;
use crate::errno::{Errno, Result};
use crate::lock::lock;

/// A GEM object: a range of the device's memory. It lives as long as a handle, a mapping in a VM
/// or a mapping of the CPU refers to it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Bo {
    device: Arc<DeviceInner>,
    /// Where it is in the device's memory; also its mmap offset.
    offset: u64,
    size: u64,
    flags: u32,
    /// The identity of the only VM it may be mapped in.
    exclusive_vm: Option<u64>,
    /// Whether a client can know it; the object behind sparse mappings is not one of those.
    visible: bool,
    /// Whether its pages count as used: since it was first mapped into a VM.
    pinned: AtomicBool,
    label: Mutex<Option<Vec<u8>>>,
    /// How many handles there are, in all files.
    handles: AtomicUsize,
    /// Its name among the BOs of the device, 0 for none.
    name: AtomicU32,
    /// The dma-buf that its memory is.
    import: Option<Arc<DmaBuf>>,
    /// The dma-buf that it was exported as.
    exported: Mutex<Weak<DmaBuf>>,
}

impl Bo {
    /// Creates an object of `size` bytes, a multiple of the page size.
    pub(crate) fn new(
        device: Arc<DeviceInner>,
        size: u64,
        flags: u32,
        exclusive_vm: Option<u64>,
        visible: bool,
    ) -> Result<Self> {
        Self::with_import(device, size, flags, exclusive_vm, visible, None)
    }

    /// Creates an object whose memory is that of a dma-buf.
    pub(crate) fn import(device: Arc<DeviceInner>, dma_buf: Arc<DmaBuf>) -> Result<Self> {
        Self::with_import(device, dma_buf.size(), 0, None, true, Some(dma_buf))
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
            pinned: AtomicBool::new(false),
            label: Mutex::new(None),
            handles: AtomicUsize::new(0),
            name: AtomicU32::new(0),
            import,
            exported: Mutex::new(Weak::new()),
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The `DRM_PANTHOR_BO_*` flags it was created with.
    pub(crate) fn flags(&self) -> u32 {
        self.flags
    }

    pub(crate) fn is_of(&self, device: &Arc<DeviceInner>) -> bool {
        Arc::ptr_eq(&self.device, device)
    }

    /// The version of its driver.
    pub(crate) fn driver_minor(&self) -> u32 {
        self.device.config.driver_minor
    }

    /// Whether only one VM may map it.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive_vm.is_some()
    }

    pub(crate) fn is_imported(&self) -> bool {
        self.import.is_some()
    }

    /// The dma-buf it came from or was exported as.
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

    /// Its name, which it loses.
    pub(crate) fn take_name(&self) -> u32 {
        self.name.swap(0, Ordering::AcqRel)
    }

    pub(crate) fn has_handles(&self) -> bool {
        self.handles.load(Ordering::Acquire) != 0
    }

    pub(crate) fn count_handle(&self) {
        self.handles.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether it has another handle, or another name.
    pub(crate) fn is_shared(&self) -> bool {
        self.handles.load(Ordering::Acquire) > 1 || self.dma_buf().is_some()
    }

    /// Whether it has pages: once a VM has mapped it, or if it is another driver's.
    pub(crate) fn is_resident(&self) -> bool {
        self.import.is_some() || self.pinned.load(Ordering::Acquire)
    }

    pub(crate) fn uncount_handle(&self) {
        self.handles.fetch_sub(1, Ordering::AcqRel);
    }

    /// The file with its memory, and where it is there.
    pub(crate) fn memory(&self) -> (BorrowedFd<'_>, u64) {
        match &self.import {
            Some(dma_buf) => dma_buf.memory(),
            None => (self.device.memory.as_fd(), self.offset),
        }
    }

    pub(crate) fn mmap_offset(&self) -> u64 {
        self.offset
    }

    /// Whether the VM of that identity may map it.
    pub(crate) fn allows_vm(&self, vm: u64) -> bool {
        self.exclusive_vm.is_none_or(|only| only == vm)
    }

    pub(crate) fn set_label(&self, label: Option<Vec<u8>>) {
        *lock(&self.label) = label;
    }

    pub(crate) fn label(&self) -> Option<Vec<u8>> {
        lock(&self.label).clone()
    }

    /// Makes its pages resident, which is what a first map into a VM does.
    pub(crate) fn pin(&self) -> Result<()> {
        // What is imported is pinned where it comes from.
        if self.is_imported() || self.pinned.load(Ordering::Acquire) {
            return Ok(());
        }
        // Two threads may both come here: the one that loses gives back what it took.
        self.device.pinned.take(self.size, self.device.config.memory)?;
        if self.pinned.swap(true, Ordering::AcqRel) {
            self.device.pinned.give_back(self.size);
        }
        Ok(())
    }

    /// Reads at an offset, within the size.
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        match &self.import {
            Some(dma_buf) => dma_buf.read(offset, buf),
            None => self.device.memory.read(self.offset + offset, buf),
        }
    }

    /// Writes at an offset, within the size.
    pub(crate) fn write(&self, offset: u64, buf: &[u8]) -> std::io::Result<()> {
        match &self.import {
            Some(dma_buf) => dma_buf.write(offset, buf),
            None => self.device.memory.write(self.offset + offset, buf),
        }
    }
}

impl Drop for Bo {
    fn drop(&mut self) {
        self.device.memory.free(self.offset, self.size);
        if *self.pinned.get_mut() {
            self.device.pinned.give_back(self.size);
        }
        if self.visible {
            self.device.live.bos.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Bytes of memory in use by the GPU.
#[derive(Debug, Default)]
pub(crate) struct Pinned(AtomicU64);

impl Pinned {
    fn take(&self, bytes: u64, limit: u64) -> Result<()> {
        let add = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= limit);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        taken.map(drop).map_err(|_| Errno::NOMEM)
    }

    /// Whether so many more could be taken now.
    pub(crate) fn has_room(&self, bytes: u64, limit: u64) -> bool {
        self.bytes().checked_add(bytes).is_some_and(|sum| sum <= limit)
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
