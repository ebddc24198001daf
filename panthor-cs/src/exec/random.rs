//! Random numbers for delays.

/// A generator of random numbers (SplitMix64).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Random(pub u64);

impl Random {
    /// Returns a number from 0 to `limit`, inclusive.
    pub fn up_to(&mut self, limit: u32) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % (u64::from(limit) + 1)
    }
}
