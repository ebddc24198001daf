//! The mmap offsets of a file.

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
    /// `len` is in bytes and rounded up to the page size. `offset` comes from
    /// `DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET`.
    ///
    /// # Errors
    /// `ECHILD` in a child of the process that created the device; `ENODEV` after
    /// [`Device::unplug`](crate::Device::unplug); `EINVAL` if no BO starts at the offset or the BO
    /// is shorter than `len`; `ENOMEM` if `len` exceeds the address space; `EACCES` if this file
    /// has no handle of the BO; otherwise the error of `mmap(2)`.
    pub fn mmap(&self, len: usize, prot: Prot, offset: u64) -> io::Result<Mapping> {
        let mapping = self.inner().mmap(self, len, prot, offset);
        mapping.map_err(|Errno(errno)| io::Error::from_raw_os_error(errno))
    }

    /// Maps as [`mmap`](Self::mmap) does, at a fixed address, and replaces existing mappings
    /// (`MAP_FIXED`). Dropping the mapping unmaps the range.
    ///
    /// # Safety
    /// The caller owns the `len` bytes from `address`, rounded up to pages, and no other code uses
    /// them.
    ///
    /// # Errors
    /// The errors of [`mmap`](Self::mmap).
    pub unsafe fn mmap_at(
        &self,
        address: NonNull<u8>,
        len: usize,
        prot: Prot,
        offset: u64,
    ) -> io::Result<Mapping> {
        // SAFETY: the caller promises that the range may be replaced.
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

    /// Maps as [`mmap`](Self::mmap) does, at a fixed address.
    ///
    /// # Safety
    ///
    /// The contract of [`File::mmap_at`].
    pub(super) unsafe fn mmap_at(
        &self,
        file: &File,
        address: NonNull<u8>,
        len: usize,
        prot: Prot,
        offset: u64,
    ) -> Result<Mapping> {
        self.traced_mmap(len, prot, offset, |bo| {
            // SAFETY: the caller promises that the range may be replaced.
            unsafe { Mapping::new_at(Some(address), file.clone(), bo, len, prot) }
        })
    }

    /// Maps the selected object and traces the call.
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

    /// Returns the BO that an mmap selects; `None` is the page with the latest flush ID.
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
            // Only the first page, with the latest flush ID, can be mapped, and only for reading.
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
        // Newer drivers already refuse to return the offset.
        if size > bo.size() || (no_mmap && self.config().driver_minor < 7) {
            return Err(Errno::INVAL);
        }
        Ok(Some(bo))
    }
}
