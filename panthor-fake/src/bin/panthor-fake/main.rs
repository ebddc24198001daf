//! The command `panthor-fake`: runs programs on a Mali that is not there.

mod args;
mod front;
mod server;

use std::process::exit;

use args::Command;

/// The exit status when the loopback itself fails, as `timeout` and `env` have it.
const FAILED: i32 = 125;

fn main() {
    match args::parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => print!("{}", args::HELP),
        Ok(Command::Version) => println!("panthor-fake {}", env!("CARGO_PKG_VERSION")),
        Ok(Command::Run(run)) => match front::run(&run) {
            Ok(status) => status.take_over(),
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
