//! Counting instructions with valgrind's callgrind.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file that goes with its owner.
pub struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("panthor-bind-cost-{}-{name}", std::process::id())))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may never have come to be.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Compiles the C side as a driver would be.
pub fn compile_c() -> Result<Temporary, String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/bind_cost/fill.c");
    let out = Temporary::new("c");
    let compiler = std::env::var_os("CC").unwrap_or("cc".into());
    let mut command = Command::new(compiler);
    command.args(["-O2", "-o"]).arg(out.path()).arg(source);
    run(&mut command)?;
    Ok(out)
}

/// Returns the instructions of the program's second call of `panthor_measured*`. The last argument
/// of the program is the number of calls.
pub fn second_call(program: &Path, args: &[&str]) -> Result<u64, String> {
    let one = count(program, args, 1)?;
    let two = count(program, args, 2)?;
    two.checked_sub(one).filter(|&n| n > 0).ok_or_else(|| format!("{one} and {two} instructions"))
}

fn count(program: &Path, args: &[&str], calls: u32) -> Result<u64, String> {
    let out = Temporary::new("callgrind");
    let mut command = Command::new("valgrind");
    command
        // callgrind counts `rep stosb` once per byte: keep glibc from using the instruction.
        .env("GLIBC_TUNABLES", "glibc.cpu.x86_rep_stosb_threshold=1000000000")
        .args(["--tool=callgrind", "--quiet", "--toggle-collect=*panthor_measured*"])
        .arg(format!("--callgrind-out-file={}", out.path().display()))
        .arg(program)
        .args(args)
        .arg(calls.to_string());
    run(&mut command)?;
    let profile = std::fs::read_to_string(out.path()).map_err(|error| error.to_string())?;
    profile
        .lines()
        .find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")))
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| "callgrind printed no summary".into())
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or(OsStr::new("?")).to_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name:?} does not start ({error}): install valgrind and gcc"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{name:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
}
