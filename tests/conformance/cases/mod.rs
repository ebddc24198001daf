//! All cases, by ioctl.

mod prime;
mod syncobj;
mod vm;

use crate::case::{Case, Cases};

pub fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    vm::add(&mut cases);
    syncobj::add(&mut cases);
    prime::add(&mut cases);
    cases.finish()
}
