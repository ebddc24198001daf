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

/// The minimum size of the kernel part of an address space.
const MIN_KERNEL_RANGE: u64 = 256 << 20;

/// The granularity of GPU addresses, sizes and offsets, for any CPU page size.
pub(crate) const PAGE: u64 = 4096;

/// The alignment of objects of at least this size, for huge pages.
pub(crate) const HUGE: u64 = 2 << 20;

/// The end of a process's address space on 64-bit Arm, the default end of the user part.
pub(crate) const TASK_SIZE: u64 = 1 << 48;

/// Returns the size of the user part of a VM for a request of `wanted` bytes, 0 for the default.
/// The size of the kernel part becomes a power of two, so the user part may be much larger than
/// requested.
///
/// # Errors
/// `EINVAL` if less than the minimum would be left for the kernel.
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

/// The effect of a VM_BIND operation on an address space.
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
    /// Only waits and signals.
    SyncOnly,
}

/// A GPU address space.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Vm {
    pub(crate) device: Arc<DeviceInner>,
    /// An identity that is unique in the device, unlike the ID in the file.
    id: u64,
    user_va_range: u64,
    /// The BO behind sparse mappings. Each file has its own, so that no data leaks between files.
    sparse: Arc<Bo>,
    space: Mutex<VaSpace<Arc<Bo>>, { rank::SPACE }>,
    /// Set while mappings may be inactive after an eviction. Written with the space locked.
    evicted: AtomicBool,
    /// The LRU rank among the VMs.
    rank: Arc<Rank>,
    unusable: AtomicBool,
    destroyed: AtomicBool,
    /// Set if the VM was destroyed after an unplug.
    outlived_device: AtomicBool,
    /// The queue of asynchronous operations.
    pub(crate) jobs: Mutex<Jobs<Self>, { rank::JOBS }>,
    /// The fence context of the queue.
    pub(crate) line: Arc<Line>,
    /// The planned failures of the next maps and unmaps.
    pub(crate) failures: Mutex<VecDeque<Errno>, { rank::FAILURES }>,
    /// The bytes of page tables that jobs hold.
    pub(crate) page_tables: AtomicU64,
    kernel_va: Mutex<KernelVa, { rank::KERNEL_VA }>,
    /// The tiler heaps, `None` until the first heap is created.
    pub(crate) heaps: Mutex<Option<HeapPool>, { rank::HEAPS }>,
    /// Held while a batch gets its fences, so that batches do not interleave.
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
            // The driver excludes the last page.
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

    /// Unmaps everything and refuses new mappings. Pending jobs stay pending and keep the VM alive,
    /// as groups do.
    pub(crate) fn destroy(&self) {
        let unplugged = self.device.check_plugged().is_err();
        self.outlived_device.store(unplugged, Ordering::Relaxed);
        self.destroyed.store(true, Ordering::Release);
        let heaps = lock(&self.heaps).take();
        drop(heaps);
        let space = std::mem::replace(&mut *lock(&self.space), VaSpace::new());
        // The objects are dropped without the lock.
        self.forget(space.into_mappings());
    }

    /// Uncounts removed mappings. BOs that are no longer mapped here move to an earlier eviction
    /// class, last unmapped first.
    fn forget(&self, gone: impl Iterator<Item = Mapping<Arc<Bo>>>) {
        let objects = gone.map(|mapping| mapping.object);
        let mut free: Vec<_> = objects.filter(|object| object.discount_user(&self.rank)).collect();
        while let Some(object) = free.pop() {
            object.settle(false);
        }
    }

    /// Applies a checked operation.
    ///
    /// # Errors
    /// `EINVAL` for a map in an unusable VM.
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
            // The BO may have been evicted after the operation was prepared.
            object.count_user(&self.rank);
            if !object.is_resident() {
                object.set_evicted(&self.rank, true);
                mapping.evicted = true;
                self.evicted.store(true, Ordering::Release);
            }
            space.map(va, mapping, |cut| self.note(cut, &mut gone));
        }
        // The driver pins the pages meanwhile, so the BO loses its LRU position.
        object.settle(true);
        self.forget(gone.into_iter());
    }

    /// Counts the additional mapping of a split, and collects removed mappings.
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

    /// Calls `look` with the locked address space.
    pub(crate) fn with_space<T>(&self, look: impl FnOnce(&VaSpace<Arc<Bo>>) -> T) -> T {
        look(&lock(&self.space))
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if self.device.is_inherited() {
            return;
        }
        // The close of the file or VM_DESTROY unmapped everything; mappings of groups and heaps
        // keep the VM alive. After an unplug every ioctl fails: the client can neither wait for a
        // queued map nor queue an unmap.
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
        // The action of another thread between the checks of a bind and the bind.
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
