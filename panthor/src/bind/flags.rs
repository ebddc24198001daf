//! Map flags: GPU access to a mapping.

use panthor_sys as sys;

bitflags::bitflags! {
    /// GPU access rights and caching of a mapping.
    ///
    /// Memory without shader code should be [`NOEXEC`](Self::NOEXEC).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[doc(alias = "drm_panthor_vm_bind_op_flags")]
    pub struct MapFlags: u32 {
        /// The GPU may only read: a write faults.
        #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_MAP_READONLY")]
        const READONLY = sys::DRM_PANTHOR_VM_BIND_OP_MAP_READONLY;
        /// The GPU may not execute shaders from the mapping.
        #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC")]
        const NOEXEC = sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
        /// The GPU's L2 does not cache the mapping.
        #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED")]
        const UNCACHED = sys::DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;
        // Unknown flags of newer drivers pass. Bits that change the operation's type are refused.
        const _ = !0;
    }
}

impl MapFlags {
    /// Bits of the uAPI's `flags` field that select the operation and not its access rights.
    pub(super) const NOT_FLAGS: u32 =
        sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MASK | sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE;
}
