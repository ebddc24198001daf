//! Command stream interface.

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::Result;

/// Command stream resources of the firmware and the hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_csif_info")]
pub struct CsifInfo {
    /// CSG slots: groups that can be on the hardware at once.
    pub csg_slot_count: u32,
    /// CS slots: queues of a group.
    pub cs_slot_count: u32,
    /// Registers of a command stream.
    pub cs_reg_count: u32,
    /// Scoreboard slots of a command stream.
    pub scoreboard_slot_count: u32,
    /// Number of last registers that the kernel overwrites when it calls a submitted stream.
    pub unpreserved_cs_reg_count: u32,
}

impl Device {
    /// Returns the properties of the command stream interface (DEV_QUERY, CSIF_INFO).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    ///
    /// ```
    /// let csif = panthor::Device::open_fake()?.csif_info()?;
    /// assert!(csif.cs_slot_count > 0);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_PANTHOR_DEV_QUERY_CSIF_INFO")]
    pub fn csif_info(&self) -> Result<CsifInfo> {
        let mut raw = sys::drm_panthor_csif_info::zeroed();
        self.transport().query(sys::DRM_PANTHOR_DEV_QUERY_CSIF_INFO, &mut raw)?;
        Ok(CsifInfo::of(&raw))
    }
}

impl CsifInfo {
    fn of(raw: &sys::drm_panthor_csif_info) -> Self {
        Self {
            csg_slot_count: raw.csg_slot_count,
            cs_slot_count: raw.cs_slot_count,
            cs_reg_count: raw.cs_reg_count,
            scoreboard_slot_count: raw.scoreboard_slot_count,
            unpreserved_cs_reg_count: raw.unpreserved_cs_reg_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_its_own() {
        let raw = sys::drm_panthor_csif_info {
            csg_slot_count: 1,
            cs_slot_count: 2,
            cs_reg_count: 3,
            scoreboard_slot_count: 4,
            unpreserved_cs_reg_count: 5,
            pad: 0,
        };
        let csif = CsifInfo::of(&raw);
        assert_eq!((csif.csg_slot_count, csif.cs_slot_count, csif.cs_reg_count), (1, 2, 3));
        assert_eq!((csif.scoreboard_slot_count, csif.unpreserved_cs_reg_count), (4, 5));
    }
}
