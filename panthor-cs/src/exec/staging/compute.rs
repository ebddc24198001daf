//! Staging registers of compute work.

use super::{Reader, Trap};

/// The arguments of RUN_COMPUTE and RUN_COMPUTE_INDIRECT.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct ComputeState {
    /// The shader resource tables, of which the instruction selects one.
    pub srt: [u64; 4],
    /// The fast access uniforms, of which the instruction selects one.
    pub fau: [u64; 4],
    /// The shader program descriptors, of which the instruction selects one.
    pub spd: [u64; 4],
    /// The local storage descriptors, of which the instruction selects one.
    pub tsd: [u64; 4],
    /// The attribute offset.
    pub attribute_offset: u32,
    /// The number of invocations of a workgroup along x, y, z, from 1 to 1024.
    pub workgroup_size: [u16; 3],
    /// True if workgroups may merge.
    pub allow_merging: bool,
    /// The first workgroup along x, y, z.
    pub job_offset: [u32; 3],
    /// The number of workgroups along x, y, z.
    pub workgroups: [u32; 3],
    /// The trace identifiers; zero on architecture 10.
    pub trace: [u32; 2],
}

impl ComputeState {
    /// Reads the registers; the arguments are the numbers of the tables that the instruction
    /// selects.
    pub(super) fn read(r: &mut Reader<'_>, [srt, fau, spd, tsd]: [u8; 4]) -> Result<Self, Trap> {
        let size = r.word(33)?;
        let axis = |shift: u32| (size >> shift & 0x3ff) as u16 + 1;
        Ok(Self {
            srt: r.tables(0, srt)?,
            fau: r.tables(8, fau)?,
            spd: r.tables(16, spd)?,
            tsd: r.tables(24, tsd)?,
            attribute_offset: r.word(32)?,
            workgroup_size: [axis(0), axis(10), axis(20)],
            allow_merging: size >> 31 != 0,
            job_offset: r.words(34)?,
            workgroups: r.words(37)?,
            trace: r.trace(),
        })
    }
}
