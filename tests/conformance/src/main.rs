//! What real kernels answer, and whether the fake answers the same.
//!
//! Without arguments, or with those of a test program, the fake is compared with the recordings of all
//! kernels. `conformance help` tells what else it can do: on a board, or to make a recording.

mod arguments;
mod case;
mod cases;
mod on_device;
mod random;
mod recording;
mod uapi;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::{Arguments, Failed, FormatSetting, Trial};

use case::Case;
use random::recorded::{self, Recorded};
use recording::{Recording, difference};
use uapi::fake::Fake;
use uapi::kernel::Linux;

fn main() -> ExitCode {
    match arguments::parse(std::env::args().skip(1)) {
        Ok(Some(command)) => on_device::run(&command),
        Ok(None) => compare_with_recordings(),
        Err(message) => {
            eprintln!("conformance: {message}");
            ExitCode::from(2)
        }
    }
}

/// What was done.
#[derive(Default)]
struct Tally {
    transcripts: AtomicU64,
    calls: AtomicU64,
    differences: AtomicU64,
}

fn compare_with_recordings() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // There are too many for a line each, unless somebody asks for them.
    if arguments.filter.is_none() && !arguments.list {
        arguments.format.get_or_insert(FormatSetting::Terse);
    }
    let tally = Arc::new(Tally::default());
    let cases: Vec<_> = cases::all().into_iter().map(Arc::new).collect();
    let mut trials: Vec<_> = checks().into_iter().map(check).collect();
    for linux in Linux::ALL {
        let recording = Arc::new(Recording::of(linux));
        let (all, recorded) = (cases.clone(), recording.clone());
        trials.push(Trial::test(format!("{linux}/recording_is_complete"), move || {
            is_complete(linux, &all, &recorded)
        }));
        for case in cases.iter().filter(|case| case.is_for(linux)) {
            let (case, recording, tally) = (case.clone(), recording.clone(), tally.clone());
            let name = format!("{linux}/{}", case.name);
            trials.push(Trial::test(name, move || compare(linux, &case, &recording, &tally)));
        }
        trials.push(Trial::test(format!("{linux}/random/recording_is_complete"), move || {
            recorded::is_complete(linux)
        }));
        for recorded in recorded::all(linux) {
            let tally = tally.clone();
            let name = format!("{linux}/random/seed_{}", recorded.seed);
            trials.push(Trial::test(name, move || compare_random(linux, &recorded, &tally)));
        }
    }
    if let Some(filter) = &arguments.filter {
        if !trials.iter().any(|trial| trial.name().contains(filter.as_str())) {
            eprintln!("conformance: no test is called like {filter}, nor is a command: see help");
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "conformance: {} cases; the fake as {} kernels: {} runs, {} calls, {} differences\n",
            cases.len(),
            Linux::ALL.len(),
            count(&tally.transcripts),
            count(&tally.calls),
            count(&tally.differences)
        );
    }
    conclusion.exit_code()
}

fn checks() -> Vec<(&'static str, fn())> {
    [
        recording::checks(),
        uapi::show::checks(),
        uapi::wire::checks(),
        uapi::real::checks(),
        arguments::checks(),
        random::checks(),
    ]
    .concat()
}

fn check((name, check): (&'static str, fn())) -> Trial {
    Trial::test(format!("own/{name}"), move || {
        check();
        Ok(())
    })
}

/// Every case was recorded, and everything that was recorded is a case.
fn is_complete(linux: Linux, cases: &[Arc<Case>], recording: &Recording) -> Result<(), Failed> {
    let here = || cases.iter().filter(|case| case.is_for(linux));
    let missing: Vec<_> =
        here().map(|case| &case.name).filter(|name| recording.get(name).is_none()).collect();
    let left: Vec<_> =
        recording.names().filter(|name| !here().any(|case| case.name == *name)).collect();
    let twice: Vec<_> = cases
        .iter()
        .filter(|case| cases.iter().filter(|other| other.name == case.name).count() > 1)
        .map(|case| &case.name)
        .collect();
    if missing.is_empty() && left.is_empty() && twice.is_empty() {
        return Ok(());
    }
    Err(format!("not recorded: {missing:?}\nnot a case: {left:?}\nnames used twice: {twice:?}")
        .into())
}

fn compare_random(linux: Linux, recorded: &Recorded, tally: &Tally) -> Result<(), Failed> {
    tally.transcripts.fetch_add(1, Ordering::Relaxed);
    let outcome = recorded::compare(linux, recorded).inspect_err(|_| {
        tally.differences.fetch_add(1, Ordering::Relaxed);
    })?;
    tally.calls.fetch_add(outcome.calls, Ordering::Relaxed);
    Ok(())
}

fn compare(linux: Linux, case: &Case, recording: &Recording, tally: &Tally) -> Result<(), Failed> {
    let fake = Fake::new(linux);
    let transcript = case.transcript(&fake, false);
    fake.device().assert_released();
    tally.transcripts.fetch_add(1, Ordering::Relaxed);
    tally.calls.fetch_add(transcript.calls, Ordering::Relaxed);
    let recorded = recording.get(&case.name).ok_or("there is no recording of it")?;
    match difference(recorded, &transcript.text) {
        None => Ok(()),
        Some(difference) => {
            tally.differences.fetch_add(1, Ordering::Relaxed);
            Err(format!("Linux {linux} (-) and the fake (+):\n{difference}").into())
        }
    }
}
