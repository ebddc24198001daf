//! PRIME: BOs as dma-bufs, shared with other files, drivers and processes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use panthor_sys as sys;

use super::table::{About, Entry, close};
use super::{Bo, BoFlags, BoInfo, BoInner};
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::NoCallbacks;
use crate::transport::system;

/// Flags of exported descriptors.
const EXPORT: u32 = sys::DRM_CLOEXEC | sys::DRM_RDWR;

impl Device {
    /// Imports a dma-buf as a BO (PRIME_FD_TO_HANDLE). The caller may close the descriptor
    /// afterwards.
    ///
    /// A file has one GEM handle for each object. Importing an object that this file already has
    /// returns another `Bo` with the same handle. The last such `Bo` closes the handle: see
    /// [`Bo::is_same_object`].
    ///
    /// Memory of another driver is [foreign](Bo::is_foreign). Its mappings need care on some
    /// kernels: see [`VmBind`](crate::VmBind).
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a descriptor that is not a dma-buf,
    ///   for a dma-buf that the driver cannot use, and on a device of a [parent
    ///   process](Device#fork).
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
    /// * [`Other`](ErrorKind::Other) for errors of the exporting driver, which are not a loss of
    ///   this device.
    ///
    /// ```
    /// use panthor::BoOptions;
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(BoOptions::new(1 << 20))?;
    /// let dma_buf = bo.export()?;
    /// let again = device.import_bo(&dma_buf)?;
    /// assert!(again.is_same_object(&bo));
    /// assert_eq!((again.handle(), again.size()), (bo.handle(), 1 << 20));
    /// drop(bo);
    /// again.map()?.store(0, 1u32)?; // still open
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PRIME_FD_TO_HANDLE")]
    #[doc(alias = "drmPrimeFDToHandle")]
    #[cfg_attr(feature = "tracing", track_caller)]
    pub fn import_bo(&self, dma_buf: impl AsFd) -> Result<Bo> {
        let fd = dma_buf.as_fd();
        if self.is_inherited() {
            let rule =
                "is a device of a parent process, which counts the owners of a handle for itself";
            let error = Error::invalid("PRIME_FD_TO_HANDLE", "self", rule);
            return Err(error.with_advice("Open the device anew."));
        }
        // All fallible steps come first. A later failure would have to close a handle that other
        // code may own.
        let kept = system::duplicate(fd)?;
        let until_unlocked = NoCallbacks::new();
        let mut handles = self.bos().lock();
        let handle = self.transport().prime_from_fd(fd).map_err(|error| match error.kind() {
            ErrorKind::InvalidArgument => error
                .with_argument("dma_buf")
                .with_detail("is not a dma-buf, or one that the driver cannot use"),
            _ => error,
        })?;
        let about = match handles.get_mut(&handle) {
            Some(entry) => {
                entry.owners += 1;
                Ok(entry.about.clone())
            }
            None => about_import(self, handle, kept)
                .inspect(|about| {
                    handles.insert(handle, Entry { owners: 1, about: about.clone() });
                })
                // The handle is new, or was released with `into_raw`. A query of an open
                // handle fails only if the device is gone, and then this close has no effect.
                .map_err(|error| (error, close(self, handle))),
        };
        drop(handles);
        let about = about.map_err(|(error, _closed)| {
            // Without the lock, which a subscriber that uses the device takes.
            #[cfg(feature = "tracing")]
            if let Err(error) = &_closed {
                crate::trace::cleanup_failed(error);
            }
            error
        })?;
        let bo = Bo::of(BoInner::shareable(self, handle, about));
        // From here on the handle has an owner, even if a callback panics.
        drop(until_unlocked);
        Ok(bo)
    }
}

/// Returns the properties of an object on its first import.
fn about_import(device: &Device, handle: u32, dma_buf: OwnedFd) -> Result<About> {
    let size = system::size(&dma_buf)?;
    let told = BoInfo::if_told(device, handle)?;
    let native = told.is_some_and(|info| !info.imported);
    Ok(About {
        size,
        flags: told.map_or(BoFlags::empty(), |info| info.create_flags),
        dma_buf: (!native).then(|| Arc::new(dma_buf)),
    })
}

/// Returns the dma-buf of a caller's handle, if the driver reports that another driver exported
/// the memory.
pub(super) fn dma_buf_behind(device: &Device, handle: u32) -> Result<Option<Arc<OwnedFd>>> {
    if !BoInfo::if_told(device, handle)?.is_some_and(|info| info.imported) {
        return Ok(None);
    }
    // The export of an import is the original dma-buf.
    device.transport().prime_to_fd(handle, EXPORT).map(|fd| Some(Arc::new(fd)))
}

impl Bo {
    /// Exports the BO as a readable and writable dma-buf (PRIME_HANDLE_TO_FD), closed on `exec`.
    ///
    /// Each export returns a descriptor of the same dma-buf. The memory lives as long as any
    /// descriptor.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a BO that is exclusive to a VM.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) without memory or a free descriptor.
    ///
    /// ```
    /// use panthor::{BoOptions, ErrorKind};
    /// # let device = panthor::Device::open_fake()?;
    /// let vm = device.create_vm(Default::default())?;
    /// let bo = device.create_bo(BoOptions::new(4096))?;
    /// let dma_buf: std::os::fd::OwnedFd = bo.export()?;
    ///
    /// let exclusive = device.create_bo(BoOptions::new(4096).exclusive_to(&vm))?;
    /// let error = exclusive.export().unwrap_err();
    /// assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidArgument, None));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PRIME_HANDLE_TO_FD")]
    #[doc(alias = "drmPrimeHandleToFD")]
    #[doc(alias = "vkGetMemoryFdKHR")]
    pub fn export(&self) -> Result<OwnedFd> {
        let inner = self.inner();
        if !inner.is_shareable() {
            let error = Error::invalid("PRIME_HANDLE_TO_FD", "self", "is exclusive to a VM");
            return Err(error.with_advice("Create the BO without `exclusive_to`."));
        }
        inner.device().transport().prime_to_fd(inner.handle(), EXPORT)
    }

    /// Returns whether both have the same GEM handle of the same device file.
    ///
    /// Two device files have different handles for a shared object: the result is `false` then.
    pub fn is_same_object(&self, other: &Self) -> bool {
        self.device().is_same_file(other.device()) && self.handle() == other.handle()
    }

    /// Returns whether the memory comes from another driver.
    ///
    /// Below driver 1.7, the driver does not report the origin. There, all imports that this file
    /// did not export count as foreign. BOs of [`from_raw`](Self::from_raw) count as native there.
    ///
    /// ```
    /// use panthor::BoOptions;
    /// # let device = panthor::Device::open_fake()?;
    /// assert!(!device.create_bo(BoOptions::new(4096))?.is_foreign());
    /// let camera = device.fake().expect("a fake").device().foreign_dma_buf(64 << 10)?;
    /// let bo = device.import_bo(camera)?;
    /// assert!(bo.is_foreign() && bo.info()?.imported);
    /// assert_eq!(bo.size(), 64 << 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "DRM_PANTHOR_BO_IS_IMPORTED")]
    pub fn is_foreign(&self) -> bool {
        self.inner().is_foreign()
    }

    /// Returns the dma-buf of a [foreign](Self::is_foreign) BO, or `None` for native memory.
    pub fn dma_buf(&self) -> Option<BorrowedFd<'_>> {
        self.inner().dma_buf()
    }
}
