//! Command streams: the instructions that cases use, and how they get to where the GPU reads them.

use super::memory::CpuMap;

/// A number of 48 bits into two registers, or of 32 into one.
pub const MOV48: u64 = 1 << 56;
pub const MOV32: u64 = 2 << 56;
pub const LOAD_MULTIPLE: u64 = 20 << 56;
pub const STORE_MULTIPLE: u64 = 21 << 56;
pub const SYNC_ADD32: u64 = 37 << 56;
pub const SYNC_SET32: u64 = 38 << 56;
pub const SYNC_WAIT32: u64 = 39 << 56;

/// Instruction of the simulated microcontroller alone: stops all answers until the driver resets
/// the GPU.
pub const HANG: u64 = 0xfe << 56;

/// Another one: the MMU of the VM is busy from then on, until the driver resets the GPU.
pub const JAM: u64 = 0xff << 56;

impl CpuMap {
    /// Stores a stream at an offset; its size in bytes.
    pub fn store_stream(&self, offset: u64, instructions: &[u64]) -> u32 {
        for (index, instruction) in (0..).zip(instructions) {
            self.store(offset + index * 8, *instruction as u32);
            self.store(offset + index * 8 + 4, (instruction >> 32) as u32);
        }
        size_of_val(instructions) as u32
    }
}
