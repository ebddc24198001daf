//! Descriptors that the fake exports: the objects behind them, and whether they are still open.
//!
//! Descriptors work across processes and devices, as the kernel's do. One table, keyed by inode,
//! therefore covers the whole program. The last close of a descriptor is not reported, so the fake
//! checks when the result matters.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::Mode;

use crate::call::errno::{Errno, Result};
use crate::device::DeviceInner;
use crate::device::config::PageSize;
use crate::lock::{Mutex, lock, rank};
use crate::memfd;
use crate::process::PerProcess;
use crate::sharing::dma_buf::DmaBuf;
use crate::sharing::sync_fd::{SyncFile, SyncobjFd};

/// The identity of a file, independent of its descriptors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// A file outside the fake.
    #[cfg(feature = "loopback")]
    pub(crate) const OTHER: Self = Self { device: 0, inode: 0 };

    /// Returns the file behind a descriptor of this process.
    ///
    /// # Errors
    /// The error of `stat(2)`.
    pub(crate) fn of(fd: impl AsFd) -> Result<Self> {
        Self::at(path(fd.as_fd().as_raw_fd()))
    }

    /// Returns the file behind a descriptor at a path of `/proc`.
    ///
    /// # Errors
    /// `EBADF` if the descriptor is closed, otherwise the error of `stat(2)`.
    pub(crate) fn at(path: impl AsRef<Path>) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Errno::BADF,
            _ => error.into(),
        })?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Returns the path that opens a new description of a descriptor's file.
pub(crate) fn path(fd: i32) -> String {
    format!("/proc/self/fd/{fd}")
}

/// The device that an exported object comes from, as a weak reference.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    device: Weak<DeviceInner>,
    /// The driver version of the emulated kernel.
    pub(crate) driver_minor: u32,
    /// The page size of the emulated kernel.
    pub(crate) page_size: PageSize,
}

impl Owner {
    pub(crate) fn new(device: &Arc<DeviceInner>) -> Self {
        let config = &device.config;
        Self {
            device: Arc::downgrade(device),
            driver_minor: config.driver_minor,
            page_size: config.page_size,
        }
    }

    /// Returns the device if it is alive.
    pub(crate) fn device(&self) -> Option<Arc<DeviceInner>> {
        self.device.upgrade()
    }

    fn is(&self, device: &DeviceInner) -> bool {
        std::ptr::eq(self.device.as_ptr(), device)
    }
}

/// The object behind a descriptor.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    DmaBuf(Arc<DmaBuf>),
    Syncobj(Arc<SyncobjFd>),
    SyncFile(Arc<SyncFile>),
}

impl Object {
    pub(crate) fn owner(&self) -> &Owner {
        match self {
            Self::DmaBuf(dma_buf) => dma_buf.owner(),
            Self::Syncobj(syncobj) => syncobj.owner(),
            Self::SyncFile(sync_file) => sync_file.owner(),
        }
    }

    /// Returns whether a descriptor of the object is open.
    fn is_open(&self) -> bool {
        match self {
            Self::DmaBuf(dma_buf) => dma_buf.is_open(),
            Self::Syncobj(syncobj) => syncobj.is_open(),
            Self::SyncFile(sync_file) => sync_file.is_open(),
        }
    }

    /// Returns whether there are references besides the table's and `others` more, or a BO handle
    /// that can export the object again.
    fn is_in_use(&self, others: usize) -> bool {
        match self {
            Self::DmaBuf(dma_buf) => {
                Arc::strong_count(dma_buf) > 1 + others || dma_buf.has_handles()
            }
            Self::Syncobj(_) | Self::SyncFile(_) => false,
        }
    }
}

/// The exported objects.
pub(crate) type Table = BTreeMap<Identity, Object>;

/// A child of a fork starts with an empty table, since the exported objects belong to its parent.
static TABLE: PerProcess<Mutex<Table, { rank::DESCRIPTORS }>> =
    PerProcess::new(|| Mutex::new(Table::new()));

/// Calls `look` with the locked table. Objects cannot be forgotten meanwhile.
///
/// `look` may not open or look up any path: on a thread that a loopback serves, this waits for the
/// supervisor, which needs the table itself.
pub(crate) fn with_table<T>(look: impl FnOnce(&mut Table) -> T) -> T {
    look(&mut lock(TABLE.get()))
}

/// Returns the object behind a file; `None` for a file outside the fake.
pub(crate) fn find(identity: Identity) -> Option<Object> {
    with_table(|table| table.get(&identity).cloned())
}

/// Held while objects are being forgotten, until they are dropped.
static SWEEPING: PerProcess<Mutex<(), { rank::SWEEPING }>> = PerProcess::new(|| Mutex::new(()));

/// Forgets the objects without an open descriptor. On return they are dropped, including those that
/// another thread found at the same time.
pub(crate) fn sweep() {
    let _one_at_a_time = lock(SWEEPING.get());
    // Without the table lock, because each check needs at least one system call.
    let all: Vec<_> = with_table(|table| {
        table.iter().map(|(&identity, object)| (identity, object.clone())).collect()
    });
    let is_closed = |(identity, object): (Identity, Object)| {
        (!object.is_in_use(1) && !object.is_open()).then_some(identity)
    };
    let closed: Vec<_> = all.into_iter().filter_map(is_closed).collect();
    for identity in closed {
        remove(identity);
    }
}

/// Sweeps if the table has twice as many objects as after the last sweep. Each export then pays for
/// about one check, for any number of objects.
pub(crate) fn sweep_if_many() {
    /// The size below which a sweep is not worthwhile.
    const FEW: usize = 32;
    /// The table size that triggers the next sweep.
    static ENOUGH: AtomicUsize = AtomicUsize::new(FEW);

    let count = || with_table(|table| table.len());
    if count() >= ENOUGH.load(Ordering::Relaxed) {
        sweep();
        ENOUGH.store((2 * count()).max(FEW), Ordering::Relaxed);
    }
}

/// Forgets the dma-buf of a file unless a descriptor of it is open. On return a forgotten dma-buf
/// is dropped.
pub(crate) fn forget(identity: Identity) {
    let _one_at_a_time = lock(SWEEPING.get());
    remove(identity);
}

/// Forgets an object without users.
fn remove(identity: Identity) {
    let gone = with_table(|table| {
        let object = table.get(&identity)?;
        // The table lock keeps other threads from finding the object, so the result stays valid.
        if object.is_in_use(0) || object.is_open() { None } else { table.remove(&identity) }
    });
    // The object is dropped without the table lock.
    drop(gone);
}

/// Creates descriptors. If the process has no free descriptors, first closes those that the fake
/// keeps for closed objects.
pub(crate) fn with_descriptors<T>(make: impl Fn() -> nix::Result<T>) -> nix::Result<T> {
    match make() {
        Err(nix::Error::EMFILE | nix::Error::ENFILE) => {
            sweep();
            make()
        }
        made => made,
    }
}

/// The numbers of open sync files, syncobj descriptors and dma-bufs of a device.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenDescriptors {
    pub(crate) sync_files: usize,
    pub(crate) syncobjs: usize,
    pub(crate) dma_bufs: usize,
}

/// Counts the descriptors of a device that are open in any process.
pub(crate) fn count_open(device: &DeviceInner) -> OpenDescriptors {
    // Serialize with `sweep`, which would take the references here for users of the objects.
    let _one_at_a_time = lock(SWEEPING.get());
    let mut open = OpenDescriptors::default();
    let all: Vec<_> = with_table(|table| {
        table.values().filter(|object| object.owner().is(device)).cloned().collect()
    });
    for object in all.iter().filter(|object| object.is_open()) {
        match object {
            Object::DmaBuf(_) => open.dma_bufs += 1,
            Object::Syncobj(_) => open.syncobjs += 1,
            Object::SyncFile(_) => open.sync_files += 1,
        }
    }
    open
}

/// A file that stands for a kernel object.
///
/// Each exported open file description has a lock on one byte. The kernel drops the lock with the
/// last duplicate, in any process. A conflicting lock therefore shows that descriptors are open.
#[derive(Debug)]
pub(crate) struct StandIn {
    watch: File,
    identity: Identity,
}

/// The locked byte, beyond the range of other reads, writes and locks.
///
/// The locks are OFD locks, which do not conflict with locks of `flock(2)` (those of
/// `std::fs::File`).
const LOCKED_BYTE: libc::off_t = libc::off_t::MAX - 1;

fn ofd_lock(kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: LOCKED_BYTE,
        l_len: 1,
        l_pid: 0,
    }
}

impl StandIn {
    pub(crate) fn new(name: &CStr, size: u64) -> Result<Self> {
        // Without an error number, the size is too large for any file.
        let errno = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::ENOMEM);
        let create = || memfd::create(name, size).map_err(|e| nix::Error::from_raw(errno(e)));
        let watch = with_descriptors(create)?;
        let identity = Identity::of(&watch)?;
        Ok(Self { watch, identity })
    }

    /// Returns the file with the contents.
    pub(crate) fn file(&self) -> &File {
        &self.watch
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Opens a new description with flags of `open(2)`.
    ///
    /// # Errors
    /// `EBUSY` if a program has a write lock on the whole file.
    pub(crate) fn open(&self, flags: OFlag) -> Result<OwnedFd> {
        let path = path(self.watch.as_raw_fd());
        let fd = with_descriptors(|| open(path.as_str(), flags, Mode::empty()))?;
        match fcntl(&fd, FcntlArg::F_OFD_SETLK(&ofd_lock(libc::F_RDLCK))) {
            Ok(_) => Ok(fd),
            // With EAGAIN, the caller would retry forever.
            Err(nix::Error::EAGAIN | nix::Error::EACCES) => Err(Errno::BUSY),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns whether an exported description is open.
    pub(crate) fn is_open(&self) -> bool {
        let mut conflict = ofd_lock(libc::F_WRLCK);
        let asked = fcntl(&self.watch, FcntlArg::F_OFD_GETLK(&mut conflict));
        asked.is_err() || i32::from(conflict.l_type) != libc::F_UNLCK
    }
}
