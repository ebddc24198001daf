//! CPU mappings.

use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::bo::Bo;
use crate::call::errno::{Errno, Result, repeat};
use crate::file::File;

bitflags::bitflags! {
    /// Access permissions of a CPU mapping.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub struct Prot: u32 {
        /// The CPU may read.
        #[doc(alias = "PROT_READ")]
        const READ = 1;
        /// The CPU may write.
        #[doc(alias = "PROT_WRITE")]
        const WRITE = 2;
    }
}

/// A CPU mapping of device memory, unmapped on drop.
///
/// The mapping keeps the file open and the memory alive, even after the BO's handle is closed.
///
/// At `vm.max_map_count`, the kernel may refuse to unmap a range. The range then stays mapped, and
/// [`Device::leaks`](crate::Device::leaks) counts it.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    /// Cleared when the range is no longer this mapping's to unmap.
    mapped: bool,
    /// Dropped before `file`, because this may be the last reference to the BO.
    bo: Option<Arc<Bo>>,
    file: File,
}

// SAFETY: the address stays valid until the drop, whichever thread has it. The type itself never
// accesses the memory behind the address.
unsafe impl Send for Mapping {}
// SAFETY: as above; shared references expose only the address and the length.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of a BO, or of the registers, at an address that the kernel chooses.
    pub(crate) fn new(file: File, bo: Option<Arc<Bo>>, len: usize, prot: Prot) -> Result<Self> {
        // SAFETY: without a requested address, the mapping cannot replace memory in use.
        unsafe { Self::new_at(None, file, bo, len, prot) }
    }

    /// Maps as [`new`](Self::new) does, at the address `at` if there is one.
    ///
    /// # Safety
    ///
    /// The caller owns the `len` bytes at `at` and may replace their mapping.
    pub(crate) unsafe fn new_at(
        at: Option<NonNull<u8>>,
        file: File,
        bo: Option<Arc<Bo>>,
        len: usize,
        prot: Prot,
    ) -> Result<Self> {
        let length = NonZeroUsize::new(len).ok_or(Errno::INVAL)?;
        let (fd, offset) = match &bo {
            Some(bo) => bo.memory(),
            None => file.device().inner().memory.registers(),
        };
        let offset = offset.try_into().map_err(|_| Errno::OVERFLOW)?;
        let mut flags = ProtFlags::PROT_NONE;
        flags.set(ProtFlags::PROT_READ, prot.contains(Prot::READ));
        flags.set(ProtFlags::PROT_WRITE, prot.contains(Prot::WRITE));
        let (address, kind) = match at {
            None => (None, MapFlags::MAP_SHARED),
            Some(at) => (Some(at.addr()), MapFlags::MAP_SHARED | MapFlags::MAP_FIXED),
        };
        let map = || {
            let start = repeat(|| {
                // SAFETY: without an address there is no MAP_FIXED, so the mapping cannot replace
                // memory in use. With an address, the caller promises that the range may be
                // replaced.
                unsafe { mmap(address, length, flags, kind, fd, offset) }
            });
            Ok(start?.cast())
        };
        let start = match &bo {
            Some(_) => map()?,
            None => file.device().inner().memory.register_pages.add(length, map)?,
        };
        file.device().inner().live.cpu_mappings.fetch_add(1, Ordering::Relaxed);
        if let Some(bo) = &bo {
            bo.count_cpu_mapping();
        }
        Ok(Self { start, len, mapped: true, bo, file })
    }

    /// Returns the address of the first byte. The GPU and other threads may change the memory at
    /// any time: use volatile or atomic accesses.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Removes the mapping and keeps its address range reserved without access, so that later
    /// accesses raise SIGSEGV. The range then belongs to the caller, to map or to unmap.
    ///
    /// # Errors
    /// The error of `mmap(2)`, together with the unchanged mapping.
    pub fn reserve(mut self) -> core::result::Result<(), (Self, io::Error)> {
        let Some(length) = NonZeroUsize::new(self.len) else { return Ok(()) };
        let kind = MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED | MapFlags::MAP_NORESERVE;
        let reserved = self.end(|| {
            repeat(|| {
                // SAFETY: the range is the one that mmap returned, and no reference into it exists
                // that could outlive this mapping.
                unsafe {
                    mmap_anonymous(Some(self.start.addr()), length, ProtFlags::PROT_NONE, kind)
                }
            })
        });
        match reserved {
            Ok(_) => {
                self.mapped = false;
                Ok(())
            }
            Err(errno) => Err((self, errno.into())),
        }
    }

    /// Ends the mapping by `unmap`. An unplug leaves the range alone afterwards.
    fn end<T>(&self, unmap: impl FnOnce() -> nix::Result<T>) -> nix::Result<T> {
        let device = self.file.device().inner();
        // An unplug in the process of the device does not concern its children.
        if self.bo.is_some() || device.is_inherited() {
            return unmap();
        }
        device.memory.register_pages.remove(self.start, unmap)
    }

    /// Returns the requested length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Mapping {
    /// Unmaps the memory, and discounts the mapping.
    fn unmap(&mut self) {
        if self.mapped {
            // SAFETY: the range is the one that mmap returned, and no reference into it exists that
            // could outlive this mapping.
            let unmapped = self.end(|| unsafe { munmap(self.start.cast(), self.len) });
            if unmapped.is_err() {
                // At `vm.max_map_count`, the kernel refuses to split a mapping that it has merged
                // with its neighbors. The remaining mapping keeps its memory and its file, as in
                // the kernel, and counts as a leak.
                std::mem::forget((self.bo.take(), self.file.clone()));
                return;
            }
        }
        if self.file.device().inner().is_inherited() {
            // The child unmapped its copy; the parent still counts its own mapping.
            return;
        }
        if let Some(bo) = &self.bo {
            bo.uncount_cpu_mapping();
        }
        self.file.device().inner().live.cpu_mappings.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.unmap();
        // Last, as a callback may panic.
        #[cfg(feature = "trace")]
        self.file.inner().trace_munmap(self.start, self.len);
    }
}
