//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, ValueExt};
use nix::errno::Errno;
use panthor_fake::trace::{TraceOptions, request_by_name};
use panthor_fake::{Config, Gpu};

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

/// An ioctl that is to fail.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    /// As it was asked for.
    pub(crate) text: String,
    pub(crate) request: u32,
    /// Which call, counted from 1.
    pub(crate) call: u64,
    pub(crate) errno: i32,
}

type Result<T> = std::result::Result<T, lexopt::Error>;

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

fn trace_format(name: &str) -> std::result::Result<TraceOptions, String> {
    match name {
        "text" => Ok(TraceOptions::text()),
        "json" => Ok(TraceOptions::json()),
        _ => Err("is none of text, json".into()),
    }
}

fn gpu(name: &str) -> std::result::Result<Gpu, String> {
    let short = |gpu: &Gpu| gpu.name().trim_start_matches("Mali-").to_lowercase();
    let wanted = name.to_lowercase();
    let wanted = wanted.trim_start_matches("mali-");
    Gpu::ALL.iter().copied().find(|gpu| short(gpu) == wanted).ok_or_else(|| {
        let names: Vec<_> = Gpu::ALL.iter().map(short).collect();
        format!("is none of {}", names.join(", "))
    })
}

/// The driver of a kernel.
fn kernel(config: Config, version: &str) -> Result<Config> {
    let (minor, sparse_in_1_8) = match version {
        "7.3" => (9, false),
        "7.2" => (8, true),
        "6.12" => (0, false),
        _ => return Err(format!("--kernel {version:?}: is none of 7.3, 7.2, 6.12").into()),
    };
    Ok(config.driver_minor(minor).sparse_in_1_8(sparse_in_1_8))
}

/// A number of bytes.
fn size(text: &str) -> std::result::Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 1 << 10),
        Some(digits) if text.ends_with('M') => (digits, 1 << 20),
        Some(digits) => (digits, 1_u64 << 30),
        None => (text, 1),
    };
    let count: Option<u64> =
        digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let bytes = count.and_then(|count| count.checked_mul(unit));
    bytes.ok_or_else(|| "is no number of bytes, such as 4096, 64M or 2G".into())
}

fn driver(version: &str) -> std::result::Result<u32, String> {
    let minor = version.strip_prefix("1.").and_then(|minor| minor.parse().ok());
    let newest = Config::NEWEST_MINOR;
    minor.filter(|&minor| minor <= newest).ok_or_else(|| format!("is none of 1.0 to 1.{newest}"))
}

fn failure(text: &str) -> std::result::Result<Failure, String> {
    let mut parts = text.split(':');
    let (Some(ioctl), Some(call), Some(errno), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("is not IOCTL:N:ERRNO".into());
    };
    let request = request_by_name(ioctl)
        .ok_or_else(|| format!("{ioctl} is no ioctl of DRM, Panthor, dma-bufs or sync files"))?;
    let call = call.parse().ok().filter(|&call| call > 0);
    let call = call.ok_or("N counts from 1")?;
    let errno = errno_by_name(errno).ok_or_else(|| format!("{errno} is no error number"))?;
    Ok(Failure { text: text.to_owned(), request, call, errno })
}

/// An error number, such as `ENOMEM`.
fn errno_by_name(name: &str) -> Option<i32> {
    // All that Linux has; the debug form of what the crate does not know is the same for all.
    (1..134).find(|&errno| {
        let known = Errno::from_raw(errno);
        known != Errno::UnknownErrno && format!("{known:?}") == name
    })
}

#[cfg(test)]
mod tests {
    use panthor_sys::{DMA_BUF_IOCTL_SYNC, DRM_IOCTL_PANTHOR_VM_BIND};

    use super::*;

    fn run(args: &[&str]) -> std::result::Result<Run, String> {
        let all = ["panthor-fake", "run"].iter().chain(args);
        match parse(lexopt::Parser::from_iter(all)) {
            Ok(Command::Run(run)) => Ok(run),
            Ok(_) => Err("not run".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_program_keeps_its_options() {
        let run = run(&["--gpu", "G720", "--driver", "1.5", "--", "prog", "--gpu", "-h"]).unwrap();
        assert_eq!(run.program, "prog");
        assert_eq!(run.arguments, ["--gpu", "-h"]);
        assert_eq!(run.config.version(), (1, 5));
        assert_eq!(super::tests::run(&["prog", "--kernel"]).unwrap().arguments, ["--kernel"]);
    }

    #[test]
    fn kernels_are_drivers() {
        for (kernel, minor) in [("7.3", 9), ("7.2", 8), ("6.12", 0)] {
            assert_eq!(run(&["--kernel", kernel, "x"]).unwrap().config.version(), (1, minor));
        }
    }

    #[test]
    fn memory_can_be_short() {
        for (text, bytes) in
            [("4096", 4096), ("64K", 64 << 10), ("3M", 3 << 20), ("2G", 2 << 30), ("0", 0)]
        {
            let config = run(&["--memory", text, "x"]).unwrap().config;
            assert_eq!((config.memory_size(), config.has_swap()), (bytes, false));
        }
        assert!(run(&["--swap", "x"]).unwrap().config.has_swap());
        assert_eq!(run(&["x"]).unwrap().config.memory_size(), 8 << 30);
    }

    #[test]
    fn failures_are_planned_by_name() {
        let planned = run(&["--fail", "VM_BIND:3:ENOMEM", "x"]).unwrap().failures;
        let expected = Failure {
            text: "VM_BIND:3:ENOMEM".into(),
            request: DRM_IOCTL_PANTHOR_VM_BIND,
            call: 3,
            errno: Errno::ENOMEM as i32,
        };
        assert_eq!(planned, [expected]);
        let planned = run(&["--fail", "DMA_BUF_IOCTL_SYNC:1:EIO", "x"]).unwrap().failures;
        assert_eq!(planned[0].request, DMA_BUF_IOCTL_SYNC);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (args, message) in [
            (&[][..], "needs a program"),
            (&["--gpu", "g57", "x"], "g310"),
            (&["--kernel", "6.1", "x"], "6.12"),
            (&["--driver", "2.0", "x"], "1.9"),
            (&["--fail", "VM_BIND:0:ENOMEM", "x"], "counts from 1"),
            (&["--fail", "MODESET:1:ENOMEM", "x"], "MODESET"),
            (&["--fail", "VM_BIND:1:EWHAT", "x"], "EWHAT"),
            (&["--fail", "VM_BIND:1", "x"], "IOCTL:N:ERRNO"),
            (&["--trace-format", "json", "x"], "needs --trace"),
            (&["--trace", "--", "x"], "needs a FILE"),
            (&["--kernel", "7.3", "--driver", "1.9", "x"], "--kernel and --driver"),
            (&["--driver", "1.8", "--kernel=7.2", "x"], "--driver and --kernel"),
            (&["--trace", "t", "--trace-format", "xml", "x"], "text, json"),
            (&["--memory", "", "x"], "number of bytes"),
            (&["--memory", "M", "x"], "number of bytes"),
            (&["--memory", "+1", "x"], "number of bytes"),
            (&["--memory", "64T", "x"], "number of bytes"),
            (&["--memory", "18446744073709551615G", "x"], "number of bytes"),
            (&["--swap=yes", "x"], "yes"),
            (&["--frobnicate", "x"], "frobnicate"),
        ] {
            let error = run(args).err().unwrap_or_default();
            assert!(error.contains(message), "{args:?}: {error}");
        }
    }
}
