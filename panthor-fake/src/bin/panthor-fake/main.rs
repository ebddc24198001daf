//! The command `panthor-fake`: runs programs on a software Mali GPU.

mod args;
mod children;
mod front;
mod help;
mod keeper;
mod limits;
mod messages;
mod origin;
mod processes;
mod server;
mod values;

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;
use std::process::exit;

use args::Command;
use panthor_fake::trace::{ReadError, Summary};

/// Exit status of a failure of the command itself, the same as that of `timeout` and `env`.
const FAILED: i32 = 125;

fn main() {
    match args::parse(lexopt::Parser::from_env()) {
        Ok(Command::Help(text)) => print(text),
        Ok(Command::Version) => print(concat!("panthor-fake ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Summary(trace)) => match summary(&trace) {
            Ok(summary) => print(&summary.to_string()),
            Err(error) => {
                eprintln!("panthor-fake: {}: {error}", trace.display());
                exit(FAILED);
            }
        },
        Ok(Command::Run(run)) => match front::run(&run) {
            Ok(status) => front::end_as(status),
            Err(error) => {
                eprintln!("panthor-fake: {error}");
                exit(FAILED);
            }
        },
        Err(error) => {
            eprintln!("panthor-fake: {error}\nTry panthor-fake --help.");
            exit(FAILED);
        }
    }
}

/// Writes a text to the standard output. A closed pipe is no error.
fn print(text: &str) {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("panthor-fake: cannot write to the standard output: {error}");
            exit(FAILED);
        }
        _ => {}
    }
}

fn summary(trace: &Path) -> Result<Summary, ReadError> {
    let file = File::open(trace).map_err(ReadError::Io)?;
    Summary::read(BufReader::new(file))
}
