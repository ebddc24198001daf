//! Mapping BOs for the CPU.

use std::ops::RangeBounds;

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::{Bo, BoFlags};
use crate::bo_map::{BoMap, MapAccess};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::Protection;

impl Bo {
    /// Maps the whole BO into the CPU's address space, to read and write (BO_MMAP_OFFSET and `mmap`).
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for a NO_MMAP BO;
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) when the address space is exhausted; [`Other`](ErrorKind::Other)
    /// for a [foreign](Self::is_foreign) BO whose driver does not map it.
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET")]
    pub fn map(&self) -> Result<BoMap> {
        self.map_range(.., MapAccess::ReadWrite)
    }

    /// Maps a part of the BO. Both ends are multiples of the CPU's page size.
    ///
    /// # Errors
    ///
    /// As for [`map`](Self::map), and [`InvalidArgument`](ErrorKind::InvalidArgument) for a range that is
    /// empty, unaligned or not within the BO.
    ///
    /// ```
    /// use panthor::{BoOptions, MapAccess};
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(BoOptions::new(1 << 20))?;
    /// let map = bo.map_range(4096..8192, MapAccess::Read)?;
    /// assert_eq!(map.load::<u64>(0)?, 0);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub fn map_range(&self, range: impl RangeBounds<u64>, access: MapAccess) -> Result<BoMap> {
        let call = "mmap";
        let range = self.checked(call, &range)?;
        let page = self.inner.device.cpu_page_size();
        if range.is_empty() {
            return Err(Error::invalid(call, "range", "is empty"));
        }
        if range.start % page != 0 || range.end % page != 0 {
            let rule = format!("{range:#x?} is not made of CPU pages of {page} bytes");
            return Err(Error::invalid(call, "range", rule));
        }
        if self.inner.flags.contains(BoFlags::NO_MMAP) {
            let detail = "the BO was created with NO_MMAP";
            return Err(Error::refused(ErrorKind::PermissionDenied, call, detail));
        }
        let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end))
        else {
            return Err(Error::invalid(call, "range", "is larger than the address space"));
        };
        let transport = self.inner.device.transport();
        let mut arg = sys::drm_panthor_bo_mmap_offset::zeroed();
        arg.handle = self.inner.handle;
        transport.call(&mut arg)?;
        let protection = match access {
            MapAccess::Read => Protection::Read,
            MapAccess::ReadWrite => Protection::ReadWrite,
        };
        // DRM maps an object from its start only, so what lies before the range is mapped and not shown.
        let mapping = transport.map(call, arg.offset, end, protection)?;
        Ok(BoMap::new(self.inner.clone(), mapping, start..end, access))
    }
}
