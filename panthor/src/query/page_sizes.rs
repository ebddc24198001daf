//! MMU page sizes.

use std::iter::FusedIterator;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::Result;
use crate::version::Features;

/// Page sizes of all drivers before 1.9.
const BEFORE_1_9: u64 = 4 << 10 | 2 << 20;

/// Page sizes of the MMU.
///
/// VAs, offsets and sizes are multiples of the smallest size. Mappings that are aligned to a
/// larger one need less page table memory and fewer TLB entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSizes {
    bitmap: u64,
    source: PageSizeSource,
}

/// Source of page sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageSizeSource {
    /// Reported by the driver (1.9).
    Reported,
    /// Assumed for a driver that does not report them. All such drivers have these sizes.
    Assumed,
}

impl PageSizes {
    /// Returns the page sizes of drivers before 1.9.
    pub(crate) const fn before_1_9() -> Self {
        Self { bitmap: BEFORE_1_9, source: PageSizeSource::Assumed }
    }

    /// Returns the bitwise OR of all sizes in bytes.
    #[doc(alias = "page_size_bitmap")]
    pub fn bitmap(&self) -> u64 {
        self.bitmap
    }

    /// Returns the source of the sizes.
    pub fn source(&self) -> PageSizeSource {
        self.source
    }

    /// Returns the sizes in bytes in ascending order.
    pub fn iter(&self) -> PageSizesIter {
        PageSizesIter { bitmap: self.bitmap }
    }

    /// Returns the largest size in bytes that divides `alignment`, or `None` if none does.
    pub fn largest_within(&self, alignment: u64) -> Option<u64> {
        self.iter().rfind(|size| alignment % size == 0)
    }
}

/// Iterator over page sizes in bytes, in ascending order.
#[derive(Debug, Clone)]
pub struct PageSizesIter {
    /// Remaining sizes.
    bitmap: u64,
}

impl Iterator for PageSizesIter {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let smallest = self.bitmap & self.bitmap.wrapping_neg();
        self.bitmap ^= smallest;
        (smallest != 0).then_some(smallest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.bitmap.count_ones() as usize;
        (count, Some(count))
    }
}

impl DoubleEndedIterator for PageSizesIter {
    fn next_back(&mut self) -> Option<u64> {
        let largest = 1 << self.bitmap.checked_ilog2()?;
        self.bitmap ^= largest;
        Some(largest)
    }
}

impl ExactSizeIterator for PageSizesIter {}
impl FusedIterator for PageSizesIter {}

impl IntoIterator for PageSizes {
    type Item = u64;
    type IntoIter = PageSizesIter;

    fn into_iter(self) -> PageSizesIter {
        self.iter()
    }
}

impl IntoIterator for &PageSizes {
    type Item = u64;
    type IntoIter = PageSizesIter;

    fn into_iter(self) -> PageSizesIter {
        self.iter()
    }
}

impl Device {
    /// Returns the MMU's page sizes (DEV_QUERY, MMU_INFO), or assumed ones below driver 1.9.
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    ///
    /// ```
    /// use panthor::PageSizeSource;
    ///
    /// let sizes = panthor::Device::open_fake()?.page_sizes()?;
    /// assert_eq!(sizes.source(), PageSizeSource::Reported);
    /// for size in &sizes {
    ///     println!("{} KiB", size >> 10);
    /// }
    /// assert_eq!(sizes.iter().collect::<Vec<_>>(), [4096, 2 << 20]);
    /// assert_eq!(sizes.largest_within(6 << 20), Some(2 << 20));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_PANTHOR_DEV_QUERY_MMU_INFO")]
    #[doc(alias = "drm_panthor_mmu_info")]
    pub fn page_sizes(&self) -> Result<PageSizes> {
        if !self.features().contains(Features::MMU_INFO) {
            return Ok(PageSizes::before_1_9());
        }
        let mut raw = sys::drm_panthor_mmu_info::zeroed();
        self.transport().query(sys::DRM_PANTHOR_DEV_QUERY_MMU_INFO, &mut raw)?;
        Ok(PageSizes { bitmap: raw.page_size_bitmap, source: PageSizeSource::Reported })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_from_both_ends_once() {
        for bitmap in [0, 1, 4 << 10 | 2 << 20, 1 << 63 | 1 << 12, u64::MAX] {
            let sizes = PageSizes { bitmap, source: PageSizeSource::Reported };
            let expected: Vec<u64> =
                (0..64).map(|bit| 1 << bit).filter(|size| bitmap & size != 0).collect();
            assert!(sizes.into_iter().eq(expected.iter().copied()), "{bitmap:#x}");
            assert!((&sizes).into_iter().rev().eq(expected.iter().rev().copied()), "{bitmap:#x}");
            assert_eq!(sizes.iter().len(), expected.len());
            let mut seen = 0;
            for size in &sizes {
                assert_eq!(seen & size, 0);
                seen |= size;
            }
            assert_eq!(seen, bitmap);
        }
    }
}
