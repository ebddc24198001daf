//! When the CPU's caches need maintenance.

use super::{Bo, BoFlags};
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
    /// The same by the driver that the memory comes from, which knows whole BOs only.
    Whole,
}

impl CacheMaintenance {
    /// The rule. A CPU mapping is write-combined unless it was asked for otherwise, and cached wherever the GPU
    /// snoops; another driver's memory may be either.
    fn of(foreign: bool, flags: BoFlags, coherent: impl FnOnce() -> Result<bool>) -> Result<Self> {
        Ok(if foreign {
            Self::Whole
        } else if !flags.contains(BoFlags::WB_MMAP) || coherent()? {
            Self::None
        } else {
            Self::Ranges
        })
    }
}

impl Bo {
    /// Says whether CPU access to this BO needs cache maintenance.
    ///
    /// [`sync`](Self::sync) and [`Device::sync_bos`](crate::Device::sync_bos) ask this themselves: a driver that
    /// calls them around every access is right everywhere, and pays where it must. This is for what a driver
    /// tells its users, as `HOST_COHERENT` in Vulkan.
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
        CacheMaintenance::of(self.is_foreign(), self.flags(), || self.device().is_coherent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        use CacheMaintenance::{None, Ranges, Whole};
        for (foreign, flags, coherent, needed) in [
            (false, BoFlags::empty(), false, None),
            (false, BoFlags::empty(), true, None),
            (false, BoFlags::NO_MMAP, false, None),
            (false, BoFlags::WB_MMAP, false, Ranges),
            (false, BoFlags::WB_MMAP, true, None),
            (true, BoFlags::empty(), false, Whole),
            (true, BoFlags::WB_MMAP, true, Whole),
        ] {
            let answer = CacheMaintenance::of(foreign, flags, || Ok(coherent)).unwrap();
            assert_eq!(answer, needed, "{foreign} {flags:?} {coherent}");
        }
    }
}
