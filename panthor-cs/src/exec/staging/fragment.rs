//! Staging registers of fragment work.

use super::{Bounds, Reader, Trap};
use crate::operand::Reg;

/// The arguments of RUN_FRAGMENT, on architectures 10 to 13.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct FragmentState {
    /// The GPU VA of the framebuffer descriptor, with flags in the low 6 bits.
    pub framebuffer: u64,
    /// The pixels to shade.
    pub bounds: Bounds,
    /// The GPU VA of the tile enable map.
    pub tile_enable_map: u64,
    /// The row stride of the tile enable map in bytes.
    pub tile_enable_stride: u32,
    /// The trace identifiers; zero on architecture 10.
    pub trace: [u32; 2],
}

impl FragmentState {
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Trap> {
        Ok(Self {
            framebuffer: r.pair(40)?,
            bounds: Bounds::new(r.words(42)?),
            tile_enable_map: r.pair(44)?,
            tile_enable_stride: r.word(46)?,
            trace: r.trace(),
        })
    }
}

/// The arguments of RUN_FRAGMENT2, on architecture 14 and later: the state of a frame.
///
/// Registers behind the instruction's count are zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct FrameState {
    /// The trace identifiers.
    pub trace: [u32; 2],
    /// The GPU VA of the tile enable map.
    pub tile_enable_map: u64,
    /// The row stride of the tile enable map in bytes.
    pub tile_enable_stride: u32,
    /// The words 0 to 3 of frame flags.
    pub flags: [u32; 4],
    /// The GPU VAs of the IRD buffers.
    pub ird: [u64; 11],
    /// The pixels to shade.
    pub bounds: Bounds,
    /// The width and the height of the frame in pixels.
    pub size: [u32; 2],
    /// The depth clear value, as bits of a float.
    pub depth_clear: u32,
    /// The GPU VA of the tiler context.
    pub tiler_context: u64,
    /// The GPU VA of the render target descriptors.
    pub render_targets: u64,
    /// The GPU VA of the ZS/CRC descriptor.
    pub zs_crc: u64,
    /// The argument of the frame.
    pub argument: u64,
    /// The GPU VA of the sample positions.
    pub sample_positions: u64,
    /// The GPU VA of the draw call descriptors of frame shaders.
    pub frame_shaders: u64,
    /// The GPU VA of the image of variable-rate shading.
    pub vrs_image: u64,
    /// The GPU VA of the framebuffer descriptor, a convention of drivers.
    pub framebuffer: u64,
}

/// The number of registers of a frame's state.
const REGISTERS: usize = 56;

impl FrameState {
    pub(super) fn read(r: &mut Reader<'_>, base: Reg, count: u8) -> Result<Self, Trap> {
        let mut words = [0; REGISTERS];
        for (i, word) in (0..count).zip(&mut words) {
            let number = base.number().checked_add(i).ok_or(Trap::INVALID)?;
            *word = r.word(number)?;
        }
        let pair = |i: usize| u64::from(words[i]) | u64::from(words[i + 1]) << 32;
        let mut ird = [0; 11];
        for (i, ird) in ird.iter_mut().enumerate() {
            *ird = pair(6 + 2 * i);
        }
        Ok(Self {
            trace: [words[0], words[1]],
            tile_enable_map: pair(2),
            tile_enable_stride: words[4],
            flags: [words[32], words[33], words[34], words[5]],
            ird,
            bounds: Bounds::new([words[28], words[29]]),
            size: [(words[30] & 0xffff) + 1, (words[30] >> 16) + 1],
            depth_clear: words[35],
            tiler_context: pair(36),
            render_targets: pair(38),
            zs_crc: pair(40),
            argument: pair(42),
            sample_positions: pair(44),
            frame_shaders: pair(46),
            vrs_image: pair(48),
            framebuffer: pair(54),
        })
    }
}
