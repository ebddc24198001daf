//! Properties of queues and ring buffers.

use crate::Arch;
use crate::builder::Target;

/// Properties of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct QueueConfig {
    /// The architecture.
    pub arch: Arch,
    /// The number of registers, at most 256: `cs_reg_count` of DEV_QUERY_CSIF_INFO.
    pub registers: u16,
    /// The number of scoreboard entries, at most 16: `scoreboard_slot_count` of
    /// DEV_QUERY_CSIF_INFO.
    pub scoreboard_entries: u8,
    /// The number of the queue in its group, from 0 to 31.
    ///
    /// Queues of one group need different numbers. A queue with a greater number has no progress
    /// counter and no heap.
    pub index: u8,
    /// The seed of delays.
    pub seed: u64,
    /// The greatest delay of a completion in ticks; 0 completes an operation before the instruction
    /// behind its start.
    ///
    /// A tick is one attempt at an instruction.
    pub max_delay: u32,
}

impl QueueConfig {
    /// Returns the properties of the queue `index` on a stock part of `arch`: 96 registers, 8
    /// scoreboard entries.
    pub const fn new(arch: Arch, index: u8) -> Self {
        Self::for_target(&Target::new(arch), index)
    }

    /// Returns the properties of the queue `index` with the limits that streams are built for.
    pub const fn for_target(target: &Target, index: u8) -> Self {
        Self {
            arch: target.arch(),
            registers: target.register_count(),
            scoreboard_entries: target.entry_count(),
            index,
            seed: 0,
            max_delay: 16,
        }
    }
}

/// A ring buffer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RingBuffer {
    /// The GPU VA, a multiple of 8: CS_BASE.
    pub base: u64,
    /// The size in bytes: CS_SIZE. A multiple of 8; the driver takes powers of two.
    pub size: u32,
}

impl RingBuffer {
    /// Returns whether instructions can be fetched from the ring buffer.
    pub(super) fn is_valid(self) -> bool {
        self.size != 0 && self.size % 8 == 0 && self.base % 8 == 0
    }

    /// Returns the GPU VA of a position, which counts bytes without wrapping.
    #[inline(always)]
    pub(super) fn va(self, position: u64) -> u64 {
        let size = u64::from(self.size);
        let offset = match size.is_power_of_two() {
            true => position & (size - 1),
            false => position.checked_rem(size).unwrap_or(0),
        };
        self.base.wrapping_add(offset)
    }
}
