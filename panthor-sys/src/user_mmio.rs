//! File offsets at which the GPU's own pages are mapped, by the width of the process's `long`.

use core::ffi::c_ulong;

use crate::{DRM_PANTHOR_USER_MMIO_OFFSET_32BIT, DRM_PANTHOR_USER_MMIO_OFFSET_64BIT};

/// Returns the file offset of the MMIO pages for a process with a `long` of `long_size` bytes.
pub const fn drm_panthor_user_mmio_offset(long_size: usize) -> u64 {
    if long_size < 8 {
        DRM_PANTHOR_USER_MMIO_OFFSET_32BIT
    } else {
        DRM_PANTHOR_USER_MMIO_OFFSET_64BIT
    }
}

/// File offset of the MMIO pages for this process.
pub const DRM_PANTHOR_USER_MMIO_OFFSET: u64 = drm_panthor_user_mmio_offset(size_of::<c_ulong>());

/// File offset of the page with the latest flush ID in its first 32 bits, for this process.
///
/// The mapping is one page of the CPU, readable only.
pub const DRM_PANTHOR_USER_FLUSH_ID_MMIO_OFFSET: u64 = DRM_PANTHOR_USER_MMIO_OFFSET;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_by_width() {
        assert_eq!(drm_panthor_user_mmio_offset(4), 1 << 43);
        assert_eq!(drm_panthor_user_mmio_offset(8), 1 << 56);
    }

    #[test]
    fn own_offset() {
        let shift = if cfg!(target_pointer_width = "64") { 56 } else { 43 };
        assert_eq!(DRM_PANTHOR_USER_MMIO_OFFSET, 1 << shift);
        assert_eq!(DRM_PANTHOR_USER_FLUSH_ID_MMIO_OFFSET, 1 << shift);
    }
}
