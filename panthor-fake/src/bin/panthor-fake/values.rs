//! Parsers for the values of options.

use std::time::Duration;

use nix::errno::Errno;
use panthor_fake::trace::{TraceOptions, request_by_name};
use panthor_fake::{Config, Disturbance, Gpu};

use crate::args::Result;

/// Event that is planned for a call of an ioctl.
#[derive(Debug, PartialEq)]
pub(crate) struct Planned {
    /// Option and value, as the user wrote them.
    pub(crate) text: String,
    pub(crate) request: u32,
    /// Number of the call, counted from 1.
    pub(crate) call: u64,
    pub(crate) event: Event,
}

/// Event at a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    /// The call fails with this `errno`.
    Failure(i32),
    /// A disturbance of the device precedes the call.
    Disturbance(Disturbance),
}

/// Choice of `--mounts`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    Always,
    /// Mount if the system permits it.
    Possible,
    Never,
}

pub(crate) fn when(name: &str) -> std::result::Result<When, String> {
    match name {
        "always" => Ok(When::Always),
        "auto" => Ok(When::Possible),
        "never" => Ok(When::Never),
        _ => Err("is none of always, auto, never".into()),
    }
}

pub(crate) fn trace_format(name: &str) -> std::result::Result<TraceOptions, String> {
    match name {
        "text" => Ok(TraceOptions::text()),
        "json" => Ok(TraceOptions::json()),
        _ => Err("is none of text, json".into()),
    }
}

pub(crate) fn gpu(name: &str) -> std::result::Result<Gpu, String> {
    let short = |gpu: &Gpu| gpu.name().trim_start_matches("Mali-").to_lowercase();
    let wanted = name.to_lowercase();
    let wanted = wanted.trim_start_matches("mali-");
    Gpu::ALL.iter().copied().find(|gpu| short(gpu) == wanted).ok_or_else(|| {
        let names: Vec<_> = Gpu::ALL.iter().map(short).collect();
        format!("is none of {}", names.join(", "))
    })
}

/// Selects the driver version of a kernel.
pub(crate) fn kernel(config: Config, version: &str) -> Result<Config> {
    let (minor, sparse_in_1_8) = match version {
        "7.3" => (9, false),
        "7.2" => (8, true),
        "6.12" => (0, false),
        _ => return Err(format!("--kernel {version:?}: is none of 7.3, 7.2, 6.12").into()),
    };
    Ok(config.driver_minor(minor).sparse_in_1_8(sparse_in_1_8))
}

/// Parses a size in bytes, such as `64M`.
pub(crate) fn size(text: &str) -> std::result::Result<u64, String> {
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

/// Parses a duration, such as `20us`.
pub(crate) fn time(text: &str) -> std::result::Result<Duration, String> {
    let units = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let parsed = units.into_iter().find_map(|(unit, nanos)| {
        let digits = text.strip_suffix(unit)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = digits.parse().ok().filter(|_| is_number)?;
        count.checked_mul(nanos).map(Duration::from_nanos)
    });
    parsed.ok_or_else(|| "is no time, such as 500ns, 20us, 3ms or 1s".into())
}

/// Parses profiling flags, separated by commas.
pub(crate) fn profiling(text: &str) -> std::result::Result<u32, String> {
    let bit = |name| match name {
        "cycles" => Ok(1),
        "time" => Ok(2),
        other => Err(format!("{other:?} is none of cycles, time")),
    };
    text.split(',').try_fold(0, |bits, name| Ok(bits | bit(name)?))
}

pub(crate) fn driver(version: &str) -> std::result::Result<u32, String> {
    let minor = version.strip_prefix("1.").and_then(|minor| minor.parse().ok());
    let newest = Config::NEWEST_MINOR;
    minor.filter(|&minor| minor <= newest).ok_or_else(|| format!("is none of 1.0 to 1.{newest}"))
}

/// Parses the value of `--fail`.
pub(crate) fn failure(text: &str) -> std::result::Result<Planned, String> {
    planned("--fail", text, "IOCTL:N:ERRNO", |errno| {
        let known = errno_by_name(errno).map(Event::Failure);
        known.ok_or_else(|| format!("{errno} is no error number"))
    })
}

/// Parses the value of `--at`.
pub(crate) fn disturbance(text: &str) -> std::result::Result<Planned, String> {
    planned("--at", text, "IOCTL:N:EVENT", |event| match event {
        "unplug" => Ok(Event::Disturbance(Disturbance::Unplug)),
        "reset" => Ok(Event::Disturbance(Disturbance::Reset)),
        "hang" => Ok(Event::Disturbance(Disturbance::Hang)),
        other => Err(format!("{other} is none of unplug, reset, hang")),
    })
}

/// Parses `IOCTL:N:EVENT`; `event` parses the last part.
fn planned(
    option: &str,
    text: &str,
    form: &str,
    event: impl Fn(&str) -> std::result::Result<Event, String>,
) -> std::result::Result<Planned, String> {
    let parts: Vec<_> = text.split(':').collect();
    let [ioctl, call, what] = parts[..] else { return Err(format!("is not {form}")) };
    let request = request_by_name(ioctl)
        .ok_or_else(|| format!("{ioctl} is no ioctl of DRM, Panthor, dma-bufs or sync files"))?;
    let call = call.parse().ok().filter(|&call| call > 0);
    let call = call.ok_or("N counts from 1")?;
    Ok(Planned { text: format!("{option} {text}"), request, call, event: event(what)? })
}

/// Parses the name of an `errno`, such as `ENOMEM`.
fn errno_by_name(name: &str) -> Option<i32> {
    // The range covers all values of Linux. All unknown values share one debug format.
    (1..134).find(|&errno| {
        let known = Errno::from_raw(errno);
        known != Errno::UnknownErrno && format!("{known:?}") == name
    })
}
