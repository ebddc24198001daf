//! The fuzzer's seeds.

#[path = "../../tests/fuzz_corpus/seeds.rs"]
#[allow(dead_code, reason = "the corpus's test uses the rest")]
mod programs;

use crate::files;

/// Writes the seeds into the corpus.
pub fn write() -> Result<(), String> {
    for (name, bytes) in programs::all() {
        files::write(&format!("fuzz/corpus/ioctls/{name}"), &bytes)?;
    }
    Ok(())
}
