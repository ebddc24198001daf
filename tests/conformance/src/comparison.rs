//! Comparisons of the fake with the recordings.

use std::sync::Arc;

use crate::case::Case;
use crate::cases;
use crate::random::recorded::{self, Recorded};
use crate::recording::{Recording, difference};
use crate::uapi::fake::Fake;
use crate::uapi::kernel::Linux;

type Run = Box<dyn FnOnce() -> Result<u64, String> + Send>;

/// A check of the fake, or of a recording's completeness.
pub struct Comparison {
    name: String,
    run: Run,
}

impl std::fmt::Debug for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Comparison").field(&self.name).finish()
    }
}

impl Comparison {
    fn new(name: String, run: impl FnOnce() -> Result<u64, String> + Send + 'static) -> Self {
        Self { name, run: Box::new(run) }
    }

    /// Returns the version of the kernel and the name of the case, with a slash between them.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the comparison, and returns the number of calls on the fake.
    ///
    /// # Errors
    /// Returns the differences as text.
    pub fn run(self) -> Result<u64, String> {
        (self.run)()
    }
}

/// Returns the comparisons with all recordings.
pub fn comparisons() -> Vec<Comparison> {
    let cases: Vec<_> = cases::all().into_iter().map(Arc::new).collect();
    let mut all = Vec::new();
    for linux in Linux::ALL {
        let recording = Arc::new(Recording::of(linux));
        let (known, recorded) = (cases.clone(), recording.clone());
        all.push(Comparison::new(format!("{linux}/recording_is_complete"), move || {
            is_complete(linux, &known, &recorded)
        }));
        for case in cases.iter().filter(|case| case.is_for(linux)) {
            let (case, recording) = (case.clone(), recording.clone());
            let name = format!("{linux}/{}", case.name);
            all.push(Comparison::new(name, move || compare(linux, &case, &recording)));
        }
        all.push(Comparison::new(format!("{linux}/random/recording_is_complete"), move || {
            recorded::is_complete(linux)
        }));
        for recorded in recorded::all(linux) {
            let name = format!("{linux}/random/seed_{}", recorded.seed);
            all.push(Comparison::new(name, move || compare_random(linux, &recorded)));
        }
    }
    all
}

/// Checks that every case was recorded, and that every recorded name is a case.
fn is_complete(linux: Linux, cases: &[Arc<Case>], recording: &Recording) -> Result<u64, String> {
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
        return Ok(0);
    }
    Err(format!("not recorded: {missing:?}\nnot a case: {left:?}\nnames used twice: {twice:?}"))
}

fn compare_random(linux: Linux, recorded: &Recorded) -> Result<u64, String> {
    Ok(recorded::compare(linux, recorded)?.calls)
}

fn compare(linux: Linux, case: &Case, recording: &Recording) -> Result<u64, String> {
    let fake = Fake::new(linux);
    let transcript = case.transcript(&fake, false);
    fake.device().assert_released();
    let recorded = recording.get(&case.name).ok_or("there is no recording of it")?;
    match difference(recorded, &transcript.text) {
        None => Ok(transcript.calls),
        Some(difference) => Err(format!("Linux {linux} (-) and the fake (+):\n{difference}")),
    }
}
