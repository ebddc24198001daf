//! Page faults: which groups the driver ends for them.

mod common;

use common::*;
use nix::libc::EINVAL;
use panthor_fake::File;
use panthor_sys::*;

const FATAL: u32 = DRM_PANTHOR_GROUP_STATE_FATAL_FAULT;

/// Creates a group of a VM with an endless stream in its second queue. Returns the group and the
/// stream's fence.
fn busy(file: &File, vm: u32) -> (u32, u32) {
    let (group, done) = (group(file, vm, 2), syncobj(file));
    file.group(group).unwrap().hold();
    assert_eq!(submit(file, group, &[stream(1, &[signal_sync(done, 0)])]), 0);
    assert!(!is_signalled(file, done, 0));
    (group, done)
}

#[test]
fn it_ends_all_groups_of_the_vm_that_the_gpu_is_busy_with() {
    let file = device().open();
    let (hit, elsewhere) = (vm(&file), vm(&file));
    let (first, first_done) = busy(&file, hit);
    let (second, second_done) = busy(&file, hit);
    let (idle, lucky) = (group(&file, hit, 1), busy(&file, elsewhere));
    assert!(file.group(first).unwrap().page_fault());
    for (group, done) in [(first, first_done), (second, second_done)] {
        assert_eq!(group_state(&file, group), (FATAL, 3));
        assert!(is_signalled(&file, done, 0));
    }
    assert_eq!(group_state(&file, idle), (0, 0));
    assert_eq!((group_state(&file, lucky.0), is_signalled(&file, lucky.1, 0)), ((0, 0), false));
}

#[test]
fn the_next_job_can_be_made_to_hit_one() {
    let file = device().open();
    let group = group(&file, vm(&file), 3);
    let view = file.group(group).unwrap();
    assert!(view.page_fault_next_job(2));
    // Of another queue.
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(group_state(&file, group), (0, 0));
    assert_eq!(submit(&file, group, &[stream(2, &[])]), 0);
    assert_eq!(group_state(&file, group), (FATAL, 7));
}

#[test]
fn nothing_is_mapped_in_a_vm_that_was_destroyed() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let (busy, done) = busy(&file, vm);
    let idle = group(&file, vm, 1);
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: vm, pad: 0 });
    assert_eq!((group_state(&file, busy), is_signalled(&file, done, 0)), ((FATAL, 3), true));
    assert_eq!(group_state(&file, idle), (0, 0));
    let (point, ran) = (syncobj(&file), syncobj(&file));
    // Without a stream there is nothing to fetch.
    assert_eq!(submit(&file, idle, &[sync_point(0, &[signal_sync(point, 0)])]), 0);
    assert_eq!((group_state(&file, idle), is_signalled(&file, point, 0)), ((0, 0), true));
    assert_eq!(submit(&file, idle, &[stream(0, &[signal_sync(ran, 0)])]), 0);
    assert_eq!((group_state(&file, idle), is_signalled(&file, ran, 0)), ((FATAL, 1), true));
    assert_eq!(submit(&file, idle, &[sync_point(0, &[])]), -EINVAL);
    drop(file);
    device.assert_released();
}

#[test]
fn a_planned_failure_does_not_miss_its_job_whoever_comes_to_do_it() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    for _ in 0..500 {
        let (group, done) = (group(&file, vm, 1), syncobj(&file));
        let view = file.group(group).unwrap();
        view.hold();
        assert_eq!(submit(&file, group, &[stream(0, &[signal_sync(done, 0)])]), 0);
        assert!(view.fault_next_job(0));
        let both = std::sync::Barrier::new(2);
        let end = |step: bool| {
            both.wait();
            if step {
                view.step(0);
            } else {
                view.release();
            }
        };
        std::thread::scope(|scope| {
            let _ = scope.spawn(|| end(true));
            end(false);
        });
        assert_eq!(group_state(&file, group), (FATAL, 1));
        assert_eq!(view.pending(0), []);
        let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        let args = drm_syncobj_handle { handle: done, flags, fd: -1, ..zeroed() };
        let fence = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd);
        assert_eq!(panthor_fake::sync_file_status(fence), Some(-EINVAL));
        assert_eq!(destroy_group(&file, group), 0);
    }
}

#[test]
fn what_is_not_there_does_not_fail() {
    let file = device().open();
    let group = group(&file, vm(&file), 2);
    let view = file.group(group).unwrap();
    let all = |queue| {
        [
            view.fault(queue),
            view.time_out_next_job(queue),
            view.fault_next_job(queue),
            view.page_fault_next_job(queue),
        ]
    };
    assert_eq!(all(2), [false; 4]);
    assert_eq!(group_state(&file, group), (0, 0));
    assert_eq!(all(1), [true; 4]);
    assert_eq!(group_state(&file, group), (FATAL, 2));
    let destroy = drm_panthor_group_destroy { group_handle: group, pad: 0 };
    ok(&file, DRM_IOCTL_PANTHOR_GROUP_DESTROY, destroy);
    assert_eq!((all(1), view.time_out(), view.page_fault()), ([false; 4], false, false));
}

#[test]
fn of_two_failures_of_the_next_job_the_last_comes() {
    let file = device().open();
    let group = group(&file, vm(&file), 1);
    let view = file.group(group).unwrap();
    assert!(view.fault_next_job(0) && view.time_out_next_job(0));
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(group_state(&file, group), (DRM_PANTHOR_GROUP_STATE_TIMEDOUT, 0));
}
