//! Raw ioctls with the answers of real Panthor drivers, and programs that compare the fake with
//! those drivers.
//!
//! The command `conformance` runs cases and random programs on the driver of a machine. The test
//! program `recordings` compares the fake with the recorded answers of all kernels.

mod arguments;
mod case;
mod cases;
mod comparison;
mod on_device;
mod random;
mod recorded;
mod recording;
mod transcript;
mod uapi;

pub use comparison::{Comparison, comparisons};

use std::process::ExitCode;

/// Runs the command `conformance` with these arguments.
pub fn run(words: impl Iterator<Item = String>) -> ExitCode {
    match arguments::parse(words) {
        Ok(command) => on_device::run(&command),
        Err(message) => {
            eprintln!("conformance: {message}");
            ExitCode::from(2)
        }
    }
}
