//! What random programs did on real kernels: a checksum for each.

use crate::case::wait_for_silence;
use crate::uapi::kernel::{Kernel, Linux};
use crate::uapi::mappings::lines;

use super::ahead::{Prepared, prepared};
use super::compare::{Expected, PATIENCE, on_fake};
use super::generate;
use super::program::Program;
use super::run::{Outcome, run};

/// The seeds of the programs that are recorded.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=100;
/// How many steps they have at most.
const STEPS: u64 = 120;

/// A line of a recording.
pub struct Recorded {
    pub seed: u64,
    checksum: u64,
}

fn program(seed: u64) -> Program {
    generate::program(seed, STEPS, false)
}

/// Prints what the programs do on a driver.
pub fn record(driver: &dyn Kernel, linux: Linux) {
    prepared(SEEDS, program, linux, |programs| {
        for Prepared { seed, program, fake } in programs {
            // The fake tells what will come about when the kernel has released what was destroyed.
            let expected = Expected { text: None, looks: &fake.looks, patience: PATIENCE };
            wait_for_silence(driver);
            let outcome = run(&program, driver, linux, Some(&expected));
            println!("{seed} {:016x}", checksum(&outcome));
        }
    });
}

/// What was recorded on a kernel.
pub fn all(linux: Linux) -> Vec<Recorded> {
    let text = match linux {
        Linux::V6_12 => include_str!("../../recordings/random-6.12.txt"),
        Linux::V7_2 => include_str!("../../recordings/random-7.2.txt"),
        Linux::V7_3 => include_str!("../../recordings/random-7.3.txt"),
    };
    let recorded = |line: &str| {
        let (seed, checksum) = line.split_once(' ')?;
        let checksum = u64::from_str_radix(checksum, 16).ok()?;
        Some(Recorded { seed: seed.parse().ok()?, checksum })
    };
    text.lines().filter_map(recorded).collect()
}

/// Every program was recorded on a kernel.
pub fn is_complete(linux: Linux) -> Result<u64, String> {
    let seeds: Vec<_> = all(linux).iter().map(|recorded| recorded.seed).collect();
    if seeds == SEEDS.collect::<Vec<_>>() {
        return Ok(0);
    }
    Err(format!("the programs of {SEEDS:?} are not those that were recorded: {seeds:?}"))
}

/// Whether the fake does what was recorded.
pub fn compare(linux: Linux, recorded: &Recorded) -> Result<Outcome, String> {
    let outcome = on_fake(&program(recorded.seed), linux);
    if checksum(&outcome) == recorded.checksum {
        return Ok(outcome);
    }
    let seed = recorded.seed;
    Err(format!(
        "the program of seed {seed} does something else on Linux {linux}. To see what, run \
         tests/qemu/conformance random --steps {STEPS} --seed {seed} --calls 1 with the suite of that kernel"
    ))
}

/// FNV-1a of all that a program did and looked at.
fn checksum(outcome: &Outcome) -> u64 {
    let looks = outcome.looks.iter().flat_map(lines);
    let all = outcome.text.lines().map(String::from).chain(looks);
    all.fold(0xcbf2_9ce4_8422_2325, |sum, line| {
        line.bytes()
            .chain([b'\n'])
            .fold(sum, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    })
}
