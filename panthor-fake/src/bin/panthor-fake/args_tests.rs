use nix::errno::Errno;
use panthor_fake::Disturbance;
use panthor_sys::{DMA_BUF_IOCTL_SYNC, DRM_IOCTL_PANTHOR_GROUP_SUBMIT, DRM_IOCTL_PANTHOR_VM_BIND};

use super::*;
use crate::values::Event;

fn run(args: &[&str]) -> std::result::Result<Run, String> {
    let all = ["panthor-fake", "run"].iter().chain(args);
    match parse(lexopt::Parser::from_iter(all)) {
        Ok(Command::Run(run)) => Ok(run),
        Ok(_) => Err("not run".into()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn the_program_keeps_its_options() {
    let run = run(&["--gpu", "G720", "--driver", "1.5", "--", "prog", "--gpu", "-h"]).unwrap();
    assert_eq!(run.program, "prog");
    assert_eq!(run.arguments, ["--gpu", "-h"]);
    assert_eq!(run.config.version(), (1, 5));
    assert_eq!(super::tests::run(&["prog", "--kernel"]).unwrap().arguments, ["--kernel"]);
}

#[test]
fn kernels_are_drivers() {
    for (kernel, minor) in [("7.3", 9), ("7.2", 8), ("6.12", 0)] {
        assert_eq!(run(&["--kernel", kernel, "x"]).unwrap().config.version(), (1, minor));
    }
}

#[test]
fn memory_can_be_short() {
    for (text, bytes) in
        [("4096", 4096), ("64K", 64 << 10), ("3M", 3 << 20), ("2G", 2 << 30), ("0", 0)]
    {
        let config = run(&["--memory", text, "x"]).unwrap().config;
        assert_eq!((config.memory_size(), config.has_swap()), (bytes, false));
    }
    assert!(run(&["--swap", "x"]).unwrap().config.has_swap());
    assert_eq!(run(&["x"]).unwrap().config.memory_size(), 8 << 30);
}

#[test]
fn streams_take_time_that_is_measured() {
    let time = |text: &str| crate::values::time(text).unwrap().as_nanos();
    assert_eq!(
        ["7ns", "20us", "3ms", "1s", "0s"].map(time),
        [7, 20_000, 3_000_000, 1_000_000_000, 0]
    );
    let profiling = |text: &str| crate::values::profiling(text).unwrap();
    assert_eq!(["cycles", "time", "time,cycles"].map(profiling), [1, 2, 3]);
    assert!(run(&["--profiling", "time", "--stream-time", "2ms", "x"]).is_ok());
}

#[test]
fn failures_are_planned_by_name() {
    let planned = run(&["--fail", "VM_BIND:3:ENOMEM", "x"]).unwrap().planned;
    let expected = Planned {
        text: "--fail VM_BIND:3:ENOMEM".into(),
        request: DRM_IOCTL_PANTHOR_VM_BIND,
        call: 3,
        event: Event::Failure(Errno::ENOMEM as i32),
    };
    assert_eq!(planned, [expected]);
    let planned = run(&["--fail", "DMA_BUF_IOCTL_SYNC:1:EIO", "x"]).unwrap().planned;
    assert_eq!(planned[0].request, DMA_BUF_IOCTL_SYNC);
    for (name, disturbance) in [
        ("unplug", Disturbance::Unplug),
        ("reset", Disturbance::Reset),
        ("hang", Disturbance::Hang),
    ] {
        let value = format!("GROUP_SUBMIT:2:{name}");
        let planned = run(&["--at", &value, "x"]).unwrap().planned;
        let expected = Planned {
            text: format!("--at {value}"),
            request: DRM_IOCTL_PANTHOR_GROUP_SUBMIT,
            call: 2,
            event: Event::Disturbance(disturbance),
        };
        assert_eq!(planned, [expected]);
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (args, message) in [
        (&[][..], "needs a program"),
        (&["--gpu", "g57", "x"], "g310"),
        (&["--kernel", "6.1", "x"], "6.12"),
        (&["--driver", "2.0", "x"], "1.9"),
        (&["--fail", "VM_BIND:0:ENOMEM", "x"], "counts from 1"),
        (&["--fail", "MODESET:1:ENOMEM", "x"], "MODESET"),
        (&["--fail", "VM_BIND:1:EWHAT", "x"], "EWHAT"),
        (&["--fail", "VM_BIND:1", "x"], "IOCTL:N:ERRNO"),
        (&["--at", "VM_BIND:1", "x"], "IOCTL:N:EVENT"),
        (&["--at", "VM_BIND:0:reset", "x"], "counts from 1"),
        (&["--at", "VM_BIND:1:ENOMEM", "x"], "unplug, reset, hang"),
        (&["--trace-format", "json", "x"], "needs --trace"),
        (&["--trace", "--", "x"], "needs a FILE"),
        (&["--kernel", "7.3", "--driver", "1.9", "x"], "--kernel and --driver"),
        (&["--driver", "1.8", "--kernel=7.2", "x"], "--driver and --kernel"),
        (&["--trace", "t", "--trace-format", "xml", "x"], "text, json"),
        (&["--memory", "", "x"], "number of bytes"),
        (&["--memory", "M", "x"], "number of bytes"),
        (&["--memory", "+1", "x"], "number of bytes"),
        (&["--memory", "64T", "x"], "number of bytes"),
        (&["--memory", "18446744073709551615G", "x"], "number of bytes"),
        (&["--swap=yes", "x"], "yes"),
        (&["--profiling", "time,heat", "x"], "\"heat\" is none of cycles, time"),
        (&["--stream-time", "5", "x"], "20us"),
        (&["--stream-time", "+5s", "x"], "20us"),
        (&["--stream-time", "99999999999999s", "x"], "20us"),
        (&["--frobnicate", "x"], "frobnicate"),
    ] {
        let error = run(args).err().unwrap_or_default();
        assert!(error.contains(message), "{args:?}: {error}");
    }
}
