//! BO creation options.

use panthor_sys as sys;

use crate::vm::Vm;

bitflags::bitflags! {
    /// BO creation flags.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[doc(alias = "drm_panthor_bo_flags")]
    pub struct BoFlags: u32 {
        /// The CPU never maps the BO.
        #[doc(alias = "DRM_PANTHOR_BO_NO_MMAP")]
        const NO_MMAP = sys::DRM_PANTHOR_BO_NO_MMAP;
        /// The CPU maps the BO write-back, also when the GPU is not coherent (driver 1.7).
        #[doc(alias = "DRM_PANTHOR_BO_WB_MMAP")]
        const WB_MMAP = sys::DRM_PANTHOR_BO_WB_MMAP;
        // Newer drivers may have more flags.
        const _ = !0;
    }
}

/// BO creation options.
#[derive(Debug, Clone)]
pub struct BoOptions<'a> {
    pub(super) size: u64,
    pub(super) flags: BoFlags,
    pub(super) exclusive_to: Option<&'a Vm>,
}

impl<'a> BoOptions<'a> {
    /// Creates options for a BO of `size` bytes, at least 1, rounded up to the CPU's page size.
    pub fn new(size: u64) -> Self {
        Self { size, flags: BoFlags::empty(), exclusive_to: None }
    }

    /// Makes the BO exclusive to one VM.
    ///
    /// An exclusive BO is cheaper to bind and to submit with, and cannot be exported.
    #[doc(alias = "exclusive_vm_id")]
    pub fn exclusive_to(mut self, vm: &'a Vm) -> Self {
        self.exclusive_to = Some(vm);
        self
    }

    /// Replaces all creation flags, for example with those of a Vulkan memory type.
    ///
    /// ```
    /// use panthor::{BoFlags, BoOptions, CacheMaintenance};
    /// # let device = panthor::Device::open_fake()?;
    /// let memory_type = BoFlags::WB_MMAP;
    /// assert_eq!(device.cache_maintenance(memory_type)?, CacheMaintenance::Ranges);
    /// let bo = device.create_bo(BoOptions::new(1 << 20).flags(memory_type))?;
    /// assert_eq!(bo.flags(), memory_type);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "drm_panthor_bo_flags")]
    pub fn flags(mut self, flags: BoFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Disables CPU mappings of the BO. Excludes [`wb_mmap`](Self::wb_mmap).
    #[doc(alias = "DRM_PANTHOR_BO_NO_MMAP")]
    pub fn no_mmap(mut self) -> Self {
        self.flags |= BoFlags::NO_MMAP;
        self
    }

    /// Requests write-back CPU mappings (driver 1.7). Excludes [`no_mmap`](Self::no_mmap).
    ///
    /// CPU reads are fast. Unless the GPU is coherent, accesses need
    /// [`Bo::sync`](crate::Bo::sync).
    #[doc(alias = "DRM_PANTHOR_BO_WB_MMAP")]
    pub fn wb_mmap(mut self) -> Self {
        self.flags |= BoFlags::WB_MMAP;
        self
    }
}
