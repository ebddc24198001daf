//! Branch targets.

/// A branch target of a [`Block`](super::Block).
///
/// [`Block::bind`](super::Block::bind) gives the label its place, before or after the branches to
/// the label.
#[derive(Debug, Default)]
pub struct Label {
    /// The identifier of the block; `None` before the first use.
    pub(super) block: Option<usize>,
    /// The last branch to the label while the label has no target.
    pub(super) last: Option<usize>,
    /// The instruction to branch to.
    pub(super) target: Option<usize>,
}

impl Label {
    /// Returns a label without a place.
    pub const fn new() -> Self {
        Self { block: None, last: None, target: None }
    }
}
