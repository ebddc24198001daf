//! Every call of the safe layer that makes a system call, in a storm of signals. Each signal
//! interrupts the current system call, as the handler lacks SA_RESTART. Signals and their handler
//! belong to the whole process, so there is one test.
//!
//! It runs on any device: see `tests/common`. `PANTHOR_STORM_ROUNDS` sets the number of rounds.

mod common;

#[path = "system_calls/steps.rs"]
mod steps;
#[path = "signals/storm.rs"]
mod storm;

use std::collections::BTreeMap;

use steps::World;
use storm::Storm;

#[test]
fn a_storm_of_signals_changes_no_result() {
    let rounds: u32 =
        std::env::var("PANTHOR_STORM_ROUNDS").map_or(2000, |text| text.parse().expect("a number"));
    let world = World::new();
    // Each step passes in calm weather.
    for (name, step) in steps::ALL {
        step(&world).unwrap_or_else(|wrong| panic!("{name}, without signals: {wrong}"));
    }
    let mut failures = BTreeMap::<&str, (u32, String)>::new();
    let storm = Storm::start();
    for _ in 0..rounds {
        for (name, step) in steps::ALL {
            if let Err(wrong) = step(&world) {
                let failure = failures.entry(name).or_insert((0, wrong.to_string()));
                failure.0 += 1;
            }
        }
    }
    let signals = storm.end();
    println!("{rounds} rounds of {} steps, {signals} signals", steps::ALL.len());
    assert!(signals > u64::from(rounds) / 100, "{signals} signals are no storm");
    let table: Vec<_> = failures
        .iter()
        .map(|(name, (count, first))| format!("  {name}: {count} of {rounds}, first: {first}\n"))
        .collect();
    assert!(table.is_empty(), "with {signals} signals:\n{}", table.concat());
}
