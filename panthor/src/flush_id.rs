//! Latest flush ID: a GPU register that user space maps and reads.

use std::mem::ManuallyDrop;
use std::sync::{Mutex, OnceLock, PoisonError};

use bytemuck::Zeroable;
use panthor_sys as sys;
use rustix::io::Errno;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::transport::system::read_register;
use crate::transport::{Mapping, NoCallbacks, Process, Protection, Transport};
use crate::version::Features;

/// Number of completed GPU cache flushes, for queue submits.
///
/// Read the ID after writing a command stream. If the caches are flushed between the read and the
/// stream's run, the driver skips its own flush.
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
    /// Flush ID that always flushes caches, the default of a queue submit.
    pub const ALWAYS_FLUSH: Self = Self(0);

    /// Bits that must be 0.
    const RESERVED: u32 = 0x7f00_0000;

    /// Returns the flush ID of an earlier read, or `None` if bits 24 to 30 are not 0.
    pub const fn from_raw(raw: u32) -> Option<Self> {
        if raw & Self::RESERVED == 0 { Some(Self(raw)) } else { None }
    }

    /// Returns the uAPI's number.
    pub const fn as_raw(self) -> u32 {
        self.0
    }
}

/// Offset of the register pages in the device file, by the width of the process's `long`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UserMmioOffset {
    /// 2^43, for 32-bit processes.
    #[doc(alias = "DRM_PANTHOR_USER_MMIO_OFFSET_32BIT")]
    Bits32,
    /// 2^56, for 64-bit processes.
    #[doc(alias = "DRM_PANTHOR_USER_MMIO_OFFSET_64BIT")]
    Bits64,
}

impl UserMmioOffset {
    /// Returns the offset in bytes.
    pub const fn as_raw(self) -> u64 {
        match self {
            Self::Bits32 => sys::DRM_PANTHOR_USER_MMIO_OFFSET_32BIT,
            Self::Bits64 => sys::DRM_PANTHOR_USER_MMIO_OFFSET_64BIT,
        }
    }
}

/// Registers of a device file that user space maps.
pub(crate) struct UserMmio {
    /// Current offset of the registers. The lock is held during changes and during `mmap` calls.
    offset: Mutex<u64>,
    flush_page: OnceLock<Box<FlushPage>>,
}

/// Mapped page with the latest flush ID in its first 32 bits.
struct FlushPage {
    mapping: ManuallyDrop<Mapping>,
    /// Process with the mapping. Children of a fork do not inherit the mapping, and may have
    /// another one at its address.
    process: Process,
    /// Page of a child of a fork.
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
        // Skip the pages of ancestor processes: each child adds its page to its parent's.
        let mut slot = &self.flush_page;
        while let Some(page) = slot.get() {
            if page.is_here() {
                return Ok(page);
            }
            slot = &page.of_child;
        }
        // The driver accepts exactly one CPU page, mapped read-only.
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

    fn read(&self) -> Result<FlushId> {
        // The driver takes the page away when the device is unplugged: a load by this process would
        // raise SIGBUS.
        let raw = read_register(self.mapping.as_ptr().cast()).map_err(|errno| match errno {
            Errno::FAULT => Error::os("flush ID register", Errno::NODEV),
            errno => Error::os("process_vm_writev", errno),
        })?;
        Ok(FlushId(raw & !FlushId::RESERVED))
    }

    /// Returns whether the page is mapped in this process.
    #[inline]
    fn is_here(&self) -> bool {
        self.process == Process::current()
    }
}

impl Drop for FlushPage {
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: nothing uses the mapping afterwards, and only this code drops it.
            unsafe { ManuallyDrop::drop(&mut self.mapping) };
        }
    }
}

impl Device {
    /// Reads the latest flush ID.
    ///
    /// The first call of a device, and of a child after `fork`, maps the register's page. Each call
    /// reads the register by `process_vm_writev(2)` of this process to itself, which takes about a
    /// microsecond. A plain load is faster, but raises SIGBUS after an unplug, at any time. A
    /// suspended GPU shows a constant value.
    ///
    /// # Errors
    ///
    /// * [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    /// * [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without memory or address space for the
    ///   first call's `mmap`.
    /// * EPERM or ENOSYS where a sandbox forbids `process_vm_writev(2)`.
    ///   [`FlushId::ALWAYS_FLUSH`] needs no register.
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
        self.user_mmio().flush_page(self.transport())?.read()
    }

    /// Sets the register pages' offset to that of another `long` width (SET_USER_MMIO_OFFSET,
    /// driver 1.5).
    ///
    /// Only emulators with guests of another width need this call: the guest's `mmap` calls then
    /// need no translation. This crate's own mapping of the flush ID follows.
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
    fn flush_id_after_unplug_is_device_lost() {
        let fake = panthor_fake::Device::new(panthor_fake::Config::default()).unwrap();
        let device = Device::from_fake(fake.open()).unwrap();
        assert_eq!(device.flush_id().unwrap().as_raw(), 1);
        fake.unplug();
        for device in [device.clone(), device] {
            let error = device.flush_id().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::DeviceLost, "{error}");
        }
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
