//! Chains of chunks.

use std::cell::RefCell;
use std::collections::BTreeMap;

use panthor_cs::builder::{Block, Build, BuildError, Chain, Chunk, Chunks, Problem, Target, Words};
use panthor_cs::instruction::*;
use panthor_cs::*;

const TARGET: Target = Target::new(Arch::V10);

/// GPU memory: words by VA.
#[derive(Default)]
struct Memory {
    words: RefCell<BTreeMap<u64, u64>>,
}

/// A range of GPU memory.
#[derive(Clone, Copy)]
struct Range<'a> {
    memory: &'a Memory,
    va: u64,
    len: usize,
}

impl Words for Range<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn store(&mut self, index: usize, word: u64) {
        assert!(index < self.len, "a word behind the chunk");
        self.memory.words.borrow_mut().insert(self.va + 8 * index as u64, word);
    }
}

impl Memory {
    /// Returns a source of chunks with these lengths, far apart.
    fn chunks<'a>(&'a self, lengths: impl IntoIterator<Item = usize> + 'a) -> impl Chunks + 'a {
        let mut next = (1u64..).zip(lengths);
        move |_: usize| {
            let (number, len) = next.next()?;
            let va = number << 20;
            Some(Chunk { va, memory: Range { memory: self, va, len } })
        }
    }

    /// Returns the instructions of a stream, each JUMP to another chunk with its two moves left
    /// out.
    fn follow(&self, mut stream: Stream) -> Vec<Instruction> {
        let (mut instructions, words) = (Vec::new(), self.words.borrow());
        loop {
            let mut next = None;
            for va in (stream.va..stream.va + u64::from(stream.size)).step_by(8) {
                let decoded = Instruction::decode(Arch::V10, words[&va]).unwrap();
                instructions.push(decoded.instruction);
            }
            if let [
                ..,
                Instruction::Move48(va),
                Instruction::Move32(size),
                Instruction::Jump(jump),
            ] = instructions[..]
            {
                assert_eq!((va.dst, size.dst), (pair::<92>(), reg(94)));
                assert_eq!((jump.address, jump.length), (pair::<92>(), reg(94)));
                next = Some(Stream { va: va.imm, size: size.imm });
                instructions.truncate(instructions.len() - 3);
            }
            match next {
                Some(next) => stream = next,
                None => return instructions,
            }
        }
    }
}

#[test]
fn chunks_are_chained_in_order() {
    for chunk in [4, 5, 8, 100] {
        for count in [0, 1, 2, 5, 17, 50] {
            let memory = Memory::default();
            let mut chain = Chain::new(TARGET, memory.chunks([chunk; 200]));
            for imm in 0..count {
                chain.move32(reg(0), imm);
            }
            assert_eq!(chain.len(), count as usize);
            let stream = chain.finish().unwrap();
            assert_eq!(stream.va, 1 << 20);
            let expected: Vec<_> =
                (0..count).map(|imm| Instruction::from(Move32 { dst: reg(0), imm })).collect();
            assert_eq!(memory.follow(stream), expected, "{count} in chunks of {chunk}");
        }
    }
}

#[test]
fn blocks_are_not_split() {
    let memory = Memory::default();
    let mut chain = Chain::new(TARGET, memory.chunks([9, 20, 9, 20]));
    for length in [2, 5, 3, 9] {
        chain.block(&mut [0; 32], |block| {
            for _ in 0..length {
                block.emit(Nop { payload: length, kind: 0 });
            }
        });
    }
    let stream = chain.finish().unwrap();
    let words = memory.words.borrow();
    let place = |payload| {
        let found: Vec<u64> =
            words.iter().filter(|&(_, &word)| word == payload).map(|(&va, _)| va).collect();
        assert_eq!(found.len() as u64, payload);
        assert_eq!(
            found[found.len() - 1] - found[0],
            8 * (payload - 1),
            "{payload} are contiguous"
        );
        (found[0] >> 20, found[0] >> 3 & 0xff)
    };
    // Two and three words for the jump leave no room for five in nine words.
    assert_eq!(place(2), (1, 0));
    assert_eq!(place(5), (2, 0));
    assert_eq!(place(3), (2, 5));
    assert_eq!(place(9), (2, 8));
    assert_eq!(stream.size, 40);
}

#[test]
fn block_after_a_single_instruction_counts_from_there() {
    let memory = Memory::default();
    let mut chain = Chain::new(TARGET, memory.chunks([64]));
    chain.move32(reg(0), 0).block(&mut [0; 2], |block| {
        block.move32(reg(0), 0).move32(reg(99), 0);
    });
    let error = chain.finish().unwrap_err();
    assert_eq!(error.to_string(), "instruction 2: MOVE32 dst: no such register (r99, 96 in all)");
}

type TestChain = Chain<Box<dyn FnMut(usize) -> Option<Chunk<Range<'static>>>>>;

/// Builds a chain in chunks of these lengths and returns its problem.
fn error(lengths: &[usize], body: impl FnOnce(&mut TestChain)) -> Problem {
    let memory: &'static Memory = Box::leak(Box::default());
    let mut next = (1u64..).zip(lengths.to_vec());
    let source = move |_: usize| {
        let (number, len) = next.next()?;
        Some(Chunk { va: number << 20, memory: Range { memory, va: number << 20, len } })
    };
    let mut chain: TestChain = Chain::new(TARGET, Box::new(source));
    body(&mut chain);
    chain.finish().unwrap_err().problem
}

#[test]
fn chain_without_memory_is_refused() {
    let fill = |chain: &mut Chain<_>| {
        for _ in 0..6 {
            chain.move32(reg(0), 0);
        }
    };
    assert_eq!(error(&[8], fill), Problem::OutOfMemory { words: 4 });
    assert_eq!(error(&[8, 3], fill), Problem::ChunkTooSmall { got: 3, least: 4 });
    assert_eq!(error(&[], |_| {}), Problem::OutOfMemory { words: 3 });
    let block = |chain: &mut Chain<_>| {
        chain.block(&mut [0; 16], |block| {
            for _ in 0..6 {
                block.move32(reg(0), 0);
            }
        });
    };
    assert_eq!(error(&[8, 8], block), Problem::ChunkTooSmall { got: 8, least: 9 });
}

#[test]
fn registers_of_the_chain_are_refused() {
    for register in 92..=94 {
        let problem = error(&[8], |chain| {
            chain.move32(reg(register), 0);
        });
        let (instruction, argument, got) = ("MOVE32", "dst", Value::Reg(reg(register)));
        assert_eq!(problem, Problem::Reserved { instruction, argument, got });
    }
    let problem = error(&[8], |chain| {
        chain.load(reg(80), RegMask::from_bits(1 << 12 | 1), pair::<0>(), 0);
    });
    assert_eq!(problem.to_string(), "LOAD_MULTIPLE mask: reserved for chaining (0x1001)");
    let memory = Memory::default();
    let mut chain = Chain::with_registers(TARGET, memory.chunks([8]), pair::<40>(), reg(42));
    chain.move32(reg(94), 0);
    assert!(chain.finish().is_ok());
}

#[test]
fn counted_registers_are_refused_as_named_ones() {
    let text = |base, count| {
        let trace = TracePoint { base: reg(base), count, ..Default::default() };
        let problem = error(&[8], |chain| {
            chain.emit(trace);
        });
        problem.to_string()
    };
    assert_eq!(text(90, 3), "TRACE_POINT count: reserved for chaining (#0x3)");
    assert_eq!(text(90, 7), "TRACE_POINT count: reserved for chaining (#0x7)");
    assert_eq!(text(95, 2), "TRACE_POINT count: no such register (#0x2, 96 in all)");
    assert_eq!(text(95, 255), "TRACE_POINT count: no such register (#0xff, 96 in all)");
    let memory = Memory::default();
    for (base, count) in [(90, 2), (95, 1), (95, 0), (0, 92)] {
        let mut chain = Chain::new(TARGET, memory.chunks([8]));
        chain.emit(TracePoint { base: reg(base), count, ..Default::default() });
        assert!(chain.finish().is_ok(), "{base} {count}");
    }

    let frame = |base| {
        let mut words = [0; 1];
        let mut block = Block::new(Target::new(Arch::V14), &mut words);
        block.emit(RunFragment2 { base: reg(base), ..Default::default() });
        block.finish().map(|_| ())
    };
    assert_eq!(frame(40), Ok(()));
    let text = "instruction 0: RUN_FRAGMENT2 count: no such register (#0x38, 96 in all)";
    assert_eq!(frame(41).unwrap_err().to_string(), text);
    // A count without a base is no number of registers.
    let mut words = [0; 1];
    let mut block = Block::new(Target::new(Arch::V14), &mut words);
    block.emit(ProtRegion { count: u16::MAX });
    assert!(block.finish().is_ok());
}

#[test]
fn registers_of_the_chain_are_checked() {
    let memory = Memory::default();
    let registers = |address, length| {
        Chain::with_registers(TARGET, memory.chunks([8]), address, length).finish()
    };
    let (address, length) = (pair::<40>(), reg(41));
    let problem = Problem::ChainRegisters { address, length };
    assert_eq!(registers(address, length), Err(BuildError { index: 0, problem }));
    let text = registers(pair::<96>(), reg(0)).unwrap_err().to_string();
    assert_eq!(text, "instruction 0: JUMP address: no such register (r97, 96 in all)");
    let text =
        Chain::new(TARGET.unpreserved(1), memory.chunks([8])).finish().unwrap_err().to_string();
    assert_eq!(text, "instruction 0: JUMP length: no such register (r98, 96 in all)");
}

#[test]
fn branch_needs_a_block() {
    let problem = error(&[8], |chain| {
        chain.emit(Branch::default());
    });
    assert_eq!(problem, Problem::BranchOutsideBlock);
    let problem = error(&[8], |chain| {
        chain.emit(Instruction::from(Branch::default()));
    });
    assert_eq!(problem, Problem::BranchOutsideBlock);
}

#[test]
fn chunk_va_is_checked() {
    for va in [32, 1 << 48] {
        let mut words = [0; 8];
        let mut chunk = Some(Chunk { va, memory: &mut words[..] });
        let chain = Chain::new(TARGET, |_| chunk.take());
        let problem = Problem::BadVa { va, alignment: 64 };
        assert_eq!(chain.finish().unwrap_err().problem, problem);
    }
}

#[test]
fn problems_have_texts() {
    let texts = [
        (
            Problem::BranchOutsideBlock,
            "BRANCH: outside of a block. A new chunk may separate the branch from its target.",
        ),
        (Problem::ForeignLabel, "label: of another block"),
        (Problem::OutOfMemory { words: 4 }, "memory: none left (4 words needed)"),
        (Problem::ChunkTooSmall { got: 3, least: 4 }, "chunk: too small (3 words, at least 4)"),
        (
            Problem::BranchTooFar { distance: 40000 },
            "label: too far away (40000 instructions, -32768 to 32767)",
        ),
        (
            Problem::ChainRegisters { address: pair::<2>(), length: reg(3) },
            "length: overlaps the address (r3, d2)",
        ),
    ];
    for (problem, text) in texts {
        let error = BuildError { index: 7, problem };
        assert_eq!(error.to_string(), format!("instruction 7: {text}"));
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), text);
    }
    let encoding = Wait { indirect: true, ..Wait::default() }.encode(Arch::V10).unwrap_err();
    let source = std::error::Error::source(&Problem::from(encoding)).map(ToString::to_string);
    assert_eq!(source, Some(encoding.to_string()));
}

#[test]
fn problem_ends_a_chain() {
    let memory = Memory::default();
    let mut chain = Chain::new(TARGET, memory.chunks([16]));
    assert!(chain.is_empty());
    chain.move32(reg(96), 0).move32(reg(1), 0).block(&mut [0; 4], |_| unreachable!());
    assert_eq!(chain.len(), 0);
    assert!(format!("{chain:?}").contains("argument: \"dst\""), "{chain:?}");
    assert!(chain.finish().is_err());
}
