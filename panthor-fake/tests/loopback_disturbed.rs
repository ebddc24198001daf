//! The server, disturbed: stopped and continued, traced, frozen. No program gets a wrong answer,
//! and none is lost. `PANTHOR_SOAK_OPENS` is the number of opens of a node in each test, 4000 by
//! default.

#![cfg(feature = "cli")]

mod loopback_client;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use loopback_client::compile;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const COMMAND: &str = env!("CARGO_BIN_EXE_panthor-fake");

/// The longest time that a run may take.
const LIMIT: Duration = Duration::from_secs(900);

/// Runs the client, and disturbs its server again and again.
fn disturb(mut disturb: impl FnMut(Pid)) {
    static CLIENT: LazyLock<PathBuf> =
        LazyLock::new(|| compile("disturbed.c", "loopback-disturbed", &[]));

    let opens = std::env::var("PANTHOR_SOAK_OPENS").unwrap_or_else(|_| String::from("4000"));
    let mut command = Command::new(COMMAND);
    command.arg("run").arg(&*CLIENT).args(["2", &opens]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let server = Pid::from_raw(line.trim().parse().unwrap());
    let (start, mut times) = (Instant::now(), 0);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LIMIT {
            end(&mut child);
        }
        disturb(server);
        times += 1;
        // Now and then some calls are answered.
        std::thread::sleep(Duration::from_micros(300 + times % 7 * 400));
    };
    let mut told = String::new();
    lines.read_to_string(&mut told).unwrap();
    println!("disturbed {times} times: {}", told.trim());
    assert!(told.ends_with("opens, 0 wrong\n") && status.success(), "{status}: {told}");
    assert!(times > 20, "it was over before it was disturbed");
}

fn end(child: &mut Child) -> ! {
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("it hangs");
}

/// Waits for a moment, as long as a call takes.
fn pause() {
    std::thread::sleep(Duration::from_micros(200));
}

#[test]
fn server_that_is_stopped_and_continued_answers_right() {
    disturb(|server| {
        // It may have ended.
        let _ = kill(server, Signal::SIGSTOP);
        pause();
        let _ = kill(server, Signal::SIGCONT);
    });
}

#[test]
fn server_that_is_traced_answers_right() {
    disturb(|server| {
        for thread in threads(server) {
            trace_for_a_moment(thread);
        }
    });
}

fn threads(process: Pid) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let names = threads.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    names.map(Pid::from_raw).collect()
}

/// Attaches to a thread as a debugger, interrupts it, and lets it go on.
fn trace_for_a_moment(thread: Pid) {
    let request = |request, data: usize| {
        // SAFETY: none of the requests here has the kernel write to this process.
        unsafe { libc::ptrace(request, thread.as_raw(), null_mut::<u8>(), data) }
    };
    if request(libc::PTRACE_SEIZE, 0) != 0 {
        // It has ended.
        return;
    }
    request(libc::PTRACE_INTERRUPT, 0);
    let mut status = 0;
    // SAFETY: there is room for the status.
    let waited = unsafe { libc::waitpid(thread.as_raw(), &raw mut status, libc::__WALL) };
    if waited == thread.as_raw() && libc::WIFSTOPPED(status) {
        request(libc::PTRACE_DETACH, 0);
    }
}

#[test]
fn server_that_is_frozen_answers_right() {
    let Some(cgroup) = Cgroup::new() else {
        eprintln!("not tested: there is no cgroup to make");
        return;
    };
    disturb(|server| {
        if cgroup.add(server) {
            cgroup.freeze(true);
            pause();
            cgroup.freeze(false);
        }
    });
}

/// A cgroup of version 2, which goes with this value.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Option<Self> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.procs").exists())?;
        let path = root.join(format!("panthor-fake-test-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let cgroup = Self(path);
        cgroup.0.join("cgroup.freeze").exists().then_some(cgroup)
    }

    fn add(&self, process: Pid) -> bool {
        fs::write(self.0.join("cgroup.procs"), process.to_string()).is_ok()
    }

    fn freeze(&self, frozen: bool) {
        fs::write(self.0.join("cgroup.freeze"), if frozen { "1" } else { "0" }).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
