//! The recorded answers of real kernels.

use std::process::Command;

use crate::files;

/// Records the answers of the kernels of these suites, or of all.
pub fn write(suites: &[String]) -> Result<(), String> {
    let script = files::path("tests/qemu/conformance");
    let status = Command::new(&script).arg("record").args(suites).status();
    let status = status.map_err(|error| format!("{}: {error}", script.display()))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("tests/qemu/conformance ended with {status}")),
    }
}
