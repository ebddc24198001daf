//! The fake answers every case and every random program as each recorded kernel does.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::{Arguments, FormatSetting, Trial};
use panthor_conformance::{Comparison, comparisons};

/// Counters of the closing line.
#[derive(Default)]
struct Tally {
    runs: AtomicU64,
    calls: AtomicU64,
    differences: AtomicU64,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A line for each of ten thousand tests is of use only where a filter chooses some.
    if arguments.filter.is_none() && !arguments.list {
        arguments.format.get_or_insert(FormatSetting::Terse);
    }
    let tally = Arc::new(Tally::default());
    let comparisons = match comparisons() {
        Ok(comparisons) => comparisons,
        Err(message) => {
            eprintln!("recordings: {message}");
            return ExitCode::FAILURE;
        }
    };
    let trials = comparisons.into_iter().map(|comparison| trial(comparison, tally.clone()));
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if !arguments.list {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "conformance: {} runs on the fake, {} calls, {} differences from the recordings\n",
            count(&tally.runs),
            count(&tally.calls),
            count(&tally.differences)
        );
    }
    conclusion.exit_code()
}

fn trial(comparison: Comparison, tally: Arc<Tally>) -> Trial {
    Trial::test(comparison.name().to_owned(), move || {
        tally.runs.fetch_add(1, Ordering::Relaxed);
        match comparison.run() {
            Ok(calls) => {
                tally.calls.fetch_add(calls, Ordering::Relaxed);
                Ok(())
            }
            Err(difference) => {
                tally.differences.fetch_add(1, Ordering::Relaxed);
                Err(difference.into())
            }
        }
    })
}
