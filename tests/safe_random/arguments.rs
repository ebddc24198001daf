//! Numbers and ranges: right ones, nearly right ones, and wrong ones.

use std::num::NonZeroU64;
use std::ops::Range;

use panthor::{GroupOptions, MapFlags, QueueOptions, SparseMode, TilerHeapOptions};

pub const PAGE: u64 = 4096;
/// All that is mapped is below: page tables for more would take the guest's memory.
const MAPPED_BELOW: u64 = 256 << 20;

/// The same numbers for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn any(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.any() % bound
    }

    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())].clone()
    }

    /// Returns a range of VA that can be mapped, or one outside of every VM.
    pub fn va_range(&mut self) -> Range<u64> {
        let pages = match self.below(4) {
            0 => 1 + self.below(4096),
            1 => 512 * (1 + self.below(4)),
            _ => 1 + self.below(16),
        };
        let start = match self.below(3) {
            0 => self.below(64) * PAGE,
            1 => self.below(64) * (2 << 20),
            _ => self.below(MAPPED_BELOW / 2 / PAGE) * PAGE,
        };
        let range = start..(start + pages * PAGE).min(MAPPED_BELOW);
        match self.below(25) {
            0 => range.start + 1..range.end + 1,
            1 => range.start..range.end + self.below(PAGE - 1) + 1,
            2 => range.end..range.start,
            3 => range.start..range.start,
            4 => u64::MAX - range.end..u64::MAX - range.start,
            5 => 1 << 63..(1 << 63) + (pages * PAGE),
            6 => (1 << 48) - PAGE..(1 << 48) + PAGE,
            7 => !(PAGE - 1)..u64::MAX,
            _ => range,
        }
    }

    /// Returns a range to unmap: of any size, as an unmap takes no memory.
    pub fn unmapped_range(&mut self) -> Range<u64> {
        if self.one_in(12) {
            0..self.of(&[1 << 30, 1 << 40, 1 << 47, u64::MAX])
        } else {
            self.va_range()
        }
    }

    /// Returns a range of a BO of that size.
    pub fn bo_range(&mut self, size: u64) -> Range<u64> {
        let pages = size / PAGE;
        let start = self.below(pages) * PAGE;
        let range = start..start + (1 + self.below((size - start) / PAGE)) * PAGE;
        match self.below(12) {
            0 => range.start..size + PAGE,
            1 => range.start + self.below(PAGE)..range.end,
            2 => range.end..range.start,
            3 => size..size,
            4 => u64::MAX - PAGE..u64::MAX,
            _ => range,
        }
    }

    pub fn bo_size(&mut self) -> u64 {
        match self.below(12) {
            0 => 0,
            1 => u64::MAX - self.below(2 * PAGE),
            2 => 1 + self.below(4 << 20),
            3 => 2 << 20,
            _ => PAGE * (1 + self.below(64)),
        }
    }

    pub fn map_flags(&mut self) -> MapFlags {
        if self.one_in(2) {
            MapFlags::NOEXEC
        } else {
            MapFlags::from_bits_retain(self.below(9) as u32)
        }
    }

    pub fn sparse_mode(&mut self) -> SparseMode {
        self.of(&[SparseMode::Auto, SparseMode::Auto, SparseMode::Native, SparseMode::Emulated])
    }

    /// Returns a point, mostly small.
    pub fn point(&mut self) -> NonZeroU64 {
        let point = if self.one_in(40) { self.any() } else { self.below(20) };
        NonZeroU64::new(point).unwrap_or(NonZeroU64::MAX)
    }

    pub fn group(&mut self) -> GroupOptions {
        let mut options = GroupOptions::new();
        for _ in 0..self.of(&[1, 1, 1, 2, 3, 0, 8]) {
            let size = self.of(&[4096, 4096, 4096, 65536, 0, 4095, 12288, 128 << 10, 1 << 31]);
            let size = if self.one_in(6) { size } else { 4096 };
            let priority = if self.one_in(10) { self.below(20) as u8 } else { 0 };
            options = options.queue(QueueOptions::new(size).priority(priority));
        }
        match self.below(12) {
            0 => options.max_compute_cores(255),
            1 => options.compute_cores(self.any()),
            2 => options.tiler_cores(0),
            _ => options,
        }
    }

    pub fn heap(&mut self) -> TilerHeapOptions {
        let size =
            self.of(&[128 << 10, 128 << 10, 256 << 10, 0, 64 << 10, 130_000, 16 << 20, 1 << 31]);
        let initial = self.of(&[1, 1, 2, 0, 9]);
        let options = TilerHeapOptions::new().chunk_size(size).initial_chunks(initial);
        options.max_chunks(self.of(&[2, 4, 0])).target_in_flight(self.of(&[0, 1, 65535, u32::MAX]))
    }
}

/// Returns the options of a group that every device accepts.
pub fn small_group() -> GroupOptions {
    GroupOptions::new().queue(QueueOptions::new(4096))
}
