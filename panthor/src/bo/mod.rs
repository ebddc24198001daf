//! Buffer objects: GPU memory.
//!
//! * `options` has the creation options, `info` the driver's information about a BO.
//! * `map` maps BOs for the CPU. `bo_map` is a mapping, accessed one `word` at a time.
//! * `caching` decides on CPU cache maintenance, `cache` performs it.
//! * `prime` shares BOs, `fences` handles implicit fences, and `table` counts owners of handles.

mod bo_map;
mod cache;
mod caching;
mod fences;
mod info;
mod map;
mod options;
mod prime;
mod table;
mod word;

use std::fmt;
use std::ops::{Range, RangeBounds};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::owned::{Owned, Release};
use crate::range::to_range;
use crate::transport::NoCallbacks;
use crate::uid::Uid;
use crate::version::Features;
use crate::vm::Vm;

pub use bo_map::{BoMap, MapAccess};
pub use cache::{BoSync, CacheOp};
pub use caching::CacheMaintenance;
pub use fences::DmaBufAccess;
pub use info::BoInfo;
pub use options::{BoFlags, BoOptions};
pub(crate) use table::BoTable;
use table::{About, close};
pub use word::{AtomicWord, Word};

/// A buffer object: memory that VMs and, without NO_MMAP, the CPU can map.
///
/// Dropping a BO closes its handle (GEM_CLOSE), unless an [import](Device::import_bo) shares the
/// handle. The memory lives as long as any mapping in a VM or of the CPU.
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
    inner: Arc<Owned<BoInner>>,
}

pub(crate) struct BoInner {
    device: Device,
    handle: u32,
    size: u64,
    flags: BoFlags,
    /// Which VMs may bind this BO: one VM, or all VMs of the device file. [`Uid::NONE`] for
    /// foreign memory.
    scope: Uid,
    /// Dma-buf of memory that is, or may be, another driver's.
    dma_buf: Option<Arc<OwnedFd>>,
}

impl Device {
    /// Creates a BO (BO_CREATE). Its memory is zeroed, and allocated on first use.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a size of 0 or beyond 2^63, for
    ///   NO_MMAP with WB_MMAP, and for a VM of another device file.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) when the driver has no mmap offset left: about 1
    ///   TiB for all BOs of a device.
    /// * [`Unsupported`](ErrorKind::Unsupported) for WB_MMAP below driver 1.7.
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_CREATE")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn create_bo(&self, options: BoOptions<'_>) -> Result<Bo> {
        let exclusive_to = match options.exclusive_to {
            None => None,
            Some(vm) if vm.device().is_same_file(self) => Some((vm.id(), vm.uid())),
            Some(_) => {
                return Err(Error::invalid(
                    "BO_CREATE",
                    "exclusive_to",
                    "is a VM of another device file",
                ));
            }
        };
        Bo::create(self, options, exclusive_to)
    }
}

impl Bo {
    #[cfg_attr(feature = "tracing", track_caller)]
    pub(crate) fn create(
        device: &Device,
        options: BoOptions<'_>,
        exclusive_to: Option<(u32, Uid)>,
    ) -> Result<Self> {
        let call = "BO_CREATE";
        let page = device.cpu_page_size();
        if options.size == 0 {
            return Err(Error::invalid(call, "size", "is too small (0, at least 1)"));
        }
        // The driver rounds sizes up without an overflow check.
        let largest = i64::MAX as u64 - page;
        if options.size > largest {
            let rule = format!("is too large ({:#x}, at most {largest:#x})", options.size);
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
        let until_owned = NoCallbacks::new();
        device.transport().call(&mut arg).map_err(|error| explain_flags(error, options.flags))?;
        let about = About { size: arg.size, flags: options.flags, dma_buf: None };
        let bo = Self::of(match exclusive_to {
            Some((_, scope)) => BoInner::exclusive(device, arg.handle, about, scope),
            None => {
                device.bos().enter(arg.handle, about.clone());
                BoInner::shareable(device, arg.handle, about)
            }
        });
        drop(until_owned);
        Ok(bo)
    }

    #[cfg_attr(feature = "tracing", track_caller)]
    fn of(inner: BoInner) -> Self {
        Self::of_owned(Owned::new(inner))
    }

    fn of_owned(inner: Owned<BoInner>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Returns the size in bytes: the requested size, rounded up to the CPU's page size.
    #[inline]
    pub fn size(&self) -> u64 {
        self.inner.size
    }

    /// Returns the GEM handle, valid while the BO lives.
    ///
    /// The kernel reuses handles, so compare BOs and not handles.
    #[inline]
    pub fn handle(&self) -> u32 {
        self.inner.handle
    }

    /// Returns the creation flags.
    pub fn flags(&self) -> BoFlags {
        self.inner.flags
    }

    /// Returns whether only this VM may bind the BO.
    pub fn is_exclusive_to(&self, vm: &Vm) -> bool {
        self.inner.scope == vm.uid()
    }

    /// Returns the device that the BO belongs to.
    pub fn device(&self) -> &Device {
        &self.inner.device
    }

    /// Closes the BO and reports failures (GEM_CLOSE).
    ///
    /// Mappings in VMs persist. If an import shares the handle, the import closes the handle
    /// later.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while a [`BoMap`](crate::BoMap) of the BO exists, or an error of
    /// the driver. The error contains the BO.
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
        self.into_owned("GEM_CLOSE")?.destroy(Self::of_owned)
    }

    /// Releases the BO and returns its GEM handle, which the caller must close.
    ///
    /// The library forgets other properties of the BO. Below driver 1.7, one of them is
    /// [`is_foreign`](Self::is_foreign), which the driver does not report. Do not import the
    /// object again: the import would own the same handle and close it.
    ///
    /// # Errors
    ///
    /// [`Busy`](ErrorKind::Busy) while a [`BoMap`](crate::BoMap) of the BO exists, or another `Bo`
    /// with the same handle from an [import](Device::import_bo). The error contains the BO.
    pub fn into_raw(self) -> Result<u32, DestroyError<Self>> {
        let call = "into_raw";
        let inner = self.into_owned(call)?;
        let handle = inner.handle;
        if inner.is_shareable() && !inner.device.bos().forget(handle) {
            let error = Error::refused(ErrorKind::Busy, call, "another `Bo` has the same handle");
            return Err(DestroyError { object: Self::of_owned(inner), error });
        }
        inner.give_up();
        Ok(handle)
    }

    fn into_owned(self, call: &'static str) -> Result<Owned<BoInner>, DestroyError<Self>> {
        let why = "a CPU mapping still needs the BO";
        Owned::unshared(self.inner, call, why, |inner| Self { inner })
    }

    /// Creates a BO from its GEM handle.
    ///
    /// For a BO that is not exclusive to a VM, the call queries whether the memory is
    /// [foreign](Self::is_foreign) (BO_QUERY_INFO, driver 1.7). For foreign memory, the call also
    /// opens the dma-buf (PRIME_HANDLE_TO_FD). On an older driver the memory counts as native,
    /// unless [`Device::import_bo`] returned the same handle.
    ///
    /// # Safety
    ///
    /// `handle` must be a GEM object of this device's open file with this size and these flags,
    /// exclusive to this VM or to none. Only `Bo`s of this process may close the handle. Below
    /// driver 1.7, the memory must not be another driver's, unless a live import has the same
    /// handle.
    ///
    /// # Errors
    ///
    /// * [`NotFound`](ErrorKind::NotFound) if the driver is queried and does not know the handle.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
    ///
    /// The caller keeps the handle on an error.
    ///
    /// ```
    /// use panthor::{Bo, BoFlags, BoOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// let handle = device.create_bo(BoOptions::new(4096))?.into_raw()?;
    /// // SAFETY: that was a BO of this size without flags, and it has no owner now.
    /// let bo = unsafe { Bo::from_raw(&device, handle, 4096, BoFlags::empty(), None) }?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[cfg_attr(feature = "tracing", track_caller)]
    pub unsafe fn from_raw(
        device: &Device,
        handle: u32,
        size: u64,
        flags: BoFlags,
        exclusive_to: Option<&Vm>,
    ) -> Result<Self> {
        let about = |dma_buf| About { size, flags, dma_buf };
        let until_owned = NoCallbacks::new();
        let bo = Self::of(match exclusive_to {
            // Imports are never exclusive.
            Some(vm) => BoInner::exclusive(device, handle, about(None), vm.uid()),
            None => {
                let ask = || prime::dma_buf_behind(device, handle).map(about);
                BoInner::shareable(device, handle, device.bos().adopt(handle, ask)?)
            }
        });
        drop(until_owned);
        Ok(bo)
    }

    #[inline]
    pub(crate) fn inner(&self) -> &BoInner {
        &self.inner
    }

    fn checked(&self, call: &'static str, range: &impl RangeBounds<u64>) -> Result<Range<u64>> {
        let range = to_range(range, self.inner.size);
        match self.inner.rule_of_range(&range) {
            None => Ok(range),
            Some(rule) => Err(Error::invalid(call, "range", rule)),
        }
    }
}

/// Adds the argument to the error when BO_CREATE may have failed due to unknown flags.
#[cold]
fn explain_flags(error: Error, flags: BoFlags) -> Error {
    let unknown = flags.bits() & !(BoFlags::NO_MMAP | BoFlags::WB_MMAP).bits();
    if error.kind() != ErrorKind::InvalidArgument || unknown == 0 {
        return error;
    }
    error
        .with_argument("flags")
        .with_detail(format!("has bits that the driver may not know ({unknown:#x})"))
}

impl BoInner {
    /// Creates a BO that all VMs of the file may bind. Its handle must be in the file's table.
    fn shareable(device: &Device, handle: u32, about: About) -> Self {
        let scope = if about.dma_buf.is_some() { Uid::NONE } else { device.uid() };
        Self::exclusive(device, handle, about, scope)
    }

    fn exclusive(device: &Device, handle: u32, about: About, scope: Uid) -> Self {
        let About { size, flags, dma_buf } = about;
        Self { device: device.clone(), handle, size, flags, scope, dma_buf }
    }

    fn is_shareable(&self) -> bool {
        self.is_foreign() || self.scope == self.device.uid()
    }

    /// Returns whether the memory is, or may be, another driver's.
    pub(crate) fn is_foreign(&self) -> bool {
        self.dma_buf.is_some()
    }

    fn dma_buf(&self) -> Option<BorrowedFd<'_>> {
        self.dma_buf.as_ref().map(|fd| fd.as_fd())
    }

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

    /// Returns the rule that a range of bytes breaks.
    pub(crate) fn rule_of_range(&self, range: &Range<u64>) -> Option<String> {
        let size = self.size;
        if range.start > size || range.end > size {
            return Some(format!("is not within the BO ({range:#x?}, {:#x?})", 0..size));
        }
        (range.end < range.start).then(|| format!("ends before it starts ({range:#x?})"))
    }
}

impl Release for BoInner {
    fn release(&self) -> Result<()> {
        if self.is_shareable() {
            self.device.bos().release(&self.device, self.handle)
        } else {
            close(&self.device, self.handle)
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
