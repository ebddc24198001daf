//! How a group and its queues shall be.

use panthor_sys as sys;

use crate::query::GroupPriority;

/// How a group shall be: all cores of the GPU and medium priority, unless told otherwise.
///
/// It needs at least one [`queue`](Self::queue).
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

/// Cores for one kind of job, as far as the caller chose.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cores {
    pub(super) mask: Option<u64>,
    pub(super) max: Option<u8>,
}

impl GroupOptions {
    /// All cores, medium priority, no queue yet.
    pub fn new() -> Self {
        Self {
            priority: GroupPriority::Medium,
            compute: Cores::default(),
            fragment: Cores::default(),
            tiler: Cores::default(),
            queues: Vec::new(),
        }
    }

    /// The priority among all groups of the device. Above [`Medium`](GroupPriority::Medium) it takes
    /// privileges.
    pub fn priority(mut self, priority: GroupPriority) -> Self {
        self.priority = priority;
        self
    }

    /// The shader cores that compute jobs may use, a bit for each, within
    /// [`shader_present`](crate::GpuInfo::shader_present).
    #[doc(alias = "compute_core_mask")]
    pub fn compute_cores(mut self, mask: u64) -> Self {
        self.compute.mask = Some(mask);
        self
    }

    /// How many of these cores compute jobs use at most; all of them unless told otherwise.
    pub fn max_compute_cores(mut self, cores: u8) -> Self {
        self.compute.max = Some(cores);
        self
    }

    /// The shader cores that fragment jobs may use, a bit for each, within
    /// [`shader_present`](crate::GpuInfo::shader_present).
    #[doc(alias = "fragment_core_mask")]
    pub fn fragment_cores(mut self, mask: u64) -> Self {
        self.fragment.mask = Some(mask);
        self
    }

    /// How many of these cores fragment jobs use at most; all of them unless told otherwise.
    pub fn max_fragment_cores(mut self, cores: u8) -> Self {
        self.fragment.max = Some(cores);
        self
    }

    /// The tiler units that tiler jobs may use, a bit for each, within
    /// [`tiler_present`](crate::GpuInfo::tiler_present).
    #[doc(alias = "tiler_core_mask")]
    pub fn tiler_cores(mut self, mask: u64) -> Self {
        self.tiler.mask = Some(mask);
        self
    }

    /// How many of these units tiler jobs use at most; all of them unless told otherwise.
    pub fn max_tiler_cores(mut self, cores: u8) -> Self {
        self.tiler.max = Some(cores);
        self
    }

    /// Adds a queue. A group has from 1 to [`cs_slot_count`](crate::CsifInfo::cs_slot_count); submissions
    /// name them by index, from 0 in the order in which they are added.
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

/// How a queue of a group shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(alias = "drm_panthor_queue_create")]
pub struct QueueOptions {
    pub(super) ring_size: u32,
    pub(super) priority: u8,
}

impl QueueOptions {
    /// A queue with a ring buffer of this many bytes: a power of two from 4 KiB to 64 KiB.
    ///
    /// A submit takes some instructions of it; those for which there is no room wait in the kernel.
    #[doc(alias = "ringbuf_size")]
    pub fn new(ring_size: u32) -> Self {
        Self { ring_size, priority: 0 }
    }

    /// The priority within the group, from 0 up to 15; 0 unless told otherwise.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    pub(super) fn as_raw(&self) -> sys::drm_panthor_queue_create {
        let Self { ring_size: ringbuf_size, priority } = *self;
        sys::drm_panthor_queue_create { priority, ringbuf_size, ..Default::default() }
    }
}
