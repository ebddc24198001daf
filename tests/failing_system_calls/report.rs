//! Results of a child, in memory shared with the parent: a child without descriptors or writes can
//! still report.

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

const SIZE: usize = 4096;

pub struct Report {
    memory: NonNull<[AtomicU8; SIZE]>,
}

impl Report {
    pub fn new() -> Self {
        let (size, prot) = (
            NonZeroUsize::new(SIZE).expect("a size"),
            ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
        );
        // SAFETY: the kernel picks the place, so nothing that exists is replaced.
        let memory = unsafe { mmap_anonymous(None, size, prot, MapFlags::MAP_SHARED) };
        Self { memory: memory.expect("memory").cast() }
    }

    fn bytes(&self) -> &[AtomicU8; SIZE] {
        // SAFETY: the memory belongs to the mapping and starts zeroed. Only atomics access it, and
        // it lives as long as `self`.
        unsafe { self.memory.as_ref() }
    }

    /// Notes whether the step failed, right or wrong.
    pub fn set_failed(&self, failed: bool) {
        self.bytes()[0].store(failed.into(), Ordering::Relaxed);
    }

    pub fn failed(&self) -> bool {
        self.bytes()[0].load(Ordering::Relaxed) != 0
    }

    /// Notes what is wrong.
    pub fn set_text(&self, text: &str) {
        for (place, byte) in self.bytes()[1..].iter().zip(text.bytes()) {
            place.store(byte, Ordering::Relaxed);
        }
    }

    pub fn text(&self) -> Option<String> {
        let bytes = self.bytes()[1..].iter().map(|byte| byte.load(Ordering::Relaxed));
        let text: Vec<u8> = bytes.take_while(|&byte| byte != 0).collect();
        (!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned())
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // SAFETY: the range is that of the mapping, which nothing uses any more.
        let _ = unsafe { munmap(self.memory.cast(), SIZE) };
    }
}
