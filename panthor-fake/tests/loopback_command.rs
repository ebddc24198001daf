//! The command `panthor-fake`: what it passes on, and what it says.

#![cfg(feature = "cli")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const COMMAND: &str = env!("CARGO_BIN_EXE_panthor-fake");

fn run(arguments: &[&str]) -> Output {
    Command::new(COMMAND).arg("run").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_exit_status_is_that_of_the_program() {
    for code in [0, 3, 255] {
        let output = run(&["--", "sh", "-c", &format!("echo out; echo err >&2; exit {code}")]);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("out\n".into(), "err\n".into()));
    }
}

#[test]
fn the_end_by_a_signal_is_that_of_the_program() {
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSEGV] {
        let output = run(&["sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!(output.status.signal(), Some(signal));
    }
    // One that has no name.
    let output = run(&["sh", "-c", "kill -40 $$"]);
    assert_eq!(output.status.code(), Some(128 + 40));
}

#[test]
fn a_program_that_is_not_there_or_no_program() {
    let output = run(&["/nonexistent/program"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).contains("/nonexistent/program: No such file"));
    assert_eq!(run(&["/etc/passwd"]).status.code(), Some(126));
}

#[test]
fn without_arguments_it_says_how_it_is_used_and_fails() {
    let output = Command::new(COMMAND).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(125), String::new()));
    assert!(text(&output.stderr).contains("panthor-fake run [OPTIONS] [--] PROGRAM"));
    let output = Command::new(COMMAND).arg("--help").output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(text(&output.stdout).contains("panthor-fake run [OPTIONS] [--] PROGRAM"));
}

#[test]
fn signals_go_to_the_program() {
    let mut child = Command::new(COMMAND)
        .args([
            "run",
            "sh",
            "-c",
            "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.05; done",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "caught");
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn the_program_dies_with_the_command() {
    let mut child = Command::new(COMMAND)
        .args(["run", "sh", "-c", "echo $$; exec sleep 60"])
        .stdout(Stdio::piped())
        // What happens between the ends of the one and of the other is of no interest.
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let program: i32 = lines.next().unwrap().unwrap().parse().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while kill(Pid::from_raw(program), None).is_ok() {
        assert!(Instant::now() < deadline, "it lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_the_program_leaves_running_is_served_and_not_waited_for() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (go, told) = (directory.join("loopback-go"), directory.join("loopback-told"));
    for file in [&go, &told] {
        let _ = std::fs::remove_file(file);
    }
    let script = format!(
        "(while [ ! -e {go} ]; do sleep 0.02; done; ls /dev/dri >{told}.new; mv {told}.new {told}) & exit 5",
        go = go.display(),
        told = told.display()
    );
    // Its standard streams end with the command, though the one in the background has them too.
    let mut child = Command::new(COMMAND)
        .args(["run", "sh", "-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    std::fs::write(&go, "").unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !told.exists() {
        assert!(Instant::now() < deadline, "nothing was told");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "by-path\ncard0\nrenderD128\n");
}

#[test]
fn the_streams_end_with_the_program() {
    let mut child = Command::new(COMMAND)
        .args(["run", "sh", "-c", "echo done; (sleep 3; :) >/dev/null 2>&1 &"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let mut all = String::new();
    child.stdout.take().unwrap().read_to_string(&mut all).unwrap();
    assert_eq!(all, "done\n");
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_limit_of_open_files_is_the_programs_and_not_the_servers() {
    let script =
        "ulimit -Sn 100; exec \"$0\" run sh -c 'ulimit -Sn; ulimit -Hn; cat /proc/$PPID/limits'";
    let output = Command::new("sh").args(["-c", script, COMMAND]).output().unwrap();
    let told = text(&output.stdout);
    let mut lines = told.lines();
    assert_eq!(lines.next(), Some("100"), "{}", text(&output.stderr));
    let hard = lines.next().unwrap();
    let of_server = lines.find(|line| line.starts_with("Max open files")).unwrap();
    let [soft_of_server, ..] = of_server.split_whitespace().skip(3).collect::<Vec<_>>()[..] else {
        panic!("{of_server}");
    };
    assert_eq!(soft_of_server, hard);
}

#[test]
fn nothing_is_left_in_the_temporary_directory() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("loopback-temporary");
    std::fs::create_dir_all(&directory).unwrap();
    let output = Command::new(COMMAND)
        .args(["run", "ls", "/dev/dri"])
        .env("TMPDIR", &directory)
        .output()
        .unwrap();
    assert_eq!(text(&output.stdout), "by-path\ncard0\nrenderD128\n");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn a_loopback_inside_a_loopback_says_what_to_do() {
    let output = run(&["--", COMMAND, "run", "true"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(
        text(&output.stderr).contains("cannot run inside a loopback"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn programs_in_namespaces_of_their_own_find_the_device() {
    for kinds in ["-Ur", "-Urm", "-Urpf"] {
        let list = ["unshare", kinds, "ls", "/dev/dri"];
        if !Command::new("unshare").args([kinds, "true"]).status().is_ok_and(|s| s.success()) {
            eprintln!("not tested: unshare {kinds} is not permitted here");
            continue;
        }
        let output = run(&list);
        assert_eq!(text(&output.stdout), "by-path\ncard0\nrenderD128\n", "{kinds}");
        let node = "test -c /dev/fd/7 && readlink /proc/self/fd/7";
        let output = run(&["unshare", kinds, "sh", "-c", &format!("({node}) 7<>/dev/dri/card0")]);
        assert_eq!(text(&output.stdout), "/dev/dri/card0\n", "{kinds}");
    }
}

#[test]
fn a_failure_that_never_came_is_told() {
    let output = run(&["--fail", "VM_BIND:3:ENOMEM", "--", "sh", "-c", "exit 4"]);
    assert_eq!(output.status.code(), Some(4));
    let message = text(&output.stderr);
    let expected =
        "panthor-fake: --fail VM_BIND:3:ENOMEM: it did not fail, there was no such call\n";
    assert_eq!(message, expected);
    let output = run(&["--at", "GROUP_SUBMIT:1:hang", "--", "true"]);
    let expected =
        "panthor-fake: --at GROUP_SUBMIT:1:hang: it did not happen, there was no such call\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn every_command_has_its_own_help() {
    let help = |arguments: &[&str]| {
        let output = Command::new(COMMAND).args(arguments).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}");
        text(&output.stdout)
    };
    let (all, run) = (help(&["--help"]), help(&["run", "--help"]));
    let summary = help(&["summary", "--help"]);
    assert_eq!([help(&["-h"]), help(&["run", "-h"])], [all.as_str(), &run]);
    assert!(all.contains("run [OPTIONS]") && all.contains("summary TRACE"), "{all}");
    assert!(summary.contains("summary TRACE") && summary.contains("UNMAP"), "{summary}");
    assert!(!summary.contains("--gpu") && !all.contains("--gpu") && !run.contains("summary TRACE"));
}

#[test]
fn help_tells_what_cannot_be_emulated() {
    let output = Command::new(COMMAND).args(["run", "--help"]).output().unwrap();
    assert!(output.status.success());
    let help = text(&output.stdout);
    for part in [
        "run [OPTIONS]",
        "--gpu",
        "--kernel",
        "--driver",
        "--fail",
        "--at",
        "--trace FILE",
        "--trace-format",
        "cannot be emulated",
        "io_uring",
        "125 ",
        "126 ",
        "127 ",
        "137 ",
        "over\n                            all processes",
    ] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    let output = Command::new(COMMAND).arg("run").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("needs a program"));
}
