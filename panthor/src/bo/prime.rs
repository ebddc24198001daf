//! PRIME: BOs as dma-bufs, for other files, drivers and processes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytemuck::Zeroable;
use panthor_sys as sys;
use rustix::fs::SeekFrom;

use super::table::{About, Entry, close};
use super::{Bo, BoFlags, BoInner};
use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::version::Features;

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
    /// use; [`OutOfMemory`](ErrorKind::OutOfMemory), also of descriptors; [`Other`](ErrorKind::Other) for what
    /// the driver that the memory comes from says, which is not taken for a loss of this device.
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
    pub fn import_bo(&self, dma_buf: impl AsFd) -> Result<Bo> {
        let fd = dma_buf.as_fd();
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
                let about = about_import(self, handle, fd).inspect_err(|_| {
                    // Nobody else has this handle: it is new, and the lock is held.
                    let _ = close(self, handle);
                })?;
                handles.insert(handle, Entry { owners: 1, about: about.clone() });
                about
            }
        };
        drop(handles);
        Ok(Bo::of(BoInner::shareable(self, handle, about)))
    }
}

/// What there is to know about an object that has just been imported for the first time.
fn about_import(device: &Device, handle: u32, fd: BorrowedFd<'_>) -> Result<About> {
    let size =
        rustix::fs::seek(fd, SeekFrom::End(0)).map_err(|errno| Error::elsewhere("lseek", errno))?;
    let mut arg = sys::drm_panthor_bo_query_info::zeroed();
    arg.handle = handle;
    let can_tell = device.features().contains(Features::BO_QUERY_INFO);
    if can_tell {
        device.transport().call(&mut arg)?;
    }
    let native = can_tell && arg.extra_flags & sys::DRM_PANTHOR_BO_IS_IMPORTED == 0;
    let dma_buf = if native {
        None
    } else {
        let kept = rustix::io::fcntl_dupfd_cloexec(fd, 0);
        Some(Arc::new(kept.map_err(|errno| Error::elsewhere("dup", errno))?))
    };
    Ok(About { size, flags: BoFlags::from_bits_retain(arg.create_flags), dma_buf })
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
            let rule = "is exclusive to a VM, which rules out to share it: create it without";
            return Err(Error::invalid("PRIME_HANDLE_TO_FD", "self", rule));
        }
        let flags = sys::DRM_CLOEXEC | sys::DRM_RDWR;
        inner.device().transport().prime_to_fd(inner.handle(), flags)
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
    /// file did not export.
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
