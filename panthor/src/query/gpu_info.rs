//! GPU properties: model, cores, caches, coherency.

use std::fmt;
use std::mem::offset_of;

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::model;
use crate::device::Device;
use crate::error::Result;
use crate::version::Features;

/// GPU properties that the driver reports.
///
/// Fields that the running driver does not report are `None`, not 0.
///
/// ```
/// let device = panthor::Device::open_fake()?;
/// let gpu = device.gpu_info()?;
/// assert_eq!(gpu.model_name(), "Mali-G610");
/// assert_eq!(gpu.arch().to_string(), "10.8.6");
/// assert_eq!(gpu.va_bits(), 48);
/// println!("{} shader cores", gpu.shader_present().count_ones());
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(alias = "drm_panthor_gpu_info")]
pub struct GpuInfo {
    raw: sys::drm_panthor_gpu_info,
    /// Bytes of `raw` that the driver fills.
    known: usize,
    features: Features,
}

/// Mali architecture version: `major.minor.rev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arch {
    /// Major version: 10 to 14 for the GPUs that Panthor supports.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
    /// Revision.
    pub rev: u32,
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.rev)
    }
}

/// Coherency protocol between the caches of GPU and CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_gpu_coherency")]
pub enum Coherency {
    /// The GPU snoops the CPU's caches.
    #[doc(alias = "DRM_PANTHOR_GPU_COHERENCY_ACE_LITE")]
    AceLite,
    /// GPU and CPU snoop each other's caches.
    #[doc(alias = "DRM_PANTHOR_GPU_COHERENCY_ACE")]
    Ace,
    /// No coherency: software maintains the caches.
    #[doc(alias = "DRM_PANTHOR_GPU_COHERENCY_NONE")]
    None,
    /// A protocol unknown to this crate.
    Unknown(u32),
}

impl Coherency {
    fn from_raw(raw: u32) -> Self {
        match raw {
            sys::DRM_PANTHOR_GPU_COHERENCY_ACE_LITE => Self::AceLite,
            sys::DRM_PANTHOR_GPU_COHERENCY_ACE => Self::Ace,
            sys::DRM_PANTHOR_GPU_COHERENCY_NONE => Self::None,
            other => Self::Unknown(other),
        }
    }
}

impl Device {
    /// Returns the GPU's properties (DEV_QUERY, GPU_INFO).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    #[doc(alias = "DRM_PANTHOR_DEV_QUERY_GPU_INFO")]
    pub fn gpu_info(&self) -> Result<GpuInfo> {
        let kind = sys::DRM_PANTHOR_DEV_QUERY_GPU_INFO;
        // The driver zero-fills unknown fields silently. Its own struct size reveals them.
        let known = self.transport().query_size(kind)?.unwrap_or(0);
        let mut raw = sys::drm_panthor_gpu_info::zeroed();
        self.transport().query(kind, &mut raw)?;
        Ok(GpuInfo { raw, known, features: self.features() })
    }
}

impl GpuInfo {
    fn field<T>(&self, offset: usize, value: T) -> Option<T> {
        (offset + size_of::<T>() <= self.known).then_some(value)
    }

    /// Returns the GPU_ID register: architecture, product and version.
    pub fn id(&self) -> u32 {
        self.raw.gpu_id
    }

    /// Returns the architecture version, a part of [`id`](Self::id).
    #[doc(alias = "DRM_PANTHOR_ARCH_MAJOR")]
    pub fn arch(&self) -> Arch {
        Arch {
            major: sys::drm_panthor_arch_major(self.raw.gpu_id),
            minor: sys::drm_panthor_arch_minor(self.raw.gpu_id),
            rev: sys::drm_panthor_arch_rev(self.raw.gpu_id),
        }
    }

    /// Returns the product number within the architecture, a part of [`id`](Self::id).
    #[doc(alias = "DRM_PANTHOR_PRODUCT_MAJOR")]
    pub fn product(&self) -> u32 {
        sys::drm_panthor_product_major(self.raw.gpu_id)
    }

    /// Returns the marketing name (`Mali-G610`), or `Mali (unknown)` for a product unknown to this
    /// crate.
    ///
    /// Some products have several names, which depend on the number of cores and on ray tracing.
    pub fn model_name(&self) -> &'static str {
        model::name(
            self.arch().major,
            self.product(),
            self.raw.shader_present.count_ones(),
            self.gpu_features(),
        )
    }

    /// Returns the GPU's revision register.
    pub fn revision(&self) -> u32 {
        self.raw.gpu_rev
    }

    /// Returns the ID of the command stream frontend.
    ///
    /// The functions `drm_panthor_cshw_*` and `drm_panthor_mcu_*` of panthor-sys decode the ID.
    pub fn csf_id(&self) -> u32 {
        self.raw.csf_id
    }

    /// Returns the L2_FEATURES register.
    pub fn l2_features(&self) -> u32 {
        self.raw.l2_features
    }

    /// Returns the TILER_FEATURES register.
    pub fn tiler_features(&self) -> u32 {
        self.raw.tiler_features
    }

    /// Returns the MEM_FEATURES register.
    pub fn mem_features(&self) -> u32 {
        self.raw.mem_features
    }

    /// Returns the MMU_FEATURES register.
    pub fn mmu_features(&self) -> u32 {
        self.raw.mmu_features
    }

    /// Returns the number of bits of a GPU VA, a part of [`mmu_features`](Self::mmu_features).
    #[doc(alias = "DRM_PANTHOR_MMU_VA_BITS")]
    pub fn va_bits(&self) -> u32 {
        sys::drm_panthor_mmu_va_bits(self.raw.mmu_features)
    }

    /// Returns the number of bits of a physical address, a part of
    /// [`mmu_features`](Self::mmu_features).
    pub fn pa_bits(&self) -> u32 {
        self.raw.mmu_features >> 8 & 0xff
    }

    /// Returns the THREAD_FEATURES register.
    pub fn thread_features(&self) -> u32 {
        self.raw.thread_features
    }

    /// Returns the maximum number of threads per core.
    pub fn max_threads(&self) -> u32 {
        self.raw.max_threads
    }

    /// Returns the maximum number of threads per workgroup.
    pub fn thread_max_workgroup_size(&self) -> u32 {
        self.raw.thread_max_workgroup_size
    }

    /// Returns the maximum number of threads that can wait on a barrier at once.
    pub fn thread_max_barrier_size(&self) -> u32 {
        self.raw.thread_max_barrier_size
    }

    /// Returns the COHERENCY_FEATURES register, a mask of supported protocols.
    pub fn coherency_features(&self) -> u32 {
        self.raw.coherency_features
    }

    /// Returns the coherency protocol in use, which also depends on the board (driver 1.7).
    pub fn selected_coherency(&self) -> Option<Coherency> {
        // The field replaced padding, so the version and not the struct's size reveals it.
        self.features
            .contains(Features::SELECTED_COHERENCY)
            .then(|| Coherency::from_raw(self.raw.selected_coherency))
    }

    /// Returns the four TEXTURE_FEATURES registers, a mask of compressed formats.
    pub fn texture_features(&self) -> [u32; 4] {
        self.raw.texture_features
    }

    /// Returns the mask of hardware address spaces.
    pub fn as_present(&self) -> u32 {
        self.raw.as_present
    }

    /// Returns the mask of shader cores.
    pub fn shader_present(&self) -> u64 {
        self.raw.shader_present
    }

    /// Returns the mask of L2 cache slices.
    pub fn l2_present(&self) -> u64 {
        self.raw.l2_present
    }

    /// Returns the mask of tiler units.
    pub fn tiler_present(&self) -> u64 {
        self.raw.tiler_present
    }

    /// Returns the CORE_FEATURES register, which distinguishes variants of a core.
    pub fn core_features(&self) -> Option<u32> {
        self.field(offset_of!(sys::drm_panthor_gpu_info, core_features), self.raw.core_features)
    }

    /// Returns the GPU_FEATURES register (architecture 11 and later).
    pub fn gpu_features(&self) -> Option<u64> {
        self.field(offset_of!(sys::drm_panthor_gpu_info, gpu_features), self.raw.gpu_features)
    }

    /// Returns the driver's struct. Fields that the driver does not know are 0.
    pub fn as_raw(&self) -> &sys::drm_panthor_gpu_info {
        &self.raw
    }
}

impl fmt::Debug for GpuInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GpuInfo")
            .field("model_name", &self.model_name())
            .field("arch", &self.arch())
            .field("raw", &self.raw)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns GPU info with a different value in each field.
    fn info(known: usize, features: Features) -> GpuInfo {
        let raw = sys::drm_panthor_gpu_info {
            gpu_id: 0xa867_0005,
            gpu_rev: 2,
            csf_id: 3,
            l2_features: 4,
            tiler_features: 5,
            mem_features: 6,
            mmu_features: 0x2830,
            thread_features: 8,
            max_threads: 9,
            thread_max_workgroup_size: 10,
            thread_max_barrier_size: 11,
            coherency_features: 12,
            texture_features: [13, 14, 15, 16],
            as_present: 17,
            selected_coherency: 1,
            shader_present: 19,
            l2_present: 20,
            tiler_present: 21,
            core_features: 22,
            pad: 0,
            gpu_features: 23,
        };
        GpuInfo { raw, known, features }
    }

    #[test]
    fn every_field_is_its_own() {
        let gpu = info(size_of::<sys::drm_panthor_gpu_info>(), Features::all());
        assert_eq!((gpu.arch().to_string().as_str(), gpu.product()), ("10.8.6", 7));
        assert_eq!((gpu.revision(), gpu.csf_id(), gpu.l2_features()), (2, 3, 4));
        assert_eq!((gpu.tiler_features(), gpu.mem_features()), (5, 6));
        assert_eq!((gpu.mmu_features(), gpu.va_bits(), gpu.pa_bits()), (0x2830, 48, 40));
        assert_eq!((gpu.thread_features(), gpu.max_threads()), (8, 9));
        assert_eq!((gpu.thread_max_workgroup_size(), gpu.thread_max_barrier_size()), (10, 11));
        assert_eq!((gpu.coherency_features(), gpu.texture_features()), (12, [13, 14, 15, 16]));
        assert_eq!((gpu.as_present(), gpu.shader_present()), (17, 19));
        assert_eq!((gpu.l2_present(), gpu.tiler_present()), (20, 21));
        assert_eq!((gpu.core_features(), gpu.gpu_features()), (Some(22), Some(23)));
        assert_eq!(gpu.selected_coherency(), Some(Coherency::Ace));
    }

    #[test]
    fn what_the_driver_does_not_know_is_none() {
        let tiler_present = offset_of!(sys::drm_panthor_gpu_info, tiler_present) + 8;
        let old = info(tiler_present, Features::empty());
        assert_eq!((old.tiler_present(), old.selected_coherency()), (21, None));
        assert_eq!((old.core_features(), old.gpu_features()), (None, None));
        let newer = info(tiler_present + 8, Features::empty());
        assert_eq!((newer.core_features(), newer.gpu_features()), (Some(22), None));
        // A future driver reports a larger size.
        assert_eq!(info(4096, Features::all()).gpu_features(), Some(23));
    }
}
