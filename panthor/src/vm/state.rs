//! VM states.

/// State of a VM (VM_GET_STATE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_vm_state")]
pub enum VmState {
    /// The VM accepts new mappings.
    #[doc(alias = "DRM_PANTHOR_VM_STATE_USABLE")]
    Usable,
    /// An asynchronous operation failed while running. Only synchronous unmaps work, and jobs on
    /// the VM fail. Create a new VM.
    #[doc(alias = "DRM_PANTHOR_VM_STATE_UNUSABLE")]
    Unusable,
    /// A driver state unknown to this crate.
    Unknown(u32),
}
