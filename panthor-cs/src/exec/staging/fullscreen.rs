//! Staging registers of full-screen primitives.

use super::{Reader, Trap};
use crate::Arch;
use crate::operand::RegPair;

/// The arguments of RUN_FULLSCREEN.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct FullscreenState {
    /// The GPU VA of the tiler context.
    pub tiler_context: u64,
    /// The scissor rectangle.
    pub scissor: u64,
    /// The words of primitive flags; the second is 0 unless the instruction takes one.
    pub primitive_flags: [u32; 2],
    /// The GPU VA of the draw call descriptor.
    pub dcd: u64,
    /// The words 0, 1, 2 of draw call descriptor flags; zero before architecture 13.
    pub dcd_flags: [u32; 3],
}

impl FullscreenState {
    pub(super) fn read(r: &mut Reader<'_>, dcd: RegPair, flags2: bool) -> Result<Self, Trap> {
        let flags2 = if flags2 && r.arch > Arch::V10 { r.word(61)? } else { 0 };
        Ok(Self {
            tiler_context: r.pair(40)?,
            scissor: r.pair(42)?,
            primitive_flags: [r.word(56)?, flags2],
            dcd: r.registers.read_pair(dcd)?,
            dcd_flags: if r.arch >= Arch::V13 { r.words(57)? } else { [0; 3] },
        })
    }
}
