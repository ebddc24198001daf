//! How a VM is.

/// Whether a VM takes new mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_vm_state")]
pub enum VmState {
    /// It does.
    #[doc(alias = "DRM_PANTHOR_VM_STATE_USABLE")]
    Usable,
    /// An asynchronous operation failed as it ran: only synchronous unmapping works, and jobs on it fail. Make
    /// a new one.
    #[doc(alias = "DRM_PANTHOR_VM_STATE_UNUSABLE")]
    Unusable,
    /// A state that this crate does not know, by its number.
    Unknown(u32),
}
