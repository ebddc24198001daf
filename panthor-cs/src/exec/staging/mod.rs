//! Staging registers: the arguments of RUN instructions.

mod compute;
mod fragment;
mod fullscreen;
mod idvs;

pub use compute::ComputeState;
pub use fragment::{FragmentState, FrameState};
pub use fullscreen::FullscreenState;
pub use idvs::{Idvs2State, IdvsState};

use super::registers::Registers;
use super::{Feature, Resources, Trap};
use crate::operand::{Reg, RegPair};
use crate::{Arch, Instruction};

/// The number of an operation of a queue that a RUN instruction has issued.
///
/// Numbers are unique in the life of a queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RunId(pub(super) u64);

/// Work that a queue issues: a RUN instruction or FINISH_TILING, with its arguments.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Run {
    /// The number of the operation.
    pub id: RunId,
    /// The number of the queue in the group.
    pub queue: u8,
    /// The GPU VA of the instruction.
    pub ip: u64,
    /// The instruction.
    pub instruction: Instruction,
    /// The staging registers.
    pub staging: Staging,
    /// The GPU VA of the queue's tiler heap context; 0 for none.
    pub heap: u64,
}

/// The staging registers that an instruction reads.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Staging {
    /// No register: FINISH_TILING.
    None,
    /// RUN_COMPUTE and RUN_COMPUTE_INDIRECT.
    Compute(ComputeState),
    /// RUN_IDVS and RUN_TILING.
    Idvs(IdvsState),
    /// RUN_IDVS2.
    Idvs2(Idvs2State),
    /// RUN_FRAGMENT.
    Fragment(FragmentState),
    /// RUN_FRAGMENT2.
    Fragment2(FrameState),
    /// RUN_FULLSCREEN.
    Fullscreen(FullscreenState),
}

/// The properties of an instruction that issues work.
pub(super) struct Work {
    pub feature: Feature,
    pub needed: Resources,
    pub progress: bool,
}

impl Work {
    /// Returns the properties of `instruction`; `None` for one that issues no work.
    #[rustfmt::skip]
    pub fn of(instruction: &Instruction) -> Option<Self> {
        use Instruction as I;
        let draw = Resources::IDVS.union(Resources::TILER);
        let (feature, needed, progress) = match instruction {
            I::RunCompute(run) => (Feature::RunCompute, Resources::COMPUTE, run.progress),
            I::RunComputeIndirect(run) => (Feature::RunComputeIndirect, Resources::COMPUTE, run.progress),
            I::RunTiling(run) => (Feature::RunTiling, Resources::TILER, run.progress),
            I::RunIdvs(run) => (Feature::RunIdvs, draw, run.progress),
            I::RunIdvs2(run) => (Feature::RunIdvs2, draw, run.progress),
            I::RunFragment(run) => (Feature::RunFragment, Resources::FRAGMENT, run.progress),
            I::RunFragment2(_) => (Feature::RunFragment2, Resources::FRAGMENT, false),
            I::RunFullscreen(run) => (Feature::RunFullscreen, Resources::TILER, run.progress),
            I::FinishTiling(run) => (Feature::FinishTiling, Resources::NONE, run.progress),
            _ => return None,
        };
        Some(Self { feature, needed, progress })
    }
}

impl Staging {
    /// Reads the staging registers of `instruction`, which issues work.
    pub(super) fn read(
        instruction: &Instruction,
        registers: &mut Registers,
        arch: Arch,
    ) -> Result<Self, Trap> {
        use Instruction as I;
        check_named_values(instruction)?;
        let mut r = Reader { registers, arch };
        Ok(match instruction {
            I::RunCompute(run) => {
                Self::Compute(ComputeState::read(&mut r, [run.srt, run.fau, run.spd, run.tsd])?)
            }
            I::RunComputeIndirect(run) => {
                Self::Compute(ComputeState::read(&mut r, [run.srt, run.fau, run.spd, run.tsd])?)
            }
            I::RunTiling(_) => Self::Idvs(IdvsState::read(&mut r, None)?),
            I::RunIdvs(run) => {
                Self::Idvs(IdvsState::read(&mut r, run.draw_id_register.then_some(run.draw_id))?)
            }
            I::RunIdvs2(run) => {
                Self::Idvs2(Idvs2State::read(&mut r, run.draw_id_register.then_some(run.draw_id))?)
            }
            I::RunFragment(_) => Self::Fragment(FragmentState::read(&mut r)?),
            I::RunFragment2(run) => Self::Fragment2(FrameState::read(&mut r, run.base, run.count)?),
            I::RunFullscreen(run) => {
                Self::Fullscreen(FullscreenState::read(&mut r, run.dcd, run.flags2)?)
            }
            _ => Self::None,
        })
    }
}

/// Refuses values of axis, stage, tile order and shading mode that are not assigned.
fn check_named_values(instruction: &Instruction) -> Result<(), Trap> {
    use Instruction as I;
    let assigned = match instruction {
        I::RunCompute(run) => run.axis.name().and(run.stage.name()),
        I::RunComputeIndirect(run) => run.stage.name(),
        I::RunIdvs2(run) => run.mode.name().and(run.stage.name()),
        I::RunFragment(run) => run.order.name(),
        I::RunFragment2(run) => run.order.name(),
        _ => Some(""),
    };
    assigned.map(drop).ok_or(Trap::INVALID)
}

/// Registers by number, for the staging structs.
struct Reader<'a> {
    registers: &'a mut Registers,
    arch: Arch,
}

impl Reader<'_> {
    fn word(&mut self, number: u8) -> Result<u32, Trap> {
        self.registers.read(Reg::new(number))
    }

    fn pair(&mut self, number: u8) -> Result<u64, Trap> {
        self.registers.read_pair(RegPair::new(number).map_err(|_| Trap::INVALID)?)
    }

    /// Reads consecutive words.
    fn words<const N: usize>(&mut self, first: u8) -> Result<[u32; N], Trap> {
        let mut words = [0; N];
        for (number, word) in (first..).zip(&mut words) {
            *word = self.word(number)?;
        }
        Ok(words)
    }

    /// Reads consecutive pairs.
    fn pairs<const N: usize>(&mut self, first: u8) -> Result<[u64; N], Trap> {
        let mut pairs = [0; N];
        for (number, pair) in (first..).step_by(2).zip(&mut pairs) {
            *pair = self.pair(number)?;
        }
        Ok(pairs)
    }

    /// Reads four pairs, of which the instruction uses the one with the number `selected`.
    fn tables(&mut self, first: u8, selected: u8) -> Result<[u64; 4], Trap> {
        let mut tables = [0; 4];
        for (number, table) in (0u8..).zip(&mut tables) {
            let register = first + 2 * number;
            *table = if number == selected {
                self.pair(register)?
            } else {
                let low = self.registers.unused(Reg::new(register))?;
                let high = self.registers.unused(Reg::new(register + 1))?;
                u64::from(low) | u64::from(high) << 32
            };
        }
        Ok(tables)
    }

    /// Reads the trace identifiers, which only tools set; zero on architecture 10.
    fn trace(&mut self) -> [u32; 2] {
        let peek = |number| match self.arch {
            Arch::V10 => 0,
            _ => self.registers.peek(Reg::new(number)).unwrap_or(0),
        };
        [peek(62), peek(63)]
    }
}

/// A rectangle of pixels, all bounds inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Bounds {
    /// The smallest x.
    pub min_x: u16,
    /// The smallest y.
    pub min_y: u16,
    /// The greatest x.
    pub max_x: u16,
    /// The greatest y.
    pub max_y: u16,
}

impl Bounds {
    /// Returns the rectangle of two words `y << 16 | x`.
    fn new([min, max]: [u32; 2]) -> Self {
        Self {
            min_x: min as u16,
            min_y: (min >> 16) as u16,
            max_x: max as u16,
            max_y: (max >> 16) as u16,
        }
    }
}
