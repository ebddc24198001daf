//! Streams of the builder on the execution engine.

use std::collections::BTreeMap;

use panthor_cs::builder::{Block, Build, Chain, Chunk, StoreWith, Target};
use panthor_cs::exec::*;
use panthor_cs::kernel::{Job, MAX_JOB_WORDS, Profiling};
use panthor_cs::*;

/// GPU memory, mapped as a whole and zero where nothing was written: words by VA.
#[derive(Default)]
struct Vm {
    words: BTreeMap<u64, u64>,
}

impl Vm {
    fn write(&mut self, va: u64, words: &[u64]) {
        self.words.extend((va..).step_by(8).zip(words.iter().copied()));
    }
}

impl Memory for Vm {
    fn load64(&mut self, va: u64) -> Result<u64, MemoryFault> {
        Ok(self.words.get(&va).copied().unwrap_or(0))
    }

    fn store64(&mut self, va: u64, value: u64) -> Result<(), MemoryFault> {
        self.words.insert(va, value);
        Ok(())
    }

    fn load32(&mut self, va: u64) -> Result<u32, MemoryFault> {
        Ok((self.load64(va & !7)? >> (8 * (va & 4))) as u32)
    }

    fn store32(&mut self, va: u64, value: u32) -> Result<(), MemoryFault> {
        let shift = 8 * (va & 4);
        let rest = self.load64(va & !7)? & !(0xffff_ffff << shift);
        self.store64(va & !7, rest | u64::from(value) << shift)
    }

    fn add32(&mut self, va: u64, value: u32) -> Result<u32, MemoryFault> {
        let sum = self.load32(va)?.wrapping_add(value);
        self.store32(va, sum).map(|()| sum)
    }

    fn add64(&mut self, va: u64, value: u64) -> Result<u64, MemoryFault> {
        let sum = self.load64(va)?.wrapping_add(value);
        self.store64(va, sum).map(|()| sum)
    }
}

/// Hooks that collect hazards.
#[derive(Default)]
struct Hazards(Vec<Hazard>);

impl Hooks for Hazards {
    fn hazard(&mut self, hazard: &Hazard) {
        self.0.push(*hazard);
    }
}

const RING: u64 = 0x8000_0000_1000;
const SYNC: u64 = 0x8000_0000_0000;

/// Runs a stream as the kernel does, and returns the queue afterward.
fn run(vm: &mut Vm, target: Target, stream: Stream) -> Queue {
    let job = Job { stream, latest_flush: 0, sync_object: SYNC, profiling: Profiling::default() };
    let mut words = [0; MAX_JOB_WORDS];
    let words = job.build(&target, &mut words).unwrap();
    vm.write(RING, words);
    let mut queue = Queue::new(QueueConfig::for_target(&target, 0));
    queue.set_ring(RingBuffer { base: RING, size: 4096 });
    queue.set_insert(8 * words.len() as u64);
    let mut hazards = Hazards::default();
    let mut context = Context {
        memory: vm,
        gpu: &mut SimulatedGpu::new(),
        hooks: &mut hazards,
        group: &mut Group::new(),
    };
    assert_eq!(queue.run(10_000_000, &mut context), Stop::Idle);
    assert_eq!(hazards.0, []);
    assert_eq!(vm.load64(SYNC), Ok(1), "the job is done");
    queue
}

const CODE: u64 = 0x10_0000;

/// Builds a block, runs it, and returns the queue and the memory.
fn run_block(arch: Arch, body: impl FnOnce(&mut Block<'_>)) -> (Queue, Vm) {
    let mut words = [0; 256];
    let target = Target::new(arch);
    let mut block = Block::new(target, &mut words);
    body(&mut block);
    let words = block.finish().unwrap();
    let mut vm = Vm::default();
    vm.write(CODE, words);
    let stream = Stream { va: CODE, size: 8 * words.len() as u32 };
    (run(&mut vm, target, stream), vm)
}

#[test]
fn loop_copies_memory_on_every_architecture() {
    for arch in Arch::ALL {
        let (src, dst, count) = (pair::<40>(), pair::<42>(), reg(48));
        let (_, mut vm) = run_block(arch, |block| {
            block.select_entries(entry::<2>(), entry::<1>());
            block.move64(src, CODE).move64(dst, 0x20_0000).move32(count, 3);
            block.while_do(Condition::GT, count, |block| {
                block.load(reg(0), RegMask::first(4), src, 0).wait(entry::<1>());
                block.store(reg(0), RegMask::first(4), dst, 0).wait(entry::<1>());
                block.add64(src, src, 16).add64(dst, dst, 16).add32(count, count, -1);
            });
        });
        for offset in (0..48).step_by(8) {
            assert_ne!(vm.load64(CODE + offset), Ok(0));
            assert_eq!(vm.load64(0x20_0000 + offset), vm.load64(CODE + offset), "{arch} {offset}");
        }
        assert_eq!(vm.load64(0x20_0000 + 48), Ok(0));
    }
}

#[test]
fn job_runs_with_the_limits_of_a_larger_queue() {
    let target = Target::new(Arch::V13).registers(128).scoreboard_entries(16);
    let mut words = [0; 16];
    let mut block = Block::new(target, &mut words);
    block.select_entries(entry::<14>(), entry::<15>()).move64(pair::<40>(), 0x20_0000);
    block.move32(reg(123), 7).store32(reg(123), pair::<40>(), 0).wait_all();
    let words = block.finish().unwrap();
    let mut vm = Vm::default();
    vm.write(CODE, words);
    let queue = run(&mut vm, target, Stream { va: CODE, size: 8 * words.len() as u32 });
    assert_eq!(vm.load32(0x20_0000), Ok(7));
    assert_eq!((queue.register(reg(127)), queue.register(reg(128))), (Some(0), None));
}

#[test]
fn conditions_choose_their_branch() {
    for (value, expected) in [(-1i32, [1, 0, 0, 2]), (0, [0, 1, 0, 2]), (1, [0, 0, 1, 1])] {
        let (queue, _) = run_block(Arch::V10, |block| {
            block.move32(reg(9), value as u32);
            for (register, condition) in (1..).zip([Condition::LT, Condition::EQ, Condition::GT]) {
                block.if_then(condition, reg(9), |block| {
                    block.move32(reg(register), 1);
                });
            }
            block.if_then_else(
                Condition::GT,
                reg(9),
                |block| {
                    block.move32(reg(4), 1);
                },
                |block| {
                    block.move32(reg(4), 2);
                },
            );
        });
        let found = [1, 2, 3, 4].map(|number| queue.register(reg(number)).unwrap());
        assert_eq!(found, expected, "{value}");
    }
}

#[test]
fn call_returns_and_jump_does_not() {
    let arch = Arch::V10;
    let mut words = [0; 16];
    let mut callee = Block::new(Target::new(arch), &mut words);
    callee.add32(reg(1), reg(1), 1);
    let callee = callee.finish().unwrap();
    let stream = Stream { va: 0x40_0000, size: 8 };
    let mut caller_words = [0; 32];
    let mut block = Block::new(Target::new(arch), &mut caller_words);
    block.call(pair::<2>(), reg(4), stream).call(pair::<2>(), reg(4), stream);
    block.jump(pair::<2>(), reg(4), stream).move32(reg(1), 100);
    let caller = block.finish().unwrap();
    let mut vm = Vm::default();
    vm.write(stream.va, callee);
    vm.write(CODE, caller);
    let size = 8 * caller.len() as u32;
    let queue = run(&mut vm, Target::new(arch), Stream { va: CODE, size });
    assert_eq!(queue.register(reg(1)), Some(3));
}

/// A generator of random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % limit
    }
}

/// Appends a random instruction on r0 to r7.
fn random_instruction(builder: &mut impl Build, random: &mut Random) {
    let mut register = || reg(random.below(8) as u8);
    let (dst, src) = (register(), register());
    match random.below(3) {
        0 => builder.move32(dst, random.below(1 << 32) as u32),
        1 => builder.add32(dst, src, random.below(1 << 32) as i32),
        _ => builder.copy64(RegPair::containing(dst), RegPair::containing(src)),
    };
}

/// Appends a random block: a bounded loop and a condition.
fn random_block(block: &mut Block<'_>, random: &mut Random) {
    let count = reg(10);
    block.move32(count, random.below(4) as u32);
    block.while_do(Condition::GT, count, |block| {
        for _ in 0..random.below(6) {
            random_instruction(block, random);
        }
        block.add32(count, count, -1);
    });
    let register = reg(random.below(8) as u8);
    let condition = Condition::from_bits(random.below(6) as u8);
    block.if_then(condition, register, |block| random_instruction(block, random));
}

/// Runs a random program in one piece and in chunks, and returns the registers of both.
fn run_both(seed: u64, chunk: usize) -> [Vec<Option<u32>>; 2] {
    let target = Target::new(Arch::V10);
    let registers = |queue: &Queue| (0..12).map(|number| queue.register(reg(number))).collect();

    let mut random = Random(seed);
    let mut words = vec![0; 4096];
    let mut flat = Block::new(target, &mut words);
    for _ in 0..40 {
        match random.below(4) {
            0 => random_block(&mut flat, &mut random),
            _ => random_instruction(&mut flat, &mut random),
        }
    }
    let words = flat.finish().unwrap();
    let mut vm = Vm::default();
    vm.write(CODE, words);
    let stream = Stream { va: CODE, size: 8 * words.len() as u32 };
    let one_piece = registers(&run(&mut vm, target, stream));

    let mut random = Random(seed);
    let memory = std::cell::RefCell::new(Vm::default());
    // Chunks that do not touch.
    let mut starts = (CODE..).step_by(0x1_0000);
    let source = |_: usize| {
        let start = starts.next()?;
        let memory = &memory;
        let store = move |index, word| memory.borrow_mut().write(start + 8 * index as u64, &[word]);
        Some(Chunk { va: start, memory: StoreWith::new(chunk, store) })
    };
    let mut chain = Chain::new(target, source);
    let mut scratch = [0; 64];
    for _ in 0..40 {
        match random.below(4) {
            0 => chain.block(&mut scratch, |block| random_block(block, &mut random)),
            _ => {
                random_instruction(&mut chain, &mut random);
                &mut chain
            }
        };
    }
    let stream = chain.finish().unwrap();
    let mut vm = memory.into_inner();
    [one_piece, registers(&run(&mut vm, target, stream))]
}

#[test]
fn chain_executes_as_one_piece_does() {
    for seed in 0..200 {
        let [one_piece, chain] = run_both(seed, 24 + seed as usize % 50);
        assert_eq!(one_piece, chain, "seed {seed}");
    }
}
