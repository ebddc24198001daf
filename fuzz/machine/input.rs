//! Numbers from the bytes of an input, such that few bytes make numbers that matter.
//!
//! A byte is a small number by itself, a power of two, or announces a number in full. An input that
//! is over reads as zeros.

/// Address of the simulated program's memory.
pub const ARENA_BASE: u64 = 0x1000_0000;

/// Size of that memory in bytes.
pub const ARENA_LEN: usize = 64 << 10;

const PAGE: u64 = 4 << 10;

/// The end of the addresses that a VM has for its user at most.
const USER_END: u64 = 1 << 47;

/// Rest of an input.
#[derive(Clone)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Returns this many bytes, or the rest.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    fn full<const N: usize>(&mut self) -> [u8; N] {
        let mut all = [0; N];
        let bytes = self.bytes(N);
        all[..bytes.len()].copy_from_slice(bytes);
        all
    }

    /// 32 bits as they are.
    pub fn raw_word(&mut self) -> u32 {
        u32::from_le_bytes(self.full())
    }

    /// 32 bits: handles, flags, counts.
    pub fn word(&mut self) -> u32 {
        let tag = self.byte();
        let low = u32::from(tag) & 31;
        match tag {
            0..=0x7f => u32::from(tag),
            0x80..=0x9f => 1 << low,
            // As a sync operation that signals has it.
            0xa0..=0xbf => 1 << 31 | low,
            0xc0..=0xc7 => u32::MAX - low,
            // As a tiler heap has it: the VM, and the heap in it.
            0xc8..=0xdf => ((low / 4 - 1) << 16) | (low % 4),
            0xe0.. => self.raw_word(),
        }
    }

    /// 64 bits: addresses, sizes, points, pointers.
    pub fn quad(&mut self) -> u64 {
        let tag = self.byte();
        let low = u64::from(tag);
        match tag {
            0..=0x3f => low,
            0x40..=0x7f => (low & 63) * PAGE,
            0x80..=0xbf => 1 << (low & 63),
            0xc0..=0xcf => USER_END - (low & 15) * PAGE,
            0xd0..=0xdf => (low & 15) * (2 << 20),
            0xe0..=0xe7 => ARENA_BASE + u64::from(u16::from_le_bytes(self.full())),
            0xe8..=0xef => u64::MAX - (low & 7),
            0xf0..=0xf7 => u64::from(self.raw_word()) * PAGE,
            0xf8.. => u64::from_le_bytes(self.full()),
        }
    }
}
