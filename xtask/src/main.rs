//! The maintainers' command `cargo xtask`: writes generated files into the repository. Tests only
//! compare.

mod bindings;
mod files;
mod machine;
mod recordings;
mod seeds;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask bindings
       cargo xtask recordings [SUITE]...
       cargo xtask seeds

bindings     writes panthor-sys/src/bindings.rs from panthor_drm.h and drm.h in the directory
             PANTHOR_DRM_HEADER_DIR, or from the system's headers; needs libclang
recordings   boots kernels of Debian (default: all) in QEMU, and writes their answers into
             tests/conformance/recordings; needs root on Debian
seeds        writes the fuzzer's seeds into fuzz/corpus/ioctls
";

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let (command, rest) = words.split_first().map_or(("", &words[..]), |(name, rest)| (name, rest));
    let done = match (command, rest) {
        ("help" | "--help" | "-h", []) => {
            print!("{HELP}");
            Ok(())
        }
        ("bindings", []) => bindings::write(),
        ("recordings", suites) => recordings::write(suites),
        ("seeds", []) => seeds::write(),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
