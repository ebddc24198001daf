//! Recorded results of random programs on real kernels: a checksum for each.

use std::collections::BTreeMap;

use crate::case::wait_for_silence;
use crate::transcript::section;
use crate::uapi::kernel::{Kernel, Linux};
use crate::uapi::mappings::lines;

use super::ahead::{Prepared, prepared};
use super::compare::{Expected, PATIENCE, on_fake};
use super::generate;
use super::program::Program;
use super::run::{Outcome, run};

/// The seeds of the programs that are recorded.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=100;
/// Limit of the steps of a program.
const STEPS: u64 = 120;

fn program(seed: u64) -> Program {
    generate::program(seed, STEPS, false)
}

/// Returns the seeds with the names of their programs in a recording.
pub fn programs() -> impl Iterator<Item = (u64, String)> {
    SEEDS.map(|seed| (seed, format!("random/seed_{seed:03}")))
}

/// Prints the checksums of the programs on a driver.
pub fn record(driver: &dyn Kernel, linux: Linux) {
    let names: BTreeMap<_, _> = programs().collect();
    prepared(SEEDS, program, linux, |programs| {
        for Prepared { seed, program, fake } in programs {
            // The fake reports the state after the kernel has released all destroyed objects.
            let expected = Expected { text: None, looks: &fake.looks, patience: PATIENCE };
            wait_for_silence(driver);
            let outcome = run(&program, driver, linux, Some(&expected));
            print!("{}", section(&names[&seed], &checksum(&outcome)));
        }
    });
}

/// Compares a program on the fake with its recorded checksum, and returns the number of calls.
pub fn compare(linux: Linux, seed: u64, recorded: &str) -> Result<u64, String> {
    let outcome = on_fake(&program(seed), linux);
    if checksum(&outcome) == recorded {
        return Ok(outcome.calls);
    }
    Err(format!(
        "the program of seed {seed} does something else on Linux {linux}. To see what, run \
         tests/qemu/conformance random --steps {STEPS} --seed {seed} --calls 1 with the suite of that kernel"
    ))
}

/// FNV-1a of all that a program did and looked at.
fn checksum(outcome: &Outcome) -> String {
    let looks = outcome.looks.iter().flat_map(lines);
    let all = outcome.text.lines().map(String::from).chain(looks);
    let sum: u64 = all.fold(0xcbf2_9ce4_8422_2325, |sum, line| {
        line.bytes()
            .chain([b'\n'])
            .fold(sum, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    });
    format!("{sum:016x}")
}
