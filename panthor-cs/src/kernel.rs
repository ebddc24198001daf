//! The instructions that the kernel puts around a submitted stream.
//!
//! The panthor driver never executes a stream by itself: it writes a short job to the ring buffer
//! of the queue. The job flushes caches, calls the stream, waits for all scoreboard entries and
//! signals the sync object of the queue.

use crate::builder::{Block, Build, BuildError, Problem, Target};
use crate::instruction::{
    Call, ErrorBarrier, FlushCache2, Move32, Move48, StoreState, SyncAdd64, Wait,
};
use crate::operand::{FlushMode, OtherFlushMode, Reg, RegPair, Scope, StoredState, Value, entry};
use crate::{Error, Stream};

/// The most words of a job.
pub const MAX_JOB_WORDS: usize = 24;

/// A job of a queue: a submitted stream with the kernel's additions.
///
/// ```
/// use panthor_cs::builder::Target;
/// use panthor_cs::kernel::{Job, MAX_JOB_WORDS, Profiling};
/// use panthor_cs::{Arch, Stream, disasm::Listing};
///
/// let job = Job {
///     stream: Stream { va: 0x10_0000, size: 64 },
///     latest_flush: 0,
///     sync_object: 0xffff_8000_0000,
///     profiling: Profiling::default(),
/// };
/// let mut words = [0; MAX_JOB_WORDS];
/// let words = job.build(&Target::new(Arch::V10), &mut words)?;
/// assert_eq!(words.len(), 16); // 11 instructions, then NOPs up to a multiple of 64 bytes
/// # Ok::<(), panthor_cs::builder::BuildError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[doc(alias = "drm_panthor_queue_submit")]
pub struct Job {
    /// The submitted stream. The driver writes no job for a stream of size 0.
    pub stream: Stream,
    /// The flush ID of the submission; 0 flushes in any case.
    pub latest_flush: u32,
    /// The GPU VA of the queue's 64-bit sync object, to which the job adds 1.
    pub sync_object: u64,
    /// The measurements around the stream.
    pub profiling: Profiling,
}

/// The measurements of a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Profiling {
    /// Stores the cycle counter before and after the stream.
    pub cycles: bool,
    /// Stores the system counter before and after the stream.
    pub time: bool,
    /// The GPU VA of the job's [`ProfilingSlot`].
    pub slot: u64,
}

/// The layout of the memory for the measurements of a job: four `u64`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(C)]
pub struct ProfilingSlot {
    /// The cycle counter before the stream.
    pub cycles_before: u64,
    /// The cycle counter after the stream.
    pub cycles_after: u64,
    /// The system counter before the stream.
    pub time_before: u64,
    /// The system counter after the stream.
    pub time_after: u64,
}

impl Job {
    /// Returns the number of words in the ring buffer, a multiple of 8.
    pub fn word_count(&self) -> usize {
        let Profiling { cycles, time, .. } = self.profiling;
        (11 + 4 * usize::from(cycles) + 4 * usize::from(time)).next_multiple_of(8)
    }

    /// Writes the job to `words` and returns its words.
    ///
    /// The job uses the first four registers that the kernel does not preserve.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the queue has fewer than four of these registers, or a GPU VA has more
    /// than 48 bits.
    pub fn build<'a>(
        &self,
        target: &Target,
        words: &'a mut [u64; MAX_JOB_WORDS],
    ) -> Result<&'a [u64], BuildError> {
        let first = target.first_unpreserved();
        let problem = match first % 2 {
            1 => Some(Problem::Encoding(Error::OddPair {
                instruction: "CALL",
                argument: "address",
                register: first as u8,
            })),
            _ if first + 4 > target.register_count() => Some(Problem::Missing {
                instruction: "CALL",
                argument: "length",
                got: Value::Reg(Reg::new((first as u8).wrapping_add(3))),
                count: target.register_count(),
            }),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(BuildError { index: 0, problem });
        }
        let address = RegPair::containing(Reg::new(first as u8));
        let value = RegPair::containing(Reg::new(first as u8 + 2));
        let Profiling { cycles, time, slot } = self.profiling;
        let flush_entry = entry::<0>();

        let mut block = Block::new(*target, words);
        block.emit(Move32 { dst: value.low(), imm: self.latest_flush }).emit(FlushCache2 {
            flush_id: value.low(),
            l2: FlushMode::CLEAN_INVALIDATE,
            lsc: FlushMode::CLEAN_INVALIDATE,
            others: OtherFlushMode::INVALIDATE,
            signal: flush_entry,
            ..FlushCache2::default()
        });
        if cycles {
            store(&mut block, StoredState::CYCLE_COUNT, address, slot);
        }
        if time {
            store(&mut block, StoredState::TIMESTAMP, value, slot.wrapping_add(16));
        }
        block
            .emit(Move48 { dst: address, imm: self.stream.va })
            .emit(Move32 { dst: value.low(), imm: self.stream.size })
            .emit(Wait { mask: flush_entry.mask(), ..Wait::default() })
            .emit(Call { address, length: value.low() });
        if cycles {
            store(&mut block, StoredState::CYCLE_COUNT, address, slot.wrapping_add(8));
        }
        if time {
            store(&mut block, StoredState::TIMESTAMP, value, slot.wrapping_add(24));
        }
        block
            .emit(Move48 { dst: address, imm: self.sync_object })
            .emit(Move48 { dst: value, imm: 1 })
            .wait_all()
            .emit(SyncAdd64 {
                scope: Scope::SYSTEM,
                propagate: true,
                address,
                data: value,
                ..SyncAdd64::default()
            })
            .emit(ErrorBarrier {});
        let used = block.finish()?.len();
        let words = &mut words[..self.word_count()];
        words[used..].fill(0);
        Ok(words)
    }
}

/// Stores a counter to `va`, through `pair`.
fn store(block: &mut Block<'_>, state: StoredState, pair: RegPair, va: u64) {
    block.emit(Move48 { dst: pair, imm: va }).emit(StoreState {
        state,
        address: pair,
        ..StoreState::default()
    });
}
