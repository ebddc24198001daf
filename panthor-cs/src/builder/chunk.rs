//! Memory for streams.

use core::fmt;

/// Memory for instruction words that the CPU writes.
///
/// The memory is written only, and a word may be written twice: mappings need not be cached.
pub trait Words {
    /// Returns the number of words.
    fn len(&self) -> usize;

    /// Returns whether there is no room for a word.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes a word; `index` is below [`len`](Self::len).
    ///
    /// The GPU reads words in little-endian order.
    fn store(&mut self, index: usize, word: u64);
}

impl Words for &mut [u64] {
    fn len(&self) -> usize {
        <[u64]>::len(self)
    }

    fn store(&mut self, index: usize, word: u64) {
        if let Some(slot) = self.get_mut(index) {
            *slot = word.to_le();
        }
    }
}

/// Memory that a function writes, such as a mapping of a BO.
///
/// ```
/// use panthor_cs::builder::{StoreWith, Words};
///
/// let mut map = vec![0u8; 4096]; // the mapping of a BO
/// let mut words = StoreWith::new(map.len() / 8, |index, word: u64| {
///     map[8 * index..][..8].copy_from_slice(&word.to_le_bytes());
/// });
/// words.store(1, 0x0100_0000_0000_0007);
/// assert_eq!(map[8], 7);
/// ```
pub struct StoreWith<F> {
    len: usize,
    store: F,
}

impl<F: FnMut(usize, u64)> StoreWith<F> {
    /// Returns memory of `len` words; `store` gets the index of a word and the word.
    pub fn new(len: usize, store: F) -> Self {
        Self { len, store }
    }
}

impl<F: FnMut(usize, u64)> Words for StoreWith<F> {
    fn len(&self) -> usize {
        self.len
    }

    fn store(&mut self, index: usize, word: u64) {
        (self.store)(index, word);
    }
}

impl<F> fmt::Debug for StoreWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreWith").field("len", &self.len).finish_non_exhaustive()
    }
}

/// A piece of GPU memory for a part of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<M> {
    /// The GPU VA, a multiple of 64 below 2^48.
    pub va: u64,
    /// The memory.
    pub memory: M,
}

/// A source of chunks.
///
/// A function that returns chunks is a source, too.
pub trait Chunks {
    /// The memory of a chunk.
    type Memory: Words;

    /// Returns the next chunk, of at least `words` words; `None` when no memory is left.
    fn next_chunk(&mut self, words: usize) -> Option<Chunk<Self::Memory>>;
}

impl<M: Words, F: FnMut(usize) -> Option<Chunk<M>>> Chunks for F {
    type Memory = M;

    fn next_chunk(&mut self, words: usize) -> Option<Chunk<M>> {
        self(words)
    }
}
