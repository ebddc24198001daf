//! Memory in a slice.

use super::{Memory, MemoryFault};

/// A VM with one mapping, over a slice.
///
/// For tests and tools. The VM of a driver implements [`Memory`] itself.
///
/// ```
/// use panthor_cs::exec::{Memory, MemoryFault, SliceMemory};
///
/// let mut words = [0; 2];
/// let mut memory = SliceMemory::new(0x1000, &mut words);
/// memory.store32(0x1004, 7)?;
/// assert_eq!(memory.load64(0x1000)?, 7 << 32);
/// assert_eq!(memory.load64(0x1010), Err(MemoryFault::Translation { level: 3 }));
/// # Ok::<(), MemoryFault>(())
/// ```
#[derive(Debug)]
pub struct SliceMemory<'a> {
    base: u64,
    words: &'a mut [u64],
}

impl<'a> SliceMemory<'a> {
    /// Returns the VM that maps `words` at the GPU VA `base`, a multiple of 8.
    ///
    /// # Panics
    ///
    /// If `base` is not a multiple of 8.
    pub fn new(base: u64, words: &'a mut [u64]) -> Self {
        assert!(base % 8 == 0, "base: not a multiple of 8 ({base:#x})");
        Self { base, words }
    }

    /// Returns the word of 64 bits that contains the byte at `va`.
    #[inline(always)]
    fn word(&mut self, va: u64) -> Result<&mut u64, MemoryFault> {
        let index = usize::try_from(va.wrapping_sub(self.base) / 8).unwrap_or(usize::MAX);
        self.words.get_mut(index).ok_or(MemoryFault::Translation { level: 3 })
    }

    /// Returns the distance of the 32 bits at `va` from bit 0 of their word.
    fn shift(&self, va: u64) -> u32 {
        if va.wrapping_sub(self.base) & 4 == 0 { 0 } else { 32 }
    }
}

impl Memory for SliceMemory<'_> {
    #[inline]
    fn load64(&mut self, va: u64) -> Result<u64, MemoryFault> {
        self.word(va).copied()
    }

    fn load32(&mut self, va: u64) -> Result<u32, MemoryFault> {
        let shift = self.shift(va);
        Ok((*self.word(va)? >> shift) as u32)
    }

    fn store64(&mut self, va: u64, value: u64) -> Result<(), MemoryFault> {
        *self.word(va)? = value;
        Ok(())
    }

    fn store32(&mut self, va: u64, value: u32) -> Result<(), MemoryFault> {
        let shift = self.shift(va);
        let word = self.word(va)?;
        *word = *word & !(0xffff_ffff << shift) | u64::from(value) << shift;
        Ok(())
    }

    fn add32(&mut self, va: u64, value: u32) -> Result<u32, MemoryFault> {
        let sum = self.load32(va)?.wrapping_add(value);
        self.store32(va, sum)?;
        Ok(sum)
    }

    fn add64(&mut self, va: u64, value: u64) -> Result<u64, MemoryFault> {
        let word = self.word(va)?;
        *word = word.wrapping_add(value);
        Ok(*word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "base: not a multiple of 8 (0x1004)")]
    fn misaligned_base_is_refused() {
        SliceMemory::new(0x1004, &mut [0; 2]);
    }
}
