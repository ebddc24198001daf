//! State of a group.

use panthor_sys as sys;

bitflags::bitflags! {
    /// Faults and timeouts of a group.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[doc(alias = "drm_panthor_group_state_flags")]
    pub struct GroupFlags: u32 {
        /// A job timed out, or the group did not survive a reset.
        #[doc(alias = "DRM_PANTHOR_GROUP_STATE_TIMEDOUT")]
        const TIMED_OUT = sys::DRM_PANTHOR_GROUP_STATE_TIMEDOUT;
        /// A queue had an unrecoverable fault.
        #[doc(alias = "DRM_PANTHOR_GROUP_STATE_FATAL_FAULT")]
        const FATAL_FAULT = sys::DRM_PANTHOR_GROUP_STATE_FATAL_FAULT;
        /// A reset that another group caused killed the group, which also has
        /// [`TIMED_OUT`](Self::TIMED_OUT) (driver 1.3).
        #[doc(alias = "DRM_PANTHOR_GROUP_STATE_INNOCENT")]
        const INNOCENT = sys::DRM_PANTHOR_GROUP_STATE_INNOCENT;
        // Newer drivers may report more.
        const _ = !0;
    }
}

/// Result of [`Group::state`](crate::Group::state).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_group_get_state")]
pub struct GroupState {
    /// Faults and timeouts, empty for a healthy group.
    pub flags: GroupFlags,
    /// Mask of the queues with a fatal fault.
    pub fatal_queues: u32,
}

impl GroupState {
    /// Returns whether the group accepts submissions. An unusable group never recovers: create a
    /// new one.
    pub fn is_usable(&self) -> bool {
        let fatal = GroupFlags::TIMED_OUT | GroupFlags::FATAL_FAULT;
        !self.flags.intersects(fatal) && self.fatal_queues == 0
    }

    /// Returns the indices of the queues with a fatal fault, in ascending order.
    pub fn fatal_queue_indices(&self) -> impl Iterator<Item = u32> + use<> {
        let mask = self.fatal_queues;
        (0..u32::BITS).filter(move |queue| mask >> queue & 1 != 0)
    }

    /// Returns the reason why the group refuses submissions.
    pub(super) fn describe(&self) -> &'static str {
        if self.flags.contains(GroupFlags::INNOCENT) {
            "the group was killed by a reset that another one caused"
        } else if self.flags.contains(GroupFlags::FATAL_FAULT) {
            // On some drivers, a faulted group is also timed out.
            "a queue of the group met a fatal fault"
        } else {
            "the group timed out"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(flags: u32, fatal_queues: u32) -> GroupState {
        GroupState { flags: GroupFlags::from_bits_retain(flags), fatal_queues }
    }

    #[test]
    fn usable_is_what_neither_timed_out_nor_faulted() {
        assert!(state(0, 0).is_usable());
        for flags in [1, 2, 3, 5] {
            assert!(!state(flags, 0).is_usable(), "{flags}");
        }
        assert!(!state(2, 1).is_usable());
        // Unknown flags of a newer driver do not make a group unusable.
        let newer = state(1 << 20, 0);
        assert!(newer.is_usable());
        assert_eq!(newer.flags.bits(), 1 << 20);
    }

    #[test]
    fn fatal_queues_by_index() {
        let indices = |mask| state(2, mask).fatal_queue_indices().collect::<Vec<_>>();
        assert!(indices(0).is_empty());
        assert_eq!(indices(0x8000_0005), [0, 2, 31]);
    }

    #[test]
    fn the_reason_names_the_culprit() {
        assert!(state(5, 0).describe().contains("another"));
        assert!(state(1, 0).describe().contains("timed out"));
        assert!(state(2, 4).describe().contains("fault"));
    }
}
