//! What a fake device is made to look like.

use std::time::Duration;

use crate::device::gpu_model::Gpu;

/// The page size of the CPU that the pretended kernel runs on.
///
/// BO sizes and the flush-ID mapping follow it; GPU virtual addresses have a granularity of 4 KiB
/// whatever it is.
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
    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::K4 => 4 << 10,
            Self::K16 => 16 << 10,
            Self::K64 => 64 << 10,
        }
    }

    /// The largest array that the kernel allocates in one piece, in bytes: so many pages as a kernel for 64-bit Arm
    /// with such pages keeps together.
    pub(crate) const fn array_max(self) -> u64 {
        match self {
            Self::K4 => 4 << 20,
            Self::K16 => 32 << 20,
            Self::K64 => 512 << 20,
        }
    }
}

/// The properties of a fake device, chosen before [`Device::new`](crate::Device::new).
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
    /// The newest minor version that the fake knows.
    pub const NEWEST_MINOR: u32 = 9;

    /// The GPU to pretend to be.
    #[must_use]
    pub fn gpu(mut self, gpu: Gpu) -> Self {
        self.gpu = gpu;
        self
    }

    /// The minor version of the driver, 0 to [`Config::NEWEST_MINOR`]; the major is 1.
    ///
    /// Flags, queries, structure sizes and ioctls are those of that version.
    /// [`Device::new`](crate::Device::new) refuses a version that the fake does not know.
    #[must_use]
    pub fn driver_minor(mut self, minor: u32) -> Self {
        self.driver_minor = minor;
        self
    }

    /// The major version that `DRM_IOCTL_VERSION` reports: only so that a client's refusal of
    /// another major can be tested. Behaviour stays that of major 1.
    #[must_use]
    pub fn driver_major(mut self, major: i32) -> Self {
        self.driver_major = major;
        self
    }

    /// The name that `DRM_IOCTL_VERSION` reports: only so that a client's refusal of another
    /// driver can be tested.
    #[must_use]
    pub fn driver_name(mut self, name: impl Into<String>) -> Self {
        self.driver_name = name.into();
        self
    }

    /// Makes the driver answer as tyr, the driver in Rust of Linux 7.3, which has Panthor's name and lacks most of its
    /// uAPI: version 1.5, another description, and of the driver's own requests `DEV_QUERY` alone. DRM answers the
    /// others with `EINVAL`.
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

    /// Makes a 1.8 driver accept sparse map operations, as the one of Linux 7.2 does although it
    /// does not announce them. Without effect on other versions.
    #[must_use]
    pub fn sparse_in_1_8(mut self, accept: bool) -> Self {
        self.sparse_in_1_8 = accept;
        self
    }

    /// The CPU page size of the pretended kernel.
    ///
    /// A size smaller than the page size of the CPU the program really runs on makes
    /// [`File::mmap`](crate::File::mmap) fail where the real kernel's granularity gets in the way.
    #[must_use]
    pub fn page_size(mut self, page_size: PageSize) -> Self {
        self.page_size = page_size;
        self
    }

    /// How many bytes the GPU may pin: BOs that have been mapped into a VM and not evicted since, and
    /// the page tables a VM_BIND needs while it runs, must fit or the answer is `ENOMEM`. Nothing is
    /// reserved.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Whether the pretended kernel has swap space, as much as it takes: a call that finds no memory
    /// then evicts idle BOs first, as [`Device::reclaim`](crate::Device::reclaim) does, and is
    /// `ENOMEM` only if that does not help. Without, which is the default, nothing is evicted but by
    /// that function. Drivers before 1.8 evict nothing in either case.
    #[must_use]
    pub fn swap(mut self, swap: bool) -> Self {
        self.swap = swap;
        self
    }

    /// Whether the GPU is I/O coherent: it shows in the GPU info query only.
    #[must_use]
    pub fn coherent(mut self, coherent: bool) -> Self {
        self.coherent = coherent;
        self
    }

    /// Whether the client may have groups of high and realtime priority, as a process with
    /// `CAP_SYS_NICE` may. The master of the primary node may in any case. It may change, see
    /// [`Device::set_high_priority`](crate::Device::set_high_priority).
    #[must_use]
    pub fn high_priority(mut self, allowed: bool) -> Self {
        self.high_priority = allowed;
        self
    }

    /// Whether clients have `CAP_SYS_ADMIN`: they are authenticated on the primary node, and may
    /// become its master, without being introduced by one. It may change, see
    /// [`Device::set_administrator`](crate::Device::set_administrator).
    #[must_use]
    pub fn administrator(mut self, administrator: bool) -> Self {
        self.administrator = administrator;
        self
    }

    /// Whether the queues of new VMs and groups start held, as by [`GpuView::hold`](crate::GpuView::hold) and
    /// [`GroupView::hold`](crate::GroupView::hold).
    ///
    /// Without, which is the default, what is submitted is over when its ioctl returns, unless it waits for something.
    /// So a client that forgets to wait for its own work is right by chance. With it no bind and no stream ends before
    /// the test says so, which makes it find out; a job without a stream waits for those before it in its queue alone. [`Device::run_held`](crate::Device::run_held) does what is ready, and
    /// [`Device::release_all`](crate::Device::release_all) lets everything go on.
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
    /// #     let mut bo = drm_panthor_bo_create { size: 4096, flags: 0, exclusive_vm_id: 0, handle: 0, pad: 0 };
    /// #     ioctl(file, DRM_IOCTL_PANTHOR_BO_CREATE, &mut bo);
    /// #     bo.handle
    /// # }
    /// # fn bind_async(file: &File, vm_id: u32, bo_handle: u32, va: u64) {
    /// #     let syncs = drm_panthor_obj_array { stride: 0, count: 0, array: 0 };
    /// #     let flags = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP;
    /// #     let op = drm_panthor_vm_bind_op { flags, bo_handle, bo_offset: 0, va, size: 4096, syncs };
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

    /// Sets what the driver measures of jobs at first, see [`Device::set_profiling`](crate::Device::set_profiling); 0,
    /// nothing, is the default. [`Device::new`](crate::Device::new) refuses a bit that the driver does not know.
    #[must_use]
    pub fn profiling(mut self, measured: u32) -> Self {
        self.profiling = measured;
        self
    }

    /// Sets how much time of the GPU every stream counts as in [`File::fdinfo`](crate::File::fdinfo), where that is
    /// measured; zero is the default. Streams still end at once.
    #[must_use]
    pub fn stream_time(mut self, time: Duration) -> Self {
        self.stream_time = time;
        self
    }

    /// For the benchmarks of `panthor`: makes `DRM_IOCTL_PANTHOR_VM_BIND` and `DRM_IOCTL_PANTHOR_GROUP_SUBMIT` return 0
    /// at once without looking at their arguments or counting the call, for measuring what a caller spends before it
    /// reaches the kernel.
    #[doc(hidden)]
    #[must_use]
    pub fn null_calls(mut self, null: bool) -> Self {
        self.null_calls = null;
        self
    }

    /// The driver version that `DRM_IOCTL_VERSION` reports: major, minor.
    pub fn version(&self) -> (i32, u32) {
        (self.driver_major, self.driver_minor)
    }

    /// The GPU, which [`Config::gpu`] chose.
    pub fn gpu_model(&self) -> Gpu {
        self.gpu
    }

    /// The page size of the CPU, which [`Config::page_size`] chose.
    pub fn cpu_page_size(&self) -> PageSize {
        self.page_size
    }

    /// How many bytes the GPU may pin, which [`Config::memory`] chose.
    pub fn memory_size(&self) -> u64 {
        self.memory
    }

    /// Whether there is swap space, which [`Config::swap`] chose.
    pub fn has_swap(&self) -> bool {
        self.swap
    }

    /// Whether the GPU is I/O coherent, which [`Config::coherent`] chose.
    pub fn is_coherent(&self) -> bool {
        self.coherent
    }

    /// Whether the queues of new VMs and groups start held, which [`Config::start_held`] chose.
    pub fn starts_held(&self) -> bool {
        self.start_held
    }

    /// Whether map operations may be sparse, by the driver's version and [`Config::sparse_in_1_8`].
    pub fn has_sparse(&self) -> bool {
        self.driver_minor >= 9 || (self.driver_minor == 8 && self.sparse_in_1_8)
    }
}
