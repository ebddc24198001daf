//! The MMU's page sizes.

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::Result;
use crate::version::Features;

/// What every driver before 1.9 maps with.
const BEFORE_1_9: u64 = 4 << 10 | 2 << 20;

/// The page sizes that the MMU maps with.
///
/// A VA, an offset and a size are multiples of the smallest; mappings whose VA and memory are aligned to a
/// larger one take less memory and fewer TLB entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSizes {
    bitmap: u64,
    source: PageSizeSource,
}

/// Whether page sizes come from the driver or from what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageSizeSource {
    /// The driver said so (1.9).
    Reported,
    /// The driver cannot say; every driver of its age has these.
    Assumed,
}

impl PageSizes {
    /// Those of drivers that cannot say.
    pub(crate) const fn before_1_9() -> Self {
        Self { bitmap: BEFORE_1_9, source: PageSizeSource::Assumed }
    }

    /// A bit for each size, the bit's value being the size in bytes.
    #[doc(alias = "page_size_bitmap")]
    pub fn bitmap(&self) -> u64 {
        self.bitmap
    }

    /// Who says so.
    pub fn source(&self) -> PageSizeSource {
        self.source
    }

    /// The sizes in bytes, the smallest first.
    pub fn iter(&self) -> impl Iterator<Item = u64> + use<> {
        let bitmap = self.bitmap;
        (0..u64::BITS).map(|bit| 1 << bit).filter(move |size| bitmap & size != 0)
    }

    /// The largest size in bytes that divides `alignment`; `None` when none does.
    pub fn largest_within(&self, alignment: u64) -> Option<u64> {
        self.iter().filter(|size| alignment % size == 0).last()
    }
}

impl Device {
    /// Asks for the MMU's page sizes (DEV_QUERY, MMU_INFO); below driver 1.9 they are assumed.
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
