//! Implicit fences: the fences in a BO's dma-buf.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use panthor_sys as sys;

use super::Bo;
use crate::error::{ErrorKind, Result};

/// Kind of device access to a dma-buf with implicit fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DmaBufAccess {
    /// Read access: waits for earlier writes, and later writes wait for it.
    #[doc(alias = "DMA_BUF_SYNC_READ")]
    Read,
    /// Write access: waits for all earlier accesses, and all later accesses wait for it.
    #[doc(alias = "DMA_BUF_SYNC_WRITE")]
    Write,
}

impl DmaBufAccess {
    fn flags(self) -> u64 {
        match self {
            Self::Read => sys::DMA_BUF_SYNC_READ,
            Self::Write => sys::DMA_BUF_SYNC_WRITE,
        }
    }
}

impl Bo {
    /// Exports the fences that a device access must wait for as a sync_file
    /// (DMA_BUF_IOCTL_EXPORT_SYNC_FILE).
    ///
    /// These are fences of other drivers in the dma-buf, and those added with
    /// [`import_implicit_fence`](Self::import_implicit_fence). Panthor's own jobs add no fences to
    /// the dma-buf.
    ///
    /// Use this call for window systems without explicit synchronization:
    /// [`SyncObj::import_sync_file`](crate::SyncObj::import_sync_file) makes the result a wait of
    /// a batch or a submission. Without any fence, the sync_file is signaled. The call exports the
    /// BO.
    ///
    /// # Errors
    ///
    /// The errors of [`export`](Self::export).
    ///
    /// ```
    /// use panthor::{BoOptions, DmaBufAccess, Timeout, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let image = device.create_bo(BoOptions::new(1 << 20))?;
    /// let acquired = device.create_syncobj()?;
    /// acquired.import_sync_file(image.export_implicit_fences(DmaBufAccess::Write)?)?;
    /// vm.bind_async().map(&image, .., 0x10_0000, Default::default()).wait(&acquired).submit()?;
    /// # assert_eq!(acquired.wait(Timeout::NONE)?, Wait::Ready);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DMA_BUF_IOCTL_EXPORT_SYNC_FILE")]
    pub fn export_implicit_fences(&self, access: DmaBufAccess) -> Result<OwnedFd> {
        let transport = self.device().transport();
        self.with_dma_buf(|dma_buf| transport.dma_buf_fences(dma_buf, access.flags()))
    }

    /// Adds the fence of a sync_file to the dma-buf (DMA_BUF_IOCTL_IMPORT_SYNC_FILE).
    ///
    /// Other drivers then wait for the fence before they access the memory. Use this call for
    /// window systems without explicit synchronization:
    /// [`SyncObj::export_sync_file`](crate::SyncObj::export_sync_file) returns the fence of a
    /// submission. The call exports the BO.
    ///
    /// # Errors
    ///
    /// The errors of [`export_implicit_fences`](Self::export_implicit_fences), and
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a descriptor that is not a sync_file.
    ///
    /// ```
    /// use panthor::{BoOptions, DmaBufAccess, Timeout, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// # let file = device.fake().expect("a fake");
    /// # file.gpu(vm.id()).expect("a VM").hold();
    /// let (image, drawn) = (device.create_bo(BoOptions::new(1 << 20))?, device.create_syncobj()?);
    /// vm.bind_async().map(&image, .., 0x10_0000, Default::default()).signal(&drawn).submit()?;
    /// image.import_implicit_fence(DmaBufAccess::Write, drawn.export_sync_file()?)?;
    ///
    /// // Whoever shows the image waits for that, and so does the next to draw.
    /// let shown = device.create_syncobj()?;
    /// shown.import_sync_file(image.export_implicit_fences(DmaBufAccess::Read)?)?;
    /// assert_eq!(shown.wait(Timeout::NONE)?, Wait::TimedOut);
    /// # file.gpu(vm.id()).expect("a VM").release();
    /// assert_eq!(shown.wait(Timeout::FOREVER)?, Wait::Ready);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DMA_BUF_IOCTL_IMPORT_SYNC_FILE")]
    pub fn import_implicit_fence(&self, access: DmaBufAccess, sync_file: impl AsFd) -> Result<()> {
        let transport = self.device().transport();
        let add = |dma_buf: BorrowedFd<'_>| {
            let result = transport.add_dma_buf_fence(dma_buf, access.flags(), sync_file.as_fd());
            result.map_err(|error| match error.kind() {
                ErrorKind::InvalidArgument => {
                    error.with_argument("sync_file").with_detail("is not a sync_file")
                }
                _ => error,
            })
        };
        self.with_dma_buf(add)
    }

    fn with_dma_buf<T>(&self, ask: impl FnOnce(BorrowedFd<'_>) -> Result<T>) -> Result<T> {
        match self.dma_buf() {
            Some(dma_buf) => ask(dma_buf),
            None => ask(self.export()?.as_fd()),
        }
    }
}
