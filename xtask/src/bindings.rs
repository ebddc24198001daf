//! The bindings, which the root package's build script generates.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::files;

/// Generates the bindings, and writes them into panthor-sys.
pub fn write() -> Result<(), String> {
    let generated = generate()?;
    let undocumented = files::read(&generated.join("undocumented.txt"))?;
    if !undocumented.is_empty() {
        return Err(format!("panthor-sys/generate/docs.txt does not document:\n{undocumented}"));
    }
    let bindings = files::read(&generated.join("bindings.rs"))?;
    files::write("panthor-sys/src/bindings.rs", bindings.as_bytes())
}

/// Runs the build script, and returns its output directory.
fn generate() -> Result<PathBuf, String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(files::path(""))
        .args(["check", "--package", "panthor-house", "--features", "bindgen"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("the bindings were not generated: cargo ended with {}", output.status));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let directory = messages.lines().filter_map(output_directory).next_back();
    directory.ok_or_else(|| String::from("cargo has not named the build script's output directory"))
}

/// Returns the output directory from cargo's message that the root package's build script has run.
fn output_directory(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_ours = message["package_id"].as_str()?.contains("panthor-house");
    let has_run = message["reason"] == "build-script-executed";
    (is_ours && has_run).then(|| message["out_dir"].as_str().map(PathBuf::from)).flatten()
}
