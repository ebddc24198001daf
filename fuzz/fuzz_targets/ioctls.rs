//! Throws programs at the fake: see `machine`.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../machine/mod.rs"]
mod machine;

fuzz_target!(|data: &[u8]| {
    // Twice costs twice: some are enough.
    let twice = data.iter().fold(0_u8, |sum, &byte| sum.wrapping_mul(31) ^ byte) % 8 == 0;
    machine::check(data, twice);
});
