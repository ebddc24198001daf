//! Choices from the bytes of an input.

/// The bytes of an input.
pub struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl<'a> Bytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    pub fn next(&mut self) -> Option<u8> {
        self.0.next().copied()
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        u64::from(self.next().unwrap_or(0)) % end
    }

    /// Returns an existing handle, or about one time in sixteen any small number.
    pub fn handle(&mut self, known: Vec<u32>) -> u32 {
        let byte = self.next().unwrap_or(0);
        match known.len() {
            0 => u32::from(byte & 7),
            _ if byte >= 0xf0 => u32::from(byte & 15),
            count => known[usize::from(byte) % count],
        }
    }
}
