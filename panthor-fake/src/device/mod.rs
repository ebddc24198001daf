//! The device: what all open files share.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod gpu_model;
pub(crate) mod held;
pub(crate) mod inject;
pub(crate) mod query;
pub(crate) mod stats;

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::bo::memory::Memory;
use crate::bo::names::Names;
use crate::bo::reclaim::Spared;
use crate::bo::residency::{Pinned, Residents, Turn};
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::UserMemory;
use crate::device::client::Client;
use crate::device::config::Config;
use crate::device::inject::Injections;
use crate::device::stats::{Counters, FileStats, Leaks, Live, Stats};
use crate::dump::DeviceDump;
use crate::dump::collect::dump_of_device;
use crate::file::primary::Masters;
use crate::file::{File, FileInner};
use crate::group::Shared;
use crate::lock::lock;
use crate::sharing::descriptors::{Owner, count_open, sweep, sweep_if_many};
use crate::sharing::dma_buf::DmaBuf;
use crate::sync::events::Events;
use crate::vm::Vm;
use crate::vm::gpu_view::GpuVa;

/// A fake GPU with its driver. Clones are the same device.
#[derive(Clone, Debug)]
pub struct Device {
    inner: Arc<DeviceInner>,
}

#[derive(Debug)]
pub(crate) struct DeviceInner {
    pub(crate) config: Config,
    pub(crate) memory: Memory,
    pub(crate) pinned: Pinned,
    pub(crate) residents: Residents,
    /// Held by who has the [`Turn`].
    pub(crate) turn: Mutex<()>,
    pub(crate) events: Events,
    pub(crate) live: Live,
    pub(crate) masters: Masters,
    pub(crate) names: Names,
    /// What is to fail on whichever file.
    pub(crate) injections: Injections,
    unplugged: AtomicBool,
    client: Client,
    /// When the GPU's counters started.
    pub(crate) epoch: Instant,
    next_id: AtomicU64,
    files: Mutex<Vec<Weak<FileInner>>>,
    vms: Mutex<Vec<Weak<Vm>>>,
    groups: Mutex<Vec<Weak<Shared>>>,
    counters: Counters,
    #[cfg(feature = "trace")]
    pub(crate) trace: crate::trace::Slot,
}

impl Device {
    /// Makes a device.
    ///
    /// # Errors
    /// `InvalidInput` for a driver version that the fake does not know; otherwise what
    /// `memfd_create(2)` says, or `process_vm_readv(2)` where a sandbox forbids it: user memory is
    /// read with it.
    pub fn new(config: Config) -> io::Result<Self> {
        if config.driver_minor > Config::NEWEST_MINOR {
            let minor = config.driver_minor;
            let newest = Config::NEWEST_MINOR;
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("driver version 1.{minor} is not known, the newest is 1.{newest}"),
            ));
        }
        UserMemory::probe()?;
        let inner = DeviceInner {
            client: Client::new(&config),
            config,
            memory: Memory::new()?,
            pinned: Pinned::default(),
            residents: Residents::default(),
            turn: Mutex::new(()),
            events: Events::default(),
            live: Live::default(),
            masters: Masters::default(),
            names: Names::default(),
            injections: Injections::default(),
            unplugged: AtomicBool::new(false),
            epoch: Instant::now(),
            next_id: AtomicU64::new(1),
            files: Mutex::new(Vec::new()),
            vms: Mutex::new(Vec::new()),
            groups: Mutex::new(Vec::new()),
            counters: Counters::default(),
            #[cfg(feature = "trace")]
            trace: crate::trace::Slot::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the render node: a new open file, which shares nothing but the device with others.
    pub fn open(&self) -> File {
        File::new(self.clone(), false)
    }

    /// Opens the primary node, as a display server does. The first file becomes its master.
    ///
    /// What a render node refuses with `EACCES` is answered there as a driver without displays
    /// does; names of BOs and authentication work.
    pub fn open_primary(&self) -> File {
        File::new(self.clone(), true)
    }

    /// Takes the device away, as when its driver is unbound: every ioctl and mmap of every file is
    /// `ENODEV` from now on, also of those that are opened later, and jobs that the GPU has end with
    /// `ETIMEDOUT`. What files hold is released when they are closed.
    #[doc(alias = "drm_dev_unplug")]
    pub fn unplug(&self) {
        self.inner.unplugged.store(true, Ordering::Release);
        for group in alive(&self.inner.groups) {
            group.lose();
        }
    }

    /// The properties the device was made with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Makes the `n`-th ioctl of that kind from now on, over all files, fail with an error number,
    /// before it looks at its argument; `n` counts from 1, the next one. Several may be planned.
    ///
    /// [`File::fail_nth_ioctl`] does so on one file, and tells what is an error number; a call that fails for its sake
    /// does not count here. The ioctls of dma-bufs and sync files, `DMA_BUF_IOCTL_SYNC` and the like, count over all
    /// of them that come from this device: those that it exported and made, and what was made of them.
    pub fn fail_nth_ioctl(&self, request: u32, n: u64, errno: i32) {
        self.inner.injections.fail_ioctl(request, n, errno);
    }

    /// The failures of that ioctl that [`Device::fail_nth_ioctl`] has planned and that have not come, in the order in
    /// which they were planned: which call from now on each is, counted from 1. Those of one file tells
    /// [`File::planned_failures`].
    ///
    /// ```
    /// use panthor_fake::{Arena, Config, Device};
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_BO_CREATE, DRM_IOCTL_PANTHOR_VM_CREATE};
    ///
    /// let device = Device::new(Config::default())?;
    /// device.fail_nth_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, 3, 12);
    /// device.open().ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, 0x10000, &Arena::new(0x10000, 4096));
    /// assert_eq!(device.planned_failures(DRM_IOCTL_PANTHOR_VM_CREATE), [2]);
    /// assert!(device.planned_failures(DRM_IOCTL_PANTHOR_BO_CREATE).is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn planned_failures(&self, request: u32) -> Vec<u64> {
        self.inner.injections.planned_ioctls(request)
    }

    /// Whether a failure that [`Device::fail_nth_ioctl`] has planned has not come: a test that ends so has not shown
    /// what it was to show. Each file tells of its own, see [`File::has_planned_failures`].
    pub fn has_planned_failures(&self) -> bool {
        !self.inner.injections.is_empty()
    }

    /// Gives up all failures that [`Device::fail_nth_ioctl`] has planned and that have not come.
    pub fn clear_planned_failures(&self) {
        self.inner.injections.clear();
    }

    /// Counters of calls and operations, over all files that are or were open.
    pub fn stats(&self) -> Stats {
        self.inner.counters.sum()
    }

    /// Makes a dma-buf of that many bytes, rounded up to whole pages of the CPU, that comes from
    /// elsewhere: a camera, a display, another GPU.
    ///
    /// Its descriptor can be imported by this and any other fake device, and mapped. The ioctls of
    /// its own answers [`descriptor_ioctl`](crate::descriptor_ioctl).
    ///
    /// # Errors
    /// `InvalidInput` for a size of zero or one that no number of pages can have; otherwise what
    /// `memfd_create(2)` and the like say.
    pub fn foreign_dma_buf(&self, size: u64) -> io::Result<OwnedFd> {
        let pages = size.checked_next_multiple_of(self.inner.config.page_size.bytes());
        let size = pages.filter(|&size| size != 0).ok_or_else(|| {
            let message = format!("a dma-buf cannot have {size} bytes");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        sweep_if_many();
        DmaBuf::foreign(size, Owner::new(&self.inner))
            .map_err(|errno| io::Error::from_raw_os_error(errno.0))
    }

    /// Resets the GPU, as the driver does when it hangs: groups that the GPU has are lost.
    ///
    /// Those that did nothing wrong are innocent (see `DRM_PANTHOR_GROUP_STATE_INNOCENT`, driver 1.3
    /// and later); their jobs on the GPU end with `ETIMEDOUT`. The GPU has the groups that it is busy with, and so
    /// many others that its eight slots are full: when a group gets something to do that has no slot, the driver
    /// gives slots to all that are there. Later ones go on. For the group to blame call [`GroupView::time_out`](crate::GroupView::time_out) before.
    #[doc(alias = "DRM_PANTHOR_GROUP_STATE_INNOCENT")]
    pub fn reset(&self) {
        let mut lost = alive(&self.inner.groups);
        lost.retain(|group| group.lose_by_reset());
        for group in lost {
            group.end_lost();
        }
    }

    /// Lets memory be short: takes the pages of BOs that nothing uses until that many bytes are free
    /// which were not, or none are left to take; how many bytes that are.
    ///
    /// BOs that nothing maps go first, then those that only the CPU has mapped, then those of one VM,
    /// the VM that was submitted to the longest time ago first, then the others. A BO stays while a
    /// VM that maps it has jobs of groups that are not done, or an asynchronous map of it has not
    /// run, for one that is exclusive to a VM any asynchronous operation; so does one that another
    /// device has imported, and one that was imported. The BO behind sparse mappings goes as others do.
    ///
    /// What a BO contains is kept. Its mappings in VMs are off, see
    /// [`MappingInfo::evicted`](crate::MappingInfo::evicted), until the next
    /// `DRM_IOCTL_PANTHOR_GROUP_SUBMIT` to their VM, which is `ENOMEM` if there is no memory for all
    /// that the VM lacks. [`Config::memory`] is how much there is; [`Config::swap`] makes calls that
    /// find none do as this does.
    ///
    /// Drivers before 1.8 let nothing go, nor does a device that was unplugged.
    ///
    /// ```
    /// # use panthor_fake::{Config, Device};
    /// let device = Device::new(Config::default())?;
    /// assert_eq!(device.reclaim(u64::MAX), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reclaim(&self, bytes: u64) -> u64 {
        if self.inner.check_plugged().is_err() {
            return 0;
        }
        Turn::new(&self.inner).reclaim(bytes, &Spared::default())
    }

    /// What there is, for a debugger: files with their VMs, BOs, sync objects and groups, and what
    /// is pending with what it waits for. It prints as text, one line a thing.
    ///
    /// It may be taken at any time and by any thread. Others go on meanwhile: each object is shown as
    /// it was at one moment, but not all at the same.
    ///
    /// ```
    /// # use panthor_fake::{Config, Device};
    /// let device = Device::new(Config::default())?;
    /// let file = device.open();
    /// let dump = device.dump();
    /// assert_eq!(dump.files.len(), 1);
    /// assert!(dump.files[0].bos.is_empty());
    /// println!("{dump}");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn dump(&self) -> DeviceDump {
        dump_of_device(&self.inner)
    }

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

    /// What every VM that is alive has mapped, the oldest VM first: what the driver lists in debugfs as
    /// `gpuvas`. VMs that were destroyed and that a group or a job keeps are in it, and so is what
    /// the driver maps for itself.
    #[doc(alias = "gpuvas")]
    pub fn address_spaces(&self) -> Vec<Vec<GpuVa>> {
        let vms = alive(&self.inner.vms);
        vms.iter().map(|vm| vm.with_space(|space| space.iter().map(GpuVa::of).collect())).collect()
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

    pub(crate) fn inner(&self) -> &Arc<DeviceInner> {
        &self.inner
    }
}

impl DeviceInner {
    /// # Errors
    /// `ENODEV` if it is gone.
    pub(crate) fn check_plugged(&self) -> Result<()> {
        if self.unplugged.load(Ordering::Acquire) { Err(Errno::NODEV) } else { Ok(()) }
    }

    /// A number that no other object of the device has.
    pub(crate) fn unique_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn register_file(&self, file: &Arc<FileInner>) {
        register(&self.files, file);
    }

    pub(crate) fn register_vm(&self, vm: &Arc<Vm>) {
        register(&self.vms, vm);
    }

    /// The files that are open.
    pub(crate) fn files(&self) -> Vec<Arc<FileInner>> {
        alive(&self.files)
    }

    /// The groups that exist, with those that were destroyed as far as jobs keep them.
    pub(crate) fn groups(&self) -> Vec<Arc<Shared>> {
        alive(&self.groups)
    }

    /// The VMs that exist.
    pub(crate) fn vms(&self) -> Vec<Arc<Vm>> {
        alive(&self.vms)
    }

    /// The VMs with jobs of groups that are not done.
    pub(crate) fn working_vms(&self) -> HashSet<*const Vm> {
        let groups = self.groups();
        groups.iter().filter(|group| group.has_pending()).map(|group| group.vm_ptr()).collect()
    }

    pub(crate) fn register_group(&self, group: &Arc<Shared>) {
        register(&self.groups, group);
    }

    /// The counters of a new file.
    pub(crate) fn open_counters(&self) -> Arc<FileStats> {
        self.counters.open()
    }

    /// Keeps what a file counted when it closes.
    pub(crate) fn close_counters(&self, file: &Arc<FileStats>) {
        self.counters.close(file);
    }
}

fn register<T>(list: &Mutex<Vec<Weak<T>>>, object: &Arc<T>) {
    let mut list = lock(list);
    list.retain(|entry| entry.strong_count() > 0);
    list.push(Arc::downgrade(object));
}

/// The objects themselves, so that none dies under the list's lock.
fn alive<T>(list: &Mutex<Vec<Weak<T>>>) -> Vec<Arc<T>> {
    lock(list).iter().filter_map(Weak::upgrade).collect()
}
