//! Syncobjs on a Panthor, real or fake: tests that hold on both. Pending fences need the fake.

mod common;

use std::fs::File;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use common::{device, second_file};
use panthor::{
    Device, Error, ErrorKind, GroupOptions, QueueOptions, SyncObj, SyncPoint, Timeline, Timeout,
    Version, Vm, Wait, WaitFor, point,
};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

const PATIENCE: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_millis(30);

fn syncobj(device: &Device) -> SyncObj {
    device.create_syncobj().expect("a syncobj")
}

fn signaled(device: &Device) -> SyncObj {
    device.create_signaled_syncobj().expect("a syncobj")
}

fn timeline(device: &Device) -> Timeline {
    device.create_timeline().expect("a timeline")
}

fn at(point: u64) -> NonZeroU64 {
    NonZeroU64::new(point).expect("not 0")
}

fn junk() -> File {
    File::open("/dev/null").expect("/dev/null")
}

/// Refused for this argument.
#[track_caller]
fn assert_invalid(error: &Error, argument: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert_eq!(error.argument(), Some(argument), "{error}");
}

/// Returns whether a descriptor is readable.
fn is_readable(fd: impl AsFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
    poll(&mut fds, Some(&now)).unwrap();
    fds[0].revents().contains(PollFlags::IN)
}

/// Returns a syncobj with a fence that is pending until the queue of the VM is released, or `None`
/// on a real driver.
fn pending(device: &Device, vm: &Vm) -> Option<SyncObj> {
    device.fake()?.gpu(vm.id())?.hold();
    let syncobj = syncobj(device);
    vm.bind_async().map_sparse(0..4096).signal(&syncobj).submit().unwrap();
    Some(syncobj)
}

fn release(vm: &Vm) {
    vm.device().fake().expect("a fake").gpu(vm.id()).expect("its VM").release();
}

// Waits for several

#[test]
fn a_wait_for_any_gives_the_first_that_is_signalled() {
    let device = device();
    let (binary, line) = (syncobj(&device), timeline(&device));
    let points = [SyncPoint::from(&binary), line.at(point::<3>()), line.at(point::<2>())];
    let any = |timeout: Timeout| device.wait_any(&points, WaitFor::Signaled, timeout).unwrap();
    assert_eq!(any(Timeout::NONE), None);
    line.signal(point::<2>()).unwrap();
    assert_eq!(any(Timeout::FOREVER), Some(2));
    line.signal(point::<3>()).unwrap();
    assert_eq!(any(Timeout::FOREVER), Some(1));
    binary.signal().unwrap();
    assert_eq!(any(Timeout::NONE), Some(0));
}

#[test]
fn a_wait_for_all_is_over_with_the_last() {
    let device = device();
    let (binary, line) = (syncobj(&device), timeline(&device));
    let points = [SyncPoint::from(&binary), line.at(point::<3>()), line.at(point::<2>())];
    let all = |timeout: Timeout| device.wait_all(&points, WaitFor::Signaled, timeout).unwrap();
    assert_eq!(all(Timeout::NONE), Wait::TimedOut);
    binary.signal().unwrap();
    line.signal(point::<2>()).unwrap();
    assert_eq!(all(Timeout::NONE), Wait::TimedOut);
    line.signal(point::<3>()).unwrap();
    assert_eq!(all(Timeout::NONE), Wait::Ready);
}

#[test]
fn waits_never_end_early() {
    let device = device();
    let (never, line) = (syncobj(&device), timeline(&device));
    let points = [SyncPoint::from(&never), line.at(point::<1>())];
    // Time and again: kernels end a wait a little early now and then.
    for what in [WaitFor::Signaled, WaitFor::Available].repeat(8) {
        let start = Instant::now();
        assert_eq!(never.wait(SOON).unwrap(), Wait::TimedOut);
        assert!(start.elapsed() >= SOON);
        let start = Instant::now();
        assert_eq!(device.wait_any(&points, what, SOON).unwrap(), None);
        assert!(start.elapsed() >= SOON);
        let until = Instant::now() + SOON;
        assert_eq!(device.wait_all(&points, what, until).unwrap(), Wait::TimedOut);
        assert!(Instant::now() >= until);
    }
}

#[test]
fn a_waiting_thread_is_woken() {
    let device = device();
    let (binary, line) = (syncobj(&device), timeline(&device));
    let points = [SyncPoint::from(&binary), line.at(point::<7>())];
    std::thread::scope(|threads| {
        let any = threads.spawn(|| device.wait_any(&points, WaitFor::Signaled, PATIENCE).unwrap());
        let all = threads.spawn(|| device.wait_all(&points, WaitFor::Signaled, PATIENCE).unwrap());
        std::thread::sleep(SOON);
        line.signal(point::<7>()).unwrap();
        assert_eq!(any.join().unwrap(), Some(1));
        assert!(!all.is_finished());
        binary.signal().unwrap();
        assert_eq!(all.join().unwrap(), Wait::Ready);
    });
}

#[test]
fn more_than_a_few_are_waited_for() {
    let device = device();
    for count in [15, 16, 17, 18, 100] {
        let many: Vec<_> = (0..count).map(|_| syncobj(&device)).collect();
        let points: Vec<_> = many.iter().map(SyncPoint::from).collect();
        for (index, syncobj) in many.iter().enumerate().rev() {
            let all = device.wait_all(&points, WaitFor::Signaled, Timeout::NONE).unwrap();
            assert_eq!(all, Wait::TimedOut);
            syncobj.signal().unwrap();
            let any = device.wait_any(&points, WaitFor::Signaled, Timeout::NONE).unwrap();
            assert_eq!(any, Some(index));
        }
        let all = device.wait_all(&points, WaitFor::Submitted, Timeout::NONE).unwrap();
        assert_eq!(all, Wait::Ready);
    }
}

#[test]
fn what_is_submitted_is_available_and_not_yet_signalled() {
    let device = device();
    let vm = device.create_vm(Default::default()).unwrap();
    let Some(pending) = pending(&device, &vm) else { return };
    let never = syncobj(&device);
    let points = [SyncPoint::from(&never), SyncPoint::from(&pending)];
    let any = |what| device.wait_any(&points, what, Timeout::NONE).unwrap();
    assert_eq!(any(WaitFor::Available), Some(1));
    assert_eq!(any(WaitFor::Signaled), None);
    let of_pending = |what| device.wait_all(&points[1..], what, Timeout::NONE).unwrap();
    assert_eq!(of_pending(WaitFor::Submitted), Wait::TimedOut);
    assert_eq!(of_pending(WaitFor::Available), Wait::Ready);
    release(&vm);
    let all = device.wait_all(&points[1..], WaitFor::Submitted, PATIENCE).unwrap();
    assert_eq!(all, Wait::Ready);
}

#[test]
fn a_wait_for_what_is_submitted_names_what_is_not() {
    let device = device();
    let (there, line) = (signaled(&device), timeline(&device));
    line.signal(point::<2>()).unwrap();
    let points = [SyncPoint::from(&there), line.at(point::<2>()), line.at(point::<3>())];
    let error = device.wait_all(&points, WaitFor::Submitted, PATIENCE).unwrap_err();
    assert_invalid(&error, "points");
    assert!(error.to_string().contains("number 2"), "{error}");
    assert!(error.to_string().contains("point 3"), "{error}");
    assert!(error.errno().is_some());
    let there = device.wait_all(&points[..2], WaitFor::Submitted, Timeout::NONE).unwrap();
    assert_eq!(there, Wait::Ready);
}

#[test]
fn none_are_all_there_and_none_of_them_comes() {
    let device = device();
    let all = device.wait_all(&[], WaitFor::Signaled, Timeout::FOREVER).unwrap();
    assert_eq!(all, Wait::Ready);
    let error = device.wait_any(&[], WaitFor::Signaled, Timeout::NONE).unwrap_err();
    assert_invalid(&error, "points");
    assert_eq!(error.errno(), None);
    device.signal_all(&[]).unwrap();
    device.reset_all(&[]).unwrap();
}

#[test]
fn what_belongs_to_another_device_file_is_refused_by_its_number() {
    let (device, elsewhere) = (device(), common::device());
    let (own, foreign) = (syncobj(&device), signaled(&elsewhere));
    let points = [SyncPoint::from(&own), SyncPoint::from(&foreign)];
    for error in [
        device.wait_all(&points, WaitFor::Signaled, Timeout::NONE).unwrap_err(),
        device.wait_any(&points, WaitFor::Signaled, Timeout::NONE).unwrap_err(),
        device.signal_all(&points).unwrap_err(),
        device.reset_all(&[&own, &foreign]).unwrap_err(),
    ] {
        assert_invalid(&error, "points");
        assert_eq!(error.errno(), None);
        assert!(error.to_string().contains("number 1"), "{error}");
    }
    // Nothing was done.
    assert_eq!(own.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!(foreign.wait(Timeout::NONE).unwrap(), Wait::Ready);
    let error = SyncPoint::from(&foreign).transfer_to(&own).unwrap_err();
    assert_invalid(&error, "to");
}

// Signals and resets of several

#[test]
fn several_are_signalled_and_reset_at_once() {
    let device = device();
    let (first, second) = (syncobj(&device), syncobj(&device));
    let (line, other_line) = (timeline(&device), timeline(&device));
    let points = [
        line.at(point::<4>()),
        SyncPoint::from(&first),
        other_line.at(point::<9>()),
        SyncPoint::from(&second),
    ];
    device.signal_all(&points).unwrap();
    let all = device.wait_all(&points, WaitFor::Submitted, Timeout::NONE).unwrap();
    assert_eq!(all, Wait::Ready);
    assert_eq!((line.value().unwrap(), other_line.value().unwrap()), (4, 9));

    device.reset_all(&[&first, &second]).unwrap();
    for syncobj in [&first, &second] {
        assert_eq!(syncobj.wait_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    }
    device.signal_all(&[SyncPoint::from(&second)]).unwrap();
    assert_eq!(first.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!(second.wait(Timeout::NONE).unwrap(), Wait::Ready);
}

// Transfer

#[test]
fn fences_are_copied_between_all_kinds() {
    let device = device();
    let (from, to) = (signaled(&device), syncobj(&device));
    let (line, other_line) = (timeline(&device), timeline(&device));
    SyncPoint::from(&from).transfer_to(line.at(point::<5>())).unwrap();
    assert_eq!(line.value().unwrap(), 5);
    line.at(point::<4>()).transfer_to(other_line.at(point::<2>())).unwrap();
    assert_eq!(other_line.value().unwrap(), 2);
    other_line.at(point::<1>()).transfer_to(&to).unwrap();
    assert_eq!(to.wait(Timeout::NONE).unwrap(), Wait::Ready);
    // A copy: the reset of one does not concern the other.
    to.reset().unwrap();
    SyncPoint::from(&from).transfer_to(&to).unwrap();
    from.reset().unwrap();
    assert_eq!(to.wait(Timeout::NONE).unwrap(), Wait::Ready);
}

#[test]
fn a_fence_that_is_not_there_cannot_be_copied_or_exported() {
    let device = device();
    let (empty, line, to) = (syncobj(&device), timeline(&device), syncobj(&device));
    line.signal(point::<2>()).unwrap();
    for error in [
        SyncPoint::from(&empty).transfer_to(&to).unwrap_err(),
        line.at(point::<3>()).transfer_to(&to).unwrap_err(),
        empty.export_sync_file().unwrap_err(),
        line.at(point::<3>()).export_sync_file().unwrap_err(),
    ] {
        assert_invalid(&error, "self");
        assert!(error.to_string().contains("wait_available"), "{error}");
    }
    assert_eq!(to.wait_available(Timeout::NONE).unwrap(), Wait::TimedOut);
}

// Descriptors of syncobjs

#[test]
fn an_imported_syncobj_is_the_same_one() {
    let device = device();
    let other = second_file(&device);
    let original = syncobj(&device);
    let fd = original.export().unwrap();
    let here = device.import_syncobj(&fd).unwrap();
    let there = other.import_syncobj(&fd).unwrap();
    assert_ne!(here.handle(), original.handle());
    there.signal().unwrap();
    assert_eq!(original.wait(Timeout::NONE).unwrap(), Wait::Ready);
    original.destroy().unwrap();
    assert_eq!(here.wait(Timeout::NONE).unwrap(), Wait::Ready);
    here.reset().unwrap();
    assert_eq!(there.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    // The descriptor alone keeps it, too.
    here.signal().unwrap();
    drop((here, there, device));
    assert_eq!(other.import_syncobj(fd).unwrap().wait(Timeout::NONE).unwrap(), Wait::Ready);
}

#[test]
fn an_imported_timeline_is_the_same_one() {
    let device = device();
    let other = second_file(&device);
    let original = timeline(&device);
    let there = other.import_timeline(original.export().unwrap()).unwrap();
    there.signal(point::<6>()).unwrap();
    assert_eq!(original.value().unwrap(), 6);
    original.signal(point::<8>()).unwrap();
    assert_eq!(there.wait(point::<8>(), Timeout::NONE).unwrap(), Wait::Ready);
}

#[test]
fn what_is_no_syncobj_is_not_imported() {
    let device = device();
    let sync_file = signaled(&device).export_sync_file().unwrap();
    for fd in [OwnedFd::from(junk()), sync_file] {
        let error = device.import_syncobj(&fd).unwrap_err();
        assert_eq!(error.call(), "SYNCOBJ_FD_TO_HANDLE");
        assert_invalid(&error, "fd");
        assert_invalid(&device.import_timeline(&fd).unwrap_err(), "fd");
    }
}

// sync_files

/// A point's fence is a chain, and kernels warn of a chain within a chain: `suite` checks their
/// logs.
#[test]
fn a_sync_file_carries_a_fence_from_any_place_to_any_other() {
    let device = device();
    let other = second_file(&device);
    let (binary, line) = (signaled(&device), timeline(&device));
    line.signal(point::<3>()).unwrap();
    for sync_file in [
        binary.export_sync_file().unwrap(),
        SyncPoint::from(&binary).export_sync_file().unwrap(),
        line.at(point::<2>()).export_sync_file().unwrap(),
        line.at(point::<3>()).export_sync_file().unwrap(),
    ] {
        assert!(is_readable(&sync_file));
        let (to_binary, to_line) = (syncobj(&other), timeline(&other));
        to_binary.import_sync_file(&sync_file).unwrap();
        assert_eq!(to_binary.wait(Timeout::NONE).unwrap(), Wait::Ready);
        to_line.at(point::<7>()).import_sync_file(&sync_file).unwrap();
        assert_eq!(to_line.value().unwrap(), 7);
        to_line.at(point::<9>()).import_sync_file(&sync_file).unwrap();
        assert_eq!(to_line.value().unwrap(), 9);
        SyncPoint::from(&to_binary).transfer_to(to_line.at(point::<11>())).unwrap();
        assert_eq!(to_line.value().unwrap(), 11);
        let merged = other.merge_sync_files(&sync_file, &sync_file).unwrap();
        to_line.at(point::<12>()).import_sync_file(merged).unwrap();
        // And batches wait for it, wherever it is.
        let done = syncobj(&other);
        let vm = other.create_vm(Default::default()).unwrap();
        let mut batch = vm.bind_async();
        batch.unmap(0..4096).wait(&to_binary).wait(to_line.at(point::<12>())).signal(&done);
        batch.submit().unwrap();
        assert_eq!(done.wait(PATIENCE).unwrap(), Wait::Ready);
    }
}

#[test]
fn a_sync_file_is_ready_when_its_fence_is_signalled_whatever_the_syncobj_holds_by_then() {
    let device = device();
    let vm = device.create_vm(Default::default()).unwrap();
    let Some(pending) = pending(&device, &vm) else { return };
    let line = timeline(&device);
    let sync_file = pending.export_sync_file().unwrap();
    line.at(point::<4>()).import_sync_file(&sync_file).unwrap();
    let of_point = line.at(point::<4>()).export_sync_file().unwrap();
    pending.signal().unwrap(); // another fence
    assert!(!is_readable(&sync_file) && !is_readable(&of_point));
    assert_eq!((line.value().unwrap(), line.last_submitted().unwrap()), (0, 4));
    release(&vm);
    assert_eq!(line.wait(point::<4>(), PATIENCE).unwrap(), Wait::Ready);
    assert!(is_readable(&sync_file) && is_readable(&of_point));
}

#[test]
fn what_is_no_sync_file_is_refused() {
    let device = device();
    let (binary, line) = (signaled(&device), timeline(&device));
    for fd in [OwnedFd::from(junk()), binary.export().unwrap()] {
        assert_invalid(&binary.import_sync_file(&fd).unwrap_err(), "sync_file");
        assert_invalid(&line.at(point::<1>()).import_sync_file(&fd).unwrap_err(), "sync_file");
        let fence = binary.export_sync_file().unwrap();
        assert_invalid(&device.merge_sync_files(&fd, &fence).unwrap_err(), "first");
        assert_invalid(&device.merge_sync_files(&fence, &fd).unwrap_err(), "second");
        if device.version() >= Version::new(1, 7) {
            assert_invalid(&device.sync_file_status(&fd).unwrap_err(), "sync_file");
        }
    }
    assert_eq!(binary.wait(Timeout::NONE).unwrap(), Wait::Ready);
    assert_eq!(line.last_submitted().unwrap(), 0);
}

#[test]
fn merged_sync_files_are_ready_when_both_are() {
    let device = device();
    let ready = signaled(&device).export_sync_file().unwrap();
    let both = device.merge_sync_files(&ready, &ready).unwrap();
    assert!(is_readable(&both));
    let acquired = syncobj(&device);
    acquired.import_sync_file(&both).unwrap();
    assert_eq!(acquired.wait(Timeout::NONE).unwrap(), Wait::Ready);

    let vm = device.create_vm(Default::default()).unwrap();
    let Some(pending) = pending(&device, &vm) else { return };
    let waiting = pending.export_sync_file().unwrap();
    let first = device.merge_sync_files(&waiting, &ready).unwrap();
    let second = device.merge_sync_files(&ready, &waiting).unwrap();
    assert!(!is_readable(&first) && !is_readable(&second));
    acquired.import_sync_file(&first).unwrap();
    release(&vm);
    assert_eq!(acquired.wait(PATIENCE).unwrap(), Wait::Ready);
    assert!(is_readable(&first) && is_readable(&second));
}

// eventfds

fn new_eventfd() -> OwnedFd {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("an eventfd")
}

/// Returns the eventfd's count since the last read.
fn count(eventfd: &OwnedFd) -> u64 {
    let mut count = [0; 8];
    match rustix::io::read(eventfd, &mut count) {
        Ok(8) => u64::from_ne_bytes(count),
        other => {
            assert_eq!(other, Err(rustix::io::Errno::AGAIN));
            0
        }
    }
}

#[test]
fn an_eventfd_is_written_once_for_each_notification() {
    let device = device();
    let (binary, line) = (syncobj(&device), timeline(&device));
    let (of_binary, of_line) = (new_eventfd(), new_eventfd());
    binary.notify(&of_binary).unwrap();
    line.at(point::<3>()).notify(&of_line).unwrap();
    line.at(point::<2>()).notify_available(&of_line).unwrap();
    line.signal(point::<1>()).unwrap();
    assert_eq!((count(&of_binary), count(&of_line)), (0, 0));
    binary.signal().unwrap();
    assert_eq!((count(&of_binary), count(&of_line)), (1, 0));
    line.signal(point::<2>()).unwrap();
    assert_eq!(count(&of_line), 1);
    line.signal(point::<5>()).unwrap();
    assert_eq!(count(&of_line), 1);
    // What is signalled already says so at once.
    binary.notify(&of_binary).unwrap();
    line.at(point::<5>()).notify(&of_line).unwrap();
    assert_eq!((count(&of_binary), count(&of_line)), (1, 1));
    line.signal(point::<6>()).unwrap();
    assert_eq!((count(&of_binary), count(&of_line)), (0, 0));
}

#[test]
fn an_eventfd_tells_available_from_signalled() {
    let device = device();
    let vm = device.create_vm(Default::default()).unwrap();
    let Some(pending) = pending(&device, &vm) else { return };
    let (available, done) = (new_eventfd(), new_eventfd());
    SyncPoint::from(&pending).notify_available(&available).unwrap();
    pending.notify(&done).unwrap();
    assert_eq!((count(&available), count(&done)), (1, 0));
    release(&vm);
    assert_eq!(pending.wait(PATIENCE).unwrap(), Wait::Ready);
    assert_eq!((count(&available), count(&done)), (0, 1));
}

#[test]
fn what_is_no_eventfd_is_refused() {
    let device = device();
    let binary = syncobj(&device);
    let error = binary.notify(junk()).unwrap_err();
    assert_eq!(error.call(), "SYNCOBJ_EVENTFD");
    assert_invalid(&error, "eventfd");
    let error = timeline(&device).at(point::<1>()).notify_available(junk()).unwrap_err();
    assert_invalid(&error, "eventfd");
}

// Wait before signal

#[test]
fn a_batch_is_waited_for_until_it_can_be_queued() {
    let device = device();
    let vm = device.create_vm(Default::default()).unwrap();
    let (binary, line, done) = (syncobj(&device), timeline(&device), syncobj(&device));
    let mut batch = vm.bind_async();
    batch.map_sparse(0..4096).op_wait(line.at(point::<2>())).wait(&binary).signal(&done);
    assert_eq!(batch.wait_until_available(SOON).unwrap(), Wait::TimedOut);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            std::thread::sleep(SOON);
            binary.signal().unwrap();
            std::thread::sleep(SOON);
            line.signal(at(2)).unwrap();
        });
        assert_eq!(batch.wait_until_available(PATIENCE).unwrap(), Wait::Ready);
        batch.submit().unwrap();
    });
    assert_eq!(done.wait(PATIENCE).unwrap(), Wait::Ready);
    // An empty batch waits for nothing.
    assert_eq!(vm.bind_async().wait_until_available(Timeout::NONE).unwrap(), Wait::Ready);
}

#[test]
fn what_a_batch_signals_itself_is_waited_for_only_if_it_comes_too_late() {
    let device = device();
    let vm = device.create_vm(Default::default()).unwrap();
    let between = syncobj(&device);
    let mut in_order = vm.bind_async();
    in_order.map_sparse(0..4096).op_signal(&between).unmap(0..4096).op_wait(&between);
    assert_eq!(in_order.wait_until_available(Timeout::NONE).unwrap(), Wait::Ready);
    in_order.submit().unwrap();
    assert_eq!(between.wait(PATIENCE).unwrap(), Wait::Ready);

    between.reset().unwrap();
    let mut too_late = vm.bind_async();
    too_late.map_sparse(0..4096).op_wait(&between).unmap(0..4096).op_signal(&between);
    assert_eq!(too_late.wait_until_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    let mut same = vm.bind_async();
    same.map_sparse(0..4096).op_signal(&between).op_wait(&between);
    assert_eq!(same.wait_until_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    let mut whole = vm.bind_async();
    whole.map_sparse(0..4096).wait(&between).signal(&between);
    assert_eq!(whole.wait_until_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    between.signal().unwrap();
    assert_eq!(whole.wait_until_available(Timeout::NONE).unwrap(), Wait::Ready);
    whole.submit().unwrap();
    assert_eq!(between.wait(PATIENCE).unwrap(), Wait::Ready);
}

#[test]
fn a_submission_is_waited_for_until_the_driver_takes_it() {
    let device = device();
    let vm = device.create_vm(Default::default()).unwrap();
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let (line, between, done) = (timeline(&device), syncobj(&device), syncobj(&device));
    let mut submission = group.submit();
    submission.queue(0).wait(line.at(point::<1>())).signal(&between);
    submission.queue(0).wait(&between).signal(&done);
    assert_eq!(submission.wait_until_available(SOON).unwrap(), Wait::TimedOut);
    line.signal(point::<1>()).unwrap();
    assert_eq!(submission.wait_until_available(PATIENCE).unwrap(), Wait::Ready);
    submission.submit().unwrap();
    assert_eq!(done.wait(PATIENCE).unwrap(), Wait::Ready);
}

#[test]
fn no_sync_file_is_a_signaled_one() {
    let device = device();
    let (binary, line) = (syncobj(&device), timeline(&device));
    binary.import_sync_fd(None).unwrap();
    assert_eq!(binary.wait(Timeout::NONE).unwrap(), Wait::Ready);
    line.at(point::<7>()).import_sync_fd(None).unwrap();
    assert_eq!(line.value().unwrap(), 7);
    // A descriptor is imported as by `import_sync_file`.
    let there = syncobj(&device);
    let sync_file = binary.export_sync_file().unwrap();
    there.import_sync_fd(Some(sync_file.as_fd())).unwrap();
    assert_eq!(there.wait(Timeout::NONE).unwrap(), Wait::Ready);
    let null = File::open("/dev/null").unwrap();
    let error = there.import_sync_fd(Some(null.as_fd())).unwrap_err();
    assert_eq!(error.argument(), Some("sync_file"), "{error}");
}
