//! Structured control flow.

use super::{Block, Build, Label, Problem};
use crate::operand::{Condition, Reg};

impl Block<'_> {
    /// Runs `body` if `value`, as a signed number, meets `condition` against 0.
    pub fn if_then(
        &mut self,
        condition: Condition,
        value: Reg,
        body: impl FnOnce(&mut Self),
    ) -> &mut Self {
        let mut end = Label::new();
        self.branch_unless(condition, value, &mut end);
        body(self);
        self.bind(&mut end)
    }

    /// Runs `body` if `value`, as a signed number, meets `condition` against 0, and `otherwise` if
    /// not.
    pub fn if_then_else(
        &mut self,
        condition: Condition,
        value: Reg,
        body: impl FnOnce(&mut Self),
        otherwise: impl FnOnce(&mut Self),
    ) -> &mut Self {
        let (mut other, mut end) = (Label::new(), Label::new());
        self.branch_unless(condition, value, &mut other);
        body(self);
        self.branch(Condition::ALWAYS, value, &mut end);
        self.bind(&mut other);
        otherwise(self);
        self.bind(&mut end)
    }

    /// Repeats `body` as long as `value`, as a signed number, meets `condition` against 0 before a
    /// round.
    pub fn while_do(
        &mut self,
        condition: Condition,
        value: Reg,
        body: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.if_then(condition, value, |block| {
            block.do_while(condition, value, body);
        })
    }

    /// Runs `body`, and again as long as `value`, as a signed number, meets `condition` against 0
    /// after a round.
    pub fn do_while(
        &mut self,
        condition: Condition,
        value: Reg,
        body: impl FnOnce(&mut Self),
    ) -> &mut Self {
        let mut top = Label::new();
        self.bind(&mut top);
        body(self);
        self.branch(condition, value, &mut top)
    }

    /// Branches to `label` if `value` does not meet `condition`.
    fn branch_unless(&mut self, condition: Condition, value: Reg, label: &mut Label) {
        match condition {
            Condition::ALWAYS => {}
            _ => match condition.inverse() {
                Some(inverse) => {
                    self.branch(inverse, value, label);
                }
                None => self.fail(Problem::Condition { bits: condition.bits() }),
            },
        }
    }
}
