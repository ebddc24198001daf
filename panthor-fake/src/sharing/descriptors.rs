//! File descriptors that the fake gives away: what they stand for, and whether they are still open.
//!
//! They work across processes and devices as the kernel's do, so there is one table for the whole
//! program, by inode. Nobody tells the fake when the last duplicate of one is closed; it looks when
//! it matters.

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

/// Tells files apart, whatever descriptors they have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// A file that is none of the fake's.
    #[cfg(feature = "loopback")]
    pub(crate) const OTHER: Self = Self { device: 0, inode: 0 };

    /// The file behind a descriptor of the fake.
    ///
    /// # Errors
    /// What `stat(2)` says.
    pub(crate) fn of(fd: impl AsFd) -> Result<Self> {
        Self::at(path(fd.as_fd().as_raw_fd()))
    }

    /// The file behind a descriptor that is at this path of `/proc`.
    ///
    /// # Errors
    /// `EBADF` if it is not open, else what `stat(2)` answers.
    pub(crate) fn at(path: impl AsRef<Path>) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Errno::BADF,
            _ => error.into(),
        })?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Where a descriptor can be opened anew, as a description of its own.
pub(crate) fn path(fd: i32) -> String {
    format!("/proc/self/fd/{fd}")
}

/// The device that something with a descriptor comes from. It is not kept by that.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    device: Weak<DeviceInner>,
    /// The driver version whose kernel this is.
    pub(crate) driver_minor: u32,
    /// The size of that kernel's pages.
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

    /// The device, while it is there.
    pub(crate) fn device(&self) -> Option<Arc<DeviceInner>> {
        self.device.upgrade()
    }

    fn is(&self, device: &DeviceInner) -> bool {
        std::ptr::eq(self.device.as_ptr(), device)
    }
}

/// What a descriptor stands for.
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

    /// Whether a descriptor of it is open.
    fn is_open(&self) -> bool {
        match self {
            Self::DmaBuf(dma_buf) => dma_buf.is_open(),
            Self::Syncobj(syncobj) => syncobj.is_open(),
            Self::SyncFile(sync_file) => sync_file.is_open(),
        }
    }

    /// Whether something besides the table and so many others has it, or can make a descriptor.
    fn is_in_use(&self, others: usize) -> bool {
        match self {
            Self::DmaBuf(dma_buf) => {
                Arc::strong_count(dma_buf) > 1 + others || dma_buf.has_handles()
            }
            Self::Syncobj(_) | Self::SyncFile(_) => false,
        }
    }
}

/// All that is given away.
pub(crate) type Table = BTreeMap<Identity, Object>;

/// A child of a fork starts with an empty table: what its parent handed out is not its to look after.
static TABLE: PerProcess<Mutex<Table, { rank::DESCRIPTORS }>> =
    PerProcess::new(|| Mutex::new(Table::new()));

/// Looks at the table, or changes it. Nothing is forgotten meanwhile.
///
/// Nothing may be opened or looked up by its path meanwhile: on a thread that a loopback serves that waits for
/// the supervisor, which needs the table itself.
pub(crate) fn with_table<T>(look: impl FnOnce(&mut Table) -> T) -> T {
    look(&mut lock(TABLE.get()))
}

/// What a file stands for; `None` if it is none of the fake's.
pub(crate) fn find(identity: Identity) -> Option<Object> {
    with_table(|table| table.get(&identity).cloned())
}

/// Held by who forgets something, until that is gone.
static SWEEPING: PerProcess<Mutex<(), { rank::SWEEPING }>> = PerProcess::new(|| Mutex::new(()));

/// Forgets what nobody has a descriptor of any more. When it returns that is gone, also what another
/// thread has found at the same time.
pub(crate) fn sweep() {
    let _one_at_a_time = lock(SWEEPING.get());
    // They are looked at without the lock of the table: that is a system call or more for each.
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

/// Forgets what nobody has a descriptor of any more if there are twice as many as the last time some were left: so
/// each that is given away pays for a look at about one other, however many there are.
pub(crate) fn sweep_if_many() {
    /// So many are not worth a look.
    const FEW: usize = 32;
    /// How many there may be until then.
    static ENOUGH: AtomicUsize = AtomicUsize::new(FEW);

    let count = || with_table(|table| table.len());
    if count() >= ENOUGH.load(Ordering::Relaxed) {
        sweep();
        ENOUGH.store((2 * count()).max(FEW), Ordering::Relaxed);
    }
}

/// Forgets the dma-buf of a file if nobody has a descriptor of it. When it returns that is gone.
pub(crate) fn forget(identity: Identity) {
    let _one_at_a_time = lock(SWEEPING.get());
    remove(identity);
}

/// Forgets something if nobody has it.
fn remove(identity: Identity) {
    let gone = with_table(|table| {
        let object = table.get(&identity)?;
        // With the table locked nobody can find it, so it stays as it is.
        if object.is_in_use(0) || object.is_open() { None } else { table.remove(&identity) }
    });
    // What it kept goes without the lock of the table.
    drop(gone);
}

/// Makes descriptors; should the process have none left, those that the fake keeps for what is closed are given
/// back first.
pub(crate) fn with_descriptors<T>(make: impl Fn() -> nix::Result<T>) -> nix::Result<T> {
    match make() {
        Err(nix::Error::EMFILE | nix::Error::ENFILE) => {
            sweep();
            make()
        }
        made => made,
    }
}

/// How many sync files, descriptors of sync objects and dma-bufs of a device are open.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenDescriptors {
    pub(crate) sync_files: usize,
    pub(crate) syncobjs: usize,
    pub(crate) dma_bufs: usize,
}

/// Counts what is open of a device, wherever it is.
pub(crate) fn count_open(device: &DeviceInner) -> OpenDescriptors {
    // Whoever forgets something may take what is held here for what somebody has found.
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

/// A file that stands for an object of the kernel.
///
/// Each open file description of it that is handed out has a lock on one byte, which the kernel drops with the last
/// duplicate, wherever that is. So a conflicting lock tells that there are descriptors.
#[derive(Debug)]
pub(crate) struct StandIn {
    watch: File,
    identity: Identity,
}

/// The byte with the locks: behind all that anybody reads, writes, or locks for a purpose.
///
/// They are OFD locks, which neither the locks of `flock(2)` (those of `std::fs::File`) nor those of processes
/// interfere with.
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
        // A size that no file has is more than the kernel has memory for.
        let errno = |error: std::io::Error| error.raw_os_error().unwrap_or(libc::ENOMEM);
        let create = || memfd::create(name, size).map_err(|e| nix::Error::from_raw(errno(e)));
        let watch = with_descriptors(create)?;
        let identity = Identity::of(&watch)?;
        Ok(Self { watch, identity })
    }

    /// Returns its contents.
    pub(crate) fn file(&self) -> &File {
        &self.watch
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Opens a new description, with these flags of `open(2)`.
    ///
    /// # Errors
    /// `EBUSY` if a program has a write lock on the whole file.
    pub(crate) fn open(&self, flags: OFlag) -> Result<OwnedFd> {
        let path = path(self.watch.as_raw_fd());
        let fd = with_descriptors(|| open(path.as_str(), flags, Mode::empty()))?;
        match fcntl(&fd, FcntlArg::F_OFD_SETLK(&ofd_lock(libc::F_RDLCK))) {
            Ok(_) => Ok(fd),
            // EAGAIN would have the caller try again for ever.
            Err(nix::Error::EAGAIN | nix::Error::EACCES) => Err(Errno::BUSY),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns whether a description that was handed out is open.
    pub(crate) fn is_open(&self) -> bool {
        let mut conflict = ofd_lock(libc::F_WRLCK);
        let asked = fcntl(&self.watch, FcntlArg::F_OFD_GETLK(&mut conflict));
        asked.is_err() || i32::from(conflict.l_type) != libc::F_UNLCK
    }
}
