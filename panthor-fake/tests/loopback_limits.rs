//! The command under resource limits: it serves, or says what it lacks; no limit kills it.
//!
//! `PANTHOR_STRESS_SECONDS` is how long the hostile client goes on, 4 by default.

#![cfg(feature = "cli")]

mod loopback_client;

use std::process::{Command, Output};

use loopback_client::compile;
use nix::unistd::geteuid;

const COMMAND: &str = env!("CARGO_BIN_EXE_panthor-fake");

/// Runs a shell script, in which `$0` is the command and `$1` the argument.
fn shell(script: &str, argument: &str) -> Output {
    Command::new("sh").args(["-c", script, COMMAND, argument]).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Checks that the program saw the device, or that the command reports why it did not start.
/// Returns whether the program saw the device.
fn check(output: &Output, what: &str) -> bool {
    let message = text(&output.stderr);
    match output.status.code() {
        Some(0) => {
            assert_eq!(text(&output.stdout), "by-path\ncard0\nrenderD128\n", "{what}: {message}");
            true
        }
        Some(125) => {
            assert!(message.contains("panthor-fake: "), "{what}: {message}");
            assert!(output.stdout.is_empty(), "{what}: the program ran");
            false
        }
        code => panic!("{what}: {code:?} {}: {message}", output.status),
    }
}

#[test]
fn file_size_limit_is_named() {
    let output = shell("ulimit -f 8; exec \"$0\" run ls /dev/dri", "");
    assert!(!check(&output, "hard"));
    assert!(text(&output.stderr).contains("RLIMIT_FSIZE"), "{}", text(&output.stderr));
    // What the server may raise, only the program has.
    let output = shell("ulimit -Sf 8; exec \"$0\" run sh -c 'ulimit -f; ls /dev/dri >&2'", "");
    assert_eq!(text(&output.stdout), "8\n");
    assert_eq!(text(&output.stderr), "by-path\ncard0\nrenderD128\n");
}

#[test]
fn address_space_limit_is_an_error() {
    let mut served = 0;
    for mib in [8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256] {
        let script = format!("ulimit -v {}; exec \"$0\" run ls /dev/dri", mib << 10);
        let output = shell(&script, "");
        // With too little the program itself, or its loader, does not start.
        if mib < 32 && output.status.code() != Some(125) {
            continue;
        }
        served += u32::from(check(&output, &format!("{mib} MiB")));
    }
    assert!(served >= 2, "{served}");
}

#[test]
fn process_limit_leaves_no_program_without_a_device() {
    if !geteuid().is_root() {
        eprintln!("not tested: only root can be another user");
        return;
    }
    let program = compile("ran.c", "loopback-ran", &["-static"]);
    let mut served = 0;
    for processes in 1..16 {
        // A user that has no processes.
        let user = "setpriv --reuid 42424 --regid 42424 --clear-groups";
        let script = format!("{user} prlimit --nproc={processes} \"$0\" run \"$1\"");
        let output = shell(&script, program.to_str().unwrap());
        let told = (output.status.code(), text(&output.stdout));
        match (told.0, &*told.1) {
            (Some(0), "ran\n") => served += 1,
            (Some(125), "") => {}
            _ => panic!("{processes} processes: {told:?} {}", text(&output.stderr)),
        }
    }
    assert!((1..15).contains(&served), "{served}");
}

#[test]
fn few_descriptors_serve_many_processes() {
    let client = compile("disturbed.c", "loopback-limits-client", &[]);
    let script = "ulimit -n 64; exec \"$0\" run sh -c 'for i in $(seq 120); do \"$0\" 1 2 >/dev/null || exit 1; done' \"$1\"";
    let output = shell(script, client.to_str().unwrap());
    assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
}

#[test]
fn lack_of_descriptors_at_the_start_is_named() {
    for files in 3..24 {
        let output = shell(&format!("ulimit -n {files}; exec \"$0\" run ls /dev/dri"), "");
        let message = text(&output.stderr);
        // The loader has not started the command, or a call of the program has failed so.
        if message.contains("error while loading shared libraries")
            || message.contains("ls: cannot open directory '/dev/dri': Too many open files")
        {
            continue;
        }
        if !check(&output, &format!("{files} descriptors")) {
            let message = text(&output.stderr);
            assert!(!message.contains("TMPDIR"), "{files}: {message}");
        }
    }
}

#[test]
fn hostile_sizes_are_refused_and_not_fatal() {
    let seconds = std::env::var("PANTHOR_STRESS_SECONDS").unwrap_or_else(|_| String::from("4"));
    let client = compile("sizes.c", "loopback-sizes", &[]);
    let seed = std::process::id();
    let script = format!("ulimit -v 409600; exec \"$0\" run \"$1\" {seconds} {seed}");
    let output = shell(&script, client.to_str().unwrap());
    println!("{}", text(&output.stdout));
    assert!(output.status.success(), "seed {seed}: {}: {}", output.status, text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "seed {seed}");
}
