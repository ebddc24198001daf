//! What is alive: the check at the end of a test.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::device::{Device, alive};
use crate::sharing::descriptors::{count_open, sweep};

/// What of a device is still alive.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leaks {
    /// Open files. A mapping by the CPU keeps the file open through which it was made.
    pub files: usize,
    /// VMs.
    pub vms: usize,
    /// Buffer objects, whether by a handle, a mapping in a VM or a mapping of the CPU.
    pub bos: usize,
    /// Sync objects.
    pub syncobjs: usize,
    /// Groups; a job of one that is pending keeps it.
    pub groups: usize,
    /// Tiler heaps.
    pub heaps: usize,
    /// Asynchronous VM_BIND operations and jobs of groups that are not done.
    pub pending_jobs: usize,
    /// Mappings in VMs, those of what groups and heaps are made of included.
    pub vm_mappings: usize,
    /// Mappings by the CPU.
    pub cpu_mappings: usize,
    /// VMs that are gone here, but stay in the kernel for good, and with them the BOs that they map: an
    /// asynchronous map ran when the VM was destroyed already, and nothing behind it unmapped that again.
    ///
    /// Wait for what is queued before the VM goes, or queue an unmap behind it. A client can do neither after
    /// [`Device::unplug`]: a VM that is destroyed after an unplug is not counted.
    pub stuck_vms: usize,
    /// Sync files, however often each was duplicated. What this process or another one still has open counts, here
    /// and below.
    pub sync_files: usize,
    /// Descriptors of sync objects that were exported, without their duplicates.
    pub syncobj_fds: usize,
    /// dma-bufs with a descriptor: the BOs of this device that were exported, and those of
    /// [`Device::foreign_dma_buf`](crate::Device::foreign_dma_buf).
    pub dma_bufs: usize,
}

impl Leaks {
    /// Whether nothing is alive.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.files, "open file"),
            (self.vms, "VM"),
            (self.bos, "BO"),
            (self.syncobjs, "syncobj"),
            (self.groups, "group"),
            (self.heaps, "tiler heap"),
            (self.pending_jobs, "pending job"),
            (self.vm_mappings, "mapping in a VM"),
            (self.cpu_mappings, "mapping by the CPU"),
            (self.sync_files, "open sync file"),
            (self.syncobj_fds, "open descriptor of a syncobj"),
            (self.dma_bufs, "open dma-buf"),
            (self.stuck_vms, "VM that stays in the kernel since a map ran after VM_DESTROY"),
        ];
        let mut separator = "";
        for (count, what) in parts.into_iter().filter(|&(count, _)| count != 0) {
            write!(f, "{separator}{count} × {what}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

/// Counters behind [`Leaks`].
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) vms: AtomicUsize,
    pub(crate) bos: AtomicUsize,
    pub(crate) syncobjs: AtomicUsize,
    pub(crate) groups: AtomicUsize,
    pub(crate) heaps: AtomicUsize,
    pub(crate) jobs: AtomicUsize,
    pub(crate) cpu_mappings: AtomicUsize,
    /// See [`Leaks::stuck_vms`].
    pub(crate) stuck_vms: AtomicUsize,
}

impl Device {
    /// What is alive, here or in the kernel.
    pub fn leaks(&self) -> Leaks {
        sweep();
        let open = count_open(&self.inner);
        let live = &self.inner.live;
        let vms = alive(&self.inner.vms);
        Leaks {
            files: alive(&self.inner.files).len(),
            vms: live.vms.load(Ordering::Relaxed),
            bos: live.bos.load(Ordering::Relaxed),
            syncobjs: live.syncobjs.load(Ordering::Relaxed),
            groups: live.groups.load(Ordering::Relaxed),
            heaps: live.heaps.load(Ordering::Relaxed),
            pending_jobs: live.jobs.load(Ordering::Relaxed),
            vm_mappings: vms.iter().map(|vm| vm.mapping_count()).sum(),
            cpu_mappings: live.cpu_mappings.load(Ordering::Relaxed),
            stuck_vms: live.stuck_vms.load(Ordering::Relaxed),
            sync_files: open.sync_files,
            syncobj_fds: open.syncobjs,
            dma_bufs: open.dma_bufs,
        }
    }

    /// Checks that everything was released: the end of a test.
    ///
    /// Another thread may just be on its way out of an ioctl with the last reference to something;
    /// it gets half a second.
    ///
    /// # Panics
    /// If a file, VM, BO, group, heap, syncobj, job or mapping is alive, if a descriptor of the fake is open, or if
    /// the driver would keep a VM for good ([`Leaks::stuck_vms`]), with a list of them.
    #[track_caller]
    pub fn assert_released(&self) {
        let deadline = Instant::now() + Duration::from_millis(500);
        let mut leaks = self.leaks();
        while !leaks.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
            leaks = self.leaks();
        }
        assert!(leaks.is_empty(), "still alive on the fake device: {leaks}");
    }
}
