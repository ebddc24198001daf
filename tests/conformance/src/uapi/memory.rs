//! Addresses for arguments, good ones and all kinds of bad ones, and memory of the node.

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::kernel::Memory;

const PAGE: usize = 4096;

/// A page that can be written, one that can only be read, and one with nothing.
pub struct UserMemory(NonNull<u8>);

/// An address by what is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bad {
    Null,
    /// In the first page, where nothing ever is.
    Low,
    /// Memory of the kernel.
    Kernel,
    /// The very last byte.
    Last,
    /// Unmapped address.
    Unmapped,
    /// Address this many bytes before the end of a mapping.
    Ends(usize),
    /// Zeros that cannot be written.
    ReadOnly,
}

impl Bad {
    /// Returns the name for names of cases.
    pub fn name(self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Low => "a_low_address".into(),
            Self::Kernel => "an_address_of_the_kernel".into(),
            Self::Last => "the_last_address".into(),
            Self::Unmapped => "an_unmapped_address".into(),
            Self::Ends(bytes) => format!("{bytes}_bytes_before_the_end"),
            Self::ReadOnly => "a_read_only_address".into(),
        }
    }
}

impl UserMemory {
    pub fn new() -> Self {
        let len = NonZeroUsize::new(3 * PAGE).unwrap();
        let all = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: anywhere, nothing is replaced.
        let start = unsafe { mmap_anonymous(None, len, all, MapFlags::MAP_PRIVATE) };
        let memory = Self(start.expect("three pages").cast());
        // The first page becomes read-only, the second stays writable, the third becomes
        // inaccessible.
        //
        // SAFETY: the page is part of the new mapping, which has no users.
        unsafe { mprotect(memory.at(0), PAGE, ProtFlags::PROT_READ) }.expect("to protect a page");
        // SAFETY: as above.
        unsafe { mprotect(memory.at(2), PAGE, ProtFlags::PROT_NONE) }.expect("to protect a page");
        memory
    }

    fn at(&self, page: usize) -> NonNull<c_void> {
        NonNull::new(self.0.as_ptr().wrapping_add(page * PAGE)).unwrap().cast()
    }

    /// Returns the address that is bad in this way.
    pub fn address(&self, bad: Bad) -> u64 {
        let unmapped = self.at(2).as_ptr() as u64;
        match bad {
            Bad::Null => 0,
            Bad::Low => 64,
            Bad::Kernel => 0xffff_8000_0000_0000,
            Bad::Last => u64::MAX,
            Bad::Unmapped => unmapped,
            Bad::Ends(bytes) => unmapped - bytes as u64,
            Bad::ReadOnly => self.at(0).as_ptr() as u64,
        }
    }

    /// Writes at [`Bad::Ends`] of that many bytes.
    pub fn write_before_end(&self, bytes: &[u8]) {
        assert!(bytes.len() <= PAGE);
        let start = self.0.as_ptr().wrapping_add(2 * PAGE - bytes.len());
        for (index, &byte) in bytes.iter().enumerate() {
            // SAFETY: in the page that can be written, of which there are no references.
            unsafe { start.wrapping_add(index).write_volatile(byte) };
        }
    }

    /// Returns the last bytes before the end of the memory at [`Bad::Ends`].
    pub fn read_before_end(&self, bytes: usize) -> Vec<u8> {
        assert!(bytes <= PAGE);
        let start = self.0.as_ptr().wrapping_add(2 * PAGE - bytes);
        // SAFETY: in the page that can be written, of which there are no references.
        (0..bytes).map(|index| unsafe { start.wrapping_add(index).read_volatile() }).collect()
    }
}

impl Drop for UserMemory {
    fn drop(&mut self) {
        // SAFETY: `new` mapped this range, and no reference to it exists.
        unsafe { munmap(self.0.cast(), 3 * PAGE) }.expect("to unmap what was mapped");
    }
}

/// Memory of a node that the CPU sees.
pub struct CpuMap {
    memory: Box<dyn Memory>,
    len: usize,
}

impl CpuMap {
    pub fn new(memory: Box<dyn Memory>, len: usize) -> Self {
        Self { memory, len }
    }

    fn at(&self, offset: u64) -> *mut u32 {
        assert!(offset % 4 == 0 && offset as usize + 4 <= self.len, "beyond the mapping");
        self.memory.start().wrapping_add(offset as usize).cast()
    }

    pub fn load(&self, offset: u64) -> u32 {
        // SAFETY: in the mapping and aligned; volatile, as others may write there.
        unsafe { self.at(offset).read_volatile() }
    }

    pub fn store(&self, offset: u64, value: u32) {
        // SAFETY: as above; the cases store to what they have mapped for writing.
        unsafe { self.at(offset).write_volatile(value) }
    }
}
