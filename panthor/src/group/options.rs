//! Group and queue creation options.

use panthor_sys as sys;

use crate::query::GroupPriority;

/// Group creation options. The defaults are all cores of the GPU and medium priority.
///
/// A group needs at least one [`queue`](Self::queue).
///
/// ```
/// use panthor::{GroupOptions, GroupPriority, QueueOptions};
///
/// let device = panthor::Device::open_fake()?;
/// let vm = device.create_vm(Default::default())?;
/// let options = GroupOptions::new()
///     .priority(GroupPriority::Low)
///     .max_compute_cores(1)
///     .queue(QueueOptions::new(64 << 10).priority(1))
///     .queue(QueueOptions::new(4 << 10));
/// assert_eq!(vm.create_group(options)?.queue_count(), 2);
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Debug, Clone)]
#[doc(alias = "drm_panthor_group_create")]
pub struct GroupOptions {
    pub(super) priority: GroupPriority,
    pub(super) compute: Cores,
    pub(super) fragment: Cores,
    pub(super) tiler: Cores,
    pub(super) queues: Vec<QueueOptions>,
}

/// Core selection of one kind of job. `None` means the default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cores {
    pub(super) mask: Option<u64>,
    pub(super) max: Option<u8>,
}

impl GroupOptions {
    /// Returns the default options: all cores, medium priority, and no queue.
    pub fn new() -> Self {
        Self {
            priority: GroupPriority::Medium,
            compute: Cores::default(),
            fragment: Cores::default(),
            tiler: Cores::default(),
            queues: Vec::new(),
        }
    }

    /// Sets the priority among all groups of the device. Priorities above
    /// [`Medium`](GroupPriority::Medium) need privileges.
    pub fn priority(mut self, priority: GroupPriority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the mask of shader cores for compute jobs, within
    /// [`shader_present`](crate::GpuInfo::shader_present).
    #[doc(alias = "compute_core_mask")]
    pub fn compute_cores(mut self, mask: u64) -> Self {
        self.compute.mask = Some(mask);
        self
    }

    /// Sets the maximum number of these cores that compute jobs use. The default is all.
    pub fn max_compute_cores(mut self, cores: u8) -> Self {
        self.compute.max = Some(cores);
        self
    }

    /// Sets the mask of shader cores for fragment jobs, within
    /// [`shader_present`](crate::GpuInfo::shader_present).
    #[doc(alias = "fragment_core_mask")]
    pub fn fragment_cores(mut self, mask: u64) -> Self {
        self.fragment.mask = Some(mask);
        self
    }

    /// Sets the maximum number of these cores that fragment jobs use. The default is all.
    pub fn max_fragment_cores(mut self, cores: u8) -> Self {
        self.fragment.max = Some(cores);
        self
    }

    /// Sets the mask of tiler units for tiler jobs, within
    /// [`tiler_present`](crate::GpuInfo::tiler_present).
    #[doc(alias = "tiler_core_mask")]
    pub fn tiler_cores(mut self, mask: u64) -> Self {
        self.tiler.mask = Some(mask);
        self
    }

    /// Sets the maximum number of these units that tiler jobs use. The default is all.
    pub fn max_tiler_cores(mut self, cores: u8) -> Self {
        self.tiler.max = Some(cores);
        self
    }

    /// Adds a queue.
    ///
    /// A group has from 1 to [`cs_slot_count`](crate::CsifInfo::cs_slot_count) queues. Submissions
    /// refer to queues by index, from 0 in the order of the calls.
    pub fn queue(mut self, queue: QueueOptions) -> Self {
        self.queues.push(queue);
        self
    }
}

impl Default for GroupOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Queue creation options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(alias = "drm_panthor_queue_create")]
pub struct QueueOptions {
    pub(super) ring_size: u32,
    pub(super) priority: u8,
}

impl QueueOptions {
    /// Creates options for a queue with a ring buffer of `ring_size` bytes, a power of two from 4
    /// KiB to 64 KiB.
    ///
    /// Each submit occupies some instructions of the ring. Submits without free space wait in the
    /// kernel.
    #[doc(alias = "ringbuf_size")]
    pub fn new(ring_size: u32) -> Self {
        Self { ring_size, priority: 0 }
    }

    /// Sets the priority within the group, from 0 (default) to 15.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    pub(super) fn as_raw(&self) -> sys::drm_panthor_queue_create {
        let Self { ring_size: ringbuf_size, priority } = *self;
        sys::drm_panthor_queue_create { priority, ringbuf_size, ..Default::default() }
    }
}
