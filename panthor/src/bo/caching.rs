//! When the CPU's caches need maintenance.

use super::{Bo, BoFlags};
use crate::device::Device;
use crate::error::Result;

/// What has to be done about the CPU's caches, so that CPU and GPU see what the other one wrote to a BO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheMaintenance {
    /// Nothing: the GPU snoops the caches, or the CPU's mappings bypass them.
    None,
    /// What was written is flushed before the GPU reads it, and caches are invalidated before the CPU reads what
    /// the GPU wrote; the ranges that were accessed suffice.
    Ranges,
    /// The same by the driver that the memory comes from, which knows whole BOs only: that memory may be mapped
    /// either way.
    Whole,
}

impl CacheMaintenance {
    /// The rule for the device's own memory. A CPU mapping is write-combined unless it was asked for otherwise,
    /// and cached wherever the GPU snoops.
    fn of(flags: BoFlags, coherent: impl FnOnce() -> Result<bool>) -> Result<Self> {
        Ok(if !flags.contains(BoFlags::WB_MMAP) || coherent()? { Self::None } else { Self::Ranges })
    }
}

impl Device {
    /// Says whether CPU access to BOs of this device that are created with these flags needs cache maintenance,
    /// without one: for the memory types that a driver offers. See [`Bo::cache_maintenance`] for the rule.
    ///
    /// The first call of a device that depends on it asks whether the GPU snoops (DEV_QUERY).
    ///
    /// # Errors
    ///
    /// As for [`gpu_info`](Self::gpu_info).
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
    /// Says whether CPU access to this BO needs cache maintenance.
    ///
    /// [`sync`](Self::sync) and [`Device::sync_bos`](crate::Device::sync_bos) ask this themselves: a driver that
    /// calls them around every access is right everywhere, and pays where it must. This is for what a driver
    /// tells its users, as `HOST_COHERENT` in Vulkan; before there is a BO,
    /// [`Device::cache_maintenance`](crate::Device::cache_maintenance) tells.
    ///
    /// | memory | GPU that snoops | GPU that does not |
    /// |---|---|---|
    /// | of this device, without flags | `None` | `None`: write-combined |
    /// | of this device, [`WB_MMAP`](BoFlags::WB_MMAP) | `None` | `Ranges` |
    /// | [foreign](Self::is_foreign) | `Whole` | `Whole` |
    ///
    /// The first call of a device asks it whether it snoops (DEV_QUERY).
    ///
    /// # Errors
    ///
    /// As for [`Device::gpu_info`](crate::Device::gpu_info).
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
