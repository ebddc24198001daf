//! The commands that work on the recordings of a clone.

use std::fs;
use std::path::PathBuf;

use crate::comparison::names;
use crate::recording::Recording;
use crate::transcript::{Transcript, difference};
use crate::uapi::kernel::Linux;

/// Reads files that `conformance record` and `conformance record-random` have printed.
fn transcripts(files: &[PathBuf]) -> Result<Vec<Transcript>, String> {
    let transcript = |path: &PathBuf| {
        let named = |error: String| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        Transcript::parse(&text).map_err(named)
    };
    files.iter().map(transcript).collect()
}

/// Writes transcripts into the recordings.
pub fn merge(files: &[PathBuf]) -> Result<(), String> {
    let folder = Recording::folder();
    let mut recording = Recording::read(&folder)?;
    let transcripts = transcripts(files)?;
    for transcript in &transcripts {
        let known = names(transcript.linux);
        recording.replace(transcript, |name| known.iter().any(|known| known == name));
    }
    recording.write(&folder)?;
    for Transcript { linux, cases, .. } in &transcripts {
        println!("conformance: Linux {linux}: {} cases recorded", cases.len());
    }
    Ok(())
}

/// Compares transcripts, which together have all cases of a kernel, with the recordings.
pub fn compare(files: &[PathBuf]) -> Result<(), String> {
    let recording = Recording::read(&Recording::folder())?;
    let transcripts = transcripts(files)?;
    let linux = transcripts[0].linux;
    if let Some(other) = transcripts.iter().find(|transcript| transcript.linux != linux) {
        return Err(format!("the files are of Linux {linux} and of Linux {}", other.linux));
    }
    let (mut same, mut differences, mut seen) = (0, 0, Vec::new());
    for (name, text) in transcripts.iter().flat_map(|transcript| &transcript.cases) {
        seen.push(name.as_str());
        let recorded = recording.get(linux, name);
        match recorded.as_ref().map(|recorded| difference(recorded, text)) {
            Some(None) => same += 1,
            Some(Some(found)) => {
                differences += 1;
                println!("{name}: the recording (-) and the driver (+):\n{found}");
            }
            None => {
                differences += 1;
                println!("{name}: not recorded on Linux {linux}");
            }
        }
    }
    for name in recording.names(linux).filter(|name| !seen.contains(name)) {
        differences += 1;
        println!("{name}: recorded, and not in these files");
    }
    println!("conformance: Linux {linux}: {same} cases as recorded, {differences} differences");
    match differences {
        0 => Ok(()),
        _ => Err(format!("Linux {linux} does not answer as in the recording")),
    }
}

/// Prints the answers of a kernel.
pub fn print(linux: Linux, filter: &str) -> Result<(), String> {
    let recording = Recording::read(&Recording::folder())?;
    let missing = || format!("there is no recording of Linux {linux}");
    print!("{}", recording.transcript(linux, filter).ok_or_else(missing)?);
    Ok(())
}
