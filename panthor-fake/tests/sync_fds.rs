//! Descriptors of sync objects, and sync files.

mod common;

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use common::*;
use nix::libc::{EINVAL, EIO, ENOENT};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use panthor_fake::{File, sync_file_status};
use panthor_sys::*;
use std::os::fd::AsFd;

const SYNC_FILE: u32 = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
const POINT: u32 = SYNC_FILE | DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;

fn export(file: &File, handle: u32, flags: u32, point: u64) -> Result<OwnedFd, i32> {
    let mut args = drm_syncobj_handle { handle, flags, fd: -5, pad: 0, point };
    match ioctl(file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut args) {
        0 => Ok(own(args.fd)),
        error => Err(-error),
    }
}

fn import(file: &File, fd: &impl AsRawFd, flags: u32, handle: u32, point: u64) -> Result<u32, i32> {
    let mut args = drm_syncobj_handle { handle, flags, fd: fd.as_raw_fd(), pad: 0, point };
    match ioctl(file, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &mut args) {
        0 => Ok(args.handle),
        error => Err(-error),
    }
}

/// Returns whether a sync file reports its fence as signaled.
fn is_readable(fd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN | PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::ZERO).unwrap() {
        0 => false,
        _ => {
            assert_eq!(fds[0].revents(), Some(PollFlags::POLLIN));
            true
        }
    }
}

fn signalled(file: &File) -> u32 {
    let args = drm_syncobj_create { flags: DRM_SYNCOBJ_CREATE_SIGNALED, ..zeroed() };
    ok(file, DRM_IOCTL_SYNCOBJ_CREATE, args).handle
}

#[test]
fn a_sync_object_is_shared_by_its_descriptor() {
    let device = device();
    let (file, other) = (device.open(), device.open());
    let a = syncobj(&file);
    let fd = export(&file, a, 0, 0).unwrap();
    // A new handle each time.
    assert_eq!((import(&file, &fd, 0, 0, 0), import(&file, &fd, 0, 0, 0)), (Ok(2), Ok(3)));
    let there = import(&other, &fd, 0, 0, 0).unwrap();
    timeline_signal(&other, there, 7);
    assert_eq!((query_point(&file, a, 0), query_point(&file, 3, 0)), (7, 7));
    drop((file, other));
    // The descriptor keeps it.
    assert_eq!(device.leaks().syncobjs, 1);
    drop(fd);
    device.assert_released();
}

#[test]
fn what_is_wrong_with_arguments() {
    let file = device().open();
    let (a, done) = (syncobj(&file), signalled(&file));
    let exported = |handle, flags, point| export(&file, handle, flags, point).map(drop);
    assert_eq!((exported(99, 0, 0), exported(99, SYNC_FILE, 0)), (Err(EINVAL), Err(ENOENT)));
    assert_eq!((exported(a, 4, 0), exported(a, 0, 5)), (Err(EINVAL), Err(EINVAL)));
    assert_eq!((exported(a, SYNC_FILE, 0), exported(done, SYNC_FILE, 0)), (Err(EINVAL), Ok(())));
    // Without its flag a point is not looked at.
    assert_eq!((exported(done, SYNC_FILE, 5), exported(done, 2, 0)), (Ok(()), Ok(())));
    assert_eq!((exported(done, 2, 5), exported(done, POINT, 5)), (Err(EINVAL), Err(EINVAL)));
    let mut padded = drm_syncobj_handle { handle: done, pad: 1, ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut padded), -EINVAL);

    let (object, sync_file) =
        (export(&file, a, 0, 0).unwrap(), export(&file, done, SYNC_FILE, 0).unwrap());
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(import(&file, &-1, 0, 0, 0), Err(EINVAL));
    assert_eq!(import(&file, &99_999, SYNC_FILE, a, 0), Err(EINVAL));
    assert_eq!(import(&file, &null, 0, 0, 0), Err(EINVAL));
    assert_eq!(import(&file, &sync_file, 0, 0, 0), Err(EINVAL));
    assert_eq!(import(&file, &object, SYNC_FILE, a, 0), Err(EINVAL));
    assert_eq!(import(&file, &object, 4, 0, 0), Err(EINVAL));
    assert_eq!(import(&file, &object, 0, 0, 5), Err(EINVAL));
    assert_eq!(import(&file, &sync_file, SYNC_FILE, 99, 0), Err(ENOENT));
}

#[test]
fn old_kernels_do_not_know_points() {
    let file = version(0).open();
    let done = signalled(&file);
    timeline_signal(&file, done, 3);
    let exported = |flags, point| export(&file, done, flags, point).map(drop);
    assert_eq!((exported(POINT, 3), exported(2, 0)), (Err(EINVAL), Err(EINVAL)));
    // Where they have it later there was nothing to look at.
    assert_eq!((exported(0, 5), exported(SYNC_FILE, 5)), (Ok(()), Ok(())));
    let fd = export(&file, done, SYNC_FILE, 0).unwrap();
    assert_eq!(import(&file, &fd, POINT, done, 7), Err(EINVAL));
    assert_eq!(import(&file, &fd, SYNC_FILE, done, 7), Ok(done));
}

#[test]
fn a_sync_file_is_readable_when_its_fence_is_signalled() {
    let device = device();
    let file = device.open();
    let (vm, done, copy) = (vm(&file), syncobj(&file), syncobj(&file));
    let gpu = file.gpu(vm).unwrap();
    gpu.hold();
    let op = |syncs: &[_]| with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), syncs);
    assert_eq!(bind_async(&file, vm, &[op(&[signal_sync(done, 0)])]), 0);
    let fd = export(&file, done, SYNC_FILE, 0).unwrap();
    // What comes later into the sync object is not in it.
    ok(
        &file,
        DRM_IOCTL_SYNCOBJ_RESET,
        drm_syncobj_array { handles: [done].as_ptr() as u64, count_handles: 1, pad: 0 },
    );
    assert_eq!(import(&file, &fd, SYNC_FILE, copy, 0), Ok(copy));
    assert_eq!((is_readable(&fd), sync_file_status(&fd)), (false, Some(0)));
    assert!(!is_signalled(&file, copy, 0));
    gpu.release();
    assert_eq!((is_readable(&fd), sync_file_status(&fd)), (true, Some(1)));
    assert!(is_readable(&fd) && is_signalled(&file, copy, 0));
    assert!(!is_signalled(&file, done, 0));
    drop((fd, file));
    device.assert_released();
}

#[test]
fn a_sync_file_of_a_point() {
    let file = device().open();
    let (line, other, vm) = (syncobj(&file), syncobj(&file), vm(&file));
    file.gpu(vm).unwrap().hold();
    for point in [3, 5] {
        let syncs = [signal_sync(line, point)];
        assert_eq!(bind_async(&file, vm, &[with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs)]), 0);
    }
    let fds = [1, 3, 4, 5].map(|point| export(&file, line, POINT, point).unwrap());
    assert_eq!(export(&file, line, POINT, 6).unwrap_err(), EINVAL);
    file.gpu(vm).unwrap().step();
    assert_eq!(fds.each_ref().map(is_readable), [true, true, false, false]);
    // An import goes to a point of choice.
    assert_eq!(import(&file, &fds[3], POINT, other, 9), Ok(other));
    assert_eq!(query_point(&file, other, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED), 9);
    assert!(!is_signalled(&file, other, 9));
    file.gpu(vm).unwrap().release();
    assert_eq!(fds.each_ref().map(is_readable), [true; 4]);
    assert_eq!(query_point(&file, other, 0), 9);
}

#[test]
fn a_sync_file_tells_how_the_fence_ended() {
    let device = device();
    let file = device.open();
    let (vm, done) = (vm(&file), [0; 4].map(|_| syncobj(&file)));
    let group = group(&file, vm, 2);
    file.group(group).unwrap().hold();
    let jobs = [
        stream(0, &[signal_sync(done[0], 0)]),
        sync_point(0, &[signal_sync(done[1], 0)]),
        stream(1, &[signal_sync(done[2], 0)]),
    ];
    assert_eq!(submit(&file, group, &jobs), 0);
    assert!(file.gpu(vm).unwrap().fail_next_job(EIO));
    let syncs = [signal_sync(done[3], 1)];
    assert_eq!(bind_async(&file, vm, &[with_syncs(map_op(0, 0, GIB, PAGE, SPARSE), &syncs)]), 0);
    let fds = done.map(|done| export(&file, done, SYNC_FILE, 0).unwrap());
    assert!(file.group(group).unwrap().fault(0));
    // The last is a point of a timeline, and those do not tell of errors.
    let errors = [-EINVAL, -EINVAL, -nix::libc::ECANCELED, 1];
    assert_eq!(fds.each_ref().map(|fd| sync_file_status(fd).unwrap()), errors);
    assert_eq!(sync_file_status(export(&file, done[0], 0, 0).unwrap()), None);
}

#[test]
fn jobs_that_the_gpu_did_not_end_in_time_timed_out() {
    let ends: [fn(&File, u32); 3] = [
        |file, group| assert!(file.group(group).unwrap().time_out()),
        |file, _| file.device().reset(),
        |file, _| file.device().unplug(),
    ];
    for (index, end) in ends.into_iter().enumerate() {
        let file = device().open();
        let done = [0; 3].map(|_| syncobj(&file));
        let group = group(&file, vm(&file), 2);
        file.group(group).unwrap().hold();
        let jobs = [
            stream(0, &[signal_sync(done[0], 0)]),
            sync_point(0, &[signal_sync(done[1], 0)]),
            stream(1, &[signal_sync(done[2], 0)]),
        ];
        assert_eq!(submit(&file, group, &jobs), 0);
        let fds = done.map(|done| export(&file, done, SYNC_FILE, 0).unwrap());
        let statuses = || fds.each_ref().map(|fd| sync_file_status(fd).unwrap());
        assert_eq!(statuses(), [0; 3]);
        end(&file, group);
        assert_eq!(statuses(), [-nix::libc::ETIMEDOUT; 3], "{index}");
    }
}

#[test]
fn a_sync_file_that_was_closed_does_no_harm_when_its_fence_is_signalled() {
    let device = device();
    let file = device.open();
    let (vm, done) = (vm(&file), syncobj(&file));
    file.gpu(vm).unwrap().hold();
    let syncs = [signal_sync(done, 0)];
    assert_eq!(bind_async(&file, vm, &[with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs)]), 0);
    drop(export(&file, done, SYNC_FILE, 0).unwrap());
    let kept = export(&file, done, SYNC_FILE, 0).unwrap();
    file.gpu(vm).unwrap().release();
    assert!(is_readable(&kept.try_clone().unwrap()));
    drop((file, kept));
    device.assert_released();
}

#[test]
fn a_wait_wakes_up_for_a_fence_of_another_device() {
    for (flags, point) in [(SYNC_FILE, 0), (POINT, 3)] {
        let (source, target) = (device().open(), device().open());
        let (vm, fence, copy) = (vm(&source), syncobj(&source), syncobj(&target));
        let gpu = source.gpu(vm).unwrap();
        gpu.hold();
        let syncs = [signal_sync(fence, 0)];
        let op = with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs);
        assert_eq!(bind_async(&source, vm, &[op]), 0);
        let fd = export(&source, fence, SYNC_FILE, 0).unwrap();
        assert_eq!(import(&target, &fd, flags, copy, point), Ok(copy));
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = tell.send(wait_points(&target, &[copy], &[point], 0, i64::MAX));
        });
        // Let it fall asleep first; should it be late, the test is only weaker.
        std::thread::sleep(Duration::from_millis(50));
        assert!(told.try_recv().is_err());
        gpu.release();
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok((0, 0)));
    }
}

#[test]
fn a_job_whose_waits_are_over_after_an_unplug_did_not_run() {
    let (source, target) = (device().open(), device().open());
    let fences = [syncobj(&source), syncobj(&source)];
    let gates = fences.map(|fence| {
        let vm = vm(&source);
        source.gpu(vm).unwrap().hold();
        let syncs = [signal_sync(fence, 0)];
        let op = with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs);
        assert_eq!(bind_async(&source, vm, &[op]), 0);
        source.gpu(vm).unwrap()
    });
    let group = group(&target, vm(&target), 2);
    let done = [0; 2].map(|_| syncobj(&target));
    let waits = fences.map(|fence| {
        let copy = syncobj(&target);
        let fd = export(&source, fence, SYNC_FILE, 0).unwrap();
        assert_eq!(import(&target, &fd, SYNC_FILE, copy, 0), Ok(copy));
        copy
    });
    let syncs = [0, 1].map(|index| [wait_sync(waits[index], 0), signal_sync(done[index], 0)]);
    let jobs = [stream(0, &syncs[0]), sync_point(1, &syncs[1])];
    assert_eq!(submit(&target, group, &jobs), 0);
    let fds = done.map(|done| export(&target, done, SYNC_FILE, 0).unwrap());
    let statuses = || fds.each_ref().map(|fd| sync_file_status(fd).unwrap());
    target.device().unplug();
    assert_eq!(statuses(), [0, 0]);
    gates[0].release();
    assert_eq!(statuses(), [-nix::libc::EACCES, 0]);
    gates[1].release();
    assert_eq!(statuses(), [-nix::libc::EACCES, 1]);
}
