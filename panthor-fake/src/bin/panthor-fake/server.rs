//! The process that owns the device. It starts the program, and serves it and all its descendants.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, dup2_stderr, getppid};
use panthor_fake::Device;
use panthor_fake::loopback::Loopback;

use crate::FAILED;
use crate::args::Run;
use crate::children;
use crate::keeper::PATIENCE;
use crate::limits::Limits;
use crate::messages::{Channel, Message, Status};
use crate::origin::Origin;
use crate::processes::{end_descendants, pidfd_open, send};
use crate::values::{Event, Planned, When};

/// Exit statuses for a program that does not exist, and for one that cannot run.
const NOT_FOUND: i32 = 127;
const NOT_RUNNABLE: i32 = 126;

/// Longest wait for pending calls of programs that have ended.
const END: Duration = Duration::from_secs(3);

/// Serves a program and all its descendants until they have ended; returns the exit status of the
/// server.
///
/// The pipe `keeper` reaches end of file when the keeper
/// ends.
pub(crate) fn serve(run: &Run, origin: &Origin, front: &Channel, keeper: OwnedFd) -> i32 {
    match start(run, origin, front, keeper) {
        Ok(()) => 0,
        Err(Failure { status, message }) => {
            eprintln!("panthor-fake: {message}");
            status
        }
    }
}

struct Failure {
    status: i32,
    message: String,
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { status: FAILED, message: error.to_string() }
    }
}

fn start(run: &Run, origin: &Origin, front: &Channel, keeper: OwnedFd) -> Result<(), Failure> {
    // As a subreaper the server remains an ancestor of orphans, so that it may read their memory.
    set_child_subreaper(true)?;
    end_with(keeper, origin.front.try_clone()?)?;
    let limits = Limits::raise()?;
    set_up_allocator();
    let device = Device::new(run.config.clone())?;
    if let Some((path, options)) = &run.trace {
        let file = File::create(path).map_err(|error| {
            let message = format!("cannot write the trace {}: {error}", path.display());
            Failure { status: FAILED, message }
        })?;
        device.trace_to(file, *options);
    }
    let loopback = match run.mounts {
        When::Always => Loopback::with_mounts(&device)?,
        When::Possible => Loopback::with_mounts(&device).or_else(|_| Loopback::new(&device))?,
        When::Never => Loopback::new(&device)?,
    };
    for planned in &run.planned {
        let (request, call) = (planned.request, planned.call);
        match planned.event {
            Event::Failure(errno) => device.fail_nth_ioctl(request, call, errno),
            Event::Disturbance(what) => device.disturb_at_nth_ioctl(request, call, what),
        }
    }
    let mut command = Command::new(&run.program);
    command.args(&run.arguments);
    let server = Pid::this();
    let signals = origin.signals;
    let prepare = move || {
        // The program must end with the server even before the keeper kills it.
        set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != server {
            return Err(Errno::ESRCH.into());
        }
        limits.restore()?;
        Ok(signals.restore()?)
    };
    // SAFETY: the closure makes system calls only.
    unsafe { command.pre_exec(prepare) };
    // The thread must outlive the program, because the parent-death signal follows the thread.
    let ended = loopback.run(|| -> Result<Status, Failure> {
        front.send(Message::Starting(server), None)?;
        let child = command.spawn().map_err(|error| not_started(run, &error))?;
        origin.release()?;
        let program = Pid::from_raw(child.id() as i32);
        // The PID cannot be reused: only this process reaps the program.
        let handle = pidfd_open(program)?;
        if let Err(error) = Loopback::check(child.id()) {
            // The program would not see the device.
            let _ = send(&handle, Signal::SIGKILL);
            return Err(error.into());
        }
        front.send(Message::Started, Some(&handle))?;
        Ok(children::wait_for(program, &origin.front)?)
    });
    let status = ended??;
    // Processes that still run may reach these calls, but the foreground process no longer reports
    // them.
    report_what_did_not_come(&device, &run.planned);
    if children::reap()? {
        // No process remains when the foreground process ends.
        finish(loopback, &device);
        front.send(Message::Ended(status), None)?;
    } else {
        detach(front, status)?;
        children::wait_for_all()?;
        finish(loopback, &device);
    }
    Ok(())
}

/// Makes the allocator reserve less address space and return large arrays, because `RLIMIT_AS` may
/// be low.
#[cfg(target_env = "gnu")]
fn set_up_allocator() {
    // Each arena reserves 64 MiB of address space.
    const ARENAS: i32 = 2;
    const LARGE: i32 = 1 << 20;

    for (parameter, value) in [(libc::M_ARENA_MAX, ARENAS), (libc::M_MMAP_THRESHOLD, LARGE)] {
        // SAFETY: `mallopt` sets an integer, and it is thread-safe.
        unsafe { libc::mallopt(parameter, value) };
    }
}

#[cfg(not(target_env = "gnu"))]
fn set_up_allocator() {}

/// Ends this process and all its descendants when the keeper ends.
fn end_with(keeper: OwnedFd, front: OwnedFd) -> io::Result<()> {
    let wait = move || {
        // The keeper writes nothing, so that the read returns at the end of file.
        let _ = File::from(keeper).read(&mut [0]);
        children::forget();
        // The foreground process may be stopped with the program. A failed send means its end.
        let _ = send(&front, Signal::SIGCONT);
        end_descendants(PATIENCE, &[]);
        exit(FAILED);
    };
    std::thread::Builder::new().name("panthor-end".into()).spawn(wait).map(drop)
}

/// Waits for the supervisor's threads, and completes the trace.
fn finish(loopback: Loopback, device: &Device) {
    // A call can hang in the kernel. The end of this process ends that call.
    if !loopback.finish_within(END) {
        eprintln!("panthor-fake: a call is not over, though its program is");
    }
    end_trace(device);
}

/// Reports the planned events that did not happen.
fn report_what_did_not_come(device: &Device, planned: &[Planned]) {
    for text in did_not_come(planned, |request| device.planned_failures(request)) {
        eprintln!("panthor-fake: {text}");
    }
}

/// Describes the planned events that did not happen.
///
/// `left` returns the call numbers of the remaining events of a request, counted from 1 after the
/// last call made.
fn did_not_come(all: &[Planned], left: impl Fn(u32) -> Vec<u64>) -> Vec<String> {
    let mut told = Vec::new();
    let mut requests: Vec<_> = all.iter().map(|planned| planned.request).collect();
    requests.sort_unstable();
    requests.dedup();
    for request in requests {
        let mut left = left(request);
        left.sort_unstable();
        let mut planned: Vec<_> = all.iter().filter(|planned| planned.request == request).collect();
        planned.sort_by_key(|planned| planned.call);
        // Events happen in the order of their calls, so that the remaining ones are the last.
        for (planned, left) in planned.iter().rev().zip(left.iter().rev()) {
            let calls = planned.call.saturating_sub(*left);
            let came = match calls {
                0 => "there was no such call".into(),
                1 => "there was only one such call".into(),
                calls => format!("there were only {calls} such calls"),
            };
            let what = match planned.event {
                Event::Failure(_) => "fail",
                Event::Disturbance(_) => "happen",
            };
            told.push(format!("{}: it did not {what}, {came}", planned.text));
        }
    }
    told
}

fn end_trace(device: &Device) {
    if let Err(error) = device.end_trace() {
        eprintln!("panthor-fake: the trace is not complete: {error}");
    }
}

fn not_started(run: &Run, error: &io::Error) -> Failure {
    let status = match error.raw_os_error() {
        Some(libc::ENOENT) => NOT_FOUND,
        // The system lacks resources for a process, whatever the program is.
        Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => FAILED,
        _ => NOT_RUNNABLE,
    };
    Failure { status, message: format!("{}: {error}", run.program.to_string_lossy()) }
}

/// Releases the foreground process and closes the standard error, so that its reader sees end of
/// file.
fn detach(front: &Channel, status: Status) -> Result<(), Failure> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    front.send(Message::Left(status), None)?;
    dup2_stderr(&null)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_did_not_come_are_told_with_the_calls_that_did() {
        let planned = |call| Planned {
            text: format!("--fail X:{call}:EIO"),
            request: 7,
            call,
            event: Event::Failure(5),
        };
        let all = [planned(9), planned(1), planned(3)];
        assert_eq!(did_not_come(&all, |_| vec![]), [""; 0]);
        // One of the three failures happened: two calls were made.
        let told = did_not_come(&all, |request| if request == 7 { vec![7, 1] } else { vec![] });
        assert_eq!(
            told,
            [
                "--fail X:9:EIO: it did not fail, there were only 2 such calls",
                "--fail X:3:EIO: it did not fail, there were only 2 such calls"
            ]
        );
    }
}
