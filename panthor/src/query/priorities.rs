//! Group priorities and their permissions.

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::Result;
use crate::version::Features;

/// Priority of a group among all groups of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_group_priority")]
pub enum GroupPriority {
    /// Lower than all others.
    #[doc(alias = "PANTHOR_GROUP_PRIORITY_LOW")]
    Low,
    /// Default priority.
    #[doc(alias = "PANTHOR_GROUP_PRIORITY_MEDIUM")]
    Medium,
    /// Higher than the default, for privileged processes.
    #[doc(alias = "PANTHOR_GROUP_PRIORITY_HIGH")]
    High,
    /// Higher than all others, for privileged processes (driver 1.2).
    #[doc(alias = "PANTHOR_GROUP_PRIORITY_REALTIME")]
    Realtime,
}

impl GroupPriority {
    /// All priorities in ascending order.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Realtime];

    /// Returns the uAPI's number.
    pub fn as_raw(self) -> u8 {
        match self {
            Self::Low => sys::PANTHOR_GROUP_PRIORITY_LOW,
            Self::Medium => sys::PANTHOR_GROUP_PRIORITY_MEDIUM,
            Self::High => sys::PANTHOR_GROUP_PRIORITY_HIGH,
            Self::Realtime => sys::PANTHOR_GROUP_PRIORITY_REALTIME,
        }
    }
}

/// Group priorities that this process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(alias = "drm_panthor_group_priorities_info")]
pub struct GroupPriorities {
    mask: u8,
    assumed: bool,
}

impl GroupPriorities {
    /// Priorities of every process. Below driver 1.2, the driver does not report further ones.
    const EVERYBODY: Self = Self {
        mask: 1 << sys::PANTHOR_GROUP_PRIORITY_LOW | 1 << sys::PANTHOR_GROUP_PRIORITY_MEDIUM,
        assumed: true,
    };

    /// Returns whether the priorities are assumed, as below driver 1.2.
    ///
    /// Assumed priorities are those of every process. A privileged process may also use
    /// [`High`](GroupPriority::High) then.
    pub fn is_assumed(&self) -> bool {
        self.assumed
    }

    /// Returns whether a group may have this priority.
    pub fn allows(&self, priority: GroupPriority) -> bool {
        self.mask & 1 << priority.as_raw() != 0
    }

    /// Returns the highest allowed priority.
    pub fn highest(&self) -> Option<GroupPriority> {
        GroupPriority::ALL.into_iter().rfind(|&priority| self.allows(priority))
    }

    /// Returns the mask of allowed priorities, by the uAPI's numbers.
    pub fn mask(&self) -> u8 {
        self.mask
    }
}

impl Device {
    /// Returns the group priorities that this process may use (DEV_QUERY, GROUP_PRIORITIES_INFO).
    ///
    /// Below driver 1.2, the priorities are [assumed](GroupPriorities::is_assumed). Priorities
    /// above [`Medium`](GroupPriority::Medium) need CAP_SYS_NICE or the DRM master.
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
