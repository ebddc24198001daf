//! CPU cache maintenance.

use std::ops::{Range, RangeBounds};
use std::os::fd::BorrowedFd;

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::{Bo, CacheMaintenance};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::range::to_range;
use crate::spilling::Spilling;

/// Call name in errors.
const CALL: &str = "BO_SYNC";

/// Operations that need no heap memory.
const INLINE: usize = 16;

/// CPU cache operation of [`Bo::sync`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_bo_sync_op_type")]
pub enum CacheOp {
    /// Writes dirty lines back, so that the GPU reads the CPU's writes.
    #[doc(alias = "DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH")]
    Flush,
    /// Writes dirty lines back and invalidates all lines, so that the CPU reads the GPU's writes.
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

/// Cache maintenance of a part of a BO, for [`Device::sync_bos`].
#[derive(Debug, Clone)]
#[doc(alias = "drm_panthor_bo_sync_op")]
#[doc(alias = "VkMappedMemoryRange")]
pub struct BoSync<'a> {
    bo: &'a Bo,
    range: Range<u64>,
    op: CacheOp,
}

impl<'a> BoSync<'a> {
    /// Creates cache maintenance of these bytes of a BO.
    pub fn new(bo: &'a Bo, range: impl RangeBounds<u64>, op: CacheOp) -> Self {
        Self { bo, range: to_range(&range, bo.size()), op }
    }
}

impl Device {
    /// Performs cache maintenance on parts of several BOs in one call (BO_SYNC, driver 1.7).
    ///
    /// The call skips BOs that [need no maintenance](Bo::cache_maintenance). The driver widens
    /// ranges to cache lines. An empty range has no effect.
    ///
    /// [Foreign](Bo::is_foreign) BOs need one separate call each (DMA_BUF_IOCTL_SYNC): their
    /// driver maintains the whole BO and waits for the fences in the dma-buf.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a BO of another device and for a
    /// range outside of its BO. Nothing is done then. After another error, some BOs may be done;
    /// repeating the call is harmless.
    ///
    /// ```
    /// use panthor::{BoOptions, BoSync, CacheOp};
    /// # let device = panthor::Device::open_fake()?;
    /// let input = device.create_bo(BoOptions::new(1 << 20).wb_mmap())?;
    /// let output = device.create_bo(BoOptions::new(1 << 20).wb_mmap())?;
    /// input.map()?.store(0, 1u32)?;
    /// device.sync_bos(&[
    ///     BoSync::new(&input, 0..4, CacheOp::Flush),
    ///     BoSync::new(&output, .., CacheOp::FlushAndInvalidate),
    /// ])?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_SYNC")]
    #[doc(alias = "vkFlushMappedMemoryRanges")]
    #[doc(alias = "vkInvalidateMappedMemoryRanges")]
    pub fn sync_bos(&self, syncs: &[BoSync<'_>]) -> Result<()> {
        for (index, BoSync { bo, range, .. }) in syncs.iter().enumerate() {
            let rule = if bo.device().is_same_file(self) {
                bo.inner.rule_of_range(range)
            } else {
                Some("the BO is of another device file".into())
            };
            if let Some(rule) = rule {
                return Err(Error::invalid(CALL, "syncs", format!("number {index}: {rule}")));
            }
        }
        sync(self, syncs)
    }
}

impl Bo {
    /// Performs cache maintenance on a part of the BO where [needed](Self::cache_maintenance)
    /// (BO_SYNC, driver 1.7).
    ///
    /// Call it before the GPU reads the CPU's writes, and before the CPU reads the GPU's writes.
    /// [`Device::sync_bos`] takes several BOs and documents the details.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a range outside of the BO.
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
        let range = self.checked(CALL, &range)?;
        sync(self.device(), &[BoSync { bo: self, range, op }])
    }
}

/// Performs the needed maintenance of checked ranges, all of BOs of one device file.
fn sync(device: &Device, syncs: &[BoSync<'_>]) -> Result<()> {
    let mut ops = Spilling::<_, INLINE>::new();
    let mut whole = Spilling::<_, INLINE>::new();
    for sync in syncs.iter().filter(|sync| !sync.range.is_empty()) {
        match sync.bo.cache_maintenance()? {
            CacheMaintenance::None => {}
            CacheMaintenance::Ranges => ops.push(sync.op.on(sync.bo.handle(), sync.range.clone())),
            CacheMaintenance::Whole => whole.push(sync),
        }
    }
    for sync in once_each(whole.as_mut_slice()) {
        if let Some(dma_buf) = sync.bo.dma_buf() {
            sync_dma_buf(device, dma_buf, sync.op)?;
        }
    }
    if ops.as_slice().is_empty() {
        return Ok(());
    }
    let mut arg = sys::drm_panthor_bo_sync::zeroed();
    arg.ops = sys::drm_panthor_obj_array::from_slice(ops.as_slice());
    device.transport().call(&mut arg)
}

/// Returns one operation for each dma-buf, the strongest, because a dma-buf is maintained as a
/// whole.
fn once_each<'b>(syncs: &mut [&'b BoSync<'b>]) -> impl Iterator<Item = &'b BoSync<'b>> {
    syncs.sort_unstable_by_key(|sync| (sync.bo.handle(), sync.op == CacheOp::Flush));
    let mut last = None;
    let is_first = move |sync: &&BoSync<'_>| {
        let handle = Some(sync.bo.handle());
        std::mem::replace(&mut last, handle) != handle
    };
    syncs.iter().copied().filter(is_first)
}

/// Maintains a dma-buf. Its driver brackets accesses with begin and end calls.
///
/// The end of a write access writes dirty lines back. The begin of a read access invalidates
/// lines, so it must come second: it would discard dirty lines otherwise. Drivers may refuse an
/// end without a begin.
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
    fn each_foreign_object_is_maintained_once_and_enough() {
        use CacheOp::{Flush, FlushAndInvalidate};
        let device = Device::open_fake().unwrap();
        let fake = device.fake().unwrap().device();
        let import = |_| device.import_bo(fake.foreign_dma_buf(4096).unwrap()).unwrap();
        let bos: Vec<_> = (0..3).map(import).collect();
        let again = device.import_bo(bos[0].dma_buf().unwrap()).unwrap();
        let syncs = [
            BoSync::new(&bos[0], 1..2, Flush),
            BoSync::new(&bos[1], .., Flush),
            BoSync::new(&bos[2], .., FlushAndInvalidate),
            BoSync::new(&again, .., FlushAndInvalidate),
            BoSync::new(&bos[2], .., Flush),
            BoSync::new(&bos[1], .., Flush),
        ];
        let mut all: Vec<_> = syncs.iter().collect();
        let done: Vec<_> = once_each(&mut all).map(|sync| (sync.bo.handle(), sync.op)).collect();
        let expected = [FlushAndInvalidate, Flush, FlushAndInvalidate];
        let expected: Vec<_> = bos.iter().map(Bo::handle).zip(expected).collect();
        assert_eq!(done, expected);
        assert_eq!(once_each(&mut []).count(), 0);
    }

    #[test]
    fn cache_maintenance_says_what_and_where() {
        let flush = CacheOp::Flush.on(3, 64..192);
        assert_eq!((flush.handle, flush.type_, flush.offset, flush.size), (3, 0, 64, 128));
        assert_eq!(CacheOp::FlushAndInvalidate.on(3, 0..1).type_, 1);
    }
}
