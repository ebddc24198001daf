//! Other programs, in C: their processes, threads and signals.

#![cfg(feature = "loopback")]

mod loopback_client;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use loopback_client::compile;
use panthor_fake::loopback::Loopback;
use panthor_fake::{Config, Device};

/// Runs a program to its end, which must be a good one, with nothing left in the device.
fn run(program: impl AsRef<OsStr> + Send, arguments: &[&str]) {
    let device = Device::new(Config::default()).unwrap();
    let loopback = Loopback::new(&device).unwrap();
    let output = loopback.run(|| Command::new(program).args(arguments).output().unwrap()).unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {message}", output.status);
    loopback.finish();
    device.assert_released();
}

fn client(case: &str) {
    static CLIENT: LazyLock<PathBuf> =
        LazyLock::new(|| compile("client.c", "loopback-client", &["-pthread"]));

    run(&*CLIENT, &[case]);
}

/// A program that is its own C library, and static.
#[test]
fn a_program_without_a_library() {
    let flags = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector"];
    run(compile("bare.c", "loopback-bare", &flags), &[]);
}

/// A program with a C library that is part of it.
#[test]
fn a_static_program() {
    run(compile("client.c", "loopback-static", &["-pthread", "-static"]), &["forks"]);
}

#[test]
fn nodes_by_any_path_and_any_call() {
    run(compile("paths.c", "loopback-paths", &[]), &[]);
}

#[test]
fn a_child_shares_the_handles() {
    client("forks");
}

#[test]
fn a_child_has_not_the_mastery_of_its_parent() {
    client("mastery_stays");
}

#[test]
fn exec_keeps_a_descriptor_or_closes_it() {
    client("execs");
}

#[test]
fn vfork_and_exec() {
    client("vforks");
}

#[test]
fn a_spawned_program_gets_descriptors() {
    client("spawns");
}

#[test]
fn a_descriptor_is_sent_to_another_process() {
    client("sends");
}

#[test]
fn eight_threads_at_once() {
    client("threads");
}

#[test]
fn a_thread_with_descriptors_of_its_own() {
    client("tables");
}

#[test]
fn a_signal_interrupts_a_wait() {
    client("interrupted");
}

#[test]
fn a_wait_is_restarted_where_the_program_wants_it() {
    client("restarted");
}

#[test]
fn a_signal_that_is_not_delivered_does_not_interrupt() {
    client("uninterrupted");
}

#[test]
fn a_signal_to_a_process_of_which_many_threads_wait() {
    client("one_of_many");
}

#[test]
fn killed_programs_leave_nothing() {
    client("killed");
}

#[test]
fn one_process_waits_and_another_signals() {
    client("across");
}

#[test]
fn an_open_does_not_look_at_all_that_is_open() {
    client("opens");
}

#[test]
fn who_takes_long_keeps_nobody_waiting() {
    client("huge");
}

#[test]
fn a_program_is_stopped_in_a_wait() {
    client("stopped");
}

#[test]
fn a_program_is_stopped_though_one_of_its_threads_waits() {
    client("stopped_together");
}

#[test]
fn a_program_that_forbids_being_read() {
    client("unreadable");
}

#[test]
fn a_signal_that_only_one_thread_takes() {
    client("worker");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_32_bit_programs_are_refused() {
    client("narrow");
}
