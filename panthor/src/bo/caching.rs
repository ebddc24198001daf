//! Need for CPU cache maintenance.

use super::{Bo, BoFlags};
use crate::device::Device;
use crate::error::Result;

/// Cache maintenance that CPU and GPU need to see each other's writes to a BO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheMaintenance {
    /// None: the GPU snoops the CPU's caches, or the CPU's mappings bypass the caches.
    None,
    /// Maintenance of the accessed ranges: a flush before the GPU reads the CPU's writes, and an
    /// invalidation before the CPU reads the GPU's writes.
    Ranges,
    /// Maintenance of whole BOs by the exporting driver, which may map the memory cached or
    /// uncached.
    Whole,
}

impl CacheMaintenance {
    /// Returns the maintenance of the device's own memory.
    ///
    /// CPU mappings are write-combined without WB_MMAP, and coherent wherever the GPU snoops.
    fn of(flags: BoFlags, coherent: impl FnOnce() -> Result<bool>) -> Result<Self> {
        Ok(if !flags.contains(BoFlags::WB_MMAP) || coherent()? { Self::None } else { Self::Ranges })
    }
}

impl Device {
    /// Returns the cache maintenance of BOs with these creation flags, for a driver's memory
    /// types.
    ///
    /// [`Bo::cache_maintenance`] lists the rule. The first call that depends on coherency queries
    /// the device (DEV_QUERY).
    ///
    /// # Errors
    ///
    /// The errors of [`gpu_info`](Self::gpu_info).
    ///
    /// ```
    /// use panthor::{BoFlags, CacheMaintenance};
    /// # let device = panthor::Device::open_fake()?;
    /// // A memory type that is HOST_COHERENT, and one that is HOST_CACHED.
    /// assert_eq!(device.cache_maintenance(BoFlags::empty())?, CacheMaintenance::None);
    /// assert_eq!(device.cache_maintenance(BoFlags::WB_MMAP)?, CacheMaintenance::Ranges);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "VK_MEMORY_PROPERTY_HOST_COHERENT_BIT")]
    #[doc(alias = "VK_MEMORY_PROPERTY_HOST_CACHED_BIT")]
    #[doc(alias = "VkMemoryType")]
    pub fn cache_maintenance(&self, flags: BoFlags) -> Result<CacheMaintenance> {
        CacheMaintenance::of(flags, || self.is_coherent())
    }
}

impl Bo {
    /// Returns the cache maintenance that CPU access to this BO needs.
    ///
    /// [`sync`](Self::sync) and [`Device::sync_bos`](crate::Device::sync_bos) check this
    /// themselves. A driver may call them around every access and pays only where necessary. This
    /// method serves properties such as Vulkan's `HOST_COHERENT`.
    /// [`Device::cache_maintenance`](crate::Device::cache_maintenance) needs no BO.
    ///
    /// | memory | GPU that snoops | GPU that does not |
    /// |---|---|---|
    /// | of this device, without flags | `None` | `None`: write-combined |
    /// | of this device, [`WB_MMAP`](BoFlags::WB_MMAP) | `None` | `Ranges` |
    /// | [foreign](Self::is_foreign) | `Whole` | `Whole` |
    ///
    /// The first call of a device queries whether the GPU snoops (DEV_QUERY).
    ///
    /// # Errors
    ///
    /// The errors of [`Device::gpu_info`](crate::Device::gpu_info).
    ///
    /// ```
    /// use panthor::{BoOptions, CacheMaintenance};
    /// # let device = panthor::Device::open_fake()?;
    /// let cached = device.create_bo(BoOptions::new(4096).wb_mmap())?;
    /// assert_eq!(cached.cache_maintenance()?, CacheMaintenance::Ranges);
    /// let write_combined = device.create_bo(BoOptions::new(4096))?;
    /// assert_eq!(write_combined.cache_maintenance()?, CacheMaintenance::None);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "VK_MEMORY_PROPERTY_HOST_COHERENT_BIT")]
    pub fn cache_maintenance(&self) -> Result<CacheMaintenance> {
        match self.is_foreign() {
            true => Ok(CacheMaintenance::Whole),
            false => self.device().cache_maintenance(self.flags()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        use CacheMaintenance::{None, Ranges};
        for (flags, coherent, needed) in [
            (BoFlags::empty(), false, None),
            (BoFlags::empty(), true, None),
            (BoFlags::NO_MMAP, false, None),
            (BoFlags::WB_MMAP, false, Ranges),
            (BoFlags::WB_MMAP, true, None),
        ] {
            let answer = CacheMaintenance::of(flags, || Ok(coherent)).unwrap();
            assert_eq!(answer, needed, "{flags:?} {coherent}");
        }
    }
}
