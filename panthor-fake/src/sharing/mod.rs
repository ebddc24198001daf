//! Sharing with other files, devices and processes by descriptors: dma-bufs, syncobj descriptors
//! and sync files.

pub(crate) mod descriptors;
pub(crate) mod dma_buf;
pub(crate) mod dma_buf_ioctls;
mod foreign;
pub(crate) mod ioctls;
pub(crate) mod prime;
pub(crate) mod reservation;
pub(crate) mod sync_fd;
pub(crate) mod sync_file_ioctls;
