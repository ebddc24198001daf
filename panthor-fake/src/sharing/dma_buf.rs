//! dma-bufs: memory shared between devices and files.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use nix::fcntl::OFlag;

use crate::bo::Bo;
use crate::call::errno::Result;
use crate::lock::{Mutex, lock, rank};
use crate::memfd;
use crate::sharing::descriptors::{Identity, Object, Owner, StandIn, find, with_table};
use crate::sharing::reservation::Reservation;

/// Returns the name of a dma-buf, as its fdinfo shows it in the kernel; `None` if the dma-buf has
/// no name, or if the descriptor is not a dma-buf of the fake.
#[doc(alias = "DMA_BUF_SET_NAME_A")]
#[doc(alias = "DMA_BUF_SET_NAME_B")]
pub fn dma_buf_name(fd: impl AsFd) -> Option<Vec<u8>> {
    match find(Identity::of(fd).ok()?) {
        Some(Object::DmaBuf(dma_buf)) => dma_buf.name(),
        _ => None,
    }
}

/// A dma-buf.
#[derive(Debug)]
pub(crate) struct DmaBuf {
    stand_in: StandIn,
    size: u64,
    /// Set if its descriptors are writable, as the first export requested.
    writable: bool,
    /// The exported BO. A foreign dma-buf has none, and its memory is that of the stand-in.
    bo: Option<Arc<Bo>>,
    owner: Owner,
    fences: Reservation,
    name: Mutex<Option<Vec<u8>>, { rank::DMA_BUF_NAME }>,
}

impl DmaBuf {
    fn new(size: u64, writable: bool, bo: Option<Arc<Bo>>, owner: Owner) -> Result<Arc<Self>> {
        let stand_in = StandIn::new(c"dmabuf", size)?;
        let (fences, name) = (Reservation::default(), Mutex::new(None));
        Ok(Arc::new(Self { stand_in, size, writable, bo, owner, fences, name }))
    }

    /// Creates a dma-buf from outside the fake's devices, with a descriptor.
    pub(crate) fn foreign(size: u64, owner: Owner) -> Result<OwnedFd> {
        let dma_buf = Self::new(size, true, None, owner)?;
        let (fd, identity) = (dma_buf.open(OFlag::O_CLOEXEC)?, dma_buf.identity());
        with_table(|table| table.insert(identity, Object::DmaBuf(dma_buf)));
        Ok(fd)
    }

    /// Opens a descriptor of the BO's dma-buf, which is created if the BO has none.
    pub(crate) fn export(bo: &Arc<Bo>, flags: OFlag) -> Result<(OwnedFd, Identity)> {
        let dma_buf = Self::of(bo, flags.contains(OFlag::O_RDWR))?;
        // The reference keeps the dma-buf from being forgotten before it is open.
        Ok((dma_buf.open(flags & OFlag::O_CLOEXEC)?, dma_buf.identity()))
    }

    /// Returns the dma-buf of a BO, which is created if the BO has none.
    fn of(bo: &Arc<Bo>, writable: bool) -> Result<Arc<Self>> {
        // The table lock keeps the dma-buf from being forgotten.
        if let Some(dma_buf) = with_table(|_| bo.dma_buf()) {
            return Ok(dma_buf);
        }
        let new = Self::new(bo.size(), writable, Some(bo.clone()), Owner::new(bo.device()))?;
        let identity = new.identity();
        Ok(with_table(|table| {
            // Another thread may have created it meanwhile.
            bo.dma_buf().unwrap_or_else(|| {
                table.insert(identity, Object::DmaBuf(new.clone()));
                bo.set_exported(&new);
                new
            })
        }))
    }

    fn open(&self, flags: OFlag) -> Result<OwnedFd> {
        let access = if self.writable { OFlag::O_RDWR } else { OFlag::O_RDONLY };
        self.stand_in.open(access | flags)
    }

    pub(crate) fn identity(&self) -> Identity {
        self.stand_in.identity()
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the device that exported the dma-buf or created it as a foreign one.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Returns the fences to wait for before using the memory.
    pub(crate) fn fences(&self) -> &Reservation {
        &self.fences
    }

    pub(crate) fn name(&self) -> Option<Vec<u8>> {
        lock(&self.name).clone()
    }

    pub(crate) fn set_name(&self, name: Vec<u8>) {
        *lock(&self.name) = Some(name);
    }

    /// Returns the exported BO.
    pub(crate) fn bo(&self) -> Option<&Arc<Bo>> {
        self.bo.as_ref()
    }

    /// Returns whether any process has a descriptor open.
    pub(crate) fn is_open(&self) -> bool {
        self.stand_in.is_open()
    }

    /// Returns whether the exported BO has a handle, so that the next export returns the same
    /// dma-buf.
    pub(crate) fn has_handles(&self) -> bool {
        self.bo.as_ref().is_some_and(|bo| bo.has_handles())
    }

    /// Reads at an offset within the size.
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        match &self.bo {
            Some(bo) => bo.read(offset, buf),
            None => self.stand_in.file().read_exact_at(buf, offset),
        }
    }

    /// Writes at an offset within the size.
    pub(crate) fn write(&self, offset: u64, buf: &[u8]) -> std::io::Result<()> {
        match &self.bo {
            Some(bo) => bo.write(offset, buf),
            None => memfd::write(self.stand_in.file(), buf, offset),
        }
    }

    /// Returns the file with the memory, and the offset of the memory in it.
    pub(crate) fn memory(&self) -> (BorrowedFd<'_>, u64) {
        match &self.bo {
            Some(bo) => bo.memory(),
            None => (self.stand_in.file().as_fd(), 0),
        }
    }
}
