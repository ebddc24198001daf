//! The memory and the descriptors of an emulated program.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::call::uaccess::UserMemory;
use crate::lock::{Mutex, lock, rank};

/// The memory and the descriptors of an emulated program, for
/// [`File::ioctl_in`](crate::File::ioctl_in).
///
/// An arena is for ioctls with arguments that are not trusted: those of a fuzzer, or of a client in
/// another address space. The fake follows pointers into the arena's memory only, and takes
/// descriptors from the arena's table only. Addresses and descriptor numbers are those of the
/// emulated program, so an answer depends neither on where the real memory is nor on what else is
/// open in this process.
///
/// Dropping an arena closes its descriptors.
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
    /// Shared, so that an ioctl uses a descriptor without the lock.
    descriptors: Mutex<BTreeMap<i32, Arc<OwnedFd>>, { rank::ARENA }>,
}

impl Arena {
    /// Creates an arena of `len` bytes, all zero, at the emulated address `base`, without
    /// descriptors.
    pub fn new(base: u64, len: usize) -> Self {
        let bytes = std::iter::repeat_with(AtomicU8::default).take(len).collect();
        Self { base, bytes, descriptors: Mutex::default() }
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

    /// Opens a descriptor in the emulated program, and returns its number: the lowest that is free,
    /// from 0 on.
    ///
    /// ```
    /// use panthor_fake::{Arena, Config, Device};
    /// use panthor_sys::{DRM_IOCTL_PRIME_FD_TO_HANDLE, drm_prime_handle};
    ///
    /// let device = Device::new(Config::default())?;
    /// let (file, arena) = (device.open(), Arena::new(0x10000, 4096));
    /// let import = |number: i32| {
    ///     // The field `fd` of `drm_prime_handle`.
    ///     arena.write(0x10008, &number.to_ne_bytes());
    ///     file.ioctl_in(DRM_IOCTL_PRIME_FD_TO_HANDLE, 0x10000, &arena)
    /// };
    /// let camera = arena.add_descriptor(device.foreign_dma_buf(4096)?);
    /// assert_eq!((camera, import(camera)), (0, 0));
    /// // EBADF: the table has no such number, whatever this process has open as 1.
    /// assert_eq!(import(1), -9);
    /// assert!(arena.close_descriptor(camera));
    /// assert_eq!(import(camera), -9);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn add_descriptor(&self, fd: OwnedFd) -> i32 {
        let mut descriptors = lock(&self.descriptors);
        let free = (0..).zip(descriptors.keys()).find(|(number, used)| number != *used);
        let number = free.map_or(descriptors.len() as i32, |(number, _)| number);
        descriptors.insert(number, Arc::new(fd));
        number
    }

    /// Returns the descriptor of a number; `None` if the number is not open in the emulated
    /// program.
    pub fn descriptor(&self, number: i32) -> Option<Arc<OwnedFd>> {
        lock(&self.descriptors).get(&number).cloned()
    }

    /// Closes a descriptor in the emulated program. Returns whether the number was open.
    pub fn close_descriptor(&self, number: i32) -> bool {
        // Bound to a variable, so that the descriptor ends without the lock.
        let closed = lock(&self.descriptors).remove(&number);
        closed.is_some()
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
