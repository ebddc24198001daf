//! All cases, by ioctl.

mod handle_zero;
mod vm;

use crate::case::{Case, Cases};

pub fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    handle_zero::add(&mut cases);
    vm::add(&mut cases);
    cases.finish()
}
