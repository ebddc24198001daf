//! Work for the shader cores and the tiler, asynchronous on the endpoint scoreboard entry.

use super::instructions;
use crate::operand::{Reg, RegPair, ShadingMode, Stage, TaskAxis, TileOrder, reg};

instructions! {
    /// Runs a compute shader on the workgroups in r37 to r39.
    "RUN_COMPUTE" RunCompute = 0x04, [10..] {
        /// The axis along which workgroups are split into tasks.
        axis: TaskAxis, 14..=15 [10..];
        /// The number of workgroups per task along the axis.
        increment: u16, 0..=13 [10..];
        /// The greatest number of endpoints.
        endpoint_limit: u8 = 0, 16..=23 [12..];
        /// The number of the SRT, from 0 to 3.
        srt: u8 = 0, 40..=41 [10..];
        /// The number of the SPD, from 0 to 3.
        spd: u8 = 0, 42..=43 [10..];
        /// The number of the TSD, from 0 to 3.
        tsd: u8 = 0, 44..=45 [10..];
        /// The number of the FAU, from 0 to 3.
        fau: u8 = 0, 46..=47 [10..];
        /// The pipeline stage.
        stage: Stage = Stage::INTERNAL, 48..=51 [12..];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [10..=13];
    }

    /// Runs a compute shader as RUN_COMPUTE does, with tasks of a number of workgroups.
    "RUN_COMPUTE_INDIRECT" RunComputeIndirect = 0x2c, [10..] {
        /// The number of workgroups per task.
        workgroups: u16, 0..=15 [10..];
        /// The greatest number of endpoints.
        endpoint_limit: u8 = 0, 16..=23 [12..];
        /// The number of the SRT, from 0 to 3.
        srt: u8 = 0, 40..=41 [10..];
        /// The number of the SPD, from 0 to 3.
        spd: u8 = 0, 42..=43 [10..];
        /// The number of the TSD, from 0 to 3.
        tsd: u8 = 0, 44..=45 [10..];
        /// The number of the FAU, from 0 to 3.
        fau: u8 = 0, 46..=47 [10..];
        /// The pipeline stage.
        stage: Stage = Stage::INTERNAL, 48..=51 [12..];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [10..=13];
    }

    /// Runs the tiler on vertices that are shaded already.
    "RUN_TILING" RunTiling = 0x05, [10] {
        /// Primitive flags that override those of r56.
        flags: u32, 0..=31 [10];
        /// The number of the SRT, from 0 to 3.
        srt: u8 = 0, 40..=41 [10];
        /// The number of the SPD, from 0 to 3.
        spd: u8 = 0, 42..=43 [10];
        /// The number of the TSD, from 0 to 3.
        tsd: u8 = 0, 44..=45 [10];
        /// The number of the FAU, from 0 to 3.
        fau: u8 = 0, 46..=47 [10];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [10];
    }

    /// Shades vertices by index and bins the primitives.
    "RUN_IDVS" RunIdvs = 0x06, [10..=11] {
        /// Primitive flags that override those of r56.
        flags: u32, 0..=31 [10..=11];
        /// Allocates memory for varyings from the tiler heap.
        malloc: bool, 33..=33 [10..=11];
        /// The number of the SRT of varying shading, 0 or 1.
        varying_srt: u8 = 0, 35..=35 [10..=11];
        /// The number of the FAU of varying shading, 0 or 1.
        varying_fau: u8 = 0, 36..=36 [10..=11];
        /// The number of the TSD of varying shading, 0 or 1.
        varying_tsd: u8 = 0, 37..=37 [10..=11];
        /// The number of the SRT of fragment shading, 0 or 1.
        fragment_srt: u8 = 0, 38..=38 [10..=11];
        /// The number of the TSD of fragment shading, 0 or 1.
        fragment_tsd: u8 = 0, 39..=39 [10..=11];
        /// Takes the draw ID from the register `draw_id`.
        draw_id_register: bool = false, 34..=34 [10..=11];
        /// The register with the draw ID.
        draw_id: Reg = reg(0), 40..=47 [10..=11];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [10..=11];
    }

    /// Shades vertices by index and bins the primitives.
    "RUN_IDVS2" RunIdvs2 = 0x0c, [12..] {
        /// The vertex shading mode.
        mode: ShadingMode, 35..=36 [12..];
        /// Primitive flags that override those of r56.
        flags: u32, 0..=31 [12..];
        /// Allocates memory for varyings from the tiler heap.
        malloc: bool, 33..=33 [12..];
        /// The pipeline stage.
        stage: Stage = Stage::INTERNAL, 48..=51 [12..];
        /// Takes the draw ID from the register `draw_id`.
        draw_id_register: bool = false, 34..=34 [12..];
        /// The register with the draw ID.
        draw_id: Reg = reg(0), 40..=47 [12..];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [12..=13];
    }

    /// Shades the fragments of a frame.
    "RUN_FRAGMENT" RunFragment = 0x07, [10..=13] {
        /// The order of the tiles.
        order: TileOrder, 4..=7 [10..=13];
        /// Reads the tile enable map.
        tile_enable_map: bool, 0..=0 [10..=13];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [10..=13];
    }

    /// Shades the fragments of a frame. Registers hold the state of the frame.
    "RUN_FRAGMENT2" RunFragment2 = 0x0e, [14..] {
        /// The order of the tiles.
        order: TileOrder, 4..=7 [14..];
        /// Reads the tile enable map.
        tile_enable_map: bool, 0..=0 [14..];
        /// The first register of the frame's state.
        base: Reg, 48..=55 [14..];
        /// The distance of the endpoints' registers from the first.
        endpoint_offset: u8 = 28, 16..=23 [14..];
        /// The number of registers of the frame's state.
        count: u8 = 56, 24..=31 [14..];
    }

    /// Bins a full-screen primitive.
    "RUN_FULLSCREEN" RunFullscreen = 0x08, [10..] {
        /// Primitive flags that override those of r56.
        flags: u32, 0..=31 [10..];
        /// The GPU VA of the draw call descriptor.
        dcd: RegPair, 40..=47 [10..];
        /// Takes the second word of tiler flags from a register.
        flags2: bool = true, 55..=55 [11..];
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [10..=13];
    }

    /// Flushes what RUN_IDVS and RUN_TILING have binned.
    "FINISH_TILING" FinishTiling = 0x09, [10..] {
        /// Increments the progress counter.
        progress: bool = false, 32..=32 [10..=13];
    }
}
