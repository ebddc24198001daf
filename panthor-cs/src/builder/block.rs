//! Contiguous streams with labels.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::check::Limits;
use super::{Build, BuildError, Label, Problem, Target};
use crate::instruction::{Branch, Encode};
use crate::operand::{Condition, Reg};

/// A builder of a contiguous stream in memory of the caller, with labels.
///
/// The block allocates nothing: a branch to a label that is not bound yet is linked through its own
/// word.
///
/// ```
/// use panthor_cs::builder::{Block, Build, Label, Target};
/// use panthor_cs::{Arch, Condition, pair, reg};
///
/// let mut words = [0; 16];
/// let mut block = Block::new(Target::new(Arch::V10), &mut words);
/// let mut top = Label::new();
/// block.move32(reg(0), 10);
/// block.bind(&mut top);
/// block.store32(reg(0), pair::<40>(), 0).wait_all().add32(reg(0), reg(0), -1);
/// block.branch(Condition::GT, reg(0), &mut top);
/// assert_eq!(block.finish()?.len(), 5);
/// # Ok::<(), panthor_cs::builder::BuildError>(())
/// ```
pub struct Block<'a> {
    /// The identifier of the block in labels.
    id: usize,
    limits: Limits,
    words: &'a mut [u64],
    len: usize,
    /// The number of branches to labels that are not bound.
    pending: u32,
    error: Option<BuildError>,
}

impl<'a> Block<'a> {
    /// Returns an empty block that writes to `words`.
    pub fn new(target: Target, words: &'a mut [u64]) -> Self {
        Self::with_limits(Limits::new(target), words)
    }

    pub(super) fn with_limits(limits: Limits, words: &'a mut [u64]) -> Self {
        static NEXT_ID: AtomicUsize = AtomicUsize::new(0);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self { id, limits, words, len: 0, pending: 0, error: None }
    }

    /// Returns the number of instructions.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the block has no instructions.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Branches to `label` if `value`, as a signed number, meets `condition` against 0.
    ///
    /// The label may be bound before or after.
    pub fn branch(&mut self, condition: Condition, value: Reg, label: &mut Label) -> &mut Self {
        if label.block.is_some_and(|id| id != self.id) {
            self.fail(Problem::ForeignLabel);
            return self;
        }
        let at = self.len;
        let offset = match label.target {
            Some(target) => self.distance(at, target),
            // The distance to the branch before, by which `bind` finds all.
            None => match label.last {
                Some(last) => i16::try_from(at - last).map_err(|_| (at - last) as i64),
                None => Ok(0),
            },
        };
        match offset {
            Ok(offset) => {
                self.emit(Branch { condition, value, offset });
                if self.error.is_none() && label.target.is_none() {
                    *label = Label { block: Some(self.id), last: Some(at), target: None };
                    self.pending += 1;
                }
            }
            Err(distance) => self.fail(Problem::BranchTooFar { distance }),
        }
        self
    }

    /// Binds `label` to the next instruction.
    pub fn bind(&mut self, label: &mut Label) -> &mut Self {
        if label.target.is_some() {
            self.fail(Problem::BoundTwice);
        } else if label.block.is_some_and(|id| id != self.id) {
            self.fail(Problem::ForeignLabel);
        } else if self.error.is_none() {
            self.resolve(label.last);
            *label = Label { block: Some(self.id), last: None, target: Some(self.len) };
        }
        self
    }

    /// Points the branches of a label, of which `last` is the last one, to the next instruction.
    fn resolve(&mut self, mut last: Option<usize>) {
        while let Some(at) = last {
            let link = (self.words[at] & 0xffff) as usize;
            last = if link == 0 { None } else { at.checked_sub(link) };
            match self.distance(at, self.len) {
                Ok(offset) => {
                    self.words[at] = self.words[at] & !0xffff | u64::from(offset as u16);
                    self.pending -= 1;
                }
                Err(distance) => self.fail(Problem::BranchTooFar { distance }),
            }
        }
    }

    /// Returns the offset of a branch at `at` to `target`, or the distance that is too large.
    fn distance(&self, at: usize, target: usize) -> Result<i16, i64> {
        let distance = target as i64 - at as i64 - 1;
        i16::try_from(distance).map_err(|_| distance)
    }

    /// Returns the instruction words.
    ///
    /// # Errors
    ///
    /// The first problem, or [`Problem::UnboundLabel`].
    pub fn finish(mut self) -> Result<&'a [u64], BuildError> {
        if self.pending > 0 {
            self.fail(Problem::UnboundLabel { branches: self.pending });
        }
        match self.error {
            Some(error) => Err(error),
            None => Ok(&self.words[..self.len]),
        }
    }
}

impl Build for Block<'_> {
    fn target(&self) -> Target {
        self.limits.target
    }

    fn emit<I: Encode>(&mut self, instruction: I) -> &mut Self {
        if self.error.is_some() {
            return self;
        }
        match self.limits.encode(&instruction) {
            Ok(word) => match self.words.get_mut(self.len) {
                Some(slot) => {
                    *slot = word;
                    self.len += 1;
                }
                None => self.fail(Problem::OutOfMemory { words: self.len + 1 }),
            },
            Err(problem) => self.fail(problem),
        }
        self
    }

    #[cold]
    fn fail(&mut self, problem: Problem) {
        self.error.get_or_insert(BuildError { index: self.len, problem });
    }
}

impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("target", &self.limits.target)
            .field("len", &self.len)
            .field("capacity", &self.words.len())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
