//! The device: what all open files share.

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
    pub(crate) turn: Mutex<(), { rank::TURN }>,
    pub(crate) events: Events,
    pub(crate) live: Live,
    pub(crate) masters: Masters,
    pub(crate) names: Names,
    /// What is to fail on whichever file.
    pub(crate) injections: Injections,
    unplugged: AtomicBool,
    /// Whether the next stream hangs.
    hangs: AtomicBool,
    /// What is measured of jobs.
    pub(crate) profiling: AtomicU32,
    client: Client,
    /// When the GPU's counters started.
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
    /// Makes a device.
    ///
    /// # Errors
    /// `InvalidInput` for a driver version that the fake does not know, and for something to profile that the driver
    /// does not; otherwise what
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

    /// The properties the device was made with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Counters of calls and operations, over all files that are or were open.
    pub fn stats(&self) -> Stats {
        self.inner.counters.sum()
    }

    /// Lets memory be short: takes the pages of BOs that nothing uses until that many bytes are free
    /// which were not, or none are left to take; how many bytes that are.
    ///
    /// BOs that nothing maps go first, then those that only the CPU has mapped, then those of one VM,
    /// VM by VM, then the others; among equals who became so first. The newest VM comes first of those that no
    /// stream was submitted to, then those whose groups have been on the GPU for the longest time. What was mapped
    /// counts as unmapped where it was evicted, also if it is mapped anew, until the VM gets it back. A BO stays while a
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

    /// What every VM that is alive has mapped, the oldest VM first: what the driver lists in debugfs as
    /// `gpuvas`. VMs that were destroyed and that a group or a job keeps are in it, and so is what
    /// the driver maps for itself.
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
    /// `ENODEV` if it is gone.
    pub(crate) fn check_plugged(&self) -> Result<()> {
        if self.unplugged.load(Ordering::Acquire) { Err(Errno::NODEV) } else { Ok(()) }
    }

    /// # Errors
    /// `ECHILD` in a child of the process that created the device.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.memory.check_process()
    }

    /// Returns whether a parent process created the device, which has all that is in it.
    pub(crate) fn is_inherited(&self) -> bool {
        self.check_process().is_err()
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

fn register<T, const RANK: u8>(list: &Mutex<Vec<Weak<T>>, RANK>, object: &Arc<T>) {
    let mut list = lock(list);
    list.retain(|entry| entry.strong_count() > 0);
    list.push(Arc::downgrade(object));
}

/// The objects themselves, so that none dies under the list's lock.
fn alive<T, const RANK: u8>(list: &Mutex<Vec<Weak<T>>, RANK>) -> Vec<Arc<T>> {
    lock(list).iter().filter_map(Weak::upgrade).collect()
}
