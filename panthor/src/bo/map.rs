//! CPU mapping of BOs.

use std::ops::{Range, RangeBounds};
use std::ptr::NonNull;

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::bo_map::{BoMap, MapAccess};
use super::{Bo, BoFlags};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::{Protection, host_page_size};

/// Call name in errors.
const CALL: &str = "mmap";

impl Bo {
    /// Maps the whole BO into the CPU's address space for reads and writes (BO_MMAP_OFFSET and
    /// `mmap`).
    ///
    /// # Errors
    ///
    /// * [`PermissionDenied`](ErrorKind::PermissionDenied) for a NO_MMAP BO.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) when the address space is exhausted.
    /// * [`Other`](ErrorKind::Other) for a [foreign](Self::is_foreign) BO that its driver does not
    ///   map.
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET")]
    pub fn map(&self) -> Result<BoMap> {
        self.map_range(.., MapAccess::ReadWrite)
    }

    /// Maps a part of the BO. Both ends must be multiples of the CPU's page size.
    ///
    /// # Errors
    ///
    /// The errors of [`map`](Self::map), and [`InvalidArgument`](ErrorKind::InvalidArgument) for a
    /// range that is empty, unaligned, outside of the BO, or ends beyond `isize::MAX` bytes (on
    /// 32-bit CPUs).
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
        let range = self.cpu_range(&range)?;
        let offset = self.mmap_offset()?;
        // DRM maps an object from its start only: bytes before the range are mapped and hidden.
        let transport = self.device().transport();
        let mapping = transport.map(CALL, offset, range.end, protection(access))?;
        Ok(BoMap::new(self.inner.clone(), mapping, range, access))
    }

    /// Maps the first part of the BO at a fixed `address` (MAP_FIXED), as in
    /// `VK_EXT_map_memory_placed`.
    ///
    /// The range must start at 0, because DRM maps an object from its start only. The address and
    /// the end of the range must be multiples of the CPU's page size. Dropping the map leaves the
    /// addresses free. [`unmap_reserve`](BoMap::unmap_reserve) keeps them reserved.
    ///
    /// # Safety
    ///
    /// The caller must own the address range: reserved with `mmap`, or with an earlier
    /// [`unmap_reserve`](BoMap::unmap_reserve). No memory in use may lie there.
    ///
    /// # Errors
    ///
    /// The errors of [`map_range`](Self::map_range), and
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a range that does not start at 0, and
    /// for an address that is null, unaligned, or too high for the range. If `mmap` itself failed
    /// (with an [`errno`](Error::errno)), the addresses may no longer be reserved.
    ///
    /// ```
    /// use panthor::{BoOptions, MapAccess};
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(BoOptions::new(1 << 20))?;
    /// // An address that is ours: that of a map which has ended so that it stays reserved.
    /// let map = bo.map()?;
    /// let address = map.as_ptr();
    /// map.unmap_reserve()?;
    ///
    /// // SAFETY: nobody else knows what is reserved there, and it has room for the BO.
    /// let map = unsafe { bo.map_placed(address, .., MapAccess::ReadWrite) }?;
    /// assert_eq!(map.as_ptr(), address);
    /// map.store(0, 1u32)?;
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "VK_EXT_map_memory_placed")]
    #[doc(alias = "VkMemoryMapPlacedInfoEXT")]
    #[doc(alias = "MAP_FIXED")]
    pub unsafe fn map_placed(
        &self,
        address: *mut u8,
        range: impl RangeBounds<u64>,
        access: MapAccess,
    ) -> Result<BoMap> {
        let range = self.cpu_range(&range)?;
        if range.start != 0 {
            let rule = format!("does not start at 0, from where DRM maps an object ({range:#x?})");
            return Err(Error::invalid(CALL, "range", rule));
        }
        let Some(place) = NonNull::new(address) else {
            return Err(Error::invalid(CALL, "address", "is null"));
        };
        // A fake may use smaller pages than the host's mappings.
        let page = (self.device().cpu_page_size() as usize).max(host_page_size());
        for (argument, at) in [("address", address.addr()), ("range", range.end)] {
            if at % page != 0 {
                let rule = format!("is no multiple of the CPU's page size ({at:#x}, {page} bytes)");
                return Err(Error::invalid(CALL, argument, rule));
            }
        }
        if address.addr().checked_add(range.end).is_none() {
            let rule = format!("has no room for the range ({address:p}, {:#x} bytes)", range.end);
            return Err(Error::invalid(CALL, "address", rule));
        }
        let offset = self.mmap_offset()?;
        let (transport, protection) = (self.device().transport(), protection(access));
        // SAFETY: guaranteed by the caller.
        let mapping = unsafe { transport.map_at(CALL, place, offset, range.end, protection) }?;
        Ok(BoMap::new(self.inner.clone(), mapping, range, access))
    }

    /// Checks a range and returns it as `usize`.
    fn cpu_range(&self, range: &impl RangeBounds<u64>) -> Result<Range<usize>> {
        let range = self.checked(CALL, range)?;
        let page = self.device().cpu_page_size();
        if range.is_empty() {
            return Err(Error::invalid(CALL, "range", format!("is empty ({range:#x?})")));
        }
        if range.start % page != 0 || range.end % page != 0 {
            let rule = format!("does not consist of CPU pages ({range:#x?}, {page} bytes)");
            return Err(Error::invalid(CALL, "range", rule));
        }
        if self.flags().contains(BoFlags::NO_MMAP) {
            let detail = "the BO was created with NO_MMAP";
            return Err(Error::refused(ErrorKind::PermissionDenied, CALL, detail));
        }
        to_cpu(&range, isize::MAX as u64).ok_or_else(|| {
            let rule = format!("ends beyond isize::MAX bytes ({range:#x?}, {:#x})", isize::MAX);
            Error::invalid(CALL, "range", rule)
        })
    }

    /// Returns the BO's offset in the device file (BO_MMAP_OFFSET).
    fn mmap_offset(&self) -> Result<u64> {
        let mut arg = sys::drm_panthor_bo_mmap_offset::zeroed();
        arg.handle = self.handle();
        self.device().transport().call(&mut arg)?;
        Ok(arg.offset)
    }
}

fn protection(access: MapAccess) -> Protection {
    match access {
        MapAccess::Read => Protection::Read,
        MapAccess::ReadWrite => Protection::ReadWrite,
    }
}

/// Converts a range to `usize` if its end is at most `largest`.
///
/// Slices and pointer offsets are limited to `isize::MAX` bytes.
fn to_cpu(range: &Range<u64>, largest: u64) -> Option<Range<usize>> {
    let end = Some(range.end).filter(|&end| end <= largest);
    Some(usize::try_from(range.start).ok()?..usize::try_from(end?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_map_is_longer_than_a_slice_may_be() {
        let largest = i32::MAX as u64; // isize::MAX of a 32-bit CPU
        let page = 4096;
        let last = largest / page * page;
        assert_eq!(to_cpu(&(page..last), largest), Some(page as usize..last as usize));
        assert_eq!(to_cpu(&(page..last + page), largest), None);
        assert_eq!(to_cpu(&(0..1 << 32), largest), None);
    }
}
