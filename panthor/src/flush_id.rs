//! The latest flush ID: a register of the GPU that user space reads by itself.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, OnceLock, PoisonError};

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::Result;
use crate::transport::{Mapping, NoCallbacks, Process, Protection, Transport};
use crate::version::Features;

/// The number of cache flushes that the GPU has done, as far as a queue submit takes it.
///
/// Read when a command stream has been written: if caches were flushed between then and its run, the
/// driver's own flush is spared.
///
/// ```
/// use panthor::FlushId;
///
/// let device = panthor::Device::open_fake()?;
/// let written = device.flush_id()?;
/// assert_eq!(FlushId::from_raw(written.as_raw()), Some(written));
/// assert_eq!(FlushId::from_raw(1 << 24), None); // a bit that the driver refuses
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[doc(alias = "latest_flush")]
pub struct FlushId(u32);

impl FlushId {
    /// Has caches flushed in any case; what a queue submit has unless told otherwise.
    pub const ALWAYS_FLUSH: Self = Self(0);

    /// Bits that the driver wants to be 0.
    const RESERVED: u32 = 0x7f00_0000;

    /// A value that was read before; `None` when bits 24 to 30, which the driver refuses, are not 0.
    pub const fn from_raw(raw: u32) -> Option<Self> {
        if raw & Self::RESERVED == 0 { Some(Self(raw)) } else { None }
    }

    /// Its number in the uAPI.
    pub const fn as_raw(self) -> u32 {
        self.0
    }
}

/// Where in the device's file the pages of registers are, by the width of the process's `long`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserMmioOffset {
    /// 2^43, of 32-bit processes.
    #[doc(alias = "DRM_PANTHOR_USER_MMIO_OFFSET_32BIT")]
    Bits32,
    /// 2^56, of 64-bit processes.
    #[doc(alias = "DRM_PANTHOR_USER_MMIO_OFFSET_64BIT")]
    Bits64,
}

impl UserMmioOffset {
    /// The offset in bytes.
    pub const fn as_raw(self) -> u64 {
        match self {
            Self::Bits32 => sys::DRM_PANTHOR_USER_MMIO_OFFSET_32BIT,
            Self::Bits64 => sys::DRM_PANTHOR_USER_MMIO_OFFSET_64BIT,
        }
    }
}

/// The registers of a device file that user space maps.
pub(crate) struct UserMmio {
    /// Where the file has them: held while it is changed, and while something is mapped from there.
    offset: Mutex<u64>,
    flush_page: OnceLock<Box<FlushPage>>,
}

/// The page with the latest flush ID, in its first 32 bits.
struct FlushPage {
    mapping: ManuallyDrop<Mapping>,
    /// The process that it is mapped in: the driver keeps it from the children of a fork, where something
    /// else may be in its place by now.
    process: Process,
    /// That of a child of a fork.
    of_child: OnceLock<Box<FlushPage>>,
}

impl UserMmio {
    pub(crate) fn new() -> Self {
        let offset = Mutex::new(sys::DRM_PANTHOR_USER_MMIO_OFFSET);
        Self { offset, flush_page: OnceLock::new() }
    }

    #[inline]
    fn flush_page(&self, transport: &Transport) -> Result<&FlushPage> {
        match self.flush_page.get() {
            Some(page) if page.is_here() => Ok(page),
            _ => self.map_flush_page(transport),
        }
    }

    #[cold]
    fn map_flush_page(&self, transport: &Transport) -> Result<&FlushPage> {
        let _until_unlocked = NoCallbacks::new();
        let offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of this process's ancestors, each found by its child.
        let mut slot = &self.flush_page;
        while let Some(page) = slot.get() {
            if page.is_here() {
                return Ok(page);
            }
            slot = &page.of_child;
        }
        // The driver takes exactly one page of the CPU, to be read only.
        let mapping = transport.map("mmap", *offset, transport.page_size(), Protection::Read)?;
        Ok(slot.get_or_init(|| Box::new(FlushPage::new(mapping))))
    }

    fn set_offset(&self, transport: &Transport, offset: UserMmioOffset) -> Result<()> {
        let _until_unlocked = NoCallbacks::new();
        let mut current = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        let mut arg = sys::drm_panthor_set_user_mmio_offset::zeroed();
        arg.offset = offset.as_raw();
        transport.call(&mut arg)?;
        *current = offset.as_raw();
        Ok(())
    }
}

impl FlushPage {
    fn new(mapping: Mapping) -> Self {
        let (mapping, process) = (ManuallyDrop::new(mapping), Process::current());
        Self { mapping, process, of_child: OnceLock::new() }
    }

    fn read(&self) -> FlushId {
        let register = self.mapping.as_ptr().cast::<u32>();
        // SAFETY: the mapping is a page at least, readable, at an address that is a multiple of its size,
        // and lives as long as `self`; volatile, since the GPU changes it.
        let raw = unsafe { register.read_volatile() };
        FlushId(raw & !FlushId::RESERVED)
    }

    /// Whether the page is mapped in this process.
    #[inline]
    fn is_here(&self) -> bool {
        self.process == Process::current()
    }
}

impl Drop for FlushPage {
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: the mapping is not used after this, and nothing but this drops it.
            unsafe { ManuallyDrop::drop(&mut self.mapping) };
        }
    }
}

impl Device {
    /// Reads the latest flush ID.
    ///
    /// Only the first call of a device enters the kernel, in a child of a fork again: it maps the register's
    /// page. The GPU that sleeps shows a constant there.
    ///
    /// A device that is unplugged has no register any more: reading it raises SIGBUS.
    ///
    /// # Errors
    ///
    /// What `mmap` says, the first time: [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was
    /// unplugged, [`OutOfMemory`](crate::ErrorKind::OutOfMemory).
    ///
    /// ```
    /// let device = panthor::Device::open_fake()?;
    /// let written = device.flush_id()?; // when a command stream is complete
    /// # let _ = written;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_PANTHOR_USER_FLUSH_ID_MMIO_OFFSET")]
    #[inline]
    pub fn flush_id(&self) -> Result<FlushId> {
        Ok(self.user_mmio().flush_page(self.transport())?.read())
    }

    /// Moves the pages of registers to where a process of the other width looks for them
    /// (SET_USER_MMIO_OFFSET, driver 1.5).
    ///
    /// For emulators alone, whose guest has another width than they have: the guest's `mmap` calls then go
    /// through as they are. This crate's own mapping of the flush ID follows.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) below driver 1.5.
    ///
    /// ```
    /// use panthor::UserMmioOffset;
    /// let device = panthor::Device::open_fake()?;
    /// device.set_user_mmio_offset(UserMmioOffset::Bits32)?;
    /// device.flush_id()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET")]
    pub fn set_user_mmio_offset(&self, offset: UserMmioOffset) -> Result<()> {
        let (call, what) = ("SET_USER_MMIO_OFFSET", "a choice of the user MMIO offset");
        Features::USER_MMIO_OFFSET.require(self.version(), call, what)?;
        self.user_mmio().set_offset(self.transport(), offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_that_the_driver_refuses_are_no_flush_id() {
        for bit in 0..32 {
            assert_eq!(FlushId::from_raw(1 << bit).is_some(), !(24..=30).contains(&bit), "{bit}");
        }
    }

    #[cfg(feature = "fake")]
    #[test]
    fn the_page_is_mapped_once_for_all_clones() {
        let device = Device::open_fake().unwrap();
        let page = |device: &Device| {
            let page = device.user_mmio().flush_page(device.transport()).unwrap();
            page.mapping.as_ptr().addr()
        };
        assert_eq!(page(&device), page(&device.clone()));
        assert_eq!(page(&device) as u64 % device.cpu_page_size(), 0);
    }

    #[cfg(feature = "fake")]
    #[test]
    fn a_child_of_a_fork_has_no_page_to_unmap() {
        let device = Device::open_fake().unwrap();
        device.flush_id().unwrap();
        let page = device.user_mmio().flush_page(device.transport()).unwrap();
        assert!(page.is_here());
        let mapping = device
            .transport()
            .map("mmap", sys::DRM_PANTHOR_USER_FLUSH_ID_MMIO_OFFSET, 4096, Protection::Read)
            .unwrap();
        let mut elsewhere = FlushPage::new(mapping);
        elsewhere.process = elsewhere.process.other();
        assert!(!elsewhere.is_here());
        elsewhere.process = Process::current();
    }

    #[cfg(feature = "fake")]
    #[test]
    fn the_page_is_found_where_it_was_moved_to() {
        for offset in [UserMmioOffset::Bits32, UserMmioOffset::Bits64] {
            let device = Device::open_fake().unwrap();
            device.set_user_mmio_offset(offset).unwrap();
            assert!(device.flush_id().is_ok(), "{offset:?}");
        }
    }
}
