//! PRIME: BOs as dma-bufs, for other files, drivers and processes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use panthor_sys as sys;

use super::table::{About, Entry, close};
use super::{Bo, BoFlags, BoInfo, BoInner};
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::NoCallbacks;
use crate::transport::system;

/// How BOs are exported.
const EXPORT: u32 = sys::DRM_CLOEXEC | sys::DRM_RDWR;

impl Device {
    /// Imports a dma-buf as a BO (PRIME_FD_TO_HANDLE). The descriptor is not needed any longer then.
    ///
    /// A file has one GEM handle for each object. Importing what this file has imported before, or exported
    /// itself, gives another `Bo` with that handle, which is closed with the last of them: see
    /// [`Bo::is_same_object`].
    ///
    /// Memory of another driver is foreign, see [`Bo::is_foreign`], and its mappings need care on some
    /// kernels, see [`VmBind`](crate::VmBind).
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when it is not a dma-buf, or one that the driver cannot
    /// use, and on a device that a [parent process](Device#fork) opened; [`OutOfMemory`](ErrorKind::OutOfMemory),
    /// also of descriptors; [`Other`](ErrorKind::Other) for what the driver that the memory comes from says, which
    /// is not taken for a loss of this device.
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
        // What can fail comes first: later there is a handle to be closed again, which may be somebody else's.
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
                entry.about.clone()
            }
            None => {
                let about = about_import(self, handle, kept).inspect_err(|_| {
                    // The handle is new, or was given up and is somebody's. But of one that is open the device
                    // fails to tell only when it is gone, and then this closes nothing either.
                    let _closed = close(self, handle);
                    #[cfg(feature = "tracing")]
                    if let Err(error) = &_closed {
                        crate::trace::cleanup_failed(error);
                    }
                })?;
                handles.insert(handle, Entry { owners: 1, about: about.clone() });
                about
            }
        };
        drop(handles);
        let bo = Bo::of(BoInner::shareable(self, handle, about));
        // Should a callback panic, the handle has an owner by now.
        drop(until_unlocked);
        Ok(bo)
    }
}

/// What there is to know about an object that has just been imported for the first time.
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

/// The dma-buf behind an object that somebody hands over, if the driver says that another one made it.
pub(super) fn dma_buf_behind(device: &Device, handle: u32) -> Result<Option<Arc<OwnedFd>>> {
    if !BoInfo::if_told(device, handle)?.is_some_and(|info| info.imported) {
        return Ok(None);
    }
    // The export of an import is the dma-buf that it came from.
    device.transport().prime_to_fd(handle, EXPORT).map(|fd| Some(Arc::new(fd)))
}

impl Bo {
    /// Exports the BO as a dma-buf (PRIME_HANDLE_TO_FD), to be read and written; it is closed on `exec`.
    ///
    /// Every export of an object gives a descriptor of the same dma-buf. The memory lives as long as any
    /// of them.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a BO that is exclusive to a VM;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory), also of descriptors.
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

    /// Whether both stand for the same object, which then has one GEM handle for the two of them.
    ///
    /// Two device files have handles of their own for what they share: there it says no.
    pub fn is_same_object(&self, other: &Self) -> bool {
        self.device().is_same_file(other.device()) && self.handle() == other.handle()
    }

    /// Whether the memory comes from another driver.
    ///
    /// A driver below 1.7 does not tell: there, everything counts as foreign that was imported and that this
    /// file did not export, and nothing that was [taken over](Self::from_raw).
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

    /// The dma-buf behind a [foreign](Self::is_foreign) BO, which stays the BO's; `None` for another one.
    pub fn dma_buf(&self) -> Option<BorrowedFd<'_>> {
        self.inner().dma_buf()
    }
}
