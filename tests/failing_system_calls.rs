//! Failing system calls: the safe layer reports a failure with its errno, and never as an absent
//! object.
//!
//! Each case has a child of its own, as a seccomp filter cannot be removed. The tests run on any
//! device: see `tests/common`.

mod common;

#[path = "common/child.rs"]
mod child;
#[path = "failing_system_calls/failures.rs"]
mod failures;
#[path = "failing_system_calls/report.rs"]
mod report;
#[path = "system_calls/steps.rs"]
mod steps;

use std::fs::File;
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use panthor::{Error, ErrorKind};
use report::Report;
use steps::{Outcome, World, Wrong};

/// Checks the outcome of a step while system calls fail with this errno.
fn judge(outcome: Outcome, errno: i32) -> Result<(), String> {
    let error = match outcome {
        Ok(()) => return Ok(()),
        Err(Wrong::Failed(_, error)) => error,
        Err(Wrong::Result(text)) => return Err(text),
    };
    let kind = match errno {
        libc::EMFILE | libc::ENFILE | libc::ENOMEM => Some(ErrorKind::OutOfMemory),
        libc::EACCES | libc::EPERM => Some(ErrorKind::PermissionDenied),
        _ => None,
    };
    let right = error.errno() == Some(errno)
        && kind.is_none_or(|kind| error.kind() == kind)
        && names_a_call(&error);
    if right { Ok(()) } else { Err(format!("{error:?}, not errno {errno}")) }
}

fn names_a_call(error: &Error) -> bool {
    !error.call().is_empty() && error.to_string().starts_with(error.call())
}

#[test]
fn a_system_call_that_fails_is_an_error_with_its_errno() {
    let alone = child::alone();
    let (mut wrong, mut failed) = (Vec::new(), 0);
    for (step, run) in steps::ALL {
        for failure in failures::ALL {
            for &errno in failure.errnos {
                // Where sysfs may not be read, a node has its own number all the same.
                if (*step, failure.name, errno) == ("node_numbers", "openat", libc::EACCES) {
                    continue;
                }
                let report = Report::new();
                child::in_child(&alone, || {
                    let world = World::new();
                    failure.install(errno);
                    let outcome = run(&world);
                    report.set_failed(outcome.is_err());
                    if let Err(text) = judge(outcome, errno) {
                        report.set_text(&text);
                    }
                });
                failed += u32::from(report.failed());
                if let Some(text) = report.text() {
                    wrong.push(format!("  {step}, {} with errno {errno}: {text}\n", failure.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
    assert!(failed > 50, "only {failed} cases have failed: the filters do nothing");
}

#[test]
fn a_sandbox_that_forbids_the_fake_is_no_other_failure() {
    let alone = child::alone();
    for &errno in failures::OF_NEW_FAKES.errnos {
        child::in_child(&alone, || {
            failures::OF_NEW_FAKES.install(errno);
            let error = panthor::Device::open_fake().expect_err("no memory to read");
            assert_eq!((error.kind(), error.errno()), (ErrorKind::PermissionDenied, Some(errno)));
            assert_eq!(error.call(), "open_fake");
        });
    }
}

#[test]
fn few_descriptors_are_no_absence() {
    let alone = child::alone();
    let mut wrong = Vec::new();
    for (step, run) in steps::ALL {
        let mut spare = 0;
        loop {
            let report = Report::new();
            child::in_child(&alone, || {
                let world = World::new();
                let _taken = leave_descriptors(spare);
                let outcome = run(&world);
                report.set_failed(outcome.is_err());
                if let Err(text) = judge(outcome, libc::EMFILE) {
                    report.set_text(&text);
                }
            });
            if let Some(text) = report.text() {
                wrong.push(format!("  {step}, {spare} descriptors: {text}\n"));
            }
            if !report.failed() {
                break;
            }
            spare += 1;
            assert!(spare < 50, "{step} wants ever more descriptors");
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
}

/// Leaves the process so many descriptors, and takes the others.
fn leave_descriptors(spare: u64) -> Vec<File> {
    let null = || File::open("/dev/null");
    let mut taken = vec![null().expect("a descriptor")];
    // All below the highest one in use are taken.
    let highest = std::fs::read_dir("/proc/self/fd")
        .expect("the descriptors")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .max()
        .expect("a descriptor");
    while taken[taken.len() - 1].as_raw_fd() <= highest {
        taken.push(null().expect("a descriptor"));
    }
    let next = taken[taken.len() - 1].as_raw_fd() as u64 + 1;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, next + spare, hard).expect("a lower limit");
    taken
}
