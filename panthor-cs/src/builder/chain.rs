//! Streams of any length in chunks.

use core::fmt;

use super::check::Limits;
use super::{Block, Build, BuildError, Chunk, Chunks, Problem, Target, Words};
use crate::instruction::{Encode, Jump, Move32, Move48};
use crate::operand::{Reg, RegPair, Value};
use crate::{Error, Stream};

/// The number of words that lead from a chunk to the next: MOVE48, MOVE32, JUMP.
const TAIL: usize = 3;

/// A builder of a stream in chunks.
///
/// When a chunk is full, the chain moves address and length of the next one into two registers and
/// jumps. Room for that is kept in each chunk. Branches need a [`block`](Self::block), which is
/// never split.
///
/// ```
/// use panthor_cs::builder::{Build, Chain, Chunk, Target};
/// use panthor_cs::{Arch, reg};
///
/// let mut memory = [0u64; 64];
/// let mut chunks = memory.chunks_mut(16);
/// let mut va = 0x10_0000;
/// let source = |_words: usize| {
///     let chunk = Chunk { va, memory: chunks.next()? };
///     va += 128;
///     Some(chunk)
/// };
/// let mut chain = Chain::new(Target::new(Arch::V10), source);
/// for i in 0..40 {
///     chain.move32(reg(0), i);
/// }
/// let stream = chain.finish()?;
/// assert_eq!(stream.va, 0x10_0000);
/// assert_eq!(stream.size, 128); // 13 instructions and the jump to the next chunk
/// # Ok::<(), panthor_cs::builder::BuildError>(())
/// ```
pub struct Chain<C: Chunks> {
    limits: Limits,
    chunks: C,
    /// The registers of the jumps.
    address: RegPair,
    length: Reg,
    current: Option<Current<C::Memory>>,
    /// The chunk before, which gets the length of the current one.
    previous: Option<C::Memory>,
    /// The place of the length in the chunk before.
    length_at: usize,
    /// The stream to submit, complete when its first chunk is.
    first: Option<Stream>,
    len: usize,
    error: Option<BuildError>,
}

/// The chunk that is being written.
struct Current<M> {
    chunk: Chunk<M>,
    used: usize,
}

impl<C: Chunks> Chain<C> {
    /// Returns an empty chain that jumps through the first of the registers that the kernel
    /// overwrites between jobs.
    ///
    /// These are r92 to r94 of 96. The chain refuses instructions that use them.
    pub fn new(target: Target, chunks: C) -> Self {
        let first = target.first_unpreserved().next_multiple_of(2).min(252) as u8;
        Self::with_registers(
            target,
            chunks,
            RegPair::containing(Reg::new(first)),
            Reg::new(first + 2),
        )
    }

    /// Returns an empty chain that jumps through these registers, and refuses instructions that
    /// name them.
    pub fn with_registers(target: Target, chunks: C, address: RegPair, length: Reg) -> Self {
        let mut limits = Limits::new(target);
        for register in [address.low(), address.high(), length] {
            limits.reserve(register.number());
        }
        let mut chain = Self {
            limits,
            chunks,
            address,
            length,
            current: None,
            previous: None,
            length_at: 0,
            first: None,
            len: 0,
            error: None,
        };
        let last = address.high().max(length);
        if length == address.low() || length == address.high() {
            chain.fail(Problem::ChainRegisters { address, length });
        } else if u16::from(last.number()) >= target.register_count() {
            chain.fail(Problem::Missing {
                instruction: "JUMP",
                argument: if last == length { "length" } else { "address" },
                got: Value::Reg(last),
                count: target.register_count(),
            });
        }
        chain
    }

    /// Returns the number of instructions, jumps between chunks not counted.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the stream has no instructions.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends instructions that stay in one chunk, so that they can branch.
    ///
    /// `body` writes to `scratch`, which bounds the size of the block. The words are then copied.
    ///
    /// ```
    /// # use panthor_cs::builder::{Build, Chain, Chunk, Target};
    /// # use panthor_cs::{Arch, Condition, reg};
    /// # let mut memory = [0u64; 64];
    /// # let mut chunk = Some(Chunk { va: 0, memory: &mut memory[..] });
    /// # let mut chain = Chain::new(Target::new(Arch::V10), |_| chunk.take());
    /// chain.block(&mut [0; 16], |block| {
    ///     block.if_then(Condition::NE, reg(5), |block| {
    ///         block.move32(reg(6), 1);
    ///     });
    /// });
    /// # chain.finish().unwrap();
    /// ```
    pub fn block(&mut self, scratch: &mut [u64], body: impl FnOnce(&mut Block<'_>)) -> &mut Self {
        if self.error.is_some() {
            return self;
        }
        let mut block = Block::with_limits(self.limits, scratch);
        body(&mut block);
        match block.finish() {
            Ok(words) => self.append(words),
            Err(BuildError { index, problem }) => {
                self.error = Some(BuildError { index: self.len + index, problem });
            }
        }
        self
    }

    /// Returns the stream to submit or call.
    ///
    /// # Errors
    ///
    /// The first problem.
    pub fn finish(mut self) -> Result<Stream, BuildError> {
        if self.error.is_none() && self.current.is_none() {
            self.room_for(0);
        }
        self.close();
        match (self.error, self.first) {
            (Some(error), _) => Err(error),
            (None, Some(stream)) => Ok(stream),
            (None, None) => {
                Err(BuildError { index: self.len, problem: Problem::OutOfMemory { words: 0 } })
            }
        }
    }

    /// Appends words that stay in one chunk.
    fn append(&mut self, words: &[u64]) {
        if !self.room_for(words.len()) {
            return;
        }
        if let Some(Current { chunk, used }) = &mut self.current {
            for (index, &word) in (*used..).zip(words) {
                chunk.memory.store(index, word);
            }
            *used += words.len();
            self.len += words.len();
        }
    }

    /// Makes room for `words` and a tail in the current chunk; returns false after a problem.
    fn room_for(&mut self, words: usize) -> bool {
        if self.error.is_some() {
            return false;
        }
        let needed = words.saturating_add(TAIL);
        if let Some(current) = &self.current {
            if current.chunk.memory.len() - current.used >= needed {
                return true;
            }
        }
        let Some(next) = self.chunks.next_chunk(needed) else {
            self.fail(Problem::OutOfMemory { words: needed });
            return false;
        };
        if next.memory.len() < needed {
            self.fail(Problem::ChunkTooSmall { got: next.memory.len(), least: needed });
        } else if next.va % 64 != 0 || next.va >> 48 != 0 {
            self.fail(Problem::BadVa { va: next.va, alignment: 64 });
        } else if let Err(error) = self.link(next.va) {
            self.fail(error.into());
        } else {
            self.close();
            self.previous = self.current.take().map(|current| current.chunk.memory);
            self.current = Some(Current { chunk: next, used: 0 });
        }
        self.error.is_none()
    }

    /// Writes the jump to `va` behind the current chunk, with a length that [`close`](Self::close)
    /// replaces.
    fn link(&mut self, va: u64) -> Result<(), Error> {
        let arch = self.limits.target.arch();
        let (address, length) = (self.address, self.length);
        let tail = [
            Move48 { dst: address, imm: va }.encode(arch)?,
            Move32 { dst: length, imm: 0 }.encode(arch)?,
            Jump { address, length }.encode(arch)?,
        ];
        if let Some(Current { chunk, used }) = &mut self.current {
            for word in tail {
                chunk.memory.store(*used, word);
                *used += 1;
            }
        }
        Ok(())
    }

    /// Gives the length of the current chunk to the chunk before, or to the stream.
    fn close(&mut self) {
        let Some(Current { chunk, used }) = &self.current else { return };
        let size = (8 * used) as u32;
        match &mut self.previous {
            Some(previous) => {
                let length = Move32 { dst: self.length, imm: size };
                if let Ok(word) = length.encode(self.limits.target.arch()) {
                    previous.store(self.length_at, word);
                }
            }
            None => self.first = Some(Stream { va: chunk.va, size }),
        }
        // The length of the next chunk lies before the JUMP.
        self.length_at = used.saturating_sub(2);
    }
}

impl<C: Chunks> Build for Chain<C> {
    fn target(&self) -> Target {
        self.limits.target
    }

    fn emit<I: Encode>(&mut self, instruction: I) -> &mut Self {
        if self.error.is_some() {
            return self;
        }
        if instruction.name() == "BRANCH" {
            self.fail(Problem::BranchOutsideBlock);
            return self;
        }
        match self.limits.encode(&instruction) {
            Ok(word) => self.append(&[word]),
            Err(problem) => self.fail(problem),
        }
        self
    }

    #[cold]
    fn fail(&mut self, problem: Problem) {
        self.error.get_or_insert(BuildError { index: self.len, problem });
    }
}

impl<C: Chunks> fmt::Debug for Chain<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("target", &self.limits.target)
            .field("first", &self.first)
            .field("len", &self.len)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
