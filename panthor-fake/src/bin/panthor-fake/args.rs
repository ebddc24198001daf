//! Parser of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, ValueExt};
use panthor_fake::Config;
use panthor_fake::trace::TraceOptions;

use crate::help::{self, usage};
use crate::values::{
    Planned, When, disturbance, driver, failure, gpu, kernel, profiling, size, time, trace_format,
    when,
};

/// Parsed command line.
pub(crate) enum Command {
    /// Print a text.
    Help(&'static str),
    Version,
    Run(Run),
    Summary(PathBuf),
}

/// Arguments of `run`.
pub(crate) struct Run {
    pub(crate) config: Config,
    pub(crate) mounts: When,
    pub(crate) planned: Vec<Planned>,
    pub(crate) trace: Option<(PathBuf, TraceOptions)>,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
}

pub(crate) type Result<T> = std::result::Result<T, lexopt::Error>;

pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command> {
    match parser.next()? {
        None => Err(concat!("nothing to do; the commands are\n", usage!()).into()),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Help(help::COMMANDS)),
        Some(Arg::Short('V') | Arg::Long("version")) => Ok(Command::Version),
        Some(Arg::Value(command)) if command == "run" => parse_run(parser),
        Some(Arg::Value(command)) if command == "summary" => parse_summary(parser),
        Some(Arg::Value(command)) => {
            Err(format!("there is no command {command:?}, only run and summary").into())
        }
        Some(argument) => Err(argument.unexpected()),
    }
}

fn parse_run(mut parser: lexopt::Parser) -> Result<Command> {
    let mut config = Config::default();
    let (mut mounts, mut planned) = (When::Never, Vec::new());
    let (mut trace, mut format, mut version) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help(help::RUN)),
            Arg::Long("gpu") => config = config.gpu(parser.value()?.parse_with(gpu)?),
            Arg::Long("kernel") => {
                choose_once(&mut version, "--kernel")?;
                config = kernel(config, &parser.value()?.string()?)?;
            }
            Arg::Long("driver") => {
                choose_once(&mut version, "--driver")?;
                config =
                    config.driver_minor(parser.value()?.parse_with(driver)?).sparse_in_1_8(false);
            }
            Arg::Long("memory") => config = config.memory(parser.value()?.parse_with(size)?),
            Arg::Long("swap") => config = config.swap(true),
            Arg::Long("profiling") => {
                config = config.profiling(parser.value()?.parse_with(profiling)?)
            }
            Arg::Long("stream-time") => {
                config = config.stream_time(parser.value()?.parse_with(time)?);
            }
            Arg::Long("mounts") => mounts = parser.value()?.parse_with(when)?,
            Arg::Long("fail") => planned.push(parser.value()?.parse_with(failure)?),
            Arg::Long("at") => planned.push(parser.value()?.parse_with(disturbance)?),
            Arg::Long("trace") => trace = Some(file(&mut parser)?),
            Arg::Long("trace-format") => {
                format = Some(parser.value()?.parse_with(trace_format)?);
            }
            // Every argument after the program belongs to the program, options included.
            Arg::Value(program) => {
                let arguments = parser.raw_args()?.collect();
                let trace = match (trace, format) {
                    (Some(path), format) => Some((path, format.unwrap_or(TraceOptions::text()))),
                    (None, Some(_)) => return Err("--trace-format needs --trace FILE".into()),
                    (None, None) => None,
                };
                return Ok(Command::Run(Run {
                    config,
                    mounts,
                    planned,
                    trace,
                    program,
                    arguments,
                }));
            }
            argument => return Err(argument.unexpected()),
        }
    }
    Err("run needs a program".into())
}

/// Parses the file name of `--trace`.
///
/// A detached value `--` is an error, because it most likely ends the options. A file of that name
/// is `./--`.
fn file(parser: &mut lexopt::Parser) -> Result<PathBuf> {
    let attached = parser.optional_value();
    match attached {
        Some(path) => Ok(path.into()),
        None => match parser.value()? {
            end if end == "--" => Err("--trace needs a FILE before --".into()),
            path => Ok(path.into()),
        },
    }
}

/// Records the option that chooses the driver; fails if the other option chose it before.
fn choose_once(chosen: &mut Option<&'static str>, option: &'static str) -> Result<()> {
    match chosen.replace(option) {
        Some(before) if before != option => {
            Err(format!("{before} and {option} both choose the driver: give one of them").into())
        }
        _ => Ok(()),
    }
}

fn parse_summary(mut parser: lexopt::Parser) -> Result<Command> {
    let mut trace = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help(help::SUMMARY)),
            Arg::Value(path) if trace.is_none() => trace = Some(PathBuf::from(path)),
            argument => return Err(argument.unexpected()),
        }
    }
    trace.map(Command::Summary).ok_or_else(|| "summary needs the file of a trace".into())
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
