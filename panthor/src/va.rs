//! Allocation of VA ranges.
//!
//! The kernel leaves this task to user space. This module never calls the driver.

use std::fmt;
use std::ops::Range;

use rangemap::RangeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::query::PageSizes;
use crate::vm::Vm;

/// Granularity of VAs and of bound sizes and offsets, independent of the CPU's page size.
pub(crate) const GRANULE: u64 = 4096;
/// End of the range around null pointers, which is allocated only at fixed addresses.
const NULL_GUARD: u64 = 64 << 10;
/// End of the 32-bit VAs. Requests without a low limit start here.
const LOW_END: u64 = 4 << 30;
/// Operation name in errors.
const CALL: &str = "VaAllocator";

/// Size and placement of a VA range to allocate.
///
/// ```
/// use panthor::VaRequest;
/// let shader = VaRequest::new(100_000).below(4 << 30);
/// let image = VaRequest::new(64 << 20).alignment(64 << 10);
/// let replayed = VaRequest::new(8192).at(0x1234_5000);
/// # let _ = (shader, image, replayed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaRequest {
    size: u64,
    alignment: u64,
    limit: u64,
    fixed: Option<u64>,
}

impl VaRequest {
    /// Requests `size` bytes, at least 1, rounded up to 4 KiB, at any VA.
    pub const fn new(size: u64) -> Self {
        Self { size, alignment: GRANULE, limit: u64::MAX, fixed: None }
    }

    /// Sets the alignment of the start, a power of two.
    ///
    /// A range that holds a larger GPU page is aligned to that page size in any case.
    pub const fn alignment(mut self, bytes: u64) -> Self {
        self.alignment = bytes;
        self
    }

    /// Sets the maximum end VA.
    ///
    /// Use `4 << 30` for 32-bit addresses: the allocator keeps that range for such requests while
    /// free VA remains above.
    pub const fn below(mut self, va: u64) -> Self {
        self.limit = va;
        self
    }

    /// Sets the exact start VA, a multiple of 4 KiB, also near 0.
    pub const fn at(mut self, va: u64) -> Self {
        self.fixed = Some(va);
        self
    }
}

/// Distribution of the free VA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fragmentation {
    /// Free bytes.
    pub free: u64,
    /// Bytes in the largest free range.
    pub largest: u64,
    /// Number of free ranges.
    pub ranges: usize,
}

impl Fragmentation {
    /// Returns the share of the free VA outside of the largest range, from 0 to almost 1.
    pub fn ratio(&self) -> f64 {
        if self.free == 0 { 0.0 } else { 1.0 - self.largest as f64 / self.free as f64 }
    }
}

/// Allocator of VA ranges.
///
/// The allocator uses the lowest range that fits, from 4 GiB up. VA below 4 GiB is for requests
/// with a [limit](VaRequest::below) of 4 GiB or less, and for others if nothing else fits. A range
/// that holds a 2 MiB GPU page starts at a multiple of 2 MiB, so that the MMU can use such pages.
/// A search visits free ranges one by one, so its cost depends on fragmentation and not on the VA
/// in use.
///
/// The allocator is independent of a VM: the caller binds and unbinds.
///
/// ```
/// use panthor::{BoOptions, Device, MapFlags, VaAllocator, VaRequest};
///
/// let device = Device::open_fake()?;
/// let vm = device.create_vm(Default::default())?;
/// let mut va = VaAllocator::of_vm(&vm)?;
///
/// let bo = device.create_bo(BoOptions::new(3 << 20))?;
/// let range = va.allocate(VaRequest::new(bo.size()))?;
/// assert_eq!(range.start % (2 << 20), 0);
/// vm.bind().map(&bo, .., range.start, MapFlags::NOEXEC).submit()?;
///
/// vm.bind().unmap(range.clone()).submit()?;
/// va.free(range)?;
/// assert_eq!(va.fragmentation().ranges, 1);
/// # Ok::<(), panthor::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VaAllocator {
    managed: Range<u64>,
    free: RangeSet<u64>,
    /// GPU page sizes above the granule, in descending order.
    large_pages: Vec<u64>,
}

impl VaAllocator {
    /// Creates an allocator for the user VA range of a VM, with the device's page sizes.
    ///
    /// The first 64 KiB are allocated only [at fixed addresses](VaRequest::at).
    ///
    /// # Errors
    ///
    /// [`DeviceLost`](ErrorKind::DeviceLost) when the device was unplugged.
    pub fn of_vm(vm: &Vm) -> Result<Self> {
        Self::new(0..vm.user_va_range(), &vm.device().page_sizes()?)
    }

    /// Creates an allocator for a range of VA with ends at multiples of 4 KiB.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a range that is empty or not aligned to
    /// 4 KiB.
    pub fn new(managed: Range<u64>, pages: &PageSizes) -> Result<Self> {
        check(&managed)?;
        let large_pages = pages.iter().rev().filter(|&size| size > GRANULE).collect();
        let free = RangeSet::from_iter([managed.clone()]);
        Ok(Self { managed, free, large_pages })
    }

    /// Returns the managed range.
    pub fn managed(&self) -> Range<u64> {
        self.managed.clone()
    }

    /// Allocates a range.
    ///
    /// # Errors
    ///
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a size of 0, and for an alignment
    ///   that is not a power of two.
    /// * [`InvalidArgument`](ErrorKind::InvalidArgument) for a fixed VA that is not a multiple of
    ///   4 KiB and of the alignment.
    /// * [`Busy`](ErrorKind::Busy) when the fixed range is in use or not managed.
    /// * [`OutOfMemory`](ErrorKind::OutOfMemory) when no free range fits. The text contains the
    ///   limit and the largest free range below it.
    pub fn allocate(&mut self, request: VaRequest) -> Result<Range<u64>> {
        if request.size == 0 {
            return Err(Error::invalid(CALL, "size", "is too small (0, at least 1)"));
        }
        if !request.alignment.is_power_of_two() {
            let rule = format!("is no power of two ({:#x})", request.alignment);
            return Err(Error::invalid(CALL, "alignment", rule));
        }
        let Some(size) = request.size.checked_next_multiple_of(GRANULE) else {
            return Err(self.no_room(request.size, &request));
        };
        let range = match request.fixed {
            Some(va) => self.place(va, size, &request)?,
            None => self.find(size, &request).ok_or_else(|| self.no_room(size, &request))?,
        };
        self.free.remove(range.clone());
        Ok(range)
    }

    /// Frees an allocated range or a part of one.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a range that is empty, not aligned to 4
    /// KiB, not managed, or already free in part. Nothing is freed then.
    pub fn free(&mut self, range: Range<u64>) -> Result<()> {
        check(&range)?;
        if range.start < self.managed.start || range.end > self.managed.end {
            let rule = format!("is not managed ({range:#x?}, within {:#x?})", self.managed);
            return Err(Error::invalid(CALL, "range", rule));
        }
        if let Some(free) = self.free.overlapping(&range).next() {
            let rule = format!("is free already in part ({range:#x?}, free is {free:#x?})");
            return Err(Error::invalid(CALL, "range", rule));
        }
        self.free.insert(range);
        Ok(())
    }

    /// Returns the distribution of the free VA.
    pub fn fragmentation(&self) -> Fragmentation {
        let sizes = || self.free.iter().map(|range| range.end - range.start);
        Fragmentation {
            free: sizes().sum(),
            largest: sizes().max().unwrap_or(0),
            ranges: sizes().count(),
        }
    }

    /// Returns the requested fixed range, if it is free.
    fn place(&self, va: u64, size: u64, request: &VaRequest) -> Result<Range<u64>> {
        let alignment = request.alignment.max(GRANULE);
        if va % alignment != 0 {
            let rule = format!("is not aligned ({va:#x}, a multiple of {alignment:#x})");
            return Err(Error::invalid(CALL, "at", rule));
        }
        let end = va.checked_add(size).filter(|&end| end <= request.limit);
        match end.map(|end| va..end) {
            Some(range) if self.free.gaps(&range).next().is_none() => Ok(range),
            _ => {
                let detail =
                    format!("the place is in use or not managed ({size:#x} bytes at {va:#x})");
                Err(Error::refused(ErrorKind::Busy, CALL, detail))
            }
        }
    }

    /// Returns the lowest range that fits from 4 GiB up, or else the lowest range of all.
    ///
    /// The range is aligned to the largest GPU page that fits or, without room for that, to the
    /// requested alignment.
    fn find(&self, size: u64, request: &VaRequest) -> Option<Range<u64>> {
        let least = request.alignment.max(GRANULE);
        let large = self.large_pages.iter().copied().find(|&page| size >= page);
        let alignments = || [large.filter(|&page| page > least), Some(least)].into_iter().flatten();
        [LOW_END, NULL_GUARD].into_iter().find_map(|lowest| {
            let within = lowest..request.limit;
            alignments().find_map(|alignment| self.find_within(&within, size, alignment))
        })
    }

    fn find_within(&self, within: &Range<u64>, size: u64, alignment: u64) -> Option<Range<u64>> {
        self.free_within(within.clone()).find_map(|free| {
            let start = free.start.checked_next_multiple_of(alignment)?;
            let end = start.checked_add(size)?;
            (end <= free.end).then_some(start..end)
        })
    }

    /// Returns the free ranges within a range, in ascending order.
    fn free_within(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let (lowest, limit) = (within.start, within.end);
        // `overlapping` also matches free ranges around an inverted range.
        let free = (lowest < limit).then(|| self.free.overlapping(lowest..limit));
        free.into_iter().flatten().map(move |free| free.start.max(lowest)..free.end.min(limit))
    }

    #[cold]
    fn no_room(&self, size: u64, request: &VaRequest) -> Error {
        let sizes = self.free_within(NULL_GUARD..request.limit).map(|free| free.end - free.start);
        let largest = sizes.max().unwrap_or(0);
        let (mut alignment, mut limit, mut there) = (String::new(), String::new(), "");
        if request.alignment > GRANULE {
            alignment = format!(" aligned to {:#x}", request.alignment);
        }
        if request.limit < u64::MAX {
            (limit, there) = (format!(" below {:#x}", request.limit), " there");
        }
        let detail = format!(
            "no room for {size:#x} bytes{alignment}{limit}: the largest free range{there} has {largest:#x}"
        );
        Error::refused(ErrorKind::OutOfMemory, CALL, detail)
    }
}

fn check(range: &Range<u64>) -> Result<()> {
    if range.start >= range.end {
        return Err(Error::invalid(CALL, "range", format!("is empty ({range:#x?})")));
    }
    if (range.start | range.end) % GRANULE != 0 {
        return Err(Error::invalid(
            CALL,
            "range",
            format!("does not consist of 4 KiB ({range:#x?})"),
        ));
    }
    Ok(())
}

impl fmt::Debug for VaAllocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaAllocator")
            .field("managed", &self.managed)
            .field("fragmentation", &self.fragmentation())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn allocator(managed: Range<u64>) -> VaAllocator {
        VaAllocator::new(managed, &PageSizes::before_1_9()).unwrap()
    }

    #[test]
    fn small_ranges_are_dense_and_large_ones_aligned() {
        let mut va = allocator(0..1 << 47);
        assert_eq!(va.allocate(VaRequest::new(1)).unwrap(), LOW_END..LOW_END + 0x1000);
        assert_eq!(va.allocate(VaRequest::new(4097)).unwrap(), LOW_END + 0x1000..LOW_END + 0x3000);
        let large = va.allocate(VaRequest::new(3 * MIB)).unwrap();
        assert_eq!(large, LOW_END + 2 * MIB..LOW_END + 5 * MIB);
        let aligned = va.allocate(VaRequest::new(4096).alignment(64 << 10)).unwrap();
        assert_eq!(aligned.start, LOW_END + 0x1_0000);
        let aligned = va.allocate(VaRequest::new(3 * MIB).alignment(8 * MIB)).unwrap();
        assert_eq!(aligned.start, LOW_END + 8 * MIB);
        // With a limit, allocation starts at the bottom.
        let low = |request: VaRequest| request.below(LOW_END);
        assert_eq!(va.allocate(low(VaRequest::new(1))).unwrap(), 0x1_0000..0x1_1000);
        assert_eq!(va.allocate(low(VaRequest::new(3 * MIB))).unwrap(), 2 * MIB..5 * MIB);
    }

    #[test]
    fn what_has_32_bit_addresses_is_left_to_those_who_need_it() {
        let mut va = allocator(0..8 << 30);
        // A limit above 4 GiB does not count as low.
        for request in [VaRequest::new(1 << 30), VaRequest::new(1 << 30).below(8 << 30)] {
            assert!(va.allocate(request).unwrap().start >= LOW_END);
        }
        // The whole low range is available, except for the null guard.
        let low = LOW_END - NULL_GUARD;
        let all = va.allocate(VaRequest::new(low).below(LOW_END)).unwrap();
        assert_eq!(all, NULL_GUARD..LOW_END);
        va.free(all).unwrap();
        // A large range is unaligned above 4 GiB rather than aligned below.
        va.allocate(VaRequest::new((2 << 30) - 3 * MIB)).unwrap();
        va.allocate(VaRequest::new(4096).at((8 << 30) - 4096)).unwrap();
        let tight = va.allocate(VaRequest::new(3 * MIB - 4096)).unwrap();
        assert_eq!(tight.end, (8 << 30) - 4096);
        // Without room above, all requests use the low range.
        assert_eq!(va.allocate(VaRequest::new(4096)).unwrap().start, NULL_GUARD);
        // A range across 4 GiB is also a last resort.
        let mut va = allocator(LOW_END - 2 * MIB..LOW_END + 2 * MIB);
        assert_eq!(va.allocate(VaRequest::new(3 * MIB)).unwrap().start, LOW_END - 2 * MIB);
    }

    #[test]
    fn where_there_is_no_room_is_said() {
        let mut va = allocator(0..1 << 47);
        va.allocate(VaRequest::new(LOW_END - 8 * MIB).at(0)).unwrap();
        let text = |va: &mut VaAllocator, request| va.allocate(request).unwrap_err().to_string();
        let low = text(&mut va, VaRequest::new(256 * MIB).below(LOW_END));
        assert!(low.contains("0x10000000 bytes below 0x100000000: "), "{low}");
        assert!(low.ends_with("has 0x800000"), "{low}");
        let none = text(&mut va, VaRequest::new(4096).below(4096));
        assert!(none.ends_with("has 0x0"), "{none}");
        let any = text(&mut va, VaRequest::new(1 << 47));
        assert!(any.ends_with("bytes: the largest free range has 0x7fff00800000"), "{any}");
        let aligned = text(&mut va, VaRequest::new(4096).alignment(1 << 33).below(LOW_END));
        assert!(aligned.contains("bytes aligned to 0x200000000 below"), "{aligned}");
    }

    #[test]
    fn a_large_range_goes_unaligned_rather_than_nowhere() {
        let mut va = allocator(MIB..4 * MIB);
        assert_eq!(va.allocate(VaRequest::new(3 * MIB)).unwrap(), MIB..4 * MIB);
    }

    #[test]
    fn low_and_fixed_places() {
        let mut va = allocator(0..1 << 47);
        assert_eq!(va.allocate(VaRequest::new(4096).at(0)).unwrap(), 0..4096);
        let busy = va.allocate(VaRequest::new(8192).at(0)).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy, "{busy}");
        va.allocate(VaRequest::new((4 << 30) - 4 * MIB).at(2 * MIB)).unwrap();
        let low = VaRequest::new(2 * MIB).below(4 << 30);
        assert_eq!(va.allocate(low).unwrap().end, 4 << 30);
        assert_eq!(va.allocate(low).unwrap_err().kind(), ErrorKind::OutOfMemory);
        assert!(va.allocate(VaRequest::new(2 * MIB)).unwrap().start >= 4 << 30);
        assert_eq!(va.allocate(VaRequest::new(1).at(1 << 47)).unwrap_err().kind(), ErrorKind::Busy);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut va = allocator(0..MIB);
        let argument = |result: Result<Range<u64>>| result.unwrap_err().argument();
        assert_eq!(argument(va.allocate(VaRequest::new(0))), Some("size"));
        assert_eq!(argument(va.allocate(VaRequest::new(1).alignment(3))), Some("alignment"));
        assert_eq!(argument(va.allocate(VaRequest::new(1).alignment(0))), Some("alignment"));
        assert_eq!(argument(va.allocate(VaRequest::new(1).at(100))), Some("at"));
        assert_eq!(
            va.allocate(VaRequest::new(u64::MAX)).unwrap_err().kind(),
            ErrorKind::OutOfMemory
        );
        let used = va.allocate(VaRequest::new(8192)).unwrap();
        for bad in [0..4096, 0..MIB, 0..2 * MIB, used.start..used.end + 4096, 1..4097, 8192..8192] {
            assert_eq!(va.free(bad).unwrap_err().argument(), Some("range"));
        }
        va.free(used.start..used.start + 4096).unwrap();
        va.free(used.start + 4096..used.end).unwrap();
        assert_eq!(va, allocator(0..MIB));
    }

    #[test]
    fn random_use_never_overlaps_and_all_comes_back() {
        let mut seed = 7u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        let (mut va, mut used) = (allocator(0..256 * MIB), Vec::<Range<u64>>::new());
        let mut refused = 0;
        for _ in 0..5000 {
            if random(3) == 0 && !used.is_empty() {
                let range = used.swap_remove(random(used.len() as u64) as usize);
                va.free(range).unwrap();
                continue;
            }
            let request = VaRequest::new(random(8 * MIB) + 1).alignment(4096 << random(8));
            let Ok(range) = va.allocate(request) else {
                refused += 1;
                continue;
            };
            assert!(range.start >= NULL_GUARD && range.end <= 256 * MIB);
            assert!(used.iter().all(|other| range.end <= other.start || other.end <= range.start));
            used.push(range);
        }
        assert!(refused > 0, "the VA was never full");
        let in_use: u64 = used.iter().map(|range| range.end - range.start).sum();
        let spread = va.fragmentation();
        assert_eq!(spread.free, 256 * MIB - in_use);
        assert!(spread.ratio() > 0.0 && spread.ratio() < 1.0);
        for range in used {
            va.free(range).unwrap();
        }
        assert_eq!(va, allocator(0..256 * MIB));
    }
}
