//! The group priorities that the caller may ask for.

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::Result;
use crate::version::Features;

/// The priority of a group among all groups of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_group_priority")]
pub enum GroupPriority {
    /// Behind all others.
    #[doc(alias = "PANTHOR_GROUP_PRIORITY_LOW")]
    Low,
    /// The usual one.
    #[doc(alias = "PANTHOR_GROUP_PRIORITY_MEDIUM")]
    Medium,
    /// Before others; for privileged callers.
    #[doc(alias = "PANTHOR_GROUP_PRIORITY_HIGH")]
    High,
    /// Before all others; for privileged callers (driver 1.2).
    #[doc(alias = "PANTHOR_GROUP_PRIORITY_REALTIME")]
    Realtime,
}

impl GroupPriority {
    /// All, the lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Realtime];

    /// Its number in the uAPI.
    pub fn as_raw(self) -> u8 {
        match self {
            Self::Low => sys::PANTHOR_GROUP_PRIORITY_LOW,
            Self::Medium => sys::PANTHOR_GROUP_PRIORITY_MEDIUM,
            Self::High => sys::PANTHOR_GROUP_PRIORITY_HIGH,
            Self::Realtime => sys::PANTHOR_GROUP_PRIORITY_REALTIME,
        }
    }
}

/// The priorities that this process may give to its groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(alias = "drm_panthor_group_priorities_info")]
pub struct GroupPriorities {
    mask: u8,
    assumed: bool,
}

impl GroupPriorities {
    /// What every process may use: below driver 1.2 nobody tells whether it may use more.
    const EVERYBODY: Self = Self {
        mask: 1 << sys::PANTHOR_GROUP_PRIORITY_LOW | 1 << sys::PANTHOR_GROUP_PRIORITY_MEDIUM,
        assumed: true,
    };

    /// Whether the driver could not say, below 1.2: then these are the ones for everybody, and a privileged
    /// process may use [`High`](GroupPriority::High), too.
    pub fn is_assumed(&self) -> bool {
        self.assumed
    }

    /// Whether a group of this priority would be allowed.
    pub fn allows(&self, priority: GroupPriority) -> bool {
        self.mask & 1 << priority.as_raw() != 0
    }

    /// The highest one allowed.
    pub fn highest(&self) -> Option<GroupPriority> {
        GroupPriority::ALL.into_iter().rfind(|&priority| self.allows(priority))
    }

    /// A bit for each priority's number.
    pub fn mask(&self) -> u8 {
        self.mask
    }
}

impl Device {
    /// Asks for the group priorities that the caller may use (DEV_QUERY, GROUP_PRIORITIES_INFO); below driver 1.2
    /// those that everybody may use are [assumed](GroupPriorities::is_assumed).
    ///
    /// The higher ones take CAP_SYS_NICE, or being the DRM master.
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    ///
    /// ```
    /// use panthor::GroupPriority;
    /// let allowed = panthor::Device::open_fake()?.group_priorities()?;
    /// assert!(allowed.allows(GroupPriority::Medium));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO")]
    pub fn group_priorities(&self) -> Result<GroupPriorities> {
        if !self.features().contains(Features::GROUP_PRIORITIES) {
            return Ok(GroupPriorities::EVERYBODY);
        }
        let mut raw = sys::drm_panthor_group_priorities_info::zeroed();
        self.transport().query(sys::DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO, &mut raw)?;
        Ok(GroupPriorities { mask: raw.allowed_mask, assumed: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_has_a_bit_for_each() {
        let with = |mask| GroupPriorities { mask, assumed: false };
        let usual = GroupPriorities::EVERYBODY;
        assert!(usual.allows(GroupPriority::Low) && usual.allows(GroupPriority::Medium));
        assert!(!usual.allows(GroupPriority::High) && !usual.allows(GroupPriority::Realtime));
        assert_eq!(usual.highest(), Some(GroupPriority::Medium));
        assert_eq!(with(0b1111).highest(), Some(GroupPriority::Realtime));
        assert_eq!(with(0).highest(), None);
    }
}
