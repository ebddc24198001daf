//! The GPU's time and cycles in fdinfo.

mod common;

use std::time::Duration;

use common::*;
use nix::libc::{EINVAL, ENOENT};
use panthor_fake::{Config, Device, File};

const CYCLES: u32 = 1;
const TIME: u32 = 2;
const STREAM: Duration = Duration::from_micros(20);

/// Returns the lines of fdinfo about the GPU's time and cycles.
fn shown(file: &File) -> Vec<String> {
    let text = file.fdinfo();
    let of_time = |line: &&str| line.starts_with("drm-engine") || line.starts_with("drm-cycles");
    text.lines().filter(of_time).map(str::to_owned).collect()
}

fn with(profiling: u32) -> (Device, File) {
    let config = Config::default().profiling(profiling).stream_time(STREAM);
    let device = Device::new(config).unwrap();
    let file = device.open();
    (device, file)
}

#[test]
fn streams_count_in_their_file() {
    let (device, file) = with(CYCLES | TIME);
    let other = device.open();
    let group = group(&file, vm(&file), 2);
    assert_eq!(submit(&file, group, &[stream(0, &[]), stream(1, &[]), sync_point(0, &[])]), 0);
    assert_eq!(shown(&file), ["drm-engine-panthor:\t40000 ns", "drm-cycles-panthor:\t40000"]);
    assert_eq!(shown(&other), ["drm-engine-panthor:\t0 ns", "drm-cycles-panthor:\t0"]);
    // The sum stays when the group is gone.
    assert_eq!(destroy_group(&file, group), 0);
    assert_eq!(shown(&file)[0], "drm-engine-panthor:\t40000 ns");
}

#[test]
fn what_is_measured_is_chosen_at_the_submission() {
    let (device, file) = with(0);
    assert_eq!((device.profiling().unwrap(), shown(&file)), (0, vec![]));
    let group = group(&file, vm(&file), 1);
    let view = file.group(group).unwrap();
    view.hold();
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    device.set_profiling(TIME).unwrap();
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    device.set_profiling(CYCLES).unwrap();
    view.release();
    assert_eq!(shown(&file), ["drm-cycles-panthor:\t0"]);
    device.set_profiling(TIME).unwrap();
    assert_eq!(shown(&file), ["drm-engine-panthor:\t20000 ns"]);
}

#[test]
fn a_stream_that_fails_counts_as_nothing() {
    let (_device, file) = with(TIME);
    let group = group(&file, vm(&file), 1);
    assert!(file.group(group).unwrap().fault_next_job(0));
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(shown(&file), ["drm-engine-panthor:\t0 ns"]);
}

#[test]
fn what_the_driver_cannot_measure_is_refused() {
    let (device, _) = with(TIME);
    let errno = |result: std::io::Result<()>| result.unwrap_err().raw_os_error();
    assert_eq!(errno(device.set_profiling(4)), Some(EINVAL));
    assert_eq!(device.profiling().unwrap(), TIME);
    device.unplug();
    assert_eq!(errno(device.set_profiling(0)), Some(ENOENT));
    let old = Device::new(Config::default().driver_minor(0)).unwrap();
    assert_eq!(errno(old.profiling().map(drop)), Some(ENOENT));
    for config in [Config::default().profiling(4), Config::default().driver_minor(0).profiling(1)] {
        let error = Device::new(config).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("profiling: "), "{error}");
    }
}
