//! A test that hangs is aborted, with its name.

use std::process::Command;
use std::time::{Duration, Instant};

const LIMIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/test-limit");

/// Runs tests of this program with a limit of a second. Returns whether they passed, and the
/// standard error.
fn run(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(LIMIT);
    command.arg(std::env::current_exe().unwrap()).args(arguments).env("PANTHOR_TEST_LIMIT", "1");
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
#[ignore = "it hangs: the other tests run it"]
fn hangs() {
    loop {
        std::thread::park();
    }
}

#[test]
#[ignore = "the other tests run it"]
fn ends() {}

#[test]
fn a_test_that_hangs_is_aborted_and_named() {
    let begin = Instant::now();
    let (passed, message) = run(&["--ignored", "--exact", "hangs", "--test-threads=2"]);
    assert!(!passed);
    assert!(
        message.contains("test-limit: /") && message.contains("begin with: hangs"),
        "{message}"
    );
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_test_that_hangs_alone_is_aborted() {
    let (passed, message) = run(&["--ignored", "--exact", "hangs", "--test-threads=1"]);
    assert!(!passed && message.contains("test-limit: /"), "{message}");
}

#[test]
fn a_test_that_ends_is_left_alone() {
    let (passed, message) = run(&["--ignored", "--exact", "ends"]);
    assert!(passed && message.is_empty(), "{message}");
}

/// A clone may be below a directory of the name that cargo gives the directory of test programs.
#[test]
fn program_below_deps_that_is_no_test_has_no_limit() {
    let directory = concat!(env!("CARGO_TARGET_TMPDIR"), "/deps/clone/target/debug");
    let program = format!("{directory}/sleep-{}", std::process::id());
    std::fs::create_dir_all(directory).unwrap();
    std::fs::copy("/bin/sleep", &program).unwrap();
    // The watcher looks once a second.
    let slept = Command::new(LIMIT).args([&program, "4"]).env("PANTHOR_TEST_LIMIT", "0").status();
    std::fs::remove_file(&program).unwrap();
    assert!(slept.unwrap().success());
}
