//! Configuration of a fake device.

use std::time::Duration;

use crate::device::gpu_model::Gpu;

/// The CPU page size of the emulated kernel.
///
/// BO sizes and the flush ID mapping are multiples of this size. GPU virtual addresses always have
/// a granularity of 4 KiB.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PageSize {
    /// 4 KiB.
    #[default]
    K4,
    /// 16 KiB.
    K16,
    /// 64 KiB.
    K64,
}

impl PageSize {
    /// Returns the size in bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::K4 => 4 << 10,
            Self::K16 => 16 << 10,
            Self::K64 => 64 << 10,
        }
    }

    /// Returns the largest array, in bytes, that the kernel allocates in one piece: the largest
    /// page order of a 64-bit Arm kernel with this page size.
    pub(crate) const fn array_max(self) -> u64 {
        match self {
            Self::K4 => 4 << 20,
            Self::K16 => 32 << 20,
            Self::K64 => 512 << 20,
        }
    }
}

/// The options of [`Device::new`](crate::Device::new).
///
/// The default is a Mali-G610 driven by Panthor 1.9 on a kernel with 4 KiB pages and 8 GiB of
/// memory.
///
/// ```
/// use panthor_fake::{Config, Device, Gpu, PageSize};
///
/// let old = Config::default().gpu(Gpu::G310).driver_minor(0).page_size(PageSize::K16);
/// let device = Device::new(old)?;
/// assert_eq!(device.config().version(), (1, 0));
/// assert_eq!(device.config().gpu_model(), Gpu::G310);
/// assert_eq!(device.config().cpu_page_size().bytes(), 16 << 10);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) gpu: Gpu,
    pub(crate) driver_name: String,
    pub(crate) driver_description: &'static str,
    pub(crate) only_queries: bool,
    pub(crate) driver_major: i32,
    pub(crate) driver_minor: u32,
    pub(crate) sparse_in_1_8: bool,
    pub(crate) page_size: PageSize,
    pub(crate) memory: u64,
    pub(crate) swap: bool,
    pub(crate) coherent: bool,
    pub(crate) high_priority: bool,
    pub(crate) administrator: bool,
    pub(crate) start_held: bool,
    pub(crate) profiling: u32,
    pub(crate) stream_time: Duration,
    pub(crate) null_calls: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            gpu: Gpu::G610,
            driver_name: String::from("panthor"),
            driver_description: "Panthor DRM driver",
            only_queries: false,
            driver_major: 1,
            driver_minor: Self::NEWEST_MINOR,
            sparse_in_1_8: false,
            page_size: PageSize::K4,
            memory: 8 << 30,
            swap: false,
            coherent: false,
            high_priority: false,
            administrator: false,
            start_held: false,
            profiling: 0,
            stream_time: Duration::ZERO,
            null_calls: false,
        }
    }
}

impl Config {
    /// The newest minor version that the fake supports.
    pub const NEWEST_MINOR: u32 = 9;

    /// Sets the GPU model.
    #[must_use]
    pub fn gpu(mut self, gpu: Gpu) -> Self {
        self.gpu = gpu;
        self
    }

    /// Sets the minor version of the driver, 0 to [`Config::NEWEST_MINOR`]; the major is 1.
    ///
    /// Flags, queries, structure sizes and ioctls follow the version.
    /// [`Device::new`](crate::Device::new) fails for an unsupported version.
    #[must_use]
    pub fn driver_minor(mut self, minor: u32) -> Self {
        self.driver_minor = minor;
        self
    }

    /// Sets the major version that `DRM_IOCTL_VERSION` reports. Tests of a client's version check
    /// need another major. The behavior stays that of major 1.
    #[must_use]
    pub fn driver_major(mut self, major: i32) -> Self {
        self.driver_major = major;
        self
    }

    /// Sets the name that `DRM_IOCTL_VERSION` reports. Tests of a client's driver check need
    /// another name.
    #[must_use]
    pub fn driver_name(mut self, name: impl Into<String>) -> Self {
        self.driver_name = name.into();
        self
    }

    /// Emulates Tyr, the Rust driver of Linux 7.3, which has Panthor's name and lacks most of its
    /// uAPI. The version is 1.5, the description differs, and `DEV_QUERY` is the only driver ioctl.
    /// DRM answers the others with `EINVAL`.
    ///
    /// ```
    /// use panthor_fake::{Config, Device};
    ///
    /// let device = Device::new(Config::default().tyr())?;
    /// assert_eq!(device.config().version(), (1, 5));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn tyr(mut self) -> Self {
        self.driver_minor = 5;
        self.driver_description = "ARM Mali Tyr DRM driver";
        self.only_queries = true;
        self
    }

    /// Makes a 1.8 driver accept sparse map operations, as the driver of Linux 7.2 does without
    /// reporting them. Other versions ignore this option.
    #[must_use]
    pub fn sparse_in_1_8(mut self, accept: bool) -> Self {
        self.sparse_in_1_8 = accept;
        self
    }

    /// Sets the CPU page size of the emulated kernel.
    ///
    /// With a size below the host's page size, [`File::mmap`](crate::File::mmap) fails for ranges
    /// that the host cannot map.
    #[must_use]
    pub fn page_size(mut self, page_size: PageSize) -> Self {
        self.page_size = page_size;
        self
    }

    /// Sets the memory limit of the GPU in bytes. Resident BOs, and the page tables that a running
    /// VM_BIND needs, must fit; otherwise the call fails with `ENOMEM`. No memory is reserved.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets whether the emulated kernel has unlimited swap space. With swap, a call that finds no
    /// memory first evicts idle BOs, as [`Device::reclaim`](crate::Device::reclaim) does, and fails
    /// with `ENOMEM` only if memory is still short. Without swap, the default, only that function
    /// evicts. Drivers before 1.8 never evict.
    #[must_use]
    pub fn swap(mut self, swap: bool) -> Self {
        self.swap = swap;
        self
    }

    /// Sets whether the GPU is I/O coherent. Only the GPU info query reports this.
    #[must_use]
    pub fn coherent(mut self, coherent: bool) -> Self {
        self.coherent = coherent;
        self
    }

    /// Sets whether clients may create groups of high and realtime priority, as with
    /// `CAP_SYS_NICE`. The master of the primary node always may.
    /// [`Device::set_high_priority`](crate::Device::set_high_priority) changes this later.
    #[must_use]
    pub fn high_priority(mut self, allowed: bool) -> Self {
        self.high_priority = allowed;
        self
    }

    /// Sets whether clients have `CAP_SYS_ADMIN`. With it, files on the primary node are
    /// authenticated, and may become master without prior authentication.
    /// [`Device::set_administrator`](crate::Device::set_administrator) changes this later.
    #[must_use]
    pub fn administrator(mut self, administrator: bool) -> Self {
        self.administrator = administrator;
        self
    }

    /// Sets whether the queues of new VMs and groups start held, as by
    /// [`GpuView::hold`](crate::GpuView::hold) and [`GroupView::hold`](crate::GroupView::hold). The
    /// default is `false`.
    ///
    /// Without it, submitted work is done when its ioctl returns, unless the work waits for a
    /// fence. A client that misses a wait is then right by chance. With it, no bind and no stream
    /// ends before the test lets it, so the missing wait shows. A job without a stream still waits
    /// only for earlier jobs of its queue. [`Device::run_held`](crate::Device::run_held) runs the
    /// ready work, and [`Device::release_all`](crate::Device::release_all) releases all queues.
    ///
    /// ```
    /// # use panthor_fake::{Config, Device, FaultKind, File};
    /// # use panthor_sys::*;
    /// # fn ioctl<T>(file: &File, request: u32, arg: &mut T) {
    /// #     // SAFETY: the argument is ours, and so is all that its pointers lead to.
    /// #     assert_eq!(unsafe { file.ioctl(request, (&raw mut *arg).cast()) }, 0);
    /// # }
    /// # fn create_vm(file: &File) -> u32 {
    /// #     let mut vm = drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
    /// #     ioctl(file, DRM_IOCTL_PANTHOR_VM_CREATE, &mut vm);
    /// #     vm.id
    /// # }
    /// # fn create_bo(file: &File) -> u32 {
    /// #     let (size, flags) = (4096, 0);
    /// #     let mut bo =
    /// #         drm_panthor_bo_create { size, flags, exclusive_vm_id: 0, handle: 0, pad: 0 };
    /// #     ioctl(file, DRM_IOCTL_PANTHOR_BO_CREATE, &mut bo);
    /// #     bo.handle
    /// # }
    /// # fn bind_async(file: &File, vm_id: u32, bo_handle: u32, va: u64) {
    /// #     let syncs = drm_panthor_obj_array { stride: 0, count: 0, array: 0 };
    /// #     let flags = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP;
    /// #     let (bo_offset, size) = (0, 4096);
    /// #     let op = drm_panthor_vm_bind_op { flags, bo_handle, bo_offset, va, size, syncs };
    /// #     let stride = size_of_val(&op) as u32;
    /// #     let ops = drm_panthor_obj_array { stride, count: 1, array: &raw const op as u64 };
    /// #     let mut bind = drm_panthor_vm_bind { vm_id, flags: DRM_PANTHOR_VM_BIND_ASYNC, ops };
    /// #     ioctl(file, DRM_IOCTL_PANTHOR_VM_BIND, &mut bind);
    /// # }
    /// let device = Device::new(Config::default().start_held(true))?;
    /// let file = device.open();
    /// let (vm, bo) = (create_vm(&file), create_bo(&file));
    /// bind_async(&file, vm, bo, 1 << 20);
    ///
    /// // Nobody has waited, and on a board it may not be there either.
    /// let gpu = file.gpu(vm).expect("the VM");
    /// assert_eq!(gpu.read(1 << 20, &mut [0]).unwrap_err().kind, FaultKind::Translation);
    ///
    /// assert_eq!(device.run_held(), 1);
    /// gpu.read(1 << 20, &mut [0])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn start_held(mut self, held: bool) -> Self {
        self.start_held = held;
        self
    }

    /// Sets the initial profiling mask, see
    /// [`Device::set_profiling`](crate::Device::set_profiling). The default, 0, measures nothing.
    /// [`Device::new`](crate::Device::new) fails for a bit that the driver does not define.
    #[must_use]
    pub fn profiling(mut self, measured: u32) -> Self {
        self.profiling = measured;
        self
    }

    /// Sets the GPU time that [`File::fdinfo`](crate::File::fdinfo) counts for each stream while
    /// profiling is on. The default is zero. Streams still end at once.
    #[must_use]
    pub fn stream_time(mut self, time: Duration) -> Self {
        self.stream_time = time;
        self
    }

    /// Makes `DRM_IOCTL_PANTHOR_VM_BIND` and `DRM_IOCTL_PANTHOR_GROUP_SUBMIT` return 0 at once,
    /// without reading their arguments or counting the call. The benchmarks of `panthor` measure
    /// the caller's overhead with this option.
    #[doc(hidden)]
    #[must_use]
    pub fn null_calls(mut self, null: bool) -> Self {
        self.null_calls = null;
        self
    }

    /// Returns the driver version that `DRM_IOCTL_VERSION` reports: major, minor.
    pub fn version(&self) -> (i32, u32) {
        (self.driver_major, self.driver_minor)
    }

    /// Returns the GPU model, set by [`Config::gpu`].
    pub fn gpu_model(&self) -> Gpu {
        self.gpu
    }

    /// Returns the CPU page size, set by [`Config::page_size`].
    pub fn cpu_page_size(&self) -> PageSize {
        self.page_size
    }

    /// Returns the memory limit of the GPU in bytes, set by [`Config::memory`].
    pub fn memory_size(&self) -> u64 {
        self.memory
    }

    /// Returns whether there is swap space, set by [`Config::swap`].
    pub fn has_swap(&self) -> bool {
        self.swap
    }

    /// Returns whether the GPU is I/O coherent, set by [`Config::coherent`].
    pub fn is_coherent(&self) -> bool {
        self.coherent
    }

    /// Returns whether the queues of new VMs and groups start held, set by [`Config::start_held`].
    pub fn starts_held(&self) -> bool {
        self.start_held
    }

    /// Returns whether the driver accepts sparse map operations, from its version and
    /// [`Config::sparse_in_1_8`].
    pub fn has_sparse(&self) -> bool {
        self.driver_minor >= 9 || (self.driver_minor == 8 && self.sparse_in_1_8)
    }
}
