//! Foreign dma-bufs.

use std::io;
use std::os::fd::OwnedFd;

use crate::device::Device;
use crate::sharing::descriptors::{Owner, sweep_if_many};
use crate::sharing::dma_buf::DmaBuf;

impl Device {
    /// Creates a dma-buf of `size` bytes, rounded up to the CPU page size, from outside the fake,
    /// such as a camera, a display or another GPU.
    ///
    /// Any fake device can import the descriptor, and programs can map it.
    /// [`descriptor_ioctl`](crate::descriptor_ioctl) answers its ioctls.
    ///
    /// # Errors
    /// `InvalidInput` if `size` is zero or too large to round up; otherwise the error of
    /// `memfd_create(2)` and related calls.
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
