//! Fences that are implied by the memory: those in a BO's dma-buf.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use panthor_sys as sys;

use super::Bo;
use crate::error::{ErrorKind, Result};

/// What the device does to the memory of a dma-buf, where fences are implied by the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DmaBufAccess {
    /// It reads: waits for those who write, and those who write wait for it.
    #[doc(alias = "DMA_BUF_SYNC_READ")]
    Read,
    /// It writes: waits for everybody, and everybody waits for it.
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
    /// Gives what an access by the device has to wait for as a sync_file: the fences that other drivers have
    /// put into the dma-buf, and those [imported](Self::import_implicit_fence) into it
    /// (DMA_BUF_IOCTL_EXPORT_SYNC_FILE). Panthor's own jobs put none there for others.
    ///
    /// It is for window systems without explicit synchronisation:
    /// [`SyncObj::import_sync_file`](crate::SyncObj::import_sync_file) makes something of it that a batch or
    /// a submission waits for. Without any fence it is signalled. The BO is exported for it.
    ///
    /// # Errors
    ///
    /// As for [`export`](Self::export).
    ///
    /// ```
    /// use panthor::{BoOptions, DmaBufAccess, Timeout, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// # let vm = device.create_vm(Default::default())?;
    /// let (image, acquired) = (device.create_bo(BoOptions::new(1 << 20))?, device.create_syncobj()?);
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

    /// Puts the fence of a sync_file into the dma-buf, for other drivers to wait for before they access what
    /// the device reads or writes until then (DMA_BUF_IOCTL_IMPORT_SYNC_FILE).
    ///
    /// It is for window systems without explicit synchronisation:
    /// [`SyncObj::export_sync_file`](crate::SyncObj::export_sync_file) gives the fence of a submission. The
    /// BO is exported for it.
    ///
    /// # Errors
    ///
    /// As for [`export_implicit_fences`](Self::export_implicit_fences), and
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when it is not a sync_file.
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
