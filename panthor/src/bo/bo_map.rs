//! CPU mappings of BOs: memory that the GPU and other threads change at any time.
//!
//! The kernel maps this memory, outside of all that Rust allocates: no allocation, static or local of the program
//! covers it, and safe code makes no reference into it. References come from [`BoMap::as_slice`] and
//! [`BoMap::as_mut_slice`] alone, whose callers promise that nothing accesses the bytes otherwise meanwhile.
//!
//! For such memory the language defines volatile accesses as what the machine does, whoever else accesses it and in
//! whatever size. (Atomics would not do: of two that overlap without being the same size, unless something orders
//! them, nothing is defined.) The machine loads and stores an aligned integer of up to its word's size in one piece,
//! so a race gives some value that was stored and never half of one.
//!
//! An access can raise SIGBUS: where the system has no memory left for a page, and where another driver's memory is
//! gone. A signal ends the program, unless it handles it; no access returns anything but the bytes of the memory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::word::{AtomicWord, Word};
use crate::bo::{Bo, BoFlags, BoInner};
use crate::error::{DestroyError, Error, ErrorKind, Result};
use crate::owned::Owned;
use crate::transport::Mapping;

/// What the CPU may do with a [`BoMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MapAccess {
    /// Loads alone.
    Read,
    /// Loads and stores.
    ReadWrite,
}

/// A CPU mapping of a BO or a part of it; unmapped on drop.
///
/// It has at most `isize::MAX` bytes, as all in Rust.
///
/// Offsets are bytes from the start of the mapping. An access beyond its end, or not aligned to its own
/// size, is an error. Threads may share a map, and race in it with each other and with the GPU: a load gives
/// what some store left there, in one piece for integers up to the machine's word (4 bytes on 32-bit ones).
///
/// Memory is allocated at the first touch: when the system has none left, that touch is a SIGBUS, which no
/// `Result` can carry. Bind the BO first, which allocates it and reports
/// [`OutOfMemory`](ErrorKind::OutOfMemory).
///
/// Accesses say nothing about order: before telling the GPU or another thread that data is there, use a
/// fence (`std::sync::atomic::fence`) or a call into the driver.
pub struct BoMap {
    mapping: Mapping,
    /// The bytes of `mapping` that are shown.
    shown: Range<usize>,
    access: MapAccess,
    /// The BO stays open while it is mapped, so that nobody wonders whose memory this is.
    bo: Arc<Owned<BoInner>>,
}

impl BoMap {
    /// Shows the bytes `shown` of a mapping, which it has.
    pub(crate) fn new(
        bo: Arc<Owned<BoInner>>,
        mapping: Mapping,
        shown: Range<usize>,
        access: MapAccess,
    ) -> Self {
        Self { mapping, shown, access, bo }
    }

    /// Its length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an empty map cannot be made")]
    #[inline]
    pub fn len(&self) -> usize {
        self.shown.end - self.shown.start
    }

    /// Whether it can be written to.
    pub fn access(&self) -> MapAccess {
        self.access
    }

    /// The first byte, for code that takes a pointer. Valid while the map lives.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        self.mapping.as_ptr().wrapping_add(self.shown.start)
    }

    /// Ends the map, and leaves its addresses reserved, without access: nothing else is mapped there by chance.
    ///
    /// They are the caller's from then on, `len` bytes from [`as_ptr`](Self::as_ptr): to
    /// [map something there](Bo::map_placed), or to unmap them with `munmap`.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](ErrorKind::OutOfMemory) when the kernel has none left. The map comes back with the error.
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

    /// Whether it maps this BO.
    pub fn is_of(&self, bo: &Bo) -> bool {
        std::ptr::eq(bo.inner(), &**self.bo)
    }

    /// Loads an integer.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when it is not within the map or not aligned to its
    /// size.
    #[inline]
    pub fn load<T: Word>(&self, offset: usize) -> Result<T> {
        let place = self.place::<T>(offset, "load")?;
        // SAFETY: `place` is aligned and within the mapping, which is readable and which this value keeps. It is
        // memory outside of all that Rust allocates, where a volatile load may race (see the module); a reference
        // into it excludes this load by the promise of who made it. Any bytes are a valid integer.
        Ok(unsafe { place.read_volatile() })
    }

    /// Stores an integer.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load), and when the map is for reading.
    #[inline]
    pub fn store<T: Word>(&self, offset: usize, value: T) -> Result<()> {
        let place = self.place_to_write::<T>(offset, "store")?;
        // SAFETY: as in `load`, for a store; the mapping is writable.
        unsafe { place.write_volatile(value) };
        Ok(())
    }

    /// Adds to an integer in one piece, wrapping; gives what was there before (acquire and release).
    ///
    /// # Errors
    ///
    /// As for [`store`](Self::store), and [`Unsupported`](ErrorKind::Unsupported) when the memory may be
    /// mapped non-cacheable, where a CPU can fault on it: the BO needs WB_MMAP or the GPU must be coherent.
    ///
    /// # Safety
    ///
    /// While it runs, no thread of this process accesses these bytes otherwise than by read-modify-writes of
    /// the same size: anything else is undefined in Rust's memory model. The GPU may.
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
        // SAFETY: `place` is aligned and within the mapping, which is writable and cacheable; that nobody
        // else of this process is there otherwise is the caller's promise.
        Ok(unsafe { T::fetch_add(place, value) })
    }

    /// Replaces an integer in one piece if it is `current`; gives what was there before, `Ok` if it was
    /// replaced (acquire and release).
    ///
    /// # Errors
    ///
    /// As for [`fetch_add`](Self::fetch_add).
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
        // SAFETY: `place` is aligned and within the mapping, which is writable and cacheable; that nobody
        // else of this process is there otherwise is the caller's promise.
        Ok(unsafe { T::compare_exchange(place, current, new) })
    }

    /// Copies bytes out of the map.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when they are not all within it; nothing is copied
    /// then.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<()> {
        let start = self.bytes(offset, bytes.len(), "read")?;
        for run in runs(start.addr(), bytes.len()) {
            let place = start.wrapping_add(run.start);
            let part = &mut bytes[run];
            if part.len() == 8 {
                // SAFETY: a run of 8 is aligned to 8 and within the mapping; else as in `load`.
                let word = unsafe { place.cast::<u64>().read_volatile() };
                part.copy_from_slice(&word.to_ne_bytes());
            } else {
                for (i, byte) in part.iter_mut().enumerate() {
                    // SAFETY: a byte within the mapping; else as in `load`.
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
    /// As for [`read`](Self::read), and when the map is for reading.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.writable("write")?;
        let start = self.bytes(offset, bytes.len(), "write")?;
        for run in runs(start.addr(), bytes.len()) {
            let place = start.wrapping_add(run.start);
            match bytes[run.clone()].try_into().map(u64::from_ne_bytes) {
                // SAFETY: a run of 8 is aligned to 8 and within the mapping; else as in `store`.
                Ok(word) => unsafe { place.cast::<u64>().write_volatile(word) },
                Err(_) => {
                    for (i, &byte) in bytes[run].iter().enumerate() {
                        // SAFETY: a byte within the mapping; else as in `store`.
                        unsafe { place.wrapping_add(i).write_volatile(byte) };
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets bytes of the map to one value.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
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
                // SAFETY: a run of 8 is aligned to 8 and within the mapping; else as in `store`.
                unsafe { place.cast::<u64>().write_volatile(word) };
            } else {
                for i in 0..run.len() {
                    // SAFETY: a byte within the mapping; else as in `store`.
                    unsafe { place.wrapping_add(i).write_volatile(value) };
                }
            }
        }
        Ok(())
    }

    /// The memory as a slice.
    ///
    /// # Safety
    ///
    /// While the slice lives nothing writes to the memory: no GPU job, no thread through this or another
    /// map (safe methods of [`BoMap`] included), no other process.
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
        // SAFETY: what is shown is `len` readable bytes that live as long as `self`; that they do not change
        // is the caller's promise.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len()) }
    }

    /// The memory as a mutable slice.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when the map is for reading.
    ///
    /// # Safety
    ///
    /// While the slice lives nothing else reads or writes the memory: no GPU job, no thread through another
    /// map (safe methods of [`BoMap`] included), no other process.
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
        // SAFETY: what is shown is `len` writable bytes that live as long as `self`, borrowed exclusively;
        // that nobody else reaches them otherwise is the caller's promise.
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

    /// The place of `len` bytes at `offset`, if they are within the map.
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

/// Cuts `len` bytes that start at `address` into single bytes up to an address that 8 divides, runs of
/// 8, and the bytes left.
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
