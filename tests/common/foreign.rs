//! Dma-bufs of another driver: the fake's own, or on a real device those of udmabuf.

use std::os::fd::OwnedFd;

use panthor::Device;
use panthor_raw::descriptors::Udmabuf;

/// Returns a dma-buf and a descriptor of its memory; `None` where nothing makes any.
pub fn foreign_dma_buf_of(device: &Device, size: u64) -> Option<(OwnedFd, OwnedFd)> {
    if let Some(file) = device.fake() {
        let dma_buf = file.device().foreign_dma_buf(size).expect("a dma-buf");
        let memory = dma_buf.try_clone().expect("a descriptor");
        return Some((dma_buf, memory));
    }
    match Udmabuf::open() {
        Ok(maker) => Some(maker.create(size).expect("a dma-buf")),
        Err(error) => {
            eprintln!("not tested: no foreign memory without /dev/udmabuf: {error}");
            None
        }
    }
}
