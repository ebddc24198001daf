//! Comparisons of the fake with the recordings.

use std::collections::HashSet;
use std::sync::Arc;

use crate::case::Case;
use crate::cases;
use crate::random::recorded;
use crate::recording::Recording;
use crate::transcript::difference;
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
///
/// # Errors
/// Returns the file and the line that cannot be read.
pub fn comparisons() -> Result<Vec<Comparison>, String> {
    let recording = Arc::new(Recording::read(&Recording::folder())?);
    let cases: Vec<_> = cases::all().into_iter().map(Arc::new).collect();
    let mut all = Vec::new();
    for linux in Linux::ALL {
        let (known, recorded) = (names(linux), recording.clone());
        all.push(Comparison::new(format!("{linux}/recording_is_complete"), move || {
            is_complete(linux, &known, &recorded)
        }));
        for case in cases.iter().filter(|case| case.is_for(linux)) {
            let (case, recording) = (case.clone(), recording.clone());
            let name = format!("{linux}/{}", case.name);
            all.push(Comparison::new(name, move || compare(linux, &case, &recording)));
        }
        for (seed, program) in recorded::programs() {
            let recording = recording.clone();
            all.push(Comparison::new(format!("{linux}/{program}"), move || {
                let recorded = recording.get(linux, &program).ok_or(NOT_RECORDED)?;
                recorded::compare(linux, seed, &recorded)
            }));
        }
    }
    Ok(all)
}

const NOT_RECORDED: &str = "there is no recording of it";

/// Returns the names of the cases and the random programs for a kernel.
pub fn names(linux: Linux) -> Vec<String> {
    let cases = cases::all().into_iter().filter(|case| case.is_for(linux)).map(|case| case.name);
    cases.chain(recorded::programs().map(|(_, name)| name)).collect()
}

/// Checks that every case was recorded, and that every recorded name is a case.
fn is_complete(linux: Linux, names: &[String], recording: &Recording) -> Result<u64, String> {
    let mut unique = HashSet::new();
    let twice: Vec<_> = names.iter().filter(|name| !unique.insert(name.as_str())).collect();
    let recorded: HashSet<_> = recording.names(linux).collect();
    let missing: Vec<_> = unique.difference(&recorded).collect();
    let left: Vec<_> = recorded.difference(&unique).collect();
    if missing.is_empty() && left.is_empty() && twice.is_empty() {
        return Ok(0);
    }
    Err(format!("not recorded: {missing:?}\nnot a case: {left:?}\nnames used twice: {twice:?}"))
}

fn compare(linux: Linux, case: &Case, recording: &Recording) -> Result<u64, String> {
    let fake = Fake::new(linux);
    let transcript = case.transcript(&fake, false);
    fake.device().assert_released();
    let recorded = recording.get(linux, &case.name).ok_or(NOT_RECORDED)?;
    match difference(&recorded, &transcript.text) {
        None => Ok(transcript.calls),
        Some(difference) => Err(format!("Linux {linux} (-) and the fake (+):\n{difference}")),
    }
}
