//! Streams in GPU memory.

use core::fmt;

/// A stream in GPU memory: what GROUP_SUBMIT, CALL and JUMP take.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Stream {
    /// The GPU VA of the first instruction.
    ///
    /// GROUP_SUBMIT takes a multiple of 64, CALL and JUMP a multiple of 8.
    #[doc(alias = "stream_addr")]
    pub va: u64,
    /// The length in bytes, a multiple of 8.
    #[doc(alias = "stream_size")]
    pub size: u32,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}, {} bytes", self.va, self.size)
    }
}
