//! The memory of an emulated program.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::call::uaccess::UserMemory;

/// The whole address space of an emulated program. [`File::ioctl_in`](crate::File::ioctl_in)
/// follows pointers into this memory and nowhere else.
///
/// Use it for ioctls with untrusted pointers, such as those of a fuzzer or of a client in another
/// address space. Addresses are those of the emulated program, so answers do not depend on the
/// location of the real memory.
///
/// ```
/// use panthor_fake::{Arena, Config, Device};
/// use panthor_sys::DRM_IOCTL_PANTHOR_VM_CREATE;
///
/// let file = Device::new(Config::default())?.open();
/// let arena = Arena::new(0x10000, 4096);
/// assert_eq!(file.ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, 0x10100, &arena), 0);
/// let mut id = [0; 4];
/// assert!(arena.read(0x10104, &mut id));
/// assert_eq!(u32::from_ne_bytes(id), 1);
/// // EFAULT: the structure does not end before the memory does.
/// assert_eq!(file.ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, 0x10ff8, &arena), -14);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Arena {
    base: u64,
    /// Atomic, because the fake writes to the bytes through their address.
    bytes: Box<[AtomicU8]>,
}

impl Arena {
    /// Creates `len` zero bytes at the emulated address `base`.
    pub fn new(base: u64, len: usize) -> Self {
        Self { base, bytes: std::iter::repeat_with(AtomicU8::default).take(len).collect() }
    }

    /// Returns the emulated address of the first byte.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Returns the size in bytes.
    #[expect(clippy::len_without_is_empty, reason = "nobody wants an empty one")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Copies bytes from an address. Returns `false`, without copying, unless the whole range is in
    /// the memory.
    pub fn read(&self, addr: u64, into: &mut [u8]) -> bool {
        self.at(addr, into.len()).is_some_and(|bytes| {
            for (to, from) in into.iter_mut().zip(bytes) {
                *to = from.load(Ordering::Relaxed);
            }
            true
        })
    }

    /// Writes bytes to an address. Returns `false`, without writing, unless the whole range is in
    /// the memory.
    pub fn write(&self, addr: u64, from: &[u8]) -> bool {
        self.at(addr, from.len()).is_some_and(|bytes| {
            for (to, &from) in bytes.iter().zip(from) {
                to.store(from, Ordering::Relaxed);
            }
            true
        })
    }

    fn at(&self, addr: u64, len: usize) -> Option<&[AtomicU8]> {
        let start = usize::try_from(addr.checked_sub(self.base)?).ok()?;
        self.bytes.get(start..start.checked_add(len)?)
    }

    /// Returns the memory in the form that ioctls take, borrowed from the arena.
    pub(crate) fn user_memory(&self) -> UserMemory<'_> {
        // The writes through this address are atomic, and no other code has the address.
        let real = self.bytes.as_ptr().expose_provenance() as u64;
        UserMemory::window(self.base, self.bytes.len() as u64, real)
    }
}
