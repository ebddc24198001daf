//! The command `conformance`: see `conformance help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    panthor_conformance::run(std::env::args().skip(1))
}
