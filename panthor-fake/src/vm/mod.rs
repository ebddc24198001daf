//! VMs: GPU address spaces with their queue of asynchronous operations.

pub(crate) mod bind;
pub(crate) mod bind_async;
pub(crate) mod bind_queue;
pub(crate) mod evict;
pub(crate) mod gpu_view;
pub(crate) mod ioctls;
pub(crate) mod kernel_va;
pub(crate) mod mapping_info;
pub(crate) mod va_space;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::bo::Bo;
use crate::bo::place::Rank;
use crate::call::errno::{Errno, Result};
use crate::device::DeviceInner;
use crate::device::gpu_model::Gpu;
use crate::group::heap::HeapPool;
use crate::lock::{Mutex, lock, rank};
use crate::sync::jobs::Jobs;
use crate::sync::leaf::Line;
use crate::vm::kernel_va::KernelVa;
use crate::vm::va_space::{Cut, Mapping, VaSpace};

/// The least that the kernel keeps for itself of an address space.
const MIN_KERNEL_RANGE: u64 = 256 << 20;

/// The granularity of addresses, sizes and offsets of the GPU, whatever the CPU's is.
pub(crate) const PAGE: u64 = 4096;

/// What is at least so large starts at a multiple of it, for the sake of huge pages.
pub(crate) const HUGE: u64 = 2 << 20;

/// The end of the address space of a process on 64-bit Arm, the default for the user's part.
pub(crate) const TASK_SIZE: u64 = 1 << 48;

/// How much of the address space a VM gives to the user who asks for `wanted` bytes, 0 for the
/// default: the kernel's part becomes a power of two, so it may be much more.
///
/// # Errors
/// `EINVAL` if too little would be left for the kernel.
pub(crate) fn user_va_range(wanted: u64) -> Result<u64> {
    let full = 1_u64 << Gpu::VA_BITS;
    let largest = full - MIN_KERNEL_RANGE;
    let user = match wanted {
        0 if TASK_SIZE < full => TASK_SIZE.min(largest),
        0 => full / 2,
        wanted if wanted > largest => return Err(Errno::INVAL),
        wanted => wanted,
    };
    let kernel = 1 << (full - user).ilog2();
    Ok(full - kernel)
}

/// What a VM_BIND operation does to an address space.
#[derive(Debug)]
pub(crate) enum Change {
    Map {
        va: u64,
        mapping: Mapping<Arc<Bo>>,
    },
    Unmap {
        va: u64,
        size: u64,
    },
    /// Nothing: it is there for its syncs.
    SyncOnly,
}

/// A GPU address space of a file.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Vm {
    pub(crate) device: Arc<DeviceInner>,
    /// Tells VMs of a device apart, whatever id they have in a file.
    id: u64,
    user_va_range: u64,
    /// What sparse mappings show: one per file, so that nothing leaks between files.
    sparse: Arc<Bo>,
    space: Mutex<VaSpace<Arc<Bo>>, { rank::SPACE }>,
    /// Whether mappings may be off for want of memory. Set with the space locked.
    evicted: AtomicBool,
    /// Its place among the VMs whose BOs can be evicted.
    rank: Arc<Rank>,
    unusable: AtomicBool,
    destroyed: AtomicBool,
    /// Whether the device was unplugged before the VM was destroyed.
    outlived_device: AtomicBool,
    /// The queue of asynchronous operations.
    pub(crate) jobs: Mutex<Jobs<Self>, { rank::JOBS }>,
    /// The line of its fences.
    pub(crate) line: Arc<Line>,
    /// How the next jobs that change something fail.
    pub(crate) failures: Mutex<VecDeque<Errno>, { rank::FAILURES }>,
    /// Bytes of page tables held by jobs.
    pub(crate) page_tables: AtomicU64,
    kernel_va: Mutex<KernelVa, { rank::KERNEL_VA }>,
    /// The tiler heaps, once there was one.
    pub(crate) heaps: Mutex<Option<HeapPool>, { rank::HEAPS }>,
    /// Held while a batch gets its fences, so that two batches do not interleave.
    pub(crate) submission: Mutex<(), { rank::SUBMISSION }>,
}

impl Vm {
    pub(crate) fn new(device: Arc<DeviceInner>, user_va_range: u64, sparse: Arc<Bo>) -> Arc<Self> {
        device.live.vms.fetch_add(1, Ordering::Relaxed);
        let id = device.unique_id();
        let vm = Arc::new(Self {
            id,
            user_va_range,
            sparse,
            space: Mutex::new(VaSpace::new()),
            evicted: AtomicBool::new(false),
            rank: Rank::new(id),
            unusable: AtomicBool::new(false),
            destroyed: AtomicBool::new(false),
            outlived_device: AtomicBool::new(false),
            jobs: Mutex::new(Jobs::new(device.config.start_held)),
            line: Line::new("panthor-vm-bind".into()),
            failures: Mutex::default(),
            page_tables: AtomicU64::new(0),
            // The driver leaves out the last page.
            kernel_va: Mutex::new(KernelVa::new(user_va_range, (1 << Gpu::VA_BITS) - PAGE)),
            heaps: Mutex::new(None),
            submission: Mutex::new(()),
            device,
        });
        vm.device.register_vm(&vm);
        vm
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn user_va_range(&self) -> u64 {
        self.user_va_range
    }

    pub(crate) fn sparse_object(&self) -> &Arc<Bo> {
        &self.sparse
    }

    pub(crate) fn is_unusable(&self) -> bool {
        self.unusable.load(Ordering::Acquire)
    }

    pub(crate) fn declare_unusable(&self) {
        self.unusable.store(true, Ordering::Release);
    }

    pub(crate) fn is_destroyed(&self) -> bool {
        self.destroyed.load(Ordering::Acquire)
    }

    /// Unmaps everything and refuses more. Jobs that are pending stay so, and keep it alive, as
    /// groups do.
    pub(crate) fn destroy(&self) {
        let unplugged = self.device.check_plugged().is_err();
        self.outlived_device.store(unplugged, Ordering::Relaxed);
        self.destroyed.store(true, Ordering::Release);
        let heaps = lock(&self.heaps).take();
        drop(heaps);
        let space = std::mem::replace(&mut *lock(&self.space), VaSpace::new());
        // The objects go here, without the lock.
        self.forget(space.into_mappings());
    }

    /// Discounts mappings that are gone. BOs that are no longer mapped here become easier to evict, the last first.
    fn forget(&self, gone: impl Iterator<Item = Mapping<Arc<Bo>>>) {
        let objects = gone.map(|mapping| mapping.object);
        let mut free: Vec<_> = objects.filter(|object| object.discount_user(&self.rank)).collect();
        while let Some(object) = free.pop() {
            object.settle(false);
        }
    }

    /// Carries out an operation that was checked.
    ///
    /// # Errors
    /// `EINVAL` for a map in a VM that is unusable.
    pub(crate) fn apply(&self, change: Change) -> Result<()> {
        match change {
            Change::Map { .. } if self.is_unusable() => return Err(Errno::INVAL),
            Change::Map { va, mapping } => self.map(va, mapping),
            Change::Unmap { va, size } => {
                let mut gone = Vec::new();
                lock(&self.space).unmap(va, size, |cut| self.note(cut, &mut gone));
                self.forget(gone.into_iter());
            }
            Change::SyncOnly => {}
        }
        Ok(())
    }

    fn map(&self, va: u64, mut mapping: Mapping<Arc<Bo>>) {
        let object = mapping.object.clone();
        let mut gone = Vec::new();
        {
            let mut space = lock(&self.space);
            // It may have lost its pages since the operation got them.
            object.count_user(&self.rank);
            if !object.is_resident() {
                object.set_evicted(&self.rank, true);
                mapping.evicted = true;
                self.evicted.store(true, Ordering::Release);
            }
            space.map(va, mapping, |cut| self.note(cut, &mut gone));
        }
        // The driver keeps its pages meanwhile, so that it left its place.
        object.settle(true);
        self.forget(gone.into_iter());
    }

    /// Counts mappings that are cut in two, and collects those that are gone.
    fn note(&self, cut: Cut<'_, Arc<Bo>>, gone: &mut Vec<Mapping<Arc<Bo>>>) {
        match cut {
            Cut::Gone(mapping) => gone.push(mapping),
            Cut::InTwo(mapping) => mapping.object.count_user(&self.rank),
        }
    }

    pub(crate) fn allocate_kernel_va(&self, size: u64) -> Option<u64> {
        lock(&self.kernel_va).allocate(size)
    }

    pub(crate) fn free_kernel_va(&self, va: u64, size: u64) {
        lock(&self.kernel_va).free(va, size);
    }

    pub(crate) fn mapping_count(&self) -> usize {
        lock(&self.space).len()
    }

    /// Looks at the address space.
    pub(crate) fn with_space<T>(&self, look: impl FnOnce(&VaSpace<Arc<Bo>>) -> T) -> T {
        look(&lock(&self.space))
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if self.device.is_inherited() {
            return;
        }
        // Its file or VM_DESTROY unmapped everything; what groups and heaps map keeps the VM.
        // After an unplug every ioctl fails: the client can neither wait for a queued map nor queue an unmap.
        if self.mapping_count() != 0 && !*self.outlived_device.get_mut() {
            self.device.live.stuck_vms.fetch_add(1, Ordering::Relaxed);
        }
        self.device.live.vms.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::device::config::Config;

    #[test]
    fn what_is_evicted_just_before_it_is_mapped_is_off_until_it_is_restored() {
        let device = Device::new(Config::default()).unwrap();
        let inner = device.inner();
        let bo = || Arc::new(Bo::new(inner.clone(), PAGE, 0, None, false).unwrap());
        let (vm, object) = (Vm::new(inner.clone(), 1 << 47, bo()), bo());
        object.make_resident().unwrap();
        // What another thread may do between the checks of a bind and the bind.
        assert_eq!(device.reclaim(1), PAGE);
        let mapping =
            Mapping { size: PAGE, offset: 0, flags: 0, evicted: false, object: object.clone() };
        vm.apply(Change::Map { va: 0, mapping }).unwrap();
        let off = || vm.with_space(|space| space.evicted().count());
        assert_eq!(off(), 1);
        vm.restore().unwrap();
        assert_eq!((off(), object.is_resident()), (0, true));
    }

    #[test]
    fn the_kernel_part_is_a_power_of_two() {
        assert_eq!(user_va_range(0), Ok(1 << 47));
        assert_eq!(user_va_range(4 << 30), Ok(1 << 47));
        assert_eq!(user_va_range(1 << 47), Ok(1 << 47));
        assert_eq!(user_va_range((1 << 47) + 1), Ok(0xc000_0000_0000));
        assert_eq!(user_va_range(0xffff_f000_0000), Ok(0xffff_f000_0000));
    }

    #[test]
    fn the_kernel_keeps_256_mib() {
        assert_eq!(user_va_range(0xffff_f000_0001), Err(Errno::INVAL));
        assert_eq!(user_va_range(1 << 48), Err(Errno::INVAL));
        assert_eq!(user_va_range(u64::MAX), Err(Errno::INVAL));
    }
}
