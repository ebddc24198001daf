//! Counts of live objects, to check for leaks at the end of a test.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::device::{Device, alive};
use crate::sharing::descriptors::{count_open, sweep};

/// The live objects of a device, by kind.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Leaks {
    /// Open files. A CPU mapping keeps its file open.
    pub files: usize,
    /// VMs.
    pub vms: usize,
    /// Buffer objects with a handle, a mapping in a VM or a CPU mapping.
    pub bos: usize,
    /// Sync objects.
    pub syncobjs: usize,
    /// Groups. A pending job keeps its group alive.
    pub groups: usize,
    /// Tiler heaps.
    pub heaps: usize,
    /// Pending asynchronous VM_BIND operations and group jobs.
    pub pending_jobs: usize,
    /// Mappings in VMs, including those of groups and heaps.
    pub vm_mappings: usize,
    /// CPU mappings.
    pub cpu_mappings: usize,
    /// VMs that the kernel would leak together with the BOs that they map. The leak happens when an
    /// asynchronous map runs after the VM was destroyed, and no later operation unmaps the range.
    ///
    /// To avoid the leak, wait for queued operations before destroying the VM, or queue an unmap
    /// behind them. A client can do neither after [`Device::unplug`], so a VM destroyed after an
    /// unplug is not counted.
    pub stuck_vms: usize,
    /// Sync files, without duplicates. This field and those below count descriptors open in this
    /// process or any other.
    pub sync_files: usize,
    /// Exported syncobj descriptors, without duplicates.
    pub syncobj_fds: usize,
    /// dma-bufs with an open descriptor: exported BOs of this device, and those of
    /// [`Device::foreign_dma_buf`](crate::Device::foreign_dma_buf).
    pub dma_bufs: usize,
}

impl Leaks {
    /// Returns whether no object is alive.
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

/// The counters behind [`Leaks`].
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
    /// Counts the live objects, including VMs that the kernel would leak.
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

    /// Checks at the end of a test that all objects were released.
    ///
    /// Another thread may still hold a last reference on its way out of an ioctl. The check waits
    /// up to half a second for such threads.
    ///
    /// # Panics
    /// If a file, VM, BO, group, heap, syncobj, job or mapping is alive, or a descriptor of the
    /// fake is open. Also if the driver would leak a VM ([`Leaks::stuck_vms`]). The message lists
    /// the leaks.
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
