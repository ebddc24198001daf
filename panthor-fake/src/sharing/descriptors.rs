//! File descriptors that the fake gives away: what they stand for, and whether they are still open.
//!
//! They work across processes and devices as the kernel's do, so there is one table for the whole
//! program, by inode. Nobody tells the fake when the last duplicate of one is closed; it looks when
//! it matters.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use nix::fcntl::{FcntlArg, Flock, FlockArg, OFlag, SealFlag, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::Mode;

use crate::call::errno::{Errno, Result};
use crate::lock::lock;
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
    /// `EBADF` if it is not open.
    pub(crate) fn at(path: impl AsRef<Path>) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|_| Errno::BADF)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Where a descriptor can be opened anew, as a description of its own.
pub(crate) fn path(fd: i32) -> String {
    format!("/proc/self/fd/{fd}")
}

/// What a descriptor stands for.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    DmaBuf(Arc<DmaBuf>),
    Syncobj(Arc<SyncobjFd>),
    SyncFile(Arc<SyncFile>),
}

impl Object {
    /// Whether a descriptor of it is open, or something else can make one.
    fn is_needed(&self) -> bool {
        match self {
            Self::DmaBuf(dma_buf) => Arc::strong_count(dma_buf) > 1 || dma_buf.is_needed(),
            Self::Syncobj(syncobj) => syncobj.is_open(),
            Self::SyncFile(sync_file) => sync_file.is_open(),
        }
    }
}

/// All that is given away.
pub(crate) type Table = BTreeMap<Identity, Object>;

static TABLE: Mutex<Table> = Mutex::new(Table::new());

/// Looks at the table, or changes it. Nothing is forgotten meanwhile.
///
/// Nothing may be opened or looked up by its path meanwhile: on a thread that a loopback serves that waits for
/// the supervisor, which needs the table itself.
pub(crate) fn with_table<T>(look: impl FnOnce(&mut Table) -> T) -> T {
    look(&mut lock(&TABLE))
}

/// What a file stands for; `None` if it is none of the fake's.
pub(crate) fn find(identity: Identity) -> Option<Object> {
    with_table(|table| table.get(&identity).cloned())
}

/// Forgets what nobody has a descriptor of any more. When it returns that is gone, also what another
/// thread has found at the same time.
pub(crate) fn sweep() {
    static SWEEPING: Mutex<()> = Mutex::new(());

    let _one_at_a_time = lock(&SWEEPING);
    let gone: Vec<_> = with_table(|table| {
        let unneeded =
            |(&identity, object): (&Identity, &Object)| (!object.is_needed()).then_some(identity);
        let identities: Vec<_> = table.iter().filter_map(unneeded).collect();
        identities.iter().filter_map(|identity| table.remove(identity)).collect()
    });
    // What it kept goes without the lock of the table.
    drop(gone);
}

/// A file that stands for an object of the kernel.
///
/// Each open description that is given away has a shared lock on it, which goes with the last
/// duplicate wherever that is; so the fake's own one can tell whether there are any.
#[derive(Debug)]
pub(crate) struct StandIn {
    watch: File,
}

impl StandIn {
    pub(crate) fn new(name: &CStr, size: u64) -> Result<Self> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let watch = File::from(memfd_create(name, flags)?);
        watch.set_len(size).map_err(|_| Errno::NOMEM)?;
        // Nobody can make a dma-buf shorter, which would take the memory from under its mappings.
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&watch, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(Self { watch })
    }

    /// Its contents.
    pub(crate) fn file(&self) -> &File {
        &self.watch
    }

    pub(crate) fn identity(&self) -> Result<Identity> {
        Identity::of(&self.watch)
    }

    /// Gives a descriptor away, with these flags of `open(2)`.
    pub(crate) fn open(&self, flags: OFlag) -> Result<OwnedFd> {
        let path = path(self.watch.as_raw_fd());
        let fd = open(path.as_str(), flags, Mode::empty())?;
        match Flock::lock(fd.try_clone().map_err(|_| Errno::MFILE)?, FlockArg::LockShared) {
            // It is not unlocked but by being closed, the duplicate included.
            Ok(locked) => {
                let duplicate = locked.as_raw_fd();
                std::mem::forget(locked);
                nix::unistd::close(duplicate)?;
                Ok(fd)
            }
            Err((_, errno)) => Err(errno.into()),
        }
    }

    /// Whether somebody has a descriptor.
    pub(crate) fn is_open(&self) -> bool {
        let Ok(watch) = self.watch.as_fd().try_clone_to_owned() else {
            return true;
        };
        // Unlocked again at once.
        Flock::lock(watch, FlockArg::LockExclusiveNonblock).is_err()
    }
}
