//! Mappings by the CPU.

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
    /// What a mapping allows.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub struct Prot: u32 {
        /// Reading.
        #[doc(alias = "PROT_READ")]
        const READ = 1;
        /// Writing.
        #[doc(alias = "PROT_WRITE")]
        const WRITE = 2;
    }
}

/// Memory of the device mapped for the CPU, until it is dropped.
///
/// It keeps the memory even when the BO's handle is closed, and the file open.
///
/// At `vm.max_map_count` the kernel may refuse to unmap it. Then it stays mapped for good, and
/// [`Device::leaks`](crate::Device::leaks) counts it.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    /// Whether it is there to be unmapped.
    mapped: bool,
    /// Dropped before the file: the last reference to a BO may be this one.
    bo: Option<Arc<Bo>>,
    file: File,
}

// SAFETY: the address stays valid until the drop whichever thread has it, and the type itself
// never reads or writes what is there.
unsafe impl Send for Mapping {}
// SAFETY: as above; shared references only tell the address and the length.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of a BO, or of the registers, somewhere.
    pub(crate) fn new(file: File, bo: Option<Arc<Bo>>, len: usize, prot: Prot) -> Result<Self> {
        // SAFETY: without an address it cannot replace memory that is in use.
        unsafe { Self::new_at(None, file, bo, len, prot) }
    }

    /// As [`new`](Self::new), at an address if there is one.
    ///
    /// # Safety
    ///
    /// What is mapped from the address on, for `len` bytes, is the caller's to replace.
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
        let start = repeat(|| {
            // SAFETY: without an address, and so without MAP_FIXED, it cannot replace memory that is in use; with
            // one that is the caller's promise.
            unsafe { mmap(address, length, flags, kind, fd, offset) }
        });
        let start = start?.cast();
        file.device().inner().live.cpu_mappings.fetch_add(1, Ordering::Relaxed);
        if let Some(bo) = &bo {
            bo.count_cpu_mapping();
        }
        Ok(Self { start, len, mapped: true, bo, file })
    }

    /// The address of the first byte. The GPU and other threads may change what is there at any
    /// time: access it by volatile or atomic operations.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Ends it, and leaves its addresses reserved: nothing is mapped there by chance, and whoever accesses them
    /// gets SIGSEGV. They are the caller's then, to map something there or to unmap them.
    ///
    /// # Errors
    /// What `mmap(2)` says, with the mapping as it was.
    pub fn reserve(mut self) -> core::result::Result<(), (Self, io::Error)> {
        let Some(length) = NonZeroUsize::new(self.len) else { return Ok(()) };
        let kind = MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED | MapFlags::MAP_NORESERVE;
        let reserved = repeat(|| {
            // SAFETY: the range is the one that mmap returned, and nothing was given a reference into it that could
            // outlive this.
            unsafe { mmap_anonymous(Some(self.start.addr()), length, ProtFlags::PROT_NONE, kind) }
        });
        match reserved {
            Ok(_) => {
                self.mapped = false;
                Ok(())
            }
            Err(errno) => Err((self, errno.into())),
        }
    }

    /// The length that was asked for, in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        #[cfg(feature = "trace")]
        self.file.inner().trace_munmap(self.start, self.len);
        if self.mapped {
            // SAFETY: the range is the one that mmap returned, and nothing was given a reference
            // into it that could outlive this.
            let unmapped = unsafe { munmap(self.start.cast(), self.len) };
            if unmapped.is_err() {
                // At `vm.max_map_count` the kernel refuses to split a mapping that it has merged with its
                // neighbors. What stays mapped keeps its memory and its file, as in the kernel, and counts as a leak.
                std::mem::forget((self.bo.take(), self.file.clone()));
                return;
            }
        }
        if self.file.device().inner().is_inherited() {
            // It is unmapped here. The parent counts its own.
            return;
        }
        if let Some(bo) = &self.bo {
            bo.uncount_cpu_mapping();
        }
        self.file.device().inner().live.cpu_mappings.fetch_sub(1, Ordering::Relaxed);
    }
}
