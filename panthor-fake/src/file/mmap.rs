//! What of a file can be mapped, and where.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use panthor_sys as sys;

use super::{File, FileInner};
use crate::bo::Bo;
use crate::bo::mapping::{Mapping, Prot};
use crate::call::errno::{Errno, Result};
#[cfg(feature = "trace")]
use crate::file::traced::MmapArgs;
#[cfg(feature = "trace")]
use crate::trace::Who;
use crate::vm::TASK_SIZE;

impl File {
    /// Maps a BO, or the page with the latest flush ID, as a shared `mmap(2)` of the render node
    /// does.
    ///
    /// `len` is in bytes and rounded up to the page size; `offset` is what
    /// `DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET` gave.
    ///
    /// # Errors
    /// By its error number: `ECHILD` in a child of the process that created the device; `ENODEV` after [`Device::unplug`](crate::Device::unplug); `EINVAL` if no BO starts at the
    /// offset or it is shorter than `len`; `ENOMEM` for more than a process has; `EACCES` for a BO that this file has
    /// no handle of; otherwise what `mmap(2)` says.
    pub fn mmap(&self, len: usize, prot: Prot, offset: u64) -> io::Result<Mapping> {
        let mapping = self.inner().mmap(self, len, prot, offset);
        mapping.map_err(|Errno(errno)| io::Error::from_raw_os_error(errno))
    }

    /// As [`mmap`](Self::mmap), from this address on, in place of what is there (`MAP_FIXED`). The end is unmapping,
    /// as of any other.
    ///
    /// # Safety
    /// The `len` bytes from `address` on, rounded up to pages, are the caller's to replace: nothing is there that
    /// anybody else uses.
    ///
    /// # Errors
    /// As for [`mmap`](Self::mmap).
    pub unsafe fn mmap_at(
        &self,
        address: NonNull<u8>,
        len: usize,
        prot: Prot,
        offset: u64,
    ) -> io::Result<Mapping> {
        // SAFETY: the caller's promise.
        let mapping = unsafe { self.inner().mmap_at(self, address, len, prot, offset) };
        mapping.map_err(|Errno(errno)| io::Error::from_raw_os_error(errno))
    }
}

impl FileInner {
    pub(crate) fn set_user_mmio_offset(&self, offset: u64) {
        self.user_mmio_offset.store(offset, Ordering::Relaxed);
    }

    pub(super) fn mmap(&self, file: &File, len: usize, prot: Prot, offset: u64) -> Result<Mapping> {
        self.traced_mmap(len, prot, offset, |bo| Mapping::new(file.clone(), bo, len, prot))
    }

    /// As [`mmap`](Self::mmap), at this address.
    ///
    /// # Safety
    ///
    /// As for [`File::mmap_at`].
    pub(super) unsafe fn mmap_at(
        &self,
        file: &File,
        address: NonNull<u8>,
        len: usize,
        prot: Prot,
        offset: u64,
    ) -> Result<Mapping> {
        self.traced_mmap(len, prot, offset, |bo| {
            // SAFETY: the caller's promise.
            unsafe { Mapping::new_at(Some(address), file.clone(), bo, len, prot) }
        })
    }

    /// Maps what the arguments select, with a line in the trace.
    fn traced_mmap(
        &self,
        len: usize,
        prot: Prot,
        offset: u64,
        map: impl FnOnce(Option<Arc<Bo>>) -> Result<Mapping>,
    ) -> Result<Mapping> {
        let answer = || self.check_mmap(len, prot, offset).and_then(map);
        #[cfg(feature = "trace")]
        let answer = || {
            let args = MmapArgs { len: len as u64, prot, offset };
            self.trace_mmap(Who::this_thread(), args, answer, |map| NonNull::new(map.as_ptr()))
        };
        answer()
    }

    /// What a mapping would show; `None` is the page with the latest flush ID.
    pub(crate) fn check_mmap(
        &self,
        len: usize,
        prot: Prot,
        offset: u64,
    ) -> Result<Option<Arc<Bo>>> {
        self.device_inner().check_process()?;
        self.device_inner().check_plugged()?;
        let page = self.config().page_size.bytes();
        let size = (len as u64).checked_next_multiple_of(page).ok_or(Errno::NOMEM)?;
        if size == 0 || offset % page != 0 {
            return Err(Errno::INVAL);
        }
        if size >= TASK_SIZE {
            return Err(Errno::NOMEM);
        }
        let mmio = self.user_mmio_offset.load(Ordering::Relaxed);
        if let Some(register) = offset.checked_sub(mmio) {
            // The page with the latest flush ID is the only one, and it is not for writing.
            if register != 0 || size != page || prot.contains(Prot::WRITE) {
                return Err(Errno::INVAL);
            }
            return Ok(None);
        }
        let bo = self.objects().at_mmap_offset(offset).cloned();
        let Some(bo) = bo else {
            let somebodys = self.device_inner().memory.is_allocated(offset, size);
            return Err(if somebodys { Errno::ACCES } else { Errno::INVAL });
        };
        let no_mmap = bo.flags() & sys::DRM_PANTHOR_BO_NO_MMAP != 0;
        // Newer drivers only keep the offset to themselves.
        if size > bo.size() || (no_mmap && self.config().driver_minor < 7) {
            return Err(Errno::INVAL);
        }
        Ok(Some(bo))
    }
}
