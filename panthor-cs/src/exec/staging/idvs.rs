//! Staging registers of vertex work.

use super::{Reader, Trap};
use crate::Arch;
use crate::operand::Reg;

/// The arguments of RUN_IDVS and RUN_TILING, on architectures 10 and 11.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct IdvsState {
    /// The shader resource tables.
    pub srt: [u64; 4],
    /// The fast access uniforms.
    pub fau: [u64; 4],
    /// The shader program descriptors.
    pub spd: [u64; 4],
    /// The local storage descriptors.
    pub tsd: [u64; 4],
    /// The attribute offset.
    pub attribute_offset: u32,
    /// The number of indices, or of vertices without an index buffer.
    pub index_count: u32,
    /// The number of instances.
    pub instance_count: u32,
    /// The first index.
    pub index_offset: u32,
    /// The number added to each index.
    pub vertex_offset: u32,
    /// The first instance.
    pub instance_offset: u32,
    /// The words 0, 1, 2 of draw call descriptor flags.
    pub dcd_flags: [u32; 3],
    /// The size of the index buffer in bytes.
    pub index_buffer_size: u32,
    /// The GPU VA of the tiler context.
    pub tiler_context: u64,
    /// The scissor rectangle.
    pub scissor: u64,
    /// The low and high depth clamp, as bits of floats.
    pub depth_clamp: [u32; 2],
    /// The GPU VA of the occlusion counter.
    pub occlusion: u64,
    /// The size of the varyings of a vertex in bytes.
    pub varying_size: u32,
    /// The GPU VA of the blend descriptors, with the count in the low 4 bits.
    pub blend: u64,
    /// The GPU VA of the depth/stencil descriptor.
    pub depth_stencil: u64,
    /// The GPU VA of the index buffer.
    pub index_buffer: u64,
    /// The primitive flags.
    pub primitive_flags: u32,
    /// The second word of primitive flags; 0 on architecture 10.
    pub primitive_flags2: u32,
    /// The primitive size: a float, or on architecture 10 the GPU VA of an array, too.
    pub primitive_size: u64,
    /// The draw ID, if the instruction takes one from a register.
    pub draw_id: Option<u32>,
    /// The trace identifiers; zero on architecture 10.
    pub trace: [u32; 2],
}

impl IdvsState {
    pub(super) fn read(r: &mut Reader<'_>, draw_id: Option<Reg>) -> Result<Self, Trap> {
        let old = r.arch == Arch::V10;
        Ok(Self {
            srt: r.pairs(0)?,
            fau: r.pairs(8)?,
            spd: r.pairs(16)?,
            tsd: r.pairs(24)?,
            attribute_offset: r.word(32)?,
            index_count: r.word(33)?,
            instance_count: r.word(34)?,
            index_offset: r.word(35)?,
            vertex_offset: r.word(36)?,
            instance_offset: r.word(37)?,
            dcd_flags: [r.word(57)?, r.word(58)?, r.word(38)?],
            index_buffer_size: r.word(39)?,
            tiler_context: r.pair(40)?,
            scissor: r.pair(42)?,
            depth_clamp: r.words(44)?,
            occlusion: r.pair(46)?,
            varying_size: r.word(48)?,
            blend: r.pair(50)?,
            depth_stencil: r.pair(52)?,
            index_buffer: r.pair(54)?,
            primitive_flags: r.word(56)?,
            primitive_flags2: if old { 0 } else { r.word(61)? },
            primitive_size: if old { r.pair(60)? } else { r.word(60)?.into() },
            draw_id: draw_id.map(|reg| r.registers.read(reg)).transpose()?,
            trace: r.trace(),
        })
    }
}

/// The arguments of RUN_IDVS2, on architecture 12 and later.
///
/// Arrays of two are for the vertex and the fragment stage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Idvs2State {
    /// The shader resource tables.
    pub srt: [u64; 2],
    /// The fast access uniforms.
    pub fau: [u64; 2],
    /// The shader program descriptors.
    pub spd: [u64; 2],
    /// The local storage descriptors.
    pub tsd: [u64; 2],
    /// The attribute offset.
    pub attribute_offset: u32,
    /// The number of indices, or of vertices without an index buffer.
    pub index_count: u32,
    /// The number of instances.
    pub instance_count: u32,
    /// The first index.
    pub index_offset: u32,
    /// The number added to each index.
    pub vertex_offset: u32,
    /// The first instance.
    pub instance_offset: u32,
    /// The GPU VA of the tiler context.
    pub tiler_context: u64,
    /// The scissor rectangle.
    pub scissor: u64,
    /// The corners of the viewport, as words `y << 16 | x`.
    pub viewport: [u32; 2],
    /// The least and greatest depth, as bits of floats.
    pub depth: [u32; 2],
    /// The GPU VA of the index buffer.
    pub index_buffer: u64,
    /// The size of the index buffer in bytes.
    pub index_buffer_size: u32,
    /// The size of the varyings of a vertex in bytes.
    pub varying_size: u32,
    /// The GPU VA of the depth/stencil descriptor.
    pub depth_stencil: u64,
    /// The GPU VA of the blend descriptors, with the count in the low 4 bits.
    pub blend: u64,
    /// The words of primitive flags.
    pub primitive_flags: [u32; 2],
    /// The words 0, 1, 2 of draw call descriptor flags.
    pub dcd_flags: [u32; 3],
    /// The primitive size (architecture 12) or the line width, as bits of a float.
    pub primitive_size: u32,
    /// The GPU VA of the occlusion counter.
    pub occlusion: u64,
    /// The draw ID, if the instruction takes one from a register.
    pub draw_id: Option<u32>,
    /// The trace identifiers.
    pub trace: [u32; 2],
}

impl Idvs2State {
    pub(super) fn read(r: &mut Reader<'_>, draw_id: Option<Reg>) -> Result<Self, Trap> {
        Ok(Self {
            srt: r.pairs(0)?,
            fau: r.pairs(8)?,
            spd: r.pairs(16)?,
            tsd: r.pairs(24)?,
            attribute_offset: r.word(32)?,
            index_count: r.word(33)?,
            instance_count: r.word(34)?,
            index_offset: r.word(35)?,
            vertex_offset: r.word(36)?,
            instance_offset: r.word(37)?,
            tiler_context: r.pair(40)?,
            scissor: r.pair(42)?,
            viewport: r.words(44)?,
            depth: r.words(46)?,
            index_buffer: r.pair(48)?,
            index_buffer_size: r.word(50)?,
            varying_size: r.word(51)?,
            depth_stencil: r.pair(52)?,
            blend: r.pair(54)?,
            primitive_flags: [r.word(56)?, r.word(61)?],
            dcd_flags: r.words(57)?,
            primitive_size: r.word(60)?,
            occlusion: r.pair(64)?,
            draw_id: draw_id.map(|reg| r.registers.read(reg)).transpose()?,
            trace: r.trace(),
        })
    }
}
