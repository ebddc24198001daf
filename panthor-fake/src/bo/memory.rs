//! The memory behind BOs: ranges of one memfd.
//!
//! The memfd's offsets are also the mmap offsets of BOs. GPU accesses read and write the file, so
//! that no reference to shared memory ever exists.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use nix::fcntl::FallocateFlags;
use panthor_sys as sys;

use crate::bo::registers::RegisterPages;
use crate::call::errno::{Errno, Result, repeat};
use crate::holes::take_neighbours;
use crate::lock::{Mutex, lock, rank};
use crate::memfd;
use crate::process::Process;
use crate::vm::HUGE;

/// The first BO offset: above the offsets of any other file. Not a multiple of 4 GiB, because some
/// clients take an offset with a zero lower half for an invalid one.
const START: u64 = (1 << 40) + HUGE;

/// The end of the BO offsets: the mmap offset of registers for clients with 32-bit offsets.
const END: u64 = 1 << 43;

/// The mmap offsets of registers, each with a page of register values.
#[cfg(target_pointer_width = "64")]
const REGISTERS: [u64; 2] =
    [sys::DRM_PANTHOR_USER_MMIO_OFFSET_32BIT, sys::DRM_PANTHOR_USER_MMIO_OFFSET_64BIT];
#[cfg(not(target_pointer_width = "64"))]
const REGISTERS: [u64; 1] = [sys::DRM_PANTHOR_USER_MMIO_OFFSET_32BIT];

/// The size of the memfd.
#[cfg(target_pointer_width = "64")]
pub(crate) const FILE_SIZE: u64 = 1 << 57;
#[cfg(not(target_pointer_width = "64"))]
const FILE_SIZE: u64 = END + ALIGN;

/// The maximum total size of a device's BOs: the mmap offset space that the kernel manages.
const LIMIT: u64 = 1 << 40;

/// The alignment of all ranges: the largest page size.
const ALIGN: u64 = 64 << 10;

/// The value of the register that clients map, the latest flush ID.
const LATEST_FLUSH_ID: u32 = 1;

#[cfg(feature = "loopback")]
mod permits;
#[cfg(feature = "loopback")]
mod retired;

#[derive(Debug)]
pub(crate) struct Memory {
    file: File,
    /// The process that created the device. Its children share the memfd, but not the allocation
    /// state.
    process: Process,
    pub(crate) register_pages: RegisterPages,
    ranges: Mutex<Ranges, { rank::RANGES }>,
    #[cfg(feature = "loopback")]
    retired: Mutex<retired::Retired, { rank::RETIRED }>,
    #[cfg(feature = "loopback")]
    pub(crate) permits: permits::Permits,
}

impl Memory {
    pub(crate) fn new() -> io::Result<Self> {
        let file = memfd::create(c"panthor-fake", FILE_SIZE)?;
        for at in REGISTERS {
            file.write_all_at(&LATEST_FLUSH_ID.to_ne_bytes(), at)?;
        }
        Ok(Self {
            file,
            process: Process::current(),
            register_pages: RegisterPages::default(),
            ranges: Mutex::new(Ranges::new()),
            #[cfg(feature = "loopback")]
            retired: Mutex::default(),
            #[cfg(feature = "loopback")]
            permits: permits::Permits::default(),
        })
    }

    /// Reserves `size` zeroed bytes and returns their offset. `size` is not zero.
    pub(crate) fn allocate(&self, size: u64) -> Result<u64> {
        // Two empty ranges could have the same offset.
        debug_assert!(size != 0);
        self.check_process()?;
        let align = if size >= HUGE { HUGE } else { ALIGN };
        lock(&self.ranges).allocate(size, align).ok_or(Errno::NOSPC)
    }

    /// Returns whether `size` more bytes could be reserved in total, regardless of fragmentation.
    pub(crate) fn has_room(&self, size: u64) -> bool {
        size <= LIMIT - lock(&self.ranges).used
    }

    /// Frees a range that [`Memory::allocate`] reserved, with its contents.
    pub(crate) fn free(&self, offset: u64, size: u64) {
        if self.check_process().is_err() {
            // The parent still uses the memory.
            return;
        }
        // If the hole cannot be punched, the range is not reused: another BO would start with its
        // contents.
        if punch_hole(&self.file, offset, size).is_ok() {
            lock(&self.ranges).free(offset, size);
        }
    }

    /// # Errors
    /// `ECHILD` in a child of the process that created the device.
    pub(crate) fn check_process(&self) -> Result<()> {
        if self.process == Process::current() { Ok(()) } else { Err(Errno::CHILD) }
    }

    /// Takes the register page from the CPU. Does nothing in a child of the process that created
    /// the device.
    pub(crate) fn unplug(&self) {
        if self.check_process().is_ok() {
            self.register_pages.unplug(self.file.as_fd(), FILE_SIZE);
        }
    }

    /// Returns the file and the offset of the register page.
    pub(crate) fn registers(&self) -> (BorrowedFd<'_>, u64) {
        (self.file.as_fd(), REGISTERS[0])
    }

    /// Returns whether an allocation of at least `size` bytes starts at an offset.
    pub(crate) fn is_allocated(&self, offset: u64, size: u64) -> bool {
        lock(&self.ranges).used_at.get(&offset).is_some_and(|&len| size <= len)
    }

    /// Reads at an offset.
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }

    /// Writes at an offset.
    pub(crate) fn write(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        self.check_process().map_err(|Errno(errno)| io::Error::from_raw_os_error(errno))?;
        memfd::write(&self.file, buf, offset)
    }
}

const PUNCH: FallocateFlags =
    FallocateFlags::FALLOC_FL_PUNCH_HOLE.union(FallocateFlags::FALLOC_FL_KEEP_SIZE);

/// Frees the pages of a range of the file.
#[cfg(not(all(target_pointer_width = "32", target_env = "gnu")))]
fn punch_hole(file: &File, offset: u64, size: u64) -> nix::Result<()> {
    // An offset that does not fit into a narrower type is an error.
    let [offset, size] =
        [offset, size].map(|bytes| bytes.try_into().map_err(|_| nix::Error::EOVERFLOW));
    let (offset, size) = (offset?, size?);
    repeat(|| nix::fcntl::fallocate(file, PUNCH, offset, size))
}

/// Frees the pages of a range of the file. The C library's default offsets have 32 bits here.
#[cfg(all(target_pointer_width = "32", target_env = "gnu"))]
fn punch_hole(file: &File, offset: u64, size: u64) -> nix::Result<()> {
    use std::os::fd::AsRawFd;

    let (fd, mode) = (file.as_raw_fd(), PUNCH.bits());
    let [offset, size] =
        [offset, size].map(|bytes| bytes.try_into().map_err(|_| nix::Error::EOVERFLOW));
    let (offset, size) = (offset?, size?);
    repeat(|| {
        // SAFETY: the call takes only numbers.
        let result = unsafe { nix::libc::fallocate64(fd, mode, offset, size) };
        nix::Error::result(result).map(drop)
    })
}

impl AsFd for Memory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// An offset allocator. Next fit: a range is reused as late as possible, so that a stale offset of
/// a client does not lead to a newer BO.
#[derive(Debug)]
struct Ranges {
    /// Free ranges: size by start.
    free: BTreeMap<u64, u64>,
    /// Allocated ranges: size by start.
    used_at: HashMap<u64, u64>,
    /// Where the next search starts.
    next: u64,
    used: u64,
}

fn round_up(size: u64) -> u64 {
    size.next_multiple_of(ALIGN)
}

impl Ranges {
    fn new() -> Self {
        let free = BTreeMap::from([(START, END - START)]);
        Self { free, used_at: HashMap::new(), next: START, used: 0 }
    }

    fn allocate(&mut self, size: u64, align: u64) -> Option<u64> {
        if size > LIMIT - self.used {
            return None;
        }
        let taken = round_up(size);
        let fits = |(&start, &len): (&u64, &u64)| {
            let at = start.next_multiple_of(align);
            (len >= at - start + taken).then_some((start, len, at))
        };
        let (start, len, at) =
            self.free.range(self.next..).chain(self.free.range(..self.next)).find_map(fits)?;
        self.free.remove(&start);
        if at > start {
            self.free.insert(start, at - start);
        }
        let end = at + taken;
        if start + len > end {
            self.free.insert(end, start + len - end);
        }
        self.next = end;
        self.used += size;
        self.used_at.insert(at, size);
        Some(at)
    }

    fn free(&mut self, at: u64, size: u64) {
        let (start, len) = take_neighbours(&mut self.free, (at, round_up(size)), |&len| len);
        self.free.insert(start, len);
        self.used -= size;
        self.used_at.remove(&at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_do_not_overlap_and_come_back() {
        let mut ranges = Ranges::new();
        let a = ranges.allocate(4096, ALIGN).unwrap();
        let b = ranges.allocate(3 << 20, HUGE).unwrap();
        let c = ranges.allocate(4096, ALIGN).unwrap();
        assert_eq!(b % HUGE, 0);
        assert!(a + 4096 <= b && b + (3 << 20) <= c);
        for (at, size) in [(a, 4096), (b, 3 << 20), (c, 4096)] {
            ranges.free(at, size);
        }
        assert_eq!(ranges.free, BTreeMap::from([(START, END - START)]));
        assert_eq!(ranges.used, 0);
    }

    #[test]
    fn a_range_that_was_freed_is_not_the_next_one_given() {
        let mut ranges = Ranges::new();
        let a = ranges.allocate(4096, ALIGN).unwrap();
        let guard = ranges.allocate(4096, ALIGN).unwrap();
        ranges.free(a, 4096);
        let b = ranges.allocate(4096, ALIGN).unwrap();
        assert!(b > guard);
    }

    #[test]
    fn more_than_the_whole_is_refused() {
        let mut ranges = Ranges::new();
        assert!(ranges.allocate(LIMIT + 4096, HUGE).is_none());
        let all = ranges.allocate(LIMIT, HUGE).unwrap();
        assert!(ranges.allocate(4096, ALIGN).is_none());
        ranges.free(all, LIMIT);
        assert!(ranges.allocate(4096, ALIGN).is_some());
    }

    #[test]
    fn freed_memory_reads_as_zero_again() {
        let memory = Memory::new().unwrap();
        let at = memory.allocate(8192).unwrap();
        memory.write(at, &[7; 8192]).unwrap();
        memory.free(at, 8192);
        let mut buf = [1; 8192];
        memory.read(at, &mut buf).unwrap();
        assert_eq!(buf, [0; 8192]);
    }

    #[test]
    fn freed_memory_can_be_allocated_again() {
        let memory = Memory::new().unwrap();
        let at = memory.allocate(LIMIT).unwrap();
        assert!(memory.is_allocated(at, LIMIT) && memory.allocate(4096).is_err());
        memory.free(at, LIMIT);
        assert!(!memory.is_allocated(at, 1));
        assert_eq!(lock(&memory.ranges).used, 0);
        assert!(memory.allocate(LIMIT).is_ok());
    }
}
