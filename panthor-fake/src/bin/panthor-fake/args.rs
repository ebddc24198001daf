//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, ValueExt};
use panthor_fake::Config;
use panthor_fake::trace::TraceOptions;

use crate::values::{Failure, driver, failure, gpu, kernel, size, trace_format};

macro_rules! usage {
    () => {
        "    panthor-fake run [OPTIONS] [--] PROGRAM [ARGUMENTS]
    panthor-fake summary TRACE"
    };
}

/// What `--help` prints.
pub(crate) const HELP: &str = concat!(
    "\
Runs programs on a software Panthor (the DRM driver of Arm Mali GPUs) as if a Mali were there.

",
    usage!(),
    "

PROGRAM and all that it starts find /dev/dri/renderD128 and /dev/dri/card0, and what sysfs has about
them. No privileges are needed, and no change to the program.

Options of run:
    --gpu NAME              the GPU: g310, g510, g610 (default), g710, g615, g715, g620, g720, g725
    --kernel VERSION        the driver of Linux 7.3 (default), 7.2 or 6.12
    --driver 1.MINOR        the driver by its version, 1.0 to 1.9, instead of by a kernel
    --memory SIZE           how much memory the GPU may use, such as 64M (K, M and G are powers of 1024; default: 8G);
                            what needs more is ENOMEM
    --swap                  there is swap space: the memory of idle BOs is taken before anything is ENOMEM
    --fail IOCTL:N:ERRNO    the Nth call of that ioctl fails, such as VM_BIND:3:ENOMEM; N counts from 1, over
                            all processes and files, also for those of dma-bufs and sync files, such as
                            DMA_BUF_IOCTL_SYNC:1:EINTR; may be repeated. If PROGRAM ends before that call, a
                            line on the standard error says so.
    --trace FILE            a decoded line for every ioctl, into that file
    --trace-format FORMAT   what a line is: text (default), as strace would print it, or json

summary counts what is in a trace of JSON lines: calls, operations, bytes mapped, sparse ranges.

    -h, --help              this text
    -V, --version           the version

The exit status is that of PROGRAM; if a signal ends it, panthor-fake ends by the same, or with 128 + N by a
real-time signal N. Otherwise it is
    125     if panthor-fake itself fails: a wrong option, nothing to run, or what the system lacks
    126     if PROGRAM cannot be run
    127     if PROGRAM is not found
    137     as shells tell it, if somebody kills panthor-fake with SIGKILL, and PROGRAM with it

It needs Linux 5.19 or newer on x86-64 or AArch64 with seccomp user notification, and leave to look into
its own children (kernel.yama.ptrace_scope below 2). Where a container forbids pidfd_getfd(2) it is slower,
and sync objects do not signal eventfds; its capability SYS_PTRACE permits it.

What cannot be emulated:
  - Command streams are not run: jobs are done at once.
  - 32-bit programs, programs that forbid being read, and opens by way of io_uring see no device.
  - It does not run inside itself, nor under qemu-user. PROGRAM runs with no_new_privs: sudo and the like
    give nothing.
  - In user and mount namespaces, and roots, that PROGRAM makes itself the device stays at its paths, whatever is
    mounted there; /proc/PID/fd by numbers of a process namespace is another process's.
  - poll on a node says that it is ready and epoll refuses it, where a board's is quiet; read, write and mremap
    reach the memory of BOs; locks of fcntl on a node are refused, those of flock are one for all nodes.
  - /dev/dri can be opened and listed, but not entered with chdir by its path, nor watched; other symbolic
    links than the board's do not lead to a node. /proc/PID/maps shows memory instead of the node.
  - mmap by the CPU of an exported dma-buf through its own descriptor, and of a BO that another driver's
    dma-buf is: ENODEV.
"
);

/// What to do.
pub(crate) enum Command {
    Help,
    Version,
    Run(Run),
    Summary(PathBuf),
}

/// The arguments of `run`.
pub(crate) struct Run {
    pub(crate) config: Config,
    pub(crate) failures: Vec<Failure>,
    pub(crate) trace: Option<(PathBuf, TraceOptions)>,
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
}

pub(crate) type Result<T> = std::result::Result<T, lexopt::Error>;

pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Command> {
    match parser.next()? {
        None => Err(concat!("nothing to do; it is\n", usage!()).into()),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Command::Help),
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
    let mut failures = Vec::new();
    let (mut trace, mut format, mut version) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
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
            Arg::Long("fail") => failures.push(parser.value()?.parse_with(failure)?),
            Arg::Long("trace") => trace = Some(file(&mut parser)?),
            Arg::Long("trace-format") => {
                format = Some(parser.value()?.parse_with(trace_format)?);
            }
            // What comes after the program is the program's, options too.
            Arg::Value(program) => {
                let arguments = parser.raw_args()?.collect();
                let trace = match (trace, format) {
                    (Some(path), format) => Some((path, format.unwrap_or(TraceOptions::text()))),
                    (None, Some(_)) => return Err("--trace-format needs --trace FILE".into()),
                    (None, None) => None,
                };
                return Ok(Command::Run(Run { config, failures, trace, program, arguments }));
            }
            argument => return Err(argument.unexpected()),
        }
    }
    Err("run needs a program".into())
}

/// The file that an option names. One named `--`, which is most likely what ends the options, is `./--`.
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

/// The driver is chosen by one option, by the other of which it was not before.
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
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
            Arg::Value(path) if trace.is_none() => trace = Some(PathBuf::from(path)),
            argument => return Err(argument.unexpected()),
        }
    }
    trace.map(Command::Summary).ok_or_else(|| "summary needs the file of a trace".into())
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
