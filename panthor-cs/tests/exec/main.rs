//! The execution engine, instruction by instruction.

mod arithmetic;
mod faults;
mod flow;
mod heap;
mod jobs;
mod operations;
mod random;
mod run;
mod selectors;
mod state;
mod support;
mod suspension;
mod sync;
mod transfer;
