//! Disturbances that are planned at a call: unplugs, resets and hangs.

mod common;

use common::*;
use nix::libc::{EINVAL, EIO, ENODEV};
use panthor_fake::{Device, Disturbance, File, descriptor_ioctl};
use panthor_sys::*;

const TIMED_OUT: u32 = DRM_PANTHOR_GROUP_STATE_TIMEDOUT;
const INNOCENT: u32 = DRM_PANTHOR_GROUP_STATE_INNOCENT;

/// Creates a device with a file and a group of one queue.
fn setup() -> (Device, File, u32) {
    let device = device();
    let file = device.open();
    let group = group(&file, vm(&file), 1);
    (device, file, group)
}

#[test]
fn unplug_comes_before_the_call_of_any_file() {
    let (device, file, _) = setup();
    let other = device.open();
    device.disturb_at_nth_ioctl(DRM_IOCTL_PANTHOR_BO_CREATE, 3, Disturbance::Unplug);
    assert!(try_bo(&file, PAGE, 0, 0).is_ok() && try_bo(&other, PAGE, 0, 0).is_ok());
    assert_eq!(device.planned_failures(DRM_IOCTL_PANTHOR_BO_CREATE), [1]);
    assert!(device.has_planned_failures());
    assert_eq!(try_bo(&file, PAGE, 0, 0), Err(ENODEV));
    assert_eq!(ioctl_at(&other, DRM_IOCTL_VERSION, 0), -ENODEV);
    assert!(!device.has_planned_failures());
}

#[test]
fn a_hang_times_out_the_group_of_the_next_stream() {
    let (device, file, group) = setup();
    let other = common::group(&file, vm(&file), 1);
    device.disturb_at_nth_ioctl(DRM_IOCTL_PANTHOR_GROUP_SUBMIT, 2, Disturbance::Hang);
    assert_eq!(submit(&file, other, &[stream(0, &[])]), 0);
    let done = syncobj(&file);
    assert_eq!(submit(&file, group, &[stream(0, &[signal_sync(done, 0)])]), 0);
    assert!(is_signalled(&file, done, 0));
    assert_eq!((group_state(&file, group), group_state(&file, other)), ((TIMED_OUT, 0), (0, 0)));
    assert_eq!(submit(&file, group, &[stream(0, &[])]), -EINVAL);
    // One stream hangs and no more.
    assert_eq!(submit(&file, other, &[stream(0, &[])]), 0);
    assert_eq!(group_state(&file, other), (0, 0));
}

#[test]
fn a_hang_waits_for_a_stream() {
    let (device, file, group) = setup();
    device.hang_next_stream();
    assert_eq!(submit(&file, group, &[sync_point(0, &[])]), 0);
    assert_eq!(group_state(&file, group), (0, 0));
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(group_state(&file, group), (TIMED_OUT, 0));
}

#[test]
fn a_reset_loses_the_groups_that_the_gpu_has() {
    let (device, file, group) = setup();
    device.disturb_at_nth_ioctl(DRM_IOCTL_PANTHOR_GROUP_SUBMIT, 2, Disturbance::Reset);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(group_state(&file, group), (0, 0));
    assert_eq!(submit(&file, group, &[stream(0, &[])]), -EINVAL);
    assert_eq!(group_state(&file, group), (TIMED_OUT | INNOCENT, 0));
}

#[test]
fn failures_and_disturbances_of_one_call_come_one_after_the_other() {
    let (device, file, _) = setup();
    device.fail_nth_ioctl(DRM_IOCTL_PANTHOR_BO_CREATE, 1, EIO);
    device.disturb_at_nth_ioctl(DRM_IOCTL_PANTHOR_BO_CREATE, 1, Disturbance::Unplug);
    let create = || try_bo(&file, PAGE, 0, 0).unwrap_err();
    assert_eq!([create(), create()], [EIO, ENODEV]);
    let device = common::device();
    device.disturb_at_nth_ioctl(DRM_IOCTL_PANTHOR_BO_CREATE, 1, Disturbance::Unplug);
    device.clear_planned_failures();
    assert!(try_bo(&device.open(), PAGE, 0, 0).is_ok());
}

#[test]
fn calls_on_a_dma_buf_count() {
    let device = device();
    let dma_buf = device.foreign_dma_buf(PAGE).unwrap();
    device.disturb_at_nth_ioctl(DMA_BUF_IOCTL_SYNC, 2, Disturbance::Unplug);
    let sync = |flags| {
        let mut args = dma_buf_sync { flags };
        // SAFETY: the argument is ours, and has no pointers.
        unsafe { descriptor_ioctl(&dma_buf, DMA_BUF_IOCTL_SYNC, (&raw mut args).cast()) }
    };
    let begin = DMA_BUF_SYNC_RW;
    assert_eq!(sync(begin), Some(0));
    assert_eq!(ioctl_at(&device.open(), DRM_IOCTL_VERSION, 0), -nix::libc::EFAULT);
    sync(begin);
    assert_eq!(ioctl_at(&device.open(), DRM_IOCTL_VERSION, 0), -ENODEV);
}
