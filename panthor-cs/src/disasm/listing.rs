//! Listings of streams.

use core::fmt;

use super::{Comment, Constants};
use crate::{Arch, Decoded, Error, Instruction};

/// A stream to disassemble, as bytes.
///
/// The listing formats with one line per instruction; [`lines`](Self::lines) iterates over the
/// lines. Any bytes are fine: a word that is no instruction is listed as data.
///
/// A line shows the addresses that follow from the immediates before, as long as no other path can
/// lead there.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    arch: Arch,
    bytes: &'a [u8],
    start: u64,
    words: bool,
}

impl<'a> Listing<'a> {
    /// Returns the listing of `bytes`, with offsets that start at 0.
    pub fn new(arch: Arch, bytes: &'a [u8]) -> Self {
        Self { arch, bytes, start: 0, words: false }
    }

    /// Numbers the lines by GPU VA; `va` is that of the first byte.
    #[must_use]
    pub fn at(mut self, va: u64) -> Self {
        self.start = va;
        self
    }

    /// Sets whether lines show the instruction word.
    #[must_use]
    pub fn with_words(mut self, words: bool) -> Self {
        self.words = words;
        self
    }

    /// Returns the lines in order.
    pub fn lines(&self) -> Lines<'a> {
        let mut targets = Targets::default();
        for (index, word) in words(self.bytes).enumerate() {
            if let Ok(Decoded { instruction: Instruction::Branch(branch), .. }) =
                Instruction::decode(self.arch, word)
            {
                targets.insert((index as i64).wrapping_add(1 + i64::from(branch.offset)));
            }
        }
        Lines { listing: *self, index: 0, targets, constants: Constants::new() }
    }
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            if self.words {
                writeln!(f, "{line:#}")?;
            } else {
                writeln!(f, "{line}")?;
            }
        }
        let rest = self.bytes.chunks_exact(8).remainder();
        if !rest.is_empty() {
            let at = self.start.wrapping_add((self.bytes.len() - rest.len()) as u64);
            write!(f, "{at:8x}  .byte")?;
            for byte in rest {
                write!(f, " {byte:#04x}")?;
            }
            writeln!(f, "    ; no whole instruction")?;
        }
        Ok(())
    }
}

/// The lines of a [`Listing`].
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    listing: Listing<'a>,
    index: usize,
    targets: Targets,
    constants: Constants,
}

/// A line of a [`Listing`].
///
/// `{}` formats position and instruction, `{:#}` the instruction word, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Line {
    /// The GPU VA or offset of the instruction.
    pub position: u64,
    /// The instruction word.
    pub word: u64,
    /// The decoded instruction.
    pub decoded: Result<Decoded, Error>,
    /// The addresses and branch targets of the instruction.
    pub comment: Comment,
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let Listing { arch, bytes, start, .. } = self.listing;
        let word = words(bytes.get(8 * self.index..)?).next()?;
        let position = start.wrapping_add(8 * self.index as u64);
        if self.targets.may_contain(self.index as i64) {
            self.constants.forget();
        }
        self.index += 1;
        let decoded = Instruction::decode(arch, word);
        let comment = match &decoded {
            Ok(decoded) => {
                let comment = Comment::new(decoded, position, &self.constants);
                self.constants.follow(&decoded.instruction);
                comment
            }
            Err(_) => Comment::default(),
        };
        Some(Line { position, word, decoded, comment })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8x}  ", self.position)?;
        if f.alternate() {
            write!(f, "{:016x}  ", self.word)?;
        }
        match &self.decoded {
            Ok(decoded) if self.comment.is_empty() => write!(f, "{}", decoded.instruction),
            Ok(decoded) => write!(f, "{}    ; {}", decoded.instruction, self.comment),
            Err(error) => write!(f, ".word {:#018x}    ; {error}", self.word),
        }
    }
}

/// Returns the whole little-endian words of `bytes`.
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        u64::from_le_bytes(word)
    })
}

/// A superset of the branch targets: indices modulo 4096.
///
/// A wrong hit only forgets constants.
#[derive(Clone, Debug)]
struct Targets([u64; 64]);

impl Targets {
    fn insert(&mut self, index: i64) {
        self.0[(index >> 6 & 63) as usize] |= 1 << (index & 63);
    }

    fn may_contain(&self, index: i64) -> bool {
        self.0[(index >> 6 & 63) as usize] >> (index & 63) & 1 != 0
    }
}

impl Default for Targets {
    fn default() -> Self {
        Self([0; 64])
    }
}
