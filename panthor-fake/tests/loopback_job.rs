//! The command as a job: stops, signals, and inherited state of `panthor-fake run`.

#![cfg(feature = "cli")]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Longest time that a run may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs a shell script in a process group of its own; `$0` is the command.
///
/// The function kills the group if the script does not end.
fn shell(script: &str) -> Output {
    shell_and(script, |_| {})
}

/// Runs a script as [`shell`] does, and calls `check` before the function kills the background
/// processes of the script.
fn shell_and(script: &str, check: impl FnOnce(&Output)) -> Output {
    let child = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_panthor-fake")])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let group = Pid::from_raw(child.id() as i32);
    let output = std::thread::spawn(|| child.wait_with_output().unwrap());
    let start = Instant::now();
    while !output.is_finished() {
        if start.elapsed() > LIMIT {
            killpg(group, Signal::SIGKILL).unwrap();
            panic!("the script does not end: {:?}", output.join().unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = output.join().unwrap();
    check(&output);
    // Background processes of the script may remain.
    let _ = killpg(group, Signal::SIGKILL);
    output
}

fn assert_status(output: &Output, status: i32, stdout: &str) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*text), (Some(status), stdout), "{errors}");
}

#[test]
fn command_continues_with_a_program_that_is_continued_by_pid() {
    let script = "exec $0 run sh -c '(sleep 0.3; kill -CONT $$) & kill -STOP $$; echo on; exit 4'";
    assert_status(&shell(script), 4, "on\n");
}

#[test]
fn command_continues_after_many_stops_of_its_program() {
    let script = "exec $0 run bash -c '
        trap \"exit 5\" USR1
        (for i in {1..50}; do kill -STOP $$; kill -CONT $$; done; kill -USR1 $$) &
        while :; do sleep 0.01; done'";
    assert_status(&shell(script), 5, "");
}

#[test]
fn command_continues_when_its_stopped_program_is_killed() {
    let script = "exec $0 run sh -c '(sleep 0.3; kill -KILL $$) & kill -STOP $$; exit 4'";
    let output = shell(script);
    assert_eq!(output.status.signal(), Some(Signal::SIGKILL as i32), "{output:?}");
}

#[test]
fn command_continues_when_its_server_is_killed() {
    let script = "exec $0 run sh -c '(sleep 0.3; kill -KILL $PPID) & kill -STOP $$; exit 4'";
    assert_status(&shell(script), 125, "");
}

#[test]
fn ignored_sigchld_is_inherited_by_the_program_only() {
    // Shells and Perl reset SIGCHLD when they start.
    let ignoring = "exec perl -e '$SIG{CHLD} = \"IGNORE\"; exec @ARGV' $0 run";
    assert_status(&shell(&format!("{ignoring} sh -c 'exit 3'")), 3, "");
    let output = shell(&format!("{ignoring} grep SigIgn /proc/self/status"));
    let text = String::from_utf8_lossy(&output.stdout);
    let ignored = text.trim().rsplit('\t').next().unwrap();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    assert_ne!(ignored & 1 << (Signal::SIGCHLD as i32 - 1), 0, "{output:?}");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn program_alone_holds_inherited_descriptors() {
    // The reader sees end of file when the program closes its descriptors, although it runs on.
    for (redirect, close) in [("3>&1", "3>&- >&-"), ("3>/dev/null", ">&-")] {
        let script = format!(
            "{{ date +%s%N >&4; cat >/dev/null; date +%s%N >&4; }} 4>&1 < \\
                <(exec {redirect}; exec $0 run sh -c 'echo on >&3; exec {close}; sleep 3')"
        );
        let output = shell(&script);
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let times: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
        let waited = Duration::from_nanos(times[1] - times[0]);
        assert!(waited < Duration::from_secs(2), "{redirect}: {waited:?} {output:?}");
    }
}

#[test]
fn children_from_before_exec_survive_a_killed_keeper() {
    let script = "sleep 300 >/dev/null 2>&1 & echo $!
        exec $0 run sh -c 'read -r _ _ _ keeper _ </proc/$PPID/stat; kill -KILL $keeper; sleep 300'";
    let output = shell_and(script, |output| {
        let text = String::from_utf8_lossy(&output.stdout);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", text.trim()));
        assert!(stat.is_ok_and(|stat| !stat.contains(") Z ")), "{output:?}");
    });
    assert_eq!(output.status.code(), Some(125), "{output:?}");
}

#[test]
fn command_continues_when_its_keeper_is_killed() {
    let script = "exec $0 run sh -c '
        read -r _ _ _ keeper _ </proc/$PPID/stat
        (sleep 0.3; kill -KILL $keeper) & kill -STOP $$; exit 4'";
    assert_status(&shell(script), 125, "");
}

#[test]
fn alarm_from_before_exec_reaches_the_program() {
    let output = shell("exec perl -e 'alarm 1; exec @ARGV' $0 run sleep 10");
    assert_eq!(output.status.signal(), Some(Signal::SIGALRM as i32), "{output:?}");
}
