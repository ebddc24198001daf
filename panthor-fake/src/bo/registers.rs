//! CPU mappings of the page with the latest flush ID.

use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap};

use crate::call::errno::{Errno, Result, repeat};
use crate::lock::{Mutex, lock, rank};

/// The live mappings of the register page, which an unplug takes from the CPU.
#[derive(Debug, Default)]
pub(crate) struct RegisterPages(Mutex<Pages, { rank::REGISTERS }>);

#[derive(Debug, Default)]
struct Pages {
    /// The addresses and lengths of the mappings.
    mapped: Vec<(NonZeroUsize, NonZeroUsize)>,
    unplugged: bool,
}

impl RegisterPages {
    /// Adds the mapping that `map` makes.
    ///
    /// # Errors
    /// `ENODEV` after an unplug, otherwise the error of `map`.
    pub(crate) fn add(
        &self,
        len: NonZeroUsize,
        map: impl FnOnce() -> Result<NonNull<u8>>,
    ) -> Result<NonNull<u8>> {
        let mut pages = lock(&self.0);
        if pages.unplugged {
            return Err(Errno::NODEV);
        }
        let start = map()?;
        pages.mapped.push((start.addr(), len));
        Ok(start)
    }

    /// Removes a mapping that `unmap` ends. A failure of `unmap` keeps the mapping.
    pub(crate) fn remove<T, E>(
        &self,
        start: NonNull<u8>,
        unmap: impl FnOnce() -> core::result::Result<T, E>,
    ) -> core::result::Result<T, E> {
        let mut pages = lock(&self.0);
        let result = unmap()?;
        if let Some(at) = pages.mapped.iter().position(|&(mapped, _)| mapped == start.addr()) {
            pages.mapped.swap_remove(at);
        }
        Ok(result)
    }

    /// Lets all accesses to the mappings raise SIGBUS, as the driver does when the device is gone.
    /// `size` is that of `file`, which has no page behind its end.
    pub(crate) fn unplug(&self, file: BorrowedFd<'_>, size: u64) {
        let mut pages = lock(&self.0);
        pages.unplugged = true;
        let Ok(end) = size.try_into() else { return };
        for &(start, len) in &pages.mapped {
            let (prot, flags) = (ProtFlags::PROT_READ, MapFlags::MAP_SHARED | MapFlags::MAP_FIXED);
            // SAFETY: the range is that of a live mapping, which cannot end under the lock. Holders
            // of its address access it by volatile reads only, and expect SIGBUS after an unplug.
            let _ = repeat(|| unsafe { mmap(Some(start), len, prot, flags, file, end) });
        }
    }
}
