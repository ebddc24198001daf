//! Sync objects: creation, waits, timelines, eventfds, transfers.

mod common;

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use common::*;
use nix::libc::{EBADF, EFAULT, EINVAL, ENODEV, ENOENT, ENOMEM, ETIME};
use panthor_fake::{Config, Device, File, PageSize};
use panthor_sys::*;

const ALL: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL;
const FOR_SUBMIT: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
const AVAILABLE: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
const DEADLINE: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE;

fn signal(file: &File, handles: &[u32]) {
    ok(file, DRM_IOCTL_SYNCOBJ_SIGNAL, binary_array(handles));
}

fn reset(file: &File, handles: &[u32]) {
    ok(file, DRM_IOCTL_SYNCOBJ_RESET, binary_array(handles));
}

fn binary_array(handles: &[u32]) -> drm_syncobj_array {
    let handles_at = handles.as_ptr() as u64;
    drm_syncobj_array { handles: handles_at, count_handles: handles.len() as u32, pad: 0 }
}

/// Returns the time this many milliseconds from now, on the monotonic clock.
fn after_ms(ms: i64) -> i64 {
    let clock = nix::time::ClockId::CLOCK_MONOTONIC;
    let now = nix::time::clock_gettime(clock).unwrap();
    now.tv_sec() * 1_000_000_000 + now.tv_nsec() + ms * 1_000_000
}

/// Puts a point on a timeline that stays pending until the VM's queue is released.
fn pending_point(file: &File, vm: u32, handle: u32, point: u64) {
    file.gpu(vm).unwrap().hold();
    let syncs = [signal_sync(handle, point)];
    let op = with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs);
    assert_eq!(bind_async(file, vm, &[op]), 0);
}

#[test]
fn handles_start_at_one_and_are_reused() {
    let file = device().open();
    assert_eq!((syncobj(&file), syncobj(&file)), (1, 2));
    let destroy = |handle, pad| {
        ioctl(&file, DRM_IOCTL_SYNCOBJ_DESTROY, &mut drm_syncobj_destroy { handle, pad })
    };
    assert_eq!(destroy(1, 1), -EINVAL);
    assert_eq!(destroy(1, 0), 0);
    assert_eq!(destroy(1, 0), -EINVAL);
    assert_eq!(syncobj(&file), 1);
    let mut flags = drm_syncobj_create { flags: 2, handle: 0 };
    assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_CREATE, &mut flags), -EINVAL);
}

#[test]
fn one_can_be_created_signalled() {
    let file = device().open();
    let args = drm_syncobj_create { flags: DRM_SYNCOBJ_CREATE_SIGNALED, handle: 0 };
    let made = ok(&file, DRM_IOCTL_SYNCOBJ_CREATE, args).handle;
    assert_eq!(wait_any(&file, &[made], 0, 0), (0, 0));
    reset(&file, &[made]);
    assert_eq!(wait_any(&file, &[made], 0, 0).0, -EINVAL);
}

#[test]
fn an_empty_one_cannot_be_waited_for_unless_that_is_asked() {
    let file = device().open();
    let obj = syncobj(&file);
    assert_eq!(wait_any(&file, &[obj], 0, 0).0, -EINVAL);
    assert_eq!(wait_any(&file, &[obj], FOR_SUBMIT, 0).0, -ETIME);
    assert_eq!(wait_points(&file, &[obj], &[1], AVAILABLE, 0).0, -ETIME);
}

#[test]
fn arguments_of_waits_are_checked() {
    let file = device().open();
    let obj = syncobj(&file);
    signal(&file, &[obj]);
    assert_eq!(wait_any(&file, &[obj], 16, 0).0, -EINVAL);
    assert_eq!(wait_any(&file, &[obj], AVAILABLE, 0).0, -EINVAL);
    assert_eq!(wait_any(&file, &[obj], DEADLINE, 0), (0, 0));
    assert_eq!(wait_points(&file, &[obj], &[0], 16, 0).0, -EINVAL);
    assert_eq!(wait_any(&file, &[obj, 99], 0, 0).0, -ENOENT);
    assert_eq!(wait_any(&file, &[], 0, 0).0, 0);
    let mut bad = drm_syncobj_wait { handles: 4096, count_handles: 1, ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_WAIT, &mut bad), -EFAULT);
    bad.count_handles = u32::MAX;
    assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_WAIT, &mut bad), -ENOMEM);
    for request in [DRM_IOCTL_SYNCOBJ_SIGNAL, DRM_IOCTL_SYNCOBJ_RESET] {
        assert_eq!(ioctl(&file, request, &mut binary_array(&[])), -EINVAL);
        assert_eq!(ioctl(&file, request, &mut binary_array(&[99])), -ENOENT);
    }
    let request = DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL;
    assert_eq!(ioctl(&file, request, &mut timeline_array(&[], &[])), -EINVAL);
    let mut flags = drm_syncobj_timeline_array { flags: 1, ..timeline_array(&[obj], &[1]) };
    assert_eq!(ioctl(&file, request, &mut flags), -EINVAL);
    flags.flags = 2;
    assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_QUERY, &mut flags), -EINVAL);
}

#[test]
fn arrays_are_as_long_as_the_kernel_can_allocate() {
    arrays_of(PageSize::K4, 4 << 20);
}

#[test]
fn arrays_are_longer_with_larger_pages() {
    arrays_of(PageSize::K16, 32 << 20);
}

fn arrays_of(page_size: PageSize, bytes: usize) {
    // Of handles, of what is found for each, and of what a wait keeps of each.
    let [handle_count, found, waited] = [4, 8, 64].map(|size| bytes / size);

    let file = Device::new(Config::default().page_size(page_size)).unwrap().open();
    let obj = syncobj(&file);
    signal(&file, &[obj]);
    let mut handles = vec![obj; handle_count + 1];
    let unknown = u32::MAX;
    let reset = |handles: &[u32]| ioctl(&file, DRM_IOCTL_SYNCOBJ_RESET, &mut binary_array(handles));
    let signal_points = |handles: &[u32]| {
        let request = DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL;
        ioctl(&file, request, &mut timeline_array(handles, &[]))
    };
    let wait = |handles: &[u32]| wait_any(&file, handles, ALL, 0).0;
    assert_eq!(wait(&handles[..waited]), 0);
    assert_eq!(wait(&handles[..=waited]), -ENOMEM);
    let points = vec![0; waited + 1];
    let wait_timeline = |n: usize| wait_points(&file, &handles[..n], &points, ALL, 0).0;
    assert_eq!((wait_timeline(waited), wait_timeline(waited + 1)), (0, -ENOMEM));

    handles[0] = unknown;
    // It is looked for only when there is room for all.
    assert_eq!(wait(&handles[..found]), -ENOENT);
    assert_eq!(wait(&handles[..=found]), -ENOMEM);
    for call in [&reset as &dyn Fn(&[u32]) -> i32, &signal_points] {
        assert_eq!(call(&handles[..found]), -ENOENT);
        assert_eq!(call(&handles[..=found]), -ENOMEM);
    }
    // The handles are read before that, if there is room for them.
    let unreadable = |count_handles| {
        let mut args = drm_syncobj_array { handles: 4096, count_handles, pad: 0 };
        ioctl(&file, DRM_IOCTL_SYNCOBJ_RESET, &mut args)
    };
    assert_eq!(unreadable(handle_count as u32), -EFAULT);
    assert_eq!(unreadable(handle_count as u32 + 1), -ENOMEM);
}

#[test]
fn any_tells_the_first_and_all_waits_for_the_last() {
    let file = device().open();
    let objs = [syncobj(&file), syncobj(&file), syncobj(&file)];
    signal(&file, &objs[1..2]);
    assert_eq!(wait_any(&file, &objs, FOR_SUBMIT, 0), (0, 1));
    assert_eq!(wait_any(&file, &objs, FOR_SUBMIT | ALL, 0).0, -ETIME);
    signal(&file, &[objs[0], objs[2]]);
    assert_eq!(wait_any(&file, &objs, ALL, 0), (0, 0));
}

#[test]
fn a_timeline_goes_forward() {
    let file = device().open();
    let line = syncobj(&file);
    assert_eq!(query_point(&file, line, 0), 0);
    timeline_signal(&file, line, 5);
    assert_eq!(query_point(&file, line, 0), 5);
    for point in [1, 5] {
        assert_eq!(wait_points(&file, &[line], &[point], 0, 0), (0, 0));
    }
    assert_eq!(wait_points(&file, &[line], &[6], 0, 0).0, -EINVAL);
    assert_eq!(wait_points(&file, &[line], &[6], FOR_SUBMIT, 0).0, -ETIME);
    // Out of order, the number stays.
    timeline_signal(&file, line, 3);
    assert_eq!(query_point(&file, line, 0), 5);
    timeline_signal(&file, line, 0);
    assert_eq!(query_point(&file, line, 0), 5);
}

#[test]
fn availability_comes_before_the_signal() {
    let file = device().open();
    let (vm, line) = (vm(&file), syncobj(&file));
    pending_point(&file, vm, line, 7);
    assert_eq!(wait_points(&file, &[line], &[7], AVAILABLE, 0), (0, 0));
    assert_eq!(wait_points(&file, &[line], &[7], 0, 0).0, -ETIME);
    assert_eq!(wait_points(&file, &[line], &[8], AVAILABLE, 0).0, -ETIME);
    file.gpu(vm).unwrap().release();
    assert_eq!(wait_points(&file, &[line], &[7], 0, 0), (0, 0));
}

#[test]
fn a_timeout_is_absolute() {
    let file = device().open();
    let obj = syncobj(&file);
    let start = Instant::now();
    assert_eq!(wait_any(&file, &[obj], FOR_SUBMIT, after_ms(30)).0, -ETIME);
    assert!(start.elapsed() >= Duration::from_millis(30));
    let start = Instant::now();
    for past in [1, -1, i64::MIN, after_ms(-10)] {
        assert_eq!(wait_any(&file, &[obj], FOR_SUBMIT, past).0, -ETIME);
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_wait_wakes_up_for_a_signal_of_another_thread() {
    let file = device().open();
    for round in 1..=100_u64 {
        let (obj, line) = (syncobj(&file), syncobj(&file));
        let other = file.clone();
        let signaller = std::thread::spawn(move || {
            signal(&other, &[obj]);
            timeline_signal(&other, line, round);
        });
        assert_eq!(wait_any(&file, &[obj], FOR_SUBMIT, i64::MAX).0, 0);
        assert_eq!(wait_points(&file, &[obj, line], &[0, round], FOR_SUBMIT | ALL, i64::MAX).0, 0);
        signaller.join().unwrap();
    }
}

#[test]
fn a_wait_wakes_up_for_a_job() {
    let file = device().open();
    let (vm, line) = (vm(&file), syncobj(&file));
    pending_point(&file, vm, line, 1);
    let other = file.clone();
    let releaser = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        other.gpu(vm).unwrap().release();
    });
    assert_eq!(wait_points(&file, &[line], &[1], 0, i64::MAX), (0, 0));
    releaser.join().unwrap();
}

fn eventfd(file: &File, handle: u32, point: u64, fd: i32, flags: u32) -> i32 {
    let mut args = drm_syncobj_eventfd { handle, flags, point, fd, pad: 0 };
    ioctl(file, DRM_IOCTL_SYNCOBJ_EVENTFD, &mut args)
}

/// Returns whether the eventfd was signaled, and resets its count.
fn fired(fd: &mut std::fs::File) -> bool {
    let mut count = [0; 8];
    match fd.read_exact(&mut count) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
            false
        }
    }
}

fn new_eventfd() -> std::fs::File {
    eventfd_with(nix::libc::EFD_NONBLOCK)
}

fn eventfd_with(flags: i32) -> std::fs::File {
    // SAFETY: it has no pointers.
    let fd = unsafe { nix::libc::eventfd(0, flags | nix::libc::EFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: the descriptor is new and has no other owner.
    unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) }
}

#[test]
fn an_eventfd_is_written_when_a_point_is_there() {
    let file = device().open();
    let (vm, line) = (vm(&file), syncobj(&file));
    let (mut available, mut done) = (new_eventfd(), new_eventfd());
    assert_eq!(eventfd(&file, line, 2, available.as_raw_fd(), AVAILABLE), 0);
    assert_eq!(eventfd(&file, line, 2, done.as_raw_fd(), 0), 0);
    timeline_signal(&file, line, 1);
    assert!(!fired(&mut available) && !fired(&mut done));
    pending_point(&file, vm, line, 2);
    assert!(fired(&mut available));
    assert!(!fired(&mut done));
    file.gpu(vm).unwrap().release();
    assert!(fired(&mut done));
    // One that is there already.
    assert_eq!(eventfd(&file, line, 1, done.as_raw_fd(), 0), 0);
    assert!(fired(&mut done));
}

#[test]
fn nobody_waits_for_an_eventfd_whose_counter_is_full() {
    let file = device().open();
    let (vm, now, later) = (vm(&file), syncobj(&file), syncobj(&file));
    let mut full = eventfd_with(0);
    full.write_all(&(u64::MAX - 1).to_ne_bytes()).unwrap();
    pending_point(&file, vm, later, 1);
    assert_eq!(eventfd(&file, now, 0, full.as_raw_fd(), 0), 0);
    assert_eq!(eventfd(&file, later, 1, full.as_raw_fd(), 0), 0);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        signal(&file, &[now]);
        // Its end lets the queue go, and so signals the other one.
        drop(file);
        let _ = tell.send(());
    });
    assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(()));
    let mut count = [0; 8];
    full.read_exact(&mut count).unwrap();
    // A program's writes go up to one less, the kernel's signals to the end.
    assert_eq!(u64::from_ne_bytes(count), u64::MAX);
}

#[test]
fn arguments_of_eventfds_are_checked() {
    let file = device().open();
    let (line, fd) = (syncobj(&file), new_eventfd());
    assert_eq!(eventfd(&file, 99, 1, fd.as_raw_fd(), 0), -ENOENT);
    assert_eq!(eventfd(&file, line, 1, fd.as_raw_fd(), FOR_SUBMIT), -EINVAL);
    assert_eq!(eventfd(&file, line, 1, -1, 0), -EBADF);
    assert_eq!(eventfd(&file, line, 1, i32::MAX, 0), -EBADF);
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(eventfd(&file, line, 1, null.as_raw_fd(), 0), -EINVAL);
}

#[test]
fn a_transfer_takes_a_fence_to_another_place() {
    let file = device().open();
    let (vm, line, other, binary) = (vm(&file), syncobj(&file), syncobj(&file), syncobj(&file));
    let transfer = |src_handle, src_point, dst_handle, dst_point, flags| {
        let mut args =
            drm_syncobj_transfer { src_handle, dst_handle, src_point, dst_point, flags, pad: 0 };
        ioctl(&file, DRM_IOCTL_SYNCOBJ_TRANSFER, &mut args)
    };
    assert_eq!(transfer(line, 1, other, 1, 0), -EINVAL);
    pending_point(&file, vm, line, 1);
    pending_point(&file, vm, line, 2);
    assert_eq!(transfer(line, 2, other, 9, 0), 0);
    assert_eq!(transfer(line, 2, binary, 0, FOR_SUBMIT), 0);
    assert_eq!(transfer(99, 2, other, 9, 0), -ENOENT);
    assert_eq!(transfer(line, 2, 99, 9, 0), -ENOENT);
    assert_eq!(transfer(line, 2, other, 9, ALL), -EINVAL);
    assert_eq!(wait_points(&file, &[other, binary], &[9, 0], 0, 0).0, -ETIME);
    assert!(file.gpu(vm).unwrap().step());
    assert_eq!(wait_points(&file, &[other, binary], &[9, 0], 0, 0).0, -ETIME);
    file.gpu(vm).unwrap().release();
    assert_eq!(wait_points(&file, &[other, binary], &[9, 0], ALL, 0), (0, 0));
}

#[test]
fn a_transfer_to_a_point_waits_for_all_that_is_before_it() {
    // Either of the two fences may be the last.
    for last in [0, 1] {
        let file = device().open();
        let (vms, line, other) = ([vm(&file), vm(&file)], syncobj(&file), syncobj(&file));
        pending_point(&file, vms[0], line, 1);
        pending_point(&file, vms[1], line, 2);
        let mut args = drm_syncobj_transfer {
            src_handle: line,
            dst_handle: other,
            src_point: 2,
            dst_point: 9,
            ..zeroed()
        };
        assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_TRANSFER, &mut args), 0);
        file.gpu(vms[1 - last]).unwrap().release();
        assert!(!is_signalled(&file, other, 9), "{last}");
        file.gpu(vms[last]).unwrap().release();
        assert!(is_signalled(&file, other, 9), "{last}");
    }
}

#[test]
fn a_destroyed_one_lets_its_waiters_finish() {
    let device = device();
    let file = device.open();
    let (vm, line) = (vm(&file), syncobj(&file));
    pending_point(&file, vm, line, 1);
    let mut fd = new_eventfd();
    assert_eq!(eventfd(&file, line, 1, fd.as_raw_fd(), 0), 0);
    ok(&file, DRM_IOCTL_SYNCOBJ_DESTROY, drm_syncobj_destroy { handle: line, pad: 0 });
    assert_eq!(device.leaks().syncobjs, 0);
    file.gpu(vm).unwrap().release();
    assert!(fired(&mut fd));
    drop(file);
    device.assert_released();
}

#[test]
fn files_do_not_see_each_others_objects() {
    let device = device();
    let (file, other) = (device.open(), device.open());
    let (obj, bo, vm) = (syncobj(&file), bo(&file, PAGE), vm(&file));
    assert_eq!(wait_any(&other, &[obj], 0, 0).0, -ENOENT);
    assert_eq!(bind(&other, vm, &[]).0, -EINVAL);
    let mut close = drm_gem_close { handle: bo, pad: 0 };
    assert_eq!(ioctl(&other, DRM_IOCTL_GEM_CLOSE, &mut close), -EINVAL);
    drop(other);
    let copy = file.clone();
    drop(file);
    assert_eq!(bind(&copy, vm, &[]).0, 0);
    drop(copy);
    device.assert_released();
}

#[test]
#[should_panic(expected = "still alive on the fake device: 1 × open file, 1 × BO")]
fn what_was_not_released_is_listed() {
    let device = device();
    let file = device.open();
    bo(&file, PAGE);
    device.assert_released();
}

#[test]
fn unplug_leaves_a_wait_in_progress_to_its_timeout() {
    let device = device();
    let file = device.open();
    let (binary, line) = (syncobj(&file), syncobj(&file));
    let (begin, timeout) = (Instant::now(), after_ms(300));
    let calls = device.stats().ioctls();
    std::thread::scope(|scope| {
        let waits = [
            scope.spawn(|| wait_any(&file, &[binary], FOR_SUBMIT, timeout)),
            scope.spawn(|| wait_points(&file, &[line], &[7], AVAILABLE, timeout)),
        ];
        while device.stats().ioctls() < calls + 2 {
            std::thread::yield_now();
        }
        device.unplug();
        // A wait that begins now is refused.
        assert_eq!(wait_any(&file, &[binary], FOR_SUBMIT, i64::MAX).0, -ENODEV);
        for wait in waits {
            assert_eq!(wait.join().unwrap().0, -ETIME);
        }
    });
    assert!(begin.elapsed() >= Duration::from_millis(300));
}
