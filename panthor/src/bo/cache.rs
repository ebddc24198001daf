//! Maintenance of the CPU's caches.

use std::ops::{Range, RangeBounds};
use std::os::fd::BorrowedFd;

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::Bo;
use crate::device::Device;
use crate::error::Result;
use crate::version::Features;

/// What [`Bo::sync`] does to the CPU's caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_bo_sync_op_type")]
pub enum CacheOp {
    /// Writes dirty lines back, so that the GPU sees what the CPU wrote.
    #[doc(alias = "DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH")]
    Flush,
    /// Writes dirty lines back and drops all, so that the CPU sees what the GPU wrote.
    #[doc(alias = "DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE")]
    FlushAndInvalidate,
}

impl CacheOp {
    fn on(self, handle: u32, range: Range<u64>) -> sys::drm_panthor_bo_sync_op {
        let type_ = match self {
            Self::Flush => sys::DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH,
            Self::FlushAndInvalidate => sys::DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE,
        };
        let (offset, size) = (range.start, range.end - range.start);
        sys::drm_panthor_bo_sync_op { handle, type_, offset, size }
    }
}

impl Bo {
    /// Does cache maintenance on a part of the BO (BO_SYNC, driver 1.7).
    ///
    /// Needed around CPU access to a [`WB_MMAP`](crate::BoFlags::WB_MMAP) BO unless the GPU is coherent; where
    /// it is not needed, the driver does nothing. The range is widened to cache lines.
    ///
    /// Around CPU access to a [foreign](Self::is_foreign) BO it is always needed. There its own driver does it,
    /// on the whole BO, and waits for the fences that are in the dma-buf (DMA_BUF_IOCTL_SYNC).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) below driver 1.7, unless the BO is foreign;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a range that is not within the BO.
    ///
    /// ```
    /// use panthor::{BoOptions, CacheOp};
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(BoOptions::new(4096).wb_mmap())?;
    /// bo.map()?.store(0, 1u32)?;
    /// bo.sync(0..4, CacheOp::Flush)?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_SYNC")]
    pub fn sync(&self, range: impl RangeBounds<u64>, op: CacheOp) -> Result<()> {
        let call = "BO_SYNC";
        let range = self.checked(call, &range)?;
        if let Some(dma_buf) = self.dma_buf() {
            return sync_dma_buf(self.device(), dma_buf, op);
        }
        Features::BO_SYNC.require(self.inner.device.version(), call, "cache maintenance")?;
        let ops = [op.on(self.inner.handle, range)];
        let mut arg = sys::drm_panthor_bo_sync::zeroed();
        arg.ops = sys::drm_panthor_obj_array::from_slice(&ops);
        self.inner.device.transport().call(&mut arg)
    }
}

/// Does the same to a dma-buf, whose driver knows accesses that begin and end.
///
/// The end of one that wrote is what writes dirty lines back, the beginning of one that reads is what drops
/// lines; that one must come second, or it would drop dirty ones. Drivers may refuse an end without beginning.
fn sync_dma_buf(device: &Device, dma_buf: BorrowedFd<'_>, op: CacheOp) -> Result<()> {
    let access = |kind: u64| {
        device.transport().dma_buf_sync(dma_buf, sys::DMA_BUF_SYNC_START | kind)?;
        device.transport().dma_buf_sync(dma_buf, sys::DMA_BUF_SYNC_END | kind)
    };
    access(sys::DMA_BUF_SYNC_WRITE)?;
    match op {
        CacheOp::Flush => Ok(()),
        CacheOp::FlushAndInvalidate => access(sys::DMA_BUF_SYNC_READ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_maintenance_says_what_and_where() {
        let flush = CacheOp::Flush.on(3, 64..192);
        assert_eq!((flush.handle, flush.type_, flush.offset, flush.size), (3, 0, 64, 128));
        assert_eq!(CacheOp::FlushAndInvalidate.on(3, 0..1).type_, 1);
    }
}
