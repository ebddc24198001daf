//! A machine for tests: memory, a group and its queues, hooks that record.

use std::collections::VecDeque;

use panthor_cs::exec::*;
use panthor_cs::*;

/// The GPU VA of the first mapped byte, which is that of the ring buffer of queue 0.
pub const BASE: u64 = 0x10_0000;
/// The size of a ring buffer in bytes.
pub const RING: u32 = 0x1000;
/// The GPU VA of called streams.
pub const CODE: u64 = BASE + 0x8000;
/// The GPU VA of data.
pub const DATA: u64 = BASE + 0xc000;
/// The first GPU VA behind the mapped bytes.
pub const END: u64 = BASE + 0x1_0000;

/// A list of instructions as one type.
macro_rules! code {
    ($($instruction:expr),* $(,)?) => {
        &[$(panthor_cs::Instruction::from($instruction)),*][..]
    };
}
pub(crate) use code;

/// Hooks that record everything, and answer RUN instructions by a list.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    pub ips: Vec<u64>,
    pub runs: Vec<Run>,
    /// The outcomes of the next RUN instructions; then everything is done.
    pub outcomes: VecDeque<RunOutcome>,
    /// The chunks that were granted.
    pub granted: Vec<(RunId, u64)>,
    pub signals: Vec<Signal>,
    pub heap: Vec<HeapChange>,
    pub hazards: Vec<HazardKind>,
}

impl Hooks for Recorder {
    fn before(&mut self, _: &Queue, at: &Located) {
        self.ips.push(at.ip);
    }
    fn run(&mut self, run: &Run, _: &mut dyn Memory) -> RunOutcome {
        self.runs.push(*run);
        self.outcomes.pop_front().unwrap_or(RunOutcome::NotModeled)
    }
    fn memory_granted(&mut self, run: RunId, chunk: u64, _: &mut dyn Memory) -> RunOutcome {
        self.granted.push((run, chunk));
        self.outcomes.pop_front().unwrap_or(RunOutcome::Done)
    }
    fn signal(&mut self, signal: &Signal) {
        self.signals.push(*signal);
    }
    fn heap(&mut self, change: &HeapChange) {
        self.heap.push(*change);
    }
    fn hazard(&mut self, hazard: &Hazard) {
        self.hazards.push(hazard.kind);
    }
}

/// A group with queues that share 64 KiB of memory.
#[derive(Clone)]
pub struct Machine {
    pub arch: Arch,
    pub words: Vec<u64>,
    pub queues: Vec<Queue>,
    pub group: Group,
    pub gpu: SimulatedGpu,
    pub hooks: Recorder,
}

impl Machine {
    /// Returns a machine with one queue.
    pub fn new(arch: Arch) -> Self {
        Self::with(arch, 1, |_| {})
    }

    /// Returns a machine with `queues` queues. `change` changes the configuration of each.
    pub fn with(arch: Arch, queues: u8, change: impl Fn(&mut QueueConfig)) -> Self {
        let queues = (0..queues).map(|index| {
            let mut config = QueueConfig::new(arch, index);
            config.seed = 0x1234 + u64::from(index);
            change(&mut config);
            let mut queue = Queue::new(config);
            queue.set_ring(RingBuffer { base: Self::ring_of(index), size: RING });
            queue
        });
        Self {
            arch,
            words: vec![0; ((END - BASE) / 8) as usize],
            queues: queues.collect(),
            group: Group::new(),
            gpu: SimulatedGpu::new(),
            hooks: Recorder::default(),
        }
    }

    fn ring_of(index: u8) -> u64 {
        BASE + u64::from(index) * u64::from(RING)
    }

    pub fn encode(&self, code: &[Instruction]) -> Vec<u64> {
        code.iter().map(|instruction| instruction.encode(self.arch).unwrap()).collect()
    }

    /// Writes instructions at INSERT of queue `index`, and moves INSERT.
    pub fn submit_to(&mut self, index: usize, code: &[Instruction]) {
        let words = self.encode(code);
        self.submit_words(index, &words);
    }

    pub fn submit_words(&mut self, index: usize, words: &[u64]) {
        let insert = self.queues[index].insert();
        for (position, &word) in (insert..).step_by(8).zip(words) {
            let va = Self::ring_of(index as u8) + position % u64::from(RING);
            self.words[((va - BASE) / 8) as usize] = word;
        }
        self.queues[index].set_insert(insert + 8 * words.len() as u64);
    }

    /// Writes instructions at `va`. Returns the length in bytes.
    pub fn write_code(&mut self, va: u64, code: &[Instruction]) -> u32 {
        let words = self.encode(code);
        let start = ((va - BASE) / 8) as usize;
        self.words[start..start + words.len()].copy_from_slice(&words);
        8 * words.len() as u32
    }

    /// Runs queue `index` with a budget.
    pub fn step(&mut self, index: usize, budget: u64) -> Stop {
        let mut context = Context {
            memory: &mut SliceMemory::new(BASE, &mut self.words),
            gpu: &mut self.gpu,
            hooks: &mut self.hooks,
            group: &mut self.group,
        };
        self.queues[index].run(budget, &mut context)
    }

    /// Submits to queue 0 and runs until the queue stops.
    #[track_caller]
    pub fn run(&mut self, code: &[Instruction]) -> Stop {
        self.submit_to(0, code);
        let stop = self.step(0, 100_000);
        assert_ne!(stop, Stop::Budget, "the queue does not stop");
        stop
    }

    /// Submits to queue 0 and checks that all retires.
    #[track_caller]
    pub fn run_to_end(&mut self, code: &[Instruction]) {
        assert_eq!(self.run(code), Stop::Idle);
    }

    pub fn queue(&mut self) -> &mut Queue {
        &mut self.queues[0]
    }

    pub fn reg(&self, number: u8) -> u32 {
        self.queues[0].register(reg(number)).unwrap()
    }

    pub fn set_reg(&mut self, number: u8, value: u32) {
        assert!(self.queues[0].set_register(reg(number), value));
    }

    pub fn pair(&self, number: u8) -> u64 {
        u64::from(self.reg(number)) | u64::from(self.reg(number + 1)) << 32
    }

    pub fn set_pair(&mut self, number: u8, value: u64) {
        self.set_reg(number, value as u32);
        self.set_reg(number + 1, (value >> 32) as u32);
    }

    pub fn load32(&mut self, va: u64) -> u32 {
        SliceMemory::new(BASE, &mut self.words).load32(va).unwrap()
    }

    pub fn load64(&mut self, va: u64) -> u64 {
        SliceMemory::new(BASE, &mut self.words).load64(va).unwrap()
    }

    pub fn store32(&mut self, va: u64, value: u32) {
        SliceMemory::new(BASE, &mut self.words).store32(va, value).unwrap();
    }

    pub fn store64(&mut self, va: u64, value: u64) {
        SliceMemory::new(BASE, &mut self.words).store64(va, value).unwrap();
    }
}

/// Returns the exception of a stop at a fault, fatal or not.
#[track_caller]
pub fn exception(stop: Stop) -> Exception {
    match stop {
        Stop::Fault(fault) => {
            assert!(!fault.exception.is_fatal());
            fault.exception
        }
        Stop::Fatal(fault) => {
            assert!(fault.exception.is_fatal());
            fault.exception
        }
        other => panic!("no exception: {other:?}"),
    }
}

/// A generator of random numbers (SplitMix64).
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
