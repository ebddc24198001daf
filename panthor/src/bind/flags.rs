//! What the GPU may do with a mapping.

use panthor_sys as sys;

bitflags::bitflags! {
    /// What the GPU may do with a mapping.
    ///
    /// Memory that shaders do not run from should be [`NOEXEC`](Self::NOEXEC).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[doc(alias = "drm_panthor_vm_bind_op_flags")]
    pub struct MapFlags: u32 {
        /// The GPU reads only: a write faults.
        #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_MAP_READONLY")]
        const READONLY = sys::DRM_PANTHOR_VM_BIND_OP_MAP_READONLY;
        /// Shaders do not run from it.
        #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC")]
        const NOEXEC = sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
        /// The GPU's L2 does not cache it.
        #[doc(alias = "DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED")]
        const UNCACHED = sys::DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;
        // A newer driver may know more; the ones that change what an operation is are refused.
        const _ = !0;
    }
}

impl MapFlags {
    /// Bits of the uAPI's field that do not say how memory is mapped but what the operation is.
    pub(super) const NOT_FLAGS: u32 =
        sys::DRM_PANTHOR_VM_BIND_OP_TYPE_MASK | sys::DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE;
}
