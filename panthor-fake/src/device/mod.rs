//! The device: the state that all open files share.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod disturb;
mod failures;
pub(crate) mod gpu_model;
pub(crate) mod held;
pub(crate) mod inject;
pub(crate) mod leaks;
pub(crate) mod query;
pub(crate) mod stats;

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::bo::memory::Memory;
use crate::bo::names::Names;
use crate::bo::reclaim::Spared;
use crate::bo::residency::{Pinned, Residents, Turn};
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::UserMemory;
use crate::device::client::Client;
use crate::device::config::Config;
use crate::device::inject::Injections;
use crate::device::leaks::Live;
use crate::device::stats::{Counters, FileStats, Stats};
use crate::dump::DeviceDump;
use crate::dump::collect::dump_of_device;
use crate::file::primary::Masters;
use crate::file::{File, FileInner};
use crate::group::Shared;
use crate::lock::{Mutex, lock, rank};
use crate::sync::events::Events;
use crate::vm::Vm;
use crate::vm::gpu_view::GpuVa;

/// A fake GPU with its driver. A clone is another handle of the same device.
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
    /// The reclaim lock, held by the [`Turn`].
    pub(crate) turn: Mutex<(), { rank::TURN }>,
    pub(crate) events: Events,
    pub(crate) live: Live,
    pub(crate) masters: Masters,
    pub(crate) names: Names,
    /// Planned failures that apply to any file.
    pub(crate) injections: Injections,
    unplugged: AtomicBool,
    /// Set while the next stream is to hang.
    hangs: AtomicBool,
    /// The value of the sysfs attribute `profiling`.
    pub(crate) profiling: AtomicU32,
    client: Client,
    /// The time at which the GPU's counters started.
    pub(crate) epoch: Instant,
    next_id: AtomicU64,
    files: Mutex<Vec<Weak<FileInner>>, { rank::DEVICE_FILES }>,
    vms: Mutex<Vec<Weak<Vm>>, { rank::DEVICE_VMS }>,
    groups: Mutex<Vec<Weak<Shared>>, { rank::DEVICE_GROUPS }>,
    counters: Counters,
    #[cfg(feature = "trace")]
    pub(crate) trace: crate::trace::Slot,
}

impl Device {
    /// Creates a device.
    ///
    /// # Errors
    /// `InvalidInput` for an unsupported driver version or profiling bit. Otherwise the error of
    /// `memfd_create(2)`, or of `process_vm_readv(2)`, which the fake reads user memory with and
    /// which a sandbox may forbid.
    pub fn new(config: Config) -> io::Result<Self> {
        if config.driver_minor > Config::NEWEST_MINOR {
            let minor = config.driver_minor;
            let newest = Config::NEWEST_MINOR;
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("driver version 1.{minor} is not known, the newest is 1.{newest}"),
            ));
        }
        if config.profiling & !config.measurable() != 0 {
            let (wanted, known) = (config.profiling, config.measurable());
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "profiling: the driver does not know all bits ({wanted:#x}, known {known:#x})"
                ),
            ));
        }
        UserMemory::probe()?;
        let inner = DeviceInner {
            client: Client::new(&config),
            profiling: AtomicU32::new(config.profiling),
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
            hangs: AtomicBool::new(false),
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

    /// Opens the render node. The new file shares only the device with other files.
    pub fn open(&self) -> File {
        File::new(self.clone(), false)
    }

    /// Opens the primary node, as a display server does. The first file becomes master.
    ///
    /// Requests that a render node refuses with `EACCES` get the answers of a driver without
    /// displays. Flink names and authentication work.
    pub fn open_primary(&self) -> File {
        File::new(self.clone(), true)
    }

    /// Returns the options that the device was created with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Returns the counters of calls and operations, over all open and closed files.
    pub fn stats(&self) -> Stats {
        self.inner.counters.sum()
    }

    /// Evicts idle BOs until `bytes` of memory are freed or no idle BO is left, as the shrinker
    /// does. Returns the number of freed bytes.
    ///
    /// BOs without mappings go first, then BOs that only the CPU maps, then BOs of one VM, VM by
    /// VM, then BOs of several VMs. Within each class, the BO that entered the class first goes
    /// first. Among VMs, those without any submitted stream go first, newest first, then the least
    /// recently scheduled VM. A VM with evicted mappings of a BO does not count as a user of the BO
    /// until it restores the mappings, even if it maps the BO anew.
    ///
    /// A BO is not evicted while a VM that maps it has pending group jobs, or while an asynchronous
    /// map of it is pending. For a BO that is exclusive to a VM, any pending asynchronous operation
    /// of the VM counts. BOs that were imported from or by another device stay. The BO behind
    /// sparse mappings is evicted as any other.
    ///
    /// An evicted BO keeps its contents. Its VM mappings are inactive until the next
    /// `DRM_IOCTL_PANTHOR_GROUP_SUBMIT` to the VM, see
    /// [`MappingInfo::evicted`](crate::MappingInfo::evicted). That submission fails with `ENOMEM`
    /// if the evicted BOs of the VM do not fit. [`Config::memory`] sets the limit. With
    /// [`Config::swap`], calls that run out of memory reclaim in the same way.
    ///
    /// Drivers before 1.8 and unplugged devices free nothing.
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

    /// Returns a snapshot for debugging: files with their VMs, BOs, sync objects and groups, and
    /// pending jobs with the fences that they wait for. Its `Display` prints one object a line.
    ///
    /// Any thread may take a dump at any time. Other threads continue meanwhile, so each object is
    /// consistent in itself, but two objects may be from different moments.
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

    /// Returns the mappings of every live VM, oldest VM first, as the driver lists them in the
    /// debugfs file `gpuvas`. The list includes destroyed VMs that a group or a job keeps alive,
    /// and the driver's own mappings.
    #[doc(alias = "gpuvas")]
    pub fn address_spaces(&self) -> Vec<Vec<GpuVa>> {
        let vms = alive(&self.inner.vms);
        vms.iter().map(|vm| vm.with_space(|space| space.iter().map(GpuVa::of).collect())).collect()
    }

    pub(crate) fn inner(&self) -> &Arc<DeviceInner> {
        &self.inner
    }
}

impl DeviceInner {
    /// # Errors
    /// `ENODEV` after an unplug.
    pub(crate) fn check_plugged(&self) -> Result<()> {
        if self.unplugged.load(Ordering::Acquire) { Err(Errno::NODEV) } else { Ok(()) }
    }

    /// # Errors
    /// `ECHILD` in a child of the process that created the device.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.memory.check_process()
    }

    /// Returns whether another process, a parent of this one, created the device.
    pub(crate) fn is_inherited(&self) -> bool {
        self.check_process().is_err()
    }

    /// Returns a number that is unique in the device.
    pub(crate) fn unique_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn register_file(&self, file: &Arc<FileInner>) {
        register(&self.files, file);
    }

    pub(crate) fn register_vm(&self, vm: &Arc<Vm>) {
        register(&self.vms, vm);
    }

    /// Returns the open files.
    pub(crate) fn files(&self) -> Vec<Arc<FileInner>> {
        alive(&self.files)
    }

    /// Returns the live groups, including destroyed groups that jobs keep alive.
    pub(crate) fn groups(&self) -> Vec<Arc<Shared>> {
        alive(&self.groups)
    }

    /// Returns the live VMs.
    pub(crate) fn vms(&self) -> Vec<Arc<Vm>> {
        alive(&self.vms)
    }

    /// Returns the VMs with pending group jobs.
    pub(crate) fn working_vms(&self) -> HashSet<*const Vm> {
        let groups = self.groups();
        groups.iter().filter(|group| group.has_pending()).map(|group| group.vm_ptr()).collect()
    }

    pub(crate) fn register_group(&self, group: &Arc<Shared>) {
        register(&self.groups, group);
    }

    /// Adds the counters of a new file.
    pub(crate) fn open_counters(&self) -> Arc<FileStats> {
        self.counters.open()
    }

    /// Adds the counters of a closed file to the total.
    pub(crate) fn close_counters(&self, file: &Arc<FileStats>) {
        self.counters.close(file);
    }
}

fn register<T, const RANK: u8>(list: &Mutex<Vec<Weak<T>>, RANK>, object: &Arc<T>) {
    let mut list = lock(list);
    list.retain(|entry| entry.strong_count() > 0);
    list.push(Arc::downgrade(object));
}

/// Upgrades the entries, so that no object is dropped under the list's lock.
fn alive<T, const RANK: u8>(list: &Mutex<Vec<Weak<T>>, RANK>) -> Vec<Arc<T>> {
    lock(list).iter().filter_map(Weak::upgrade).collect()
}
