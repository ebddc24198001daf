//! Evaluation of conditions and operations.

use super::{Condition, LogicOp, SyncCondition};

impl Condition {
    /// Returns whether `value` meets the condition; `None` for an unassigned condition.
    pub const fn holds(self, value: i32) -> Option<bool> {
        Some(match self {
            Self::LE => value <= 0,
            Self::GT => value > 0,
            Self::EQ => value == 0,
            Self::NE => value != 0,
            Self::LT => value < 0,
            Self::GE => value >= 0,
            Self::ALWAYS => true,
            _ => return None,
        })
    }

    /// Returns the condition that holds where this one does not; `None` for ALWAYS and for an
    /// unassigned condition.
    pub const fn inverse(self) -> Option<Self> {
        Some(match self {
            Self::LE => Self::GT,
            Self::GT => Self::LE,
            Self::EQ => Self::NE,
            Self::NE => Self::EQ,
            Self::LT => Self::GE,
            Self::GE => Self::LT,
            _ => return None,
        })
    }
}

impl SyncCondition {
    /// Returns whether `value` meets the condition against `reference`; `None` for an unassigned
    /// condition.
    pub const fn holds(self, value: u64, reference: u64) -> Option<bool> {
        match self {
            Self::LE => Some(value <= reference),
            Self::GT => Some(value > reference),
            _ => None,
        }
    }
}

impl LogicOp {
    /// Returns whether the result depends on A, and whether on B.
    pub(crate) const fn uses(self) -> (bool, bool) {
        let mode = self.bits();
        // The result for A = 1 is in bits 0 and 1, that for B = 1 in bits 0 and 2.
        ((mode ^ mode >> 2) & 3 != 0, (mode ^ mode >> 1) & 5 != 0)
    }

    /// Returns the result of the operation on `a` and `b`.
    pub const fn apply(self, a: u32, b: u32) -> u32 {
        // The mode is a truth table. Bit 0 is the result for A = B = 1, bit 1 for A = 1 alone,
        // bit 2 for B = 1 alone, bit 3 for A = B = 0.
        let mode = self.bits();
        (if mode & 1 != 0 { a & b } else { 0 })
            | (if mode & 2 != 0 { a & !b } else { 0 })
            | (if mode & 4 != 0 { !a & b } else { 0 })
            | (if mode & 8 != 0 { !a & !b } else { 0 })
    }
}
