//! Buffer objects: memory of the GPU.

use std::ffi::CString;
use std::fmt;
use std::ops::{Range, RangeBounds};
use std::sync::Arc;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::bo_map::{BoMap, MapAccess};
use crate::device::Device;
use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::range::to_range;
use crate::transport::{Protection, address_of};
use crate::uid::Uid;
use crate::version::Features;
use crate::vm::Vm;

/// The longest label in bytes: the driver takes 4096 with the NUL.
const LABEL_MAX: usize = 4095;

bitflags::bitflags! {
    /// How a BO was created.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[doc(alias = "drm_panthor_bo_flags")]
    pub struct BoFlags: u32 {
        /// The CPU never maps it.
        #[doc(alias = "DRM_PANTHOR_BO_NO_MMAP")]
        const NO_MMAP = sys::DRM_PANTHOR_BO_NO_MMAP;
        /// The CPU maps it write-back, also when the GPU is not coherent (1.7).
        #[doc(alias = "DRM_PANTHOR_BO_WB_MMAP")]
        const WB_MMAP = sys::DRM_PANTHOR_BO_WB_MMAP;
        // A newer driver may report more.
        const _ = !0;
    }
}

/// How a BO shall be.
#[derive(Debug, Clone)]
pub struct BoOptions<'a> {
    size: u64,
    flags: BoFlags,
    exclusive_to: Option<&'a Vm>,
}

impl<'a> BoOptions<'a> {
    /// A BO of at least `size` bytes: from 1 up, rounded up to the CPU's page size.
    pub fn new(size: u64) -> Self {
        Self { size, flags: BoFlags::empty(), exclusive_to: None }
    }

    /// Binds the BO to one VM for good: it is cheaper to bind and submit with, and cannot be exported.
    #[doc(alias = "exclusive_vm_id")]
    pub fn exclusive_to(mut self, vm: &'a Vm) -> Self {
        self.exclusive_to = Some(vm);
        self
    }

    /// Promises that the CPU will never map the BO. Excludes [`wb_mmap`](Self::wb_mmap).
    #[doc(alias = "DRM_PANTHOR_BO_NO_MMAP")]
    pub fn no_mmap(mut self) -> Self {
        self.flags |= BoFlags::NO_MMAP;
        self
    }

    /// Asks for write-back CPU mappings (driver 1.7): fast to read, but unless the GPU is coherent
    /// [`Bo::sync`] is needed. Excludes [`no_mmap`](Self::no_mmap).
    #[doc(alias = "DRM_PANTHOR_BO_WB_MMAP")]
    pub fn wb_mmap(mut self) -> Self {
        self.flags |= BoFlags::WB_MMAP;
        self
    }
}

/// What [`Bo::sync`] does to the CPU's caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_bo_sync_op_type")]
pub enum CacheOp {
    /// Writes dirty lines back, so that the GPU sees what the CPU wrote.
    #[doc(alias = "DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH")]
    Flush,
    /// Writes dirty lines back and drops all, so that the CPU sees what the GPU wrote.
    #[doc(alias = "DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE")]
    FlushAndInvalidate,
}

impl CacheOp {
    fn on(self, handle: u32, range: Range<u64>) -> sys::drm_panthor_bo_sync_op {
        let type_ = match self {
            Self::Flush => sys::DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH,
            Self::FlushAndInvalidate => sys::DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE,
        };
        let (offset, size) = (range.start, range.end - range.start);
        sys::drm_panthor_bo_sync_op { handle, type_, offset, size }
    }
}

/// What the driver tells about a BO (1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_bo_query_info")]
pub struct BoInfo {
    /// The flags that it was created with; empty when another driver made it.
    pub create_flags: BoFlags,
    /// Whether it comes from another driver.
    #[doc(alias = "DRM_PANTHOR_BO_IS_IMPORTED")]
    pub imported: bool,
}

/// A buffer object: memory that VMs map and, unless it is NO_MMAP, the CPU as well.
///
/// Dropping it closes its handle (GEM_CLOSE). Mappings in VMs and of the CPU keep the memory.
///
/// ```
/// use panthor::{BoOptions, Device};
///
/// let device = Device::open_fake()?;
/// let bo = device.create_bo(BoOptions::new(5000))?;
/// assert_eq!(bo.size(), 8192); // rounded to CPU pages
/// bo.set_label("staging")?;
/// let map = bo.map()?;
/// map.store(16, 0x1234_5678_u32)?;
/// assert_eq!(map.load::<u32>(16)?, 0x1234_5678);
/// # Ok::<(), panthor::Error>(())
/// ```
pub struct Bo {
    inner: Arc<BoInner>,
}

pub(crate) struct BoInner {
    device: Device,
    /// 0 once it is closed: the driver counts from 1.
    handle: u32,
    size: u64,
    flags: BoFlags,
    /// Who may bind it: one VM, or the device file and so every VM of it.
    scope: Uid,
}

impl Device {
    /// Creates a BO (BO_CREATE). Its memory is zeroed, and allocated at the first use.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a size of 0 or beyond 2^63, for NO_MMAP with
    /// WB_MMAP, and for a VM of another device; [`OutOfMemory`](ErrorKind::OutOfMemory) for more than the
    /// driver has mmap offsets for, about 1 TiB for all BOs of a device;
    /// [`Unsupported`](ErrorKind::Unsupported) for WB_MMAP below driver 1.7.
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_CREATE")]
    pub fn create_bo(&self, options: BoOptions<'_>) -> Result<Bo> {
        let exclusive_to = match options.exclusive_to {
            None => None,
            Some(vm) if vm.device().is_same_file(self) => Some((vm.id(), vm.uid())),
            Some(_) => {
                return Err(Error::invalid(
                    "BO_CREATE",
                    "exclusive_to",
                    "is a VM of another device",
                ));
            }
        };
        Bo::create(self, options, exclusive_to)
    }
}

impl Bo {
    pub(crate) fn create(
        device: &Device,
        options: BoOptions<'_>,
        exclusive_to: Option<(u32, Uid)>,
    ) -> Result<Self> {
        let call = "BO_CREATE";
        let page = device.cpu_page_size();
        if options.size == 0 {
            return Err(Error::invalid(call, "size", "must not be 0"));
        }
        // The driver rounds up without a look at what that wraps to.
        if options.size > i64::MAX as u64 - page {
            let rule = format!("{:#x} is beyond what a file can have", options.size);
            return Err(Error::invalid(call, "size", rule));
        }
        if options.flags.contains(BoFlags::NO_MMAP | BoFlags::WB_MMAP) {
            return Err(Error::invalid(call, "flags", "NO_MMAP and WB_MMAP exclude each other"));
        }
        if options.flags.contains(BoFlags::WB_MMAP) {
            Features::WB_MMAP.require(device.version(), call, "WB_MMAP")?;
        }
        let mut arg = sys::drm_panthor_bo_create::zeroed();
        arg.size = options.size;
        arg.flags = options.flags.bits();
        arg.exclusive_vm_id = exclusive_to.map_or(0, |(id, _)| id);
        device.transport().call(&mut arg)?;
        Ok(Self {
            inner: Arc::new(BoInner {
                device: device.clone(),
                handle: arg.handle,
                size: arg.size,
                flags: options.flags,
                scope: exclusive_to.map_or(device.uid(), |(_, uid)| uid),
            }),
        })
    }

    /// Its size in bytes: what was asked for, rounded up to the CPU's page size.
    #[inline]
    pub fn size(&self) -> u64 {
        self.inner.size
    }

    /// Its GEM handle, valid while it lives: handles are reused, so compare BOs, not handles.
    #[inline]
    pub fn handle(&self) -> u32 {
        self.inner.handle
    }

    /// How it was created.
    pub fn flags(&self) -> BoFlags {
        self.inner.flags
    }

    /// Whether it can be bound to this VM alone.
    pub fn is_exclusive_to(&self, vm: &Vm) -> bool {
        self.inner.scope == vm.uid()
    }

    /// The device that it was created on.
    pub fn device(&self) -> &Device {
        &self.inner.device
    }

    /// Maps the whole BO into the CPU's address space, to read and write (BO_MMAP_OFFSET and `mmap`).
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for a NO_MMAP BO;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) when the address space is exhausted.
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET")]
    pub fn map(&self) -> Result<BoMap> {
        self.map_range(.., MapAccess::ReadWrite)
    }

    /// Maps a part of the BO. Both ends are multiples of the CPU's page size.
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map), and [`InvalidArgument`](ErrorKind::InvalidArgument) for a range that is
    /// empty, unaligned or not within the BO.
    ///
    /// ```
    /// use panthor::{BoOptions, MapAccess};
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(BoOptions::new(1 << 20))?;
    /// let map = bo.map_range(4096..8192, MapAccess::Read)?;
    /// assert_eq!(map.load::<u64>(0)?, 0);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub fn map_range(&self, range: impl RangeBounds<u64>, access: MapAccess) -> Result<BoMap> {
        let call = "mmap";
        let range = self.checked(call, &range)?;
        let page = self.inner.device.cpu_page_size();
        if range.is_empty() {
            return Err(Error::invalid(call, "range", "is empty"));
        }
        if range.start % page != 0 || range.end % page != 0 {
            let rule = format!("{range:#x?} is not made of CPU pages of {page} bytes");
            return Err(Error::invalid(call, "range", rule));
        }
        if self.inner.flags.contains(BoFlags::NO_MMAP) {
            let detail = "the BO was created with NO_MMAP";
            return Err(Error::refused(ErrorKind::PermissionDenied, call, detail));
        }
        let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end))
        else {
            return Err(Error::invalid(call, "range", "is larger than the address space"));
        };
        let transport = self.inner.device.transport();
        let mut arg = sys::drm_panthor_bo_mmap_offset::zeroed();
        arg.handle = self.inner.handle;
        transport.call(&mut arg)?;
        let protection = match access {
            MapAccess::Read => Protection::Read,
            MapAccess::ReadWrite => Protection::ReadWrite,
        };
        // DRM maps an object from its start only, so what lies before the range is mapped and not shown.
        let mapping = transport.map(call, arg.offset, end, protection)?;
        Ok(BoMap::new(self.inner.clone(), mapping, start..end, access))
    }

    /// Does cache maintenance on a part of the BO (BO_SYNC, driver 1.7).
    ///
    /// Needed around CPU access to a [`WB_MMAP`](BoFlags::WB_MMAP) BO unless the GPU is coherent; where it
    /// is not needed, the driver does nothing. The range is widened to cache lines.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) below driver 1.7;
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a range that is not within the BO, and, from the
    /// driver, for an imported BO.
    ///
    /// ```
    /// use panthor::{BoOptions, CacheOp};
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(BoOptions::new(4096).wb_mmap())?;
    /// bo.map()?.store(0, 1u32)?;
    /// bo.sync(0..4, CacheOp::Flush)?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_SYNC")]
    pub fn sync(&self, range: impl RangeBounds<u64>, op: CacheOp) -> Result<()> {
        let call = "BO_SYNC";
        Features::BO_SYNC.require(self.inner.device.version(), call, "cache maintenance")?;
        let range = self.checked(call, &range)?;
        let ops = [op.on(self.inner.handle, range)];
        let mut arg = sys::drm_panthor_bo_sync::zeroed();
        arg.ops = sys::drm_panthor_obj_array::from_slice(&ops);
        self.inner.device.transport().call(&mut arg)
    }

    /// Names the BO for whoever debugs (BO_SET_LABEL, driver 1.4); at most 4095 bytes without NUL.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) below driver 1.4;
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a label that is too long or holds a NUL.
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_SET_LABEL")]
    pub fn set_label(&self, label: &str) -> Result<()> {
        let call = "BO_SET_LABEL";
        if label.len() > LABEL_MAX {
            let rule = format!("has {} bytes, the driver takes {LABEL_MAX}", label.len());
            return Err(Error::invalid(call, "label", rule));
        }
        let label =
            CString::new(label).map_err(|_| Error::invalid(call, "label", "holds a NUL"))?;
        self.label_at(address_of(label.as_c_str()))
    }

    /// Takes the label away again (BO_SET_LABEL, driver 1.4).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) below driver 1.4.
    pub fn clear_label(&self) -> Result<()> {
        self.label_at(0)
    }

    fn label_at(&self, address: u64) -> Result<()> {
        Features::BO_LABELS.require(self.inner.device.version(), "BO_SET_LABEL", "a BO label")?;
        let mut arg = sys::drm_panthor_bo_set_label::zeroed();
        arg.handle = self.inner.handle;
        arg.label = address;
        self.inner.device.transport().call(&mut arg)
    }

    /// Asks how the BO was created and where it comes from (BO_QUERY_INFO, driver 1.7).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) below driver 1.7.
    ///
    /// ```
    /// use panthor::{BoFlags, BoOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// let info = device.create_bo(BoOptions::new(4096).no_mmap())?.info()?;
    /// assert_eq!(info.create_flags, BoFlags::NO_MMAP);
    /// assert!(!info.imported);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_QUERY_INFO")]
    pub fn info(&self) -> Result<BoInfo> {
        let call = "BO_QUERY_INFO";
        Features::BO_QUERY_INFO.require(self.inner.device.version(), call, "the query of a BO")?;
        let mut arg = sys::drm_panthor_bo_query_info::zeroed();
        arg.handle = self.inner.handle;
        self.inner.device.transport().call(&mut arg)?;
        Ok(BoInfo {
            create_flags: BoFlags::from_bits_retain(arg.create_flags),
            imported: arg.extra_flags & sys::DRM_PANTHOR_BO_IS_IMPORTED != 0,
        })
    }

    /// Closes the BO and says how that went (GEM_CLOSE). What is mapped in a VM stays mapped.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while a [`BoMap`] of it lives, else what the driver says. The BO comes back
    /// with the error.
    ///
    /// ```
    /// use panthor::{BoOptions, ErrorKind};
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(BoOptions::new(4096))?;
    /// let map = bo.map()?;
    /// let busy = bo.destroy().unwrap_err();
    /// assert_eq!(busy.error.kind(), ErrorKind::Busy);
    /// drop(map);
    /// busy.object.destroy()?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_GEM_CLOSE")]
    pub fn destroy(self) -> Result<(), DestroyError<Self>> {
        let mut inner = self.into_inner("GEM_CLOSE")?;
        match inner.release() {
            Ok(()) => Ok(()),
            Err(error) => Err(DestroyError { object: Self { inner: Arc::new(inner) }, error }),
        }
    }

    /// Gives up the BO for its GEM handle, which is the caller's to close.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while a [`BoMap`] of it lives. The BO comes back with the error.
    pub fn into_raw(self) -> Result<u32, DestroyError<Self>> {
        let mut inner = self.into_inner("into_raw")?;
        Ok(std::mem::take(&mut inner.handle))
    }

    fn into_inner(self, call: &'static str) -> Result<BoInner, DestroyError<Self>> {
        Arc::try_unwrap(self.inner).map_err(|inner| {
            let error = Error::refused(ErrorKind::Busy, call, "a CPU mapping still needs this BO");
            DestroyError { object: Self { inner }, error }
        })
    }

    /// Takes over a BO by its GEM handle.
    ///
    /// # Safety
    ///
    /// `handle` is a GEM object of this device's open file, with this size and these flags, exclusive to this
    /// VM or to none, and nothing else closes it.
    ///
    /// ```
    /// use panthor::{Bo, BoFlags, BoOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// let handle = device.create_bo(BoOptions::new(4096))?.into_raw()?;
    /// // SAFETY: that was a BO of this size without flags, and it has no owner now.
    /// let bo = unsafe { Bo::from_raw(&device, handle, 4096, BoFlags::empty(), None) };
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn from_raw(
        device: &Device,
        handle: u32,
        size: u64,
        flags: BoFlags,
        exclusive_to: Option<&Vm>,
    ) -> Self {
        let scope = exclusive_to.map_or(device.uid(), Vm::uid);
        let device = device.clone();
        Self { inner: Arc::new(BoInner { device, handle, size, flags, scope }) }
    }

    #[inline]
    pub(crate) fn inner(&self) -> &BoInner {
        &self.inner
    }

    fn checked(&self, call: &'static str, range: &impl RangeBounds<u64>) -> Result<Range<u64>> {
        let size = self.inner.size;
        let range = to_range(range, size);
        if range.start > size || range.end > size {
            let rule = format!("{range:#x?} is not within the BO's {size:#x} bytes");
            return Err(Error::invalid(call, "range", rule));
        }
        if range.end < range.start {
            let rule = format!("{range:#x?} ends before it starts");
            return Err(Error::invalid(call, "range", rule));
        }
        Ok(range)
    }
}

impl BoInner {
    #[inline]
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    #[inline]
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }

    #[inline]
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    #[inline]
    pub(crate) fn scope(&self) -> Uid {
        self.scope
    }

    pub(crate) fn flags(&self) -> BoFlags {
        self.flags
    }

    fn release(&mut self) -> Result<()> {
        let mut arg = sys::drm_gem_close::zeroed();
        arg.handle = self.handle;
        self.device.transport().call(&mut arg)?;
        self.handle = 0;
        Ok(())
    }
}

impl Drop for BoInner {
    fn drop(&mut self) {
        if self.handle != 0 {
            // The driver refuses only a handle that it does not know, or a device that is gone.
            let _ = self.release();
        }
    }
}

impl fmt::Debug for Bo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bo")
            .field("handle", &self.inner.handle)
            .field("size", &self.inner.size)
            .field("flags", &self.inner.flags)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_maintenance_says_what_and_where() {
        let flush = CacheOp::Flush.on(3, 64..192);
        assert_eq!((flush.handle, flush.type_, flush.offset, flush.size), (3, 0, 64, 128));
        assert_eq!(CacheOp::FlushAndInvalidate.on(3, 0..1).type_, 1);
    }
}
