//! Ends and stops of `panthor-fake`: whichever process is killed, no program lives on without the
//! device.

#![cfg(feature = "cli")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const COMMAND: &str = env!("CARGO_BIN_EXE_panthor-fake");

/// The longest time that an end may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A program with a child, a daemon in a session of its own, and a grandchild of that.
const FAMILY: &str = "echo $PPID; echo $$; sleep 300 & echo $!; \
    setsid sh -c 'sleep 300 & echo $!; echo $$; echo end; wait' & \
    wait";

/// Returns the command with default actions of the signals that end or stop a run.
///
/// A test program in the background may ignore these signals, and a program inherits that.
fn command() -> Command {
    let mut command = Command::new(COMMAND);
    let reset = || {
        for number in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP] {
            // SAFETY: the default action is no handler, and signal(2) may be called after fork.
            unsafe { libc::signal(number, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls.
    unsafe { command.pre_exec(reset) };
    command
}

/// A run of the family.
struct Family {
    command: Child,
    server: Pid,
    keeper: Pid,
    members: Vec<Pid>,
}

impl Family {
    fn run(script: &str) -> Self {
        let mut command = command()
            .args(["run", "sh", "-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(command.stdout.take().unwrap()).lines();
        let lines = lines.map(Result::unwrap).take_while(|line| line != "end");
        let mut members: Vec<_> = lines.map(|line| Pid::from_raw(line.parse().unwrap())).collect();
        let server = members.remove(0);
        let keeper = parent(server).unwrap();
        Self { command, server, keeper, members }
    }

    /// Waits until nothing is left; returns how the command ended, and what it said.
    fn end(mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        for process in self.members.iter().chain([&self.server, &self.keeper]) {
            while parent(*process).is_some() {
                assert!(start.elapsed() < LIMIT, "{process} lives on");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let mut told = String::new();
        let status = wait(&mut self.command);
        self.command.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        (status, told)
    }
}

/// Returns the parent of a process that has not ended.
fn parent(process: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut words = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    (words.next()? != "Z").then(|| Some(Pid::from_raw(words.next()?.parse().ok()?)))?
}

fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn all_that_a_server_serves_ends_with_it() {
    for signal in [Signal::SIGKILL, Signal::SIGABRT, Signal::SIGTRAP] {
        let family = Family::run(FAMILY);
        kill(family.server, signal).unwrap();
        let (status, told) = family.end();
        assert_eq!(status.code(), Some(125), "{told}");
        let expected = format!("the server was killed by {signal}, and all that it served");
        assert!(told.contains(&expected), "{told}");
    }
}

#[test]
fn nothing_survives_the_keeper() {
    let family = Family::run(FAMILY);
    kill(family.keeper, Signal::SIGKILL).unwrap();
    let (status, told) = family.end();
    assert_eq!(status.code(), Some(125), "{told}");
    assert!(told.contains("keeper was killed"), "{told}");
}

#[test]
fn nothing_survives_the_keeper_and_the_server_together() {
    let family = Family::run(FAMILY);
    kill(family.server, Signal::SIGSTOP).unwrap();
    kill(family.keeper, Signal::SIGKILL).unwrap();
    kill(family.server, Signal::SIGKILL).unwrap();
    assert_eq!(family.end().0.code(), Some(125));
}

#[test]
fn nothing_survives_the_command() {
    let mut family = Family::run(FAMILY);
    family.command.kill().unwrap();
    assert_eq!(family.end().0.signal(), Some(libc::SIGKILL));
}

#[test]
fn what_was_left_running_ends_with_the_server() {
    for keeper in [false, true] {
        // The program itself ends.
        let mut family = Family::run(FAMILY.strip_suffix("wait").unwrap());
        assert_eq!(wait(&mut family.command).code(), Some(0));
        family.members.remove(0);
        // It was left, and is served.
        std::thread::sleep(Duration::from_millis(50));
        assert!(family.members.iter().all(|&member| parent(member).is_some()));
        kill(if keeper { family.keeper } else { family.server }, Signal::SIGKILL).unwrap();
        family.end();
    }
}

#[test]
fn signals_end_a_run_that_waits_for_the_reader_of_its_trace() {
    let fifo = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loopback-trace-fifo");
    let _ = std::fs::remove_file(&fifo);
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        let mut command = command();
        let mut child = command.args(["run", "--trace"]).arg(&fifo).arg("true").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150));
        assert!(child.try_wait().unwrap().is_none());
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert_eq!(wait(&mut child).signal(), Some(signal as i32));
    }
}

/// Starts the command on a terminal of its own; returns the other side of that.
fn on_terminal(arguments: &[&str]) -> (Child, File) {
    let (mut outer, mut inner) = (-1, -1);
    let (name, settings, size) = (std::ptr::null_mut(), std::ptr::null(), std::ptr::null());
    // SAFETY: there is room for two descriptors, and the rest is optional.
    let opened = unsafe { libc::openpty(&raw mut outer, &raw mut inner, name, settings, size) };
    assert_eq!(opened, 0);
    // SAFETY: the call has made it for us.
    let outer = unsafe { OwnedFd::from_raw_fd(outer) };
    // SAFETY: as above.
    let inner = unsafe { OwnedFd::from_raw_fd(inner) };
    let terminal = inner.as_raw_fd();
    let mut command = command();
    command.args(arguments);
    let login = move || {
        // SAFETY: the descriptor is open in the child, and is no other's there.
        let result = unsafe { libc::login_tty(terminal) };
        if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: it makes system calls and nothing else.
    let child = unsafe { command.pre_exec(login) }.spawn().unwrap();
    (child, File::from(outer))
}

#[test]
fn no_interrupt_of_a_terminal_is_lost() {
    for delay in 0..40 {
        let (mut child, mut terminal) = on_terminal(&["run", "sleep", "300"]);
        std::thread::sleep(Duration::from_millis(delay));
        terminal.write_all(b"\x03").unwrap();
        assert_eq!(wait(&mut child).signal(), Some(libc::SIGINT), "after {delay} ms");
    }
}

/// Waits until a child is stopped, and returns its status.
fn wait_for_stop(child: &Child) -> i32 {
    let mut status = 0;
    let start = Instant::now();
    let options = libc::WUNTRACED | libc::WNOHANG;
    // SAFETY: there is room for the status.
    while unsafe { libc::waitpid(child.id() as i32, &raw mut status, options) } == 0 {
        assert!(start.elapsed() < LIMIT, "it is not stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    status
}

#[test]
fn command_stops_and_goes_on_with_its_program() {
    let script = "kill -STOP $$; kill -TSTP $$; exit 6";
    let mut child = command().args(["run", "sh", "-c", script]).spawn().unwrap();
    for _ in 0..2 {
        assert!(libc::WIFSTOPPED(wait_for_stop(&child)));
        kill(Pid::from_raw(child.id() as i32), Signal::SIGCONT).unwrap();
    }
    assert_eq!(wait(&mut child).code(), Some(6));
}

#[test]
fn suspend_key_stops_command_and_program() {
    let (mut child, mut terminal) = on_terminal(&["run", "sh", "-c", "echo on; read line; exit 5"]);
    let mut line = [0; 2];
    terminal.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"on");
    terminal.write_all(b"\x1a").unwrap();
    assert!(libc::WIFSTOPPED(wait_for_stop(&child)));
    // As shells do for a job.
    let group = nix::unistd::getpgid(Some(Pid::from_raw(child.id() as i32))).unwrap();
    nix::sys::signal::killpg(group, Signal::SIGCONT).unwrap();
    terminal.write_all(b"\n").unwrap();
    assert_eq!(wait(&mut child).code(), Some(5));
}
