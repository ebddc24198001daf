//! Calls with very many elements: what they cost, and that they end with their caller.

mod common;

use std::time::Duration;

use common::*;
use nix::time::{ClockId, clock_gettime};
use panthor_fake::File;
use panthor_sys::*;

/// Signals of one operation: a number of points, of an existing syncobj or of others.
type Signals = fn(&File, u32, u32) -> Vec<drm_panthor_sync_op>;

fn syncobj(file: &File) -> u32 {
    ok(file, DRM_IOCTL_SYNCOBJ_CREATE, zeroed::<drm_syncobj_create>()).handle
}

fn signal(handle: u32, timeline_value: u64) -> drm_panthor_sync_op {
    let kind = match timeline_value {
        0 => DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_SYNCOBJ,
        _ => DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ,
    };
    drm_panthor_sync_op { flags: DRM_PANTHOR_SYNC_OP_SIGNAL | kind, handle, timeline_value }
}

fn of_one_timeline(_: &File, handle: u32, count: u32) -> Vec<drm_panthor_sync_op> {
    (1..=u64::from(count)).map(|point| signal(handle, point)).collect()
}

fn of_many_objects(file: &File, _: u32, count: u32) -> Vec<drm_panthor_sync_op> {
    (0..count).map(|_| signal(syncobj(file), 0)).collect()
}

/// Returns the CPU time of a call.
fn processor_time(call: impl FnOnce()) -> Duration {
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let start = now();
    call();
    now() - start
}

/// Returns the shortest of three times.
fn shortest(once: impl Fn() -> Duration) -> Duration {
    (0..3).map(|_| once()).min().unwrap()
}

fn time(signals: Signals, count: u32) -> Duration {
    shortest(|| {
        let device = device();
        let file = device.open();
        let vm = vm(&file);
        let syncs = signals(&file, syncobj(&file), count);
        let op = with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs);
        processor_time(|| assert_eq!(bind_async(&file, vm, &[op]), 0))
    })
}

#[test]
fn signals_of_one_operation_take_linear_time() {
    for signals in [of_one_timeline, of_many_objects] as [Signals; 2] {
        let (few, many) = (time(signals, 5_000), time(signals, 40_000));
        // Eight times as many; in a square it would be 64 times.
        assert!(many < few * 24, "{few:?}, {many:?}");
    }
}

#[test]
fn waits_of_one_call_take_linear_time() {
    let time = |count: u32| {
        shortest(|| {
            let file = device().open();
            let handles = vec![syncobj(&file); count as usize];
            let mut args = drm_syncobj_wait {
                handles: handles.as_ptr() as u64,
                count_handles: count,
                flags: DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
                ..zeroed()
            };
            processor_time(|| {
                assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_WAIT, &mut args), -nix::libc::ETIME);
            })
        })
    };
    let (few, many) = (time(5_000), time(40_000));
    assert!(many < few * 24, "{few:?}, {many:?}");
}
