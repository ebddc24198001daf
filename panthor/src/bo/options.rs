//! BO creation options.

use panthor_sys as sys;

use crate::vm::Vm;

bitflags::bitflags! {
    /// The creation flags of a BO.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[doc(alias = "drm_panthor_bo_flags")]
    pub struct BoFlags: u32 {
        /// The CPU never maps the BO.
        #[doc(alias = "DRM_PANTHOR_BO_NO_MMAP")]
        const NO_MMAP = sys::DRM_PANTHOR_BO_NO_MMAP;
        /// The CPU maps the BO write-back, also when the GPU is not coherent (driver 1.7).
        #[doc(alias = "DRM_PANTHOR_BO_WB_MMAP")]
        const WB_MMAP = sys::DRM_PANTHOR_BO_WB_MMAP;
        // A newer driver may know more.
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
    /// A BO of at least `size` bytes: from 1 up, rounded up to the CPU's page size.
    pub fn new(size: u64) -> Self {
        Self { size, flags: BoFlags::empty(), exclusive_to: None }
    }

    /// Binds the BO to one VM for good: it is cheaper to bind and submit with, and cannot be exported.
    #[doc(alias = "exclusive_vm_id")]
    pub fn exclusive_to(mut self, vm: &'a Vm) -> Self {
        self.exclusive_to = Some(vm);
        self
    }

    /// Sets all creation flags, in place of those set before: for flags that another part of a driver has chosen, as a
    /// Vulkan memory type.
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

    /// Promises that the CPU will never map the BO. Excludes [`wb_mmap`](Self::wb_mmap).
    #[doc(alias = "DRM_PANTHOR_BO_NO_MMAP")]
    pub fn no_mmap(mut self) -> Self {
        self.flags |= BoFlags::NO_MMAP;
        self
    }

    /// Asks for write-back CPU mappings (driver 1.7): fast to read, but unless the GPU is coherent
    /// [`Bo::sync`](crate::Bo::sync) is needed. Excludes [`no_mmap`](Self::no_mmap).
    #[doc(alias = "DRM_PANTHOR_BO_WB_MMAP")]
    pub fn wb_mmap(mut self) -> Self {
        self.flags |= BoFlags::WB_MMAP;
        self
    }
}
