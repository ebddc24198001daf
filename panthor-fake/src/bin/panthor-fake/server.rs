//! The process that has the device: it starts the program and serves it, and what it leaves running.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, getppid};
use panthor_fake::Device;
use panthor_fake::loopback::Loopback;

use crate::FAILED;
use crate::args::Run;
use crate::front::{Message, Status};
use crate::values::{Event, Planned};

/// The exit status when there is no such program, and when it cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_RUNNABLE: i32 = 126;

/// Serves a program, which starts with that mask of signals, to its end, and all that it started to theirs; returns
/// the exit status of the server. The front is the process `run_by`.
pub(crate) fn serve(run: &Run, run_by: Pid, mask: SigSet, mut front: File) -> i32 {
    match start(run, run_by, mask, &mut front) {
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

fn start(run: &Run, run_by: Pid, mask: SigSet, front: &mut File) -> Result<(), Failure> {
    // Whoever kills the front means the program.
    set_pdeathsig(Signal::SIGKILL)?;
    // It may have been killed before.
    if getppid() != run_by {
        return Err(Errno::ESRCH.into());
    }
    // What outlives its parents stays a descendant, which may be looked into.
    set_child_subreaper(true)?;
    // Of each sync file and the like that any program has it has a descriptor itself.
    let (files, files_max) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, files_max, files_max)?;
    let device = Device::new(run.config.clone())?;
    if let Some((path, options)) = &run.trace {
        let file = File::create(path).map_err(|error| {
            let message = format!("cannot write the trace {}: {error}", path.display());
            Failure { status: FAILED, message }
        })?;
        device.trace_to(file, *options);
    }
    let loopback = Loopback::new(&device)?;
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
    let prepare = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != server {
            return Err(Errno::ESRCH.into());
        }
        setrlimit(Resource::RLIMIT_NOFILE, files, files_max)?;
        Ok(mask.thread_set_mask()?)
    };
    // SAFETY: it makes four system calls and nothing else.
    unsafe { command.pre_exec(prepare) };
    // The thread stays until the program ends: with it the program would be killed.
    let ended = loopback.run(|| -> Result<Status, Failure> {
        let child = command.spawn().map_err(|error| not_started(run, &error))?;
        let program = Pid::from_raw(child.id() as i32);
        if let Err(error) = Loopback::check(child.id()) {
            // Nobody would see the device.
            let _ = kill(program, Signal::SIGKILL);
            return Err(error.into());
        }
        front.write_all(&Message::Started(program).to_bytes())?;
        Ok(wait_for(program)?)
    });
    let status = ended??;
    // Those that are left running may still make the calls, but nobody would hear of it.
    report_what_did_not_come(&device, &run.planned);
    let others_left = !reap_ended()?;
    if others_left {
        tell_and_detach(front, status)?;
        wait_for_all()?;
        loopback.finish();
        end_trace(&device);
    } else {
        // Nothing is left behind when the front ends.
        loopback.finish();
        end_trace(&device);
        front.write_all(&Message::Ended(status).to_bytes())?;
    }
    Ok(())
}

/// Reports the planned events that have not come: their test has shown nothing.
fn report_what_did_not_come(device: &Device, planned: &[Planned]) {
    for text in did_not_come(planned, |request| device.planned_failures(request)) {
        eprintln!("panthor-fake: {text}");
    }
}

/// Describes the events that have not come; `left` is which call from then on each would be, counted from 1.
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
        // They come in the order of their calls: those that are left are the last ones.
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
    let status = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUNNABLE };
    Failure { status, message: format!("{}: {error}", run.program.to_string_lossy()) }
}

/// Buries a child that has ended, or waits for one: its number and its end.
///
/// # Errors
/// `ECHILD` if there are none, and `EAGAIN` if none has ended and it should not wait.
fn bury(wait: bool) -> nix::Result<(Pid, Status)> {
    let options = if wait { 0 } else { libc::WNOHANG };
    loop {
        let mut status = 0;
        // Not nix's, for which a child that a real-time signal ended is an error.
        // SAFETY: there is room for the status.
        let result = Errno::result(unsafe { libc::waitpid(-1, &raw mut status, options) });
        match result {
            Ok(0) => return Err(Errno::EAGAIN),
            Ok(pid) => {
                let status = ExitStatus::from_raw(status);
                let end = match (status.code(), status.signal()) {
                    (Some(code), _) => Status::Exited(code),
                    (None, Some(signal)) => Status::Signalled(signal),
                    // It only stopped, of which nobody asked to be told.
                    (None, None) => continue,
                };
                return Ok((Pid::from_raw(pid), end));
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Waits for the program, and buries what others leave behind meanwhile.
fn wait_for(program: Pid) -> nix::Result<Status> {
    loop {
        match bury(true)? {
            (pid, status) if pid == program => return Ok(status),
            _ => {}
        }
    }
}

/// Buries all that have ended; whether nothing else is left.
fn reap_ended() -> nix::Result<bool> {
    loop {
        match bury(false) {
            Ok(_) => {}
            Err(Errno::EAGAIN) => return Ok(false),
            Err(Errno::ECHILD) => return Ok(true),
            Err(errno) => return Err(errno),
        }
    }
}

/// Waits until all have ended.
fn wait_for_all() -> nix::Result<()> {
    loop {
        match bury(true) {
            Ok(_) => {}
            Err(Errno::ECHILD) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}

/// Lets the front end, and goes on without its standard streams: who reads them need not wait.
fn tell_and_detach(front: &mut File, status: Status) -> Result<(), Failure> {
    set_pdeathsig(None)?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    front.write_all(&Message::Ended(status).to_bytes())?;
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
        // Two calls were made: one of the failures came.
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
