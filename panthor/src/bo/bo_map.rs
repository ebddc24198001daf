//! CPU mappings of BOs, which the GPU and other threads may change at any time.
//!
//! The kernel maps this memory outside of Rust's allocations: no allocation, static or local
//! covers the bytes, and safe code creates no reference into them. Only [`BoMap::as_slice`] and
//! [`BoMap::as_mut_slice`] create references. Their callers guarantee exclusive or read-only
//! access.
//!
//! For such memory, Rust defines volatile accesses as accesses of the machine, even in a race and
//! of mixed sizes. Atomics do not fit: overlapping atomic accesses of different sizes are
//! undefined without synchronization. The machine loads and stores an aligned integer up to its
//! word size at once, so a race yields a stored value and never a torn one.
//!
//! An access can raise SIGBUS, if the system has no memory for a page or if another driver's
//! memory is gone. Unless handled, the signal ends the program. Every completed access has
//! transferred bytes of the memory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::word::{AtomicWord, Word};
use crate::bo::{Bo, BoFlags, BoInner};
use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::owned::Owned;
use crate::transport::Mapping;

/// CPU access rights of a [`BoMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MapAccess {
    /// Loads only.
    Read,
    /// Loads and stores.
    ReadWrite,
}

/// A CPU mapping of a BO or of a part of a BO, unmapped on drop.
///
/// A map has at most `isize::MAX` bytes. Offsets are bytes from the start of the map. An access
/// beyond the end, or not aligned to its own size, is an error.
///
/// Threads may share a map, and may race with each other and with the GPU. A load returns the
/// value of some store. Integers up to the machine's word size (4 bytes on 32-bit machines) are
/// never torn.
///
/// The kernel allocates memory on first access. Without free memory, that access raises SIGBUS,
/// which no `Result` can report. To avoid the signal, bind the BO first: the bind allocates the
/// memory and reports [`OutOfMemory`](ErrorKind::OutOfMemory).
///
/// Accesses imply no memory ordering. Before signaling the GPU or another thread, issue a fence
/// (`std::sync::atomic::fence`) or call the driver.
pub struct BoMap {
    mapping: Mapping,
    /// Visible bytes of `mapping`.
    shown: Range<usize>,
    access: MapAccess,
    /// Keeps the BO open while it is mapped.
    bo: Arc<Owned<BoInner>>,
}

impl BoMap {
    /// Creates a map of the bytes `shown`, which must lie within `mapping`.
    pub(crate) fn new(
        bo: Arc<Owned<BoInner>>,
        mapping: Mapping,
        shown: Range<usize>,
        access: MapAccess,
    ) -> Self {
        Self { mapping, shown, access, bo }
    }

    /// Returns the length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an empty map cannot be made")]
    #[inline]
    pub fn len(&self) -> usize {
        self.shown.end - self.shown.start
    }

    /// Returns the access rights of the map.
    pub fn access(&self) -> MapAccess {
        self.access
    }

    /// Returns a pointer to the first byte, valid while the map lives.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        self.mapping.as_ptr().wrapping_add(self.shown.start)
    }

    /// Unmaps the memory and keeps the addresses reserved without access, so that no other mapping
    /// can take them.
    ///
    /// The caller then owns `len` bytes from [`as_ptr`](Self::as_ptr), and may [map a BO
    /// there](Bo::map_placed) or unmap them with `munmap`.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) without kernel memory. The error contains the map.
    ///
    /// See [`Bo::map_placed`] for an example.
    #[doc(alias = "VK_MEMORY_UNMAP_RESERVE_BIT_EXT")]
    #[doc(alias = "vkUnmapMemory2")]
    #[doc(alias = "PROT_NONE")]
    pub fn unmap_reserve(self) -> Result<(), DestroyError<Self>> {
        let Self { mapping, shown, access, bo } = self;
        mapping.reserve(shown.start).map_err(|(mapping, errno)| DestroyError {
            object: Self { mapping, shown, access, bo },
            error: Error::elsewhere("mmap", errno),
        })
    }

    /// Returns whether the map is of this BO.
    pub fn is_of(&self, bo: &Bo) -> bool {
        std::ptr::eq(bo.inner(), &**self.bo)
    }

    /// Loads an integer.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for an offset outside of the map or not
    /// aligned to the integer's size.
    #[inline]
    pub fn load<T: Word>(&self, offset: usize) -> Result<T> {
        let place = self.place::<T>(offset, "load")?;
        // SAFETY: `place` is aligned and within the mapping, which is readable and lives as long
        // as `self`. The memory lies outside of Rust's allocations, where a volatile load may race
        // (see the module). A reference into the memory excludes this load by the contract of its
        // creator. Any bytes are a valid integer.
        Ok(unsafe { place.read_volatile() })
    }

    /// Stores an integer.
    ///
    /// # Errors
    ///
    /// The errors of [`load`](Self::load), and [`InvalidArgument`](ErrorKind::InvalidArgument) for
    /// a read-only map.
    #[inline]
    pub fn store<T: Word>(&self, offset: usize, value: T) -> Result<()> {
        let place = self.place_to_write::<T>(offset, "store")?;
        // SAFETY: as in `load`, for a store. The mapping is writable.
        unsafe { place.write_volatile(value) };
        Ok(())
    }

    /// Adds to an integer atomically, wrapping, and returns the previous value (acquire and
    /// release).
    ///
    /// # Errors
    ///
    /// The errors of [`store`](Self::store), and [`Unsupported`](ErrorKind::Unsupported) for
    /// memory that may be mapped non-cacheable. A CPU can fault on atomics there: use WB_MMAP or a
    /// coherent GPU.
    ///
    /// # Safety
    ///
    /// During the call, threads of this process may access these bytes only with
    /// read-modify-writes of the same size. Other accesses are undefined in Rust's memory model.
    /// The GPU may access the bytes.
    ///
    /// ```
    /// # use panthor::BoOptions;
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(BoOptions::new(4096).wb_mmap())?;
    /// let map = bo.map()?;
    /// // SAFETY: no other thread knows this map.
    /// assert_eq!(unsafe { map.fetch_add(64, 5u32) }?, 0);
    /// assert_eq!(map.load::<u32>(64)?, 5);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn fetch_add<T: AtomicWord>(&self, offset: usize, value: T) -> Result<T> {
        let place = self.place_to_modify::<T>(offset, "fetch_add")?;
        // SAFETY: `place` is aligned and within the mapping, which is writable and cacheable. The
        // caller excludes other accesses of this process.
        Ok(unsafe { T::fetch_add(place, value) })
    }

    /// Replaces an integer atomically if the integer is `current` (acquire and release).
    ///
    /// Returns the previous value: `Ok` if the integer was replaced, `Err` otherwise.
    ///
    /// # Errors
    ///
    /// The errors of [`fetch_add`](Self::fetch_add).
    ///
    /// # Safety
    ///
    /// As for [`fetch_add`](Self::fetch_add).
    pub unsafe fn compare_exchange<T: AtomicWord>(
        &self,
        offset: usize,
        current: T,
        new: T,
    ) -> Result<Result<T, T>> {
        let place = self.place_to_modify::<T>(offset, "compare_exchange")?;
        // SAFETY: `place` is aligned and within the mapping, which is writable and cacheable. The
        // caller excludes other accesses of this process.
        Ok(unsafe { T::compare_exchange(place, current, new) })
    }

    /// Copies bytes out of the map.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for bytes outside of the map. Nothing is
    /// copied then.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<()> {
        let start = self.bytes(offset, bytes.len(), "read")?;
        for run in runs(start.addr(), bytes.len()) {
            let place = start.wrapping_add(run.start);
            let part = &mut bytes[run];
            if part.len() == 8 {
                // SAFETY: a run of 8 is aligned to 8 and within the mapping. See `load`.
                let word = unsafe { place.cast::<u64>().read_volatile() };
                part.copy_from_slice(&word.to_ne_bytes());
            } else {
                for (i, byte) in part.iter_mut().enumerate() {
                    // SAFETY: a byte within the mapping. See `load`.
                    *byte = unsafe { place.wrapping_add(i).read_volatile() };
                }
            }
        }
        Ok(())
    }

    /// Copies bytes into the map.
    ///
    /// # Errors
    ///
    /// The errors of [`read`](Self::read), and [`InvalidArgument`](ErrorKind::InvalidArgument) for
    /// a read-only map.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.writable("write")?;
        let start = self.bytes(offset, bytes.len(), "write")?;
        for run in runs(start.addr(), bytes.len()) {
            let place = start.wrapping_add(run.start);
            match bytes[run.clone()].try_into().map(u64::from_ne_bytes) {
                // SAFETY: a run of 8 is aligned to 8 and within the mapping. See `store`.
                Ok(word) => unsafe { place.cast::<u64>().write_volatile(word) },
                Err(_) => {
                    for (i, &byte) in bytes[run].iter().enumerate() {
                        // SAFETY: a byte within the mapping. See `store`.
                        unsafe { place.wrapping_add(i).write_volatile(byte) };
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets a range of bytes to one value.
    ///
    /// # Errors
    ///
    /// The errors of [`write`](Self::write).
    pub fn fill(&self, range: Range<usize>, value: u8) -> Result<()> {
        self.writable("fill")?;
        let Some(len) = range.end.checked_sub(range.start) else {
            return Err(Error::invalid(
                "fill",
                "range",
                format!("ends before it starts ({range:#x?})"),
            ));
        };
        let start = self.bytes(range.start, len, "fill")?;
        for run in runs(start.addr(), len) {
            let place = start.wrapping_add(run.start);
            if run.len() == 8 {
                let word = u64::from_ne_bytes([value; 8]);
                // SAFETY: a run of 8 is aligned to 8 and within the mapping. See `store`.
                unsafe { place.cast::<u64>().write_volatile(word) };
            } else {
                for i in 0..run.len() {
                    // SAFETY: a byte within the mapping. See `store`.
                    unsafe { place.wrapping_add(i).write_volatile(value) };
                }
            }
        }
        Ok(())
    }

    /// Returns the memory as a slice.
    ///
    /// # Safety
    ///
    /// While the slice lives, nothing may write to the memory: no GPU job, no thread through any
    /// map (safe methods of [`BoMap`] included), and no other process.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(panthor::BoOptions::new(4096))?;
    /// let map = bo.map()?;
    /// map.store(8, 7u8)?;
    /// // SAFETY: no GPU and no other thread knows this BO.
    /// assert_eq!(unsafe { map.as_slice() }[8], 7);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: the map has `len` readable bytes that live as long as `self`. The caller
        // excludes writes.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }

    /// Returns the memory as a mutable slice.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a read-only map.
    ///
    /// # Safety
    ///
    /// While the slice lives, nothing else may read or write the memory: no GPU job, no thread
    /// through another map (safe methods of [`BoMap`] included), and no other process.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(panthor::BoOptions::new(4096))?;
    /// let mut map = bo.map()?;
    /// // SAFETY: no GPU and no other thread knows this BO.
    /// unsafe { map.as_mut_slice() }?.sort_unstable();
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn as_mut_slice(&mut self) -> Result<&mut [u8]> {
        self.writable("as_mut_slice")?;
        // SAFETY: the map has `len` writable bytes that live as long as `self`, borrowed
        // exclusively. The caller excludes other accesses.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.as_ptr(), self.len()) })
    }

    #[inline]
    fn place<T>(&self, offset: usize, call: &'static str) -> Result<*mut T> {
        if offset % size_of::<T>() != 0 {
            return Err(unaligned(call, offset, size_of::<T>()));
        }
        self.bytes(offset, size_of::<T>(), call).map(|place| place.cast())
    }

    #[inline]
    fn place_to_write<T>(&self, offset: usize, call: &'static str) -> Result<*mut T> {
        self.writable(call)?;
        self.place(offset, call)
    }

    fn place_to_modify<T>(&self, offset: usize, call: &'static str) -> Result<*mut T> {
        let place = self.place_to_write(offset, call)?;
        if self.bo.is_foreign() {
            let detail = "the memory is another driver's, which may map it non-cacheable";
            return Err(Error::refused(ErrorKind::Unsupported, call, detail));
        }
        if !self.bo.flags().contains(BoFlags::WB_MMAP) && !self.bo.device().is_coherent()? {
            let detail = "the memory may be non-cacheable";
            let error = Error::refused(ErrorKind::Unsupported, call, detail);
            return Err(error.with_advice("Create the BO with WB_MMAP."));
        }
        Ok(place)
    }

    #[inline]
    fn writable(&self, call: &'static str) -> Result<()> {
        match self.access {
            MapAccess::ReadWrite => Ok(()),
            MapAccess::Read => Err(Error::invalid(call, "self", "is a map for reading")),
        }
    }

    /// Returns a pointer to `len` bytes at `offset`, if they are within the map.
    #[inline]
    fn bytes(&self, offset: usize, len: usize, call: &'static str) -> Result<*mut u8> {
        if offset > self.len() || len > self.len() - offset {
            return Err(outside(call, offset, len, self.len()));
        }
        Ok(self.as_ptr().wrapping_add(offset))
    }
}

#[cold]
fn outside(call: &'static str, offset: usize, len: usize, map: usize) -> Error {
    let rule = format!("ends beyond the map ({len} bytes at {offset:#x}, the map has {map:#x})");
    Error::invalid(call, "offset", rule)
}

#[cold]
fn unaligned(call: &'static str, offset: usize, size: usize) -> Error {
    let rule =
        format!("is not aligned to the size of the access ({offset:#x}, a multiple of {size})");
    Error::invalid(call, "offset", rule)
}

/// Splits `len` bytes at `address` into up to 7 bytes before an address divisible by 8, runs of 8,
/// and the remaining bytes.
fn runs(address: usize, len: usize) -> impl Iterator<Item = Range<usize>> {
    let head = (address.wrapping_neg() % 8).min(len);
    let words = (len - head) / 8;
    let tail = head + words * 8;
    let ends = [0..head, tail..len].map(|run| (!run.is_empty()).then_some(run));
    let [first, last] = ends;
    first.into_iter().chain((0..words).map(move |i| head + i * 8..head + i * 8 + 8)).chain(last)
}

impl fmt::Debug for BoMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoMap")
            .field("handle", &self.bo.handle())
            .field("len", &self.len())
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_all_bytes_once_in_order() {
        for address in 0..9 {
            for len in 0..40 {
                let runs: Vec<_> = runs(address, len).collect();
                let mut next = 0;
                for run in &runs {
                    assert_eq!(run.start, next);
                    assert!(run.len() <= 8);
                    assert!(run.len() < 8 || (address + run.start) % 8 == 0);
                    next = run.end;
                }
                assert_eq!(next, len);
            }
        }
    }
}
