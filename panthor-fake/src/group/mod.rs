//! Groups: command queues that share a VM and fail together.

pub(crate) mod gpu_time;
pub(crate) mod heap;
pub(crate) mod heap_ioctls;
pub(crate) mod ioctls;
pub(crate) mod queue;
pub(crate) mod view;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use panthor_sys as sys;

use crate::bo::kernel_bo::{KernelBo, UNCACHED};
use crate::call::errno::{Errno, Result};
use crate::device::{DeviceInner, query};
use crate::group::gpu_time::GpuTime;
use crate::group::queue::GroupQueue;
use crate::lock::{Mutex, lock, rank};
use crate::sync::events::Events;
use crate::sync::leaf::Line;
use crate::vm::Vm;

/// The size in bytes of an in-memory sync object: a 64-bit counter, a status, and padding.
const SYNCOBJ_BYTES: u64 = 16;

/// A group, owned by its handle.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queues: Vec<Arc<GroupQueue>>,
}

/// The shared state of a group's queues, kept alive by their jobs.
#[derive(Debug)]
pub(crate) struct Shared {
    vm: Arc<Vm>,
    state: Mutex<State, { rank::GROUP_STATE }>,
    /// An in-memory sync object for each queue, which counts completed jobs.
    syncobjs: KernelBo,
    /// The GPU time of all groups of the file.
    pub(crate) gpu_time: Arc<GpuTime>,
    queues: OnceLock<Vec<Weak<GroupQueue>>>,
    /// Set while the group has a CSG slot, busy or idle.
    seated: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    timed_out: bool,
    innocent: bool,
    destroyed: bool,
    /// The mask of queues with a fatal fault.
    fatal_queues: u32,
}

impl State {
    fn can_run(&self) -> bool {
        !self.timed_out && !self.destroyed && self.fatal_queues == 0
    }
}

/// A failure of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// A stream timed out.
    TimeOut,
    /// A queue hit a fault.
    Fault,
    /// A GPU access hit an unmapped address. The faulting queue is unknown.
    PageFault,
}

/// A group under construction. Dropping it frees its memory.
pub(crate) struct Unfinished {
    shared: Arc<Shared>,
    queues: Vec<Arc<GroupQueue>>,
}

impl Unfinished {
    /// Starts a group with room for `queues` queues.
    ///
    /// # Errors
    /// The error of [`KernelBo::new`].
    pub(crate) fn new(vm: &Arc<Vm>, queues: usize, gpu_time: Arc<GpuTime>) -> Result<Self> {
        let syncobjs = KernelBo::new(vm, queues as u64 * SYNCOBJ_BYTES, UNCACHED)?;
        vm.device.live.groups.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared {
            vm: vm.clone(),
            state: Mutex::new(State::default()),
            syncobjs,
            gpu_time,
            queues: OnceLock::new(),
            seated: AtomicBool::new(false),
        });
        Ok(Self { shared, queues: Vec::with_capacity(queues) })
    }

    /// Adds a queue with a ring buffer of `ring_size` bytes.
    ///
    /// # Errors
    /// The error of [`KernelBo::new`].
    pub(crate) fn add_queue(&mut self, ring_size: u32, name: String) -> Result<()> {
        let (shared, index) = (&self.shared, self.queues.len() as u32);
        let queue = GroupQueue::new(&shared.vm, shared, index, ring_size, Line::new(name))?;
        self.queues.push(Arc::new(queue));
        Ok(())
    }

    /// Returns the finished group.
    pub(crate) fn finish(self) -> Group {
        let Self { shared, queues } = self;
        // The cell is new, so it is empty.
        let _ = shared.queues.set(queues.iter().map(Arc::downgrade).collect());
        shared.vm.device.register_group(&shared);
        Group { shared, queues }
    }
}

impl Group {
    pub(crate) fn vm(&self) -> &Arc<Vm> {
        &self.shared.vm
    }

    /// Destroys the group and cancels its jobs on the GPU.
    pub(crate) fn destroy(&self) {
        self.shared.end(|state| state.destroyed = true);
    }
}

impl Shared {
    pub(crate) fn events(&self) -> &Events {
        &self.vm.device.events
    }

    pub(crate) fn device(&self) -> &Arc<DeviceInner> {
        &self.vm.device
    }

    /// Returns whether jobs with a stream can still run.
    pub(crate) fn can_run(&self) -> bool {
        lock(&self.state).can_run()
    }

    /// Returns the flags and the mask of faulty queues for `DRM_IOCTL_PANTHOR_GROUP_GET_STATE`.
    pub(crate) fn flags(&self) -> (u32, u32) {
        let state = lock(&self.state);
        let knows_innocence = self.device().config.driver_minor >= 3;
        let flags = [
            (state.timed_out, sys::DRM_PANTHOR_GROUP_STATE_TIMEDOUT),
            (state.fatal_queues != 0, sys::DRM_PANTHOR_GROUP_STATE_FATAL_FAULT),
            (state.innocent && knows_innocence, sys::DRM_PANTHOR_GROUP_STATE_INNOCENT),
        ];
        let set = flags.into_iter().filter(|&(set, _)| set);
        (set.map(|(_, flag)| flag).sum(), state.fatal_queues)
    }

    /// Fails the group because of a queue.
    pub(crate) fn fail(&self, failure: Failure, queue: u32) {
        match failure {
            Failure::TimeOut => self.end(|state| state.timed_out = true),
            Failure::Fault => self.end(|state| state.fatal_queues |= 1 << queue),
            Failure::PageFault => {
                self.page_fault();
                page_fault(&self.vm);
            }
        }
    }

    fn page_fault(&self) {
        self.end(|state| {
            if state.fatal_queues == 0 {
                state.fatal_queues = self.all_queues();
            }
        });
    }

    /// Returns whether the GPU has a job of the group.
    fn is_active(&self) -> bool {
        self.queues().any(|queue| queue.is_active())
    }

    /// Returns whether the VM was destroyed, so that nothing is mapped.
    pub(crate) fn lacks_vm(&self) -> bool {
        self.vm.is_destroyed()
    }

    /// Returns the mask of all queues.
    fn all_queues(&self) -> u32 {
        let count = self.queues.get().map_or(0, Vec::len);
        ((1_u64 << count) - 1) as u32
    }

    /// Returns whether the group has a CSG slot.
    pub(crate) fn is_seated(&self) -> bool {
        self.seated.load(Ordering::Acquire)
    }

    /// Marks the group as lost by a GPU reset if it is on the GPU, even without a fault of its own.
    /// Returns whether the group is lost. [`Shared::end_lost`] follows after all groups are marked.
    pub(crate) fn lose_by_reset(&self) -> bool {
        let seated = self.seated.swap(false, Ordering::AcqRel);
        let active = self.is_active();
        let mut state = lock(&self.state);
        let lost = active || (seated && state.can_run());
        if lost {
            state.innocent |= state.can_run();
            state.timed_out = true;
        }
        lost
    }

    /// Ends the jobs of a lost group.
    pub(crate) fn end_lost(&self) {
        self.end(|_| ());
    }

    /// Times the group out if it has jobs on the GPU, because the GPU is gone.
    pub(crate) fn lose(&self) {
        if self.is_active() {
            self.end(|state| state.timed_out = true);
        }
    }

    /// Returns whether a queue has pending jobs.
    pub(crate) fn has_pending(&self) -> bool {
        self.queues().any(|queue| queue.has_pending())
    }

    /// Returns whether the group was destroyed, so that only jobs keep it alive.
    pub(crate) fn is_destroyed(&self) -> bool {
        lock(&self.state).destroyed
    }

    pub(crate) fn vm(&self) -> &Arc<Vm> {
        &self.vm
    }

    /// Returns the address of the VM, to compare VMs.
    pub(crate) fn vm_ptr(&self) -> *const Vm {
        Arc::as_ptr(&self.vm)
    }

    pub(crate) fn queues(&self) -> impl Iterator<Item = Arc<GroupQueue>> {
        self.queues.get().into_iter().flatten().filter_map(Weak::upgrade)
    }

    /// Ends the group for a reason, and the jobs of its queues.
    fn end(&self, reason: impl FnOnce(&mut State)) {
        let (fatal_queues, others) = {
            let mut state = lock(&self.state);
            reason(&mut state);
            let others = if state.timed_out { Errno::TIMEDOUT } else { Errno::CANCELED };
            (state.fatal_queues, others)
        };
        for queue in self.queues() {
            let fatal = fatal_queues & 1 << queue.index() != 0;
            queue.cancel(if fatal { Errno::INVAL } else { others });
        }
    }

    /// Writes the in-memory sync object of a queue.
    pub(crate) fn write_seqno(&self, queue: u32, seqno: u64, status: u32) {
        let at = u64::from(queue) * SYNCOBJ_BYTES;
        self.syncobjs.write(at, &seqno.to_ne_bytes());
        self.syncobjs.write(at + 8, &status.to_ne_bytes());
    }
}

/// Assigns CSG slots to groups, as the driver does when a group without a slot gets a job: first to
/// groups with jobs on the GPU, then to others.
pub(crate) fn seat(device: &DeviceInner) {
    let (busy, idle): (Vec<_>, Vec<_>) = device
        .groups()
        .into_iter()
        .filter(|group| group.can_run())
        .partition(|group| group.is_active());
    let mut in_use = HashSet::new();
    let mut others = Vec::new();
    for (index, group) in (0..).zip(busy.iter().chain(&idle)) {
        let seated = index < query::CSIF_INFO.csg_slot_count;
        let before = group.seated.swap(seated, Ordering::AcqRel);
        match (before, seated) {
            (true, true) => drop(in_use.insert(group.vm_ptr())),
            (false, true) => others.push(group),
            (_, false) => {}
        }
    }
    for group in others {
        if in_use.insert(group.vm_ptr()) {
            group.vm.use_now();
        }
    }
}

/// Fails the groups of a VM that are busy on the GPU, which stops all of them after an access to an
/// unmapped address.
pub(crate) fn page_fault(vm: &Arc<Vm>) {
    for group in vm.device.groups() {
        if Arc::ptr_eq(&group.vm, vm) && group.is_active() {
            group.page_fault();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.vm.device.live.groups.fetch_sub(1, Ordering::Relaxed);
    }
}
