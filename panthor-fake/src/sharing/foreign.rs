//! dma-bufs from elsewhere.

use std::io;
use std::os::fd::OwnedFd;

use crate::device::Device;
use crate::sharing::descriptors::{Owner, sweep_if_many};
use crate::sharing::dma_buf::DmaBuf;

impl Device {
    /// Makes a dma-buf of that many bytes, rounded up to whole pages of the CPU, that comes from
    /// elsewhere: a camera, a display, another GPU.
    ///
    /// Its descriptor can be imported by this and any other fake device, and mapped. The ioctls of
    /// its own answers [`descriptor_ioctl`](crate::descriptor_ioctl).
    ///
    /// # Errors
    /// `InvalidInput` for a size of zero or one that no number of pages can have; otherwise what
    /// `memfd_create(2)` and the like say.
    pub fn foreign_dma_buf(&self, size: u64) -> io::Result<OwnedFd> {
        let pages = size.checked_next_multiple_of(self.config().page_size.bytes());
        let size = pages.filter(|&size| size != 0).ok_or_else(|| {
            let message = format!("a dma-buf cannot have {size} bytes");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        sweep_if_many();
        DmaBuf::foreign(size, Owner::new(self.inner()))
            .map_err(|errno| io::Error::from_raw_os_error(errno.0))
    }
}
