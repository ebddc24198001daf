//! Groups, submissions and tiler heaps in states that only a fake reaches: lost groups, held
//! queues, privileges, old drivers and large CPU pages.

use std::time::Duration;

use panthor::{
    ErrorKind, Group, GroupFlags, GroupOptions, GroupPriority, QueueOptions, Timeout, Vm, Wait,
    point, sys,
};
use panthor_fake::{Config, GroupView, PageSize};

use crate::open;

const SOON: Duration = Duration::from_secs(30);
/// Somewhere for a stream, which the fake does not look at.
const VA: u64 = 1 << 30;

fn group(vm: &Vm) -> Group {
    let queue = QueueOptions::new(4096);
    vm.create_group(GroupOptions::new().queue(queue).queue(queue)).expect("a group")
}

fn hand_on(group: &Group) -> GroupView {
    group.device().fake().expect("a fake").group(group.handle()).expect("its group")
}

/// Checks that a submission fails as on a lost group, and that its error states the reason.
#[track_caller]
fn assert_lost(group: &Group, why: &str) {
    let error = group.submit().queue(0).submit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
    assert!(error.errno().is_some(), "{error}");
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn a_group_that_timed_out_is_lost() {
    let (fake, device) = open(Config::default());
    let group = group(&device.create_vm(Default::default()).unwrap());
    assert!(hand_on(&group).time_out());
    let state = group.state().unwrap();
    assert_eq!((state.flags, state.is_usable()), (GroupFlags::TIMED_OUT, false));
    assert_lost(&group, "the group timed out");
    drop((group, device));
    fake.assert_released();
}

#[test]
fn a_group_with_a_fatal_fault_names_the_queue() {
    let (_fake, device) = open(Config::default());
    let group = group(&device.create_vm(Default::default()).unwrap());
    let done = device.create_syncobj().unwrap();
    assert!(hand_on(&group).fault_next_job(1));
    group.submit().queue(1).stream(VA, 64).signal(&done).submit().unwrap();
    // What it would have signalled is signalled.
    assert_eq!(done.wait(SOON).unwrap(), Wait::Ready);
    let state = group.state().unwrap();
    assert_eq!((state.flags, state.is_usable()), (GroupFlags::FATAL_FAULT, false));
    assert_eq!(state.fatal_queue_indices().collect::<Vec<_>>(), [1]);
    assert_lost(&group, "fatal fault");
}

#[test]
fn a_reset_that_others_caused_leaves_innocence_from_driver_1_3_on() {
    for minor in [0, 2, 3, 9] {
        let (fake, device) = open(Config::default().driver_minor(minor));
        let group = group(&device.create_vm(Default::default()).unwrap());
        // Before anything is submitted it has no slot, and survives.
        fake.reset();
        assert!(group.state().unwrap().is_usable());
        hand_on(&group).hold();
        group.submit().queue(0).stream(VA, 8).submit().unwrap();
        fake.reset();
        let state = group.state().unwrap();
        assert!(state.flags.contains(GroupFlags::TIMED_OUT), "1.{minor}: {state:?}");
        assert_eq!(state.flags.contains(GroupFlags::INNOCENT), minor >= 3, "1.{minor}");
        let why = if minor >= 3 { "another one caused" } else { "timed out" };
        assert_lost(&group, why);
    }
}

#[test]
fn a_queue_submit_reaches_its_queue_as_it_was_recorded() {
    let (_fake, device) = open(Config::default());
    let group = group(&device.create_vm(Default::default()).unwrap());
    let (hand, timeline) = (hand_on(&group), device.create_timeline().unwrap());
    let flush = device.flush_id().unwrap();
    hand.hold();
    group
        .submit()
        .queue(1)
        .stream(VA, 64)
        .latest_flush(flush)
        .signal(timeline.at(point::<1>()))
        .queue(0)
        .stream(VA + 4096, 128)
        .wait(timeline.at(point::<1>()))
        .signal(timeline.at(point::<2>()))
        .submit()
        .unwrap();
    let info = |queue| {
        let pending = hand.pending(queue);
        pending.iter().map(|job| (job.va, job.size, job.latest_flush)).collect::<Vec<_>>()
    };
    assert_eq!(info(1), [(VA, 64, flush.as_raw())]);
    assert_eq!(info(0), [(VA + 4096, 128, 0)]);

    // The second queue's stream cannot go first.
    assert!(!hand.step(0));
    assert_eq!(timeline.value().unwrap(), 0);
    assert!(hand.step(1));
    assert_eq!(timeline.value().unwrap(), 1);
    assert!(hand.step(0));
    assert_eq!(timeline.wait(point::<2>(), SOON).unwrap(), Wait::Ready);
}

#[test]
fn a_submission_waits_for_a_fence_that_is_not_signalled_yet() {
    let (_fake, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let (slow, fast) = (group(&vm), group(&vm));
    let (first, second) = (device.create_syncobj().unwrap(), device.create_syncobj().unwrap());
    let hand = hand_on(&slow);
    hand.hold();
    slow.submit().queue(0).stream(VA, 8).signal(&first).submit().unwrap();
    fast.submit().queue(0).wait(&first).signal(&second).submit().unwrap();
    assert_eq!(second.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    hand.release();
    assert_eq!(second.wait(SOON).unwrap(), Wait::Ready);
}

#[test]
fn dropping_a_group_signals_what_it_still_owes() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let (group, done) = (group(&vm), device.create_syncobj().unwrap());
    hand_on(&group).hold();
    group.submit().queue(0).stream(VA, 8).signal(&done).submit().unwrap();
    assert_eq!(done.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    drop(group);
    assert_eq!(done.wait(SOON).unwrap(), Wait::Ready);
    vm.destroy().unwrap();
    drop((done, device));
    fake.assert_released();
}

#[test]
fn interrupted_calls_go_on() {
    let (_fake, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let file = device.fake().unwrap();
    for errno in [4, 11] {
        // EINTR, EAGAIN
        file.fail_ioctl(sys::DRM_IOCTL_PANTHOR_GROUP_CREATE, errno);
        file.fail_ioctl(sys::DRM_IOCTL_PANTHOR_GROUP_SUBMIT, errno);
        file.fail_ioctl(sys::DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, errno);
        let (group, done) = (group(&vm), device.create_syncobj().unwrap());
        group.submit().queue(0).signal(&done).submit().unwrap();
        assert_eq!(done.wait(SOON).unwrap(), Wait::Ready);
        vm.create_tiler_heap(Default::default()).unwrap().destroy().unwrap();
    }
}

#[test]
fn high_priorities_take_privileges() {
    let create = |config: Config, priority| {
        let (_fake, device) = open(config);
        let vm = device.create_vm(Default::default()).unwrap();
        let options = GroupOptions::new().priority(priority).queue(QueueOptions::new(4096));
        vm.create_group(options).map(drop)
    };
    for minor in [0, 1, 2, 9] {
        for allowed in [false, true] {
            let config = || Config::default().driver_minor(minor).high_priority(allowed);
            create(config(), GroupPriority::Low).unwrap();
            create(config(), GroupPriority::Medium).unwrap();
            for priority in [GroupPriority::High, GroupPriority::Realtime] {
                let kind = create(config(), priority).map_err(|error| error.kind());
                let expected = if priority == GroupPriority::Realtime && minor < 2 {
                    Err(ErrorKind::Unsupported)
                } else if allowed {
                    Ok(())
                } else {
                    Err(ErrorKind::PermissionDenied)
                };
                assert_eq!(kind, expected, "1.{minor} {priority:?} {allowed}");
            }
        }
    }
}

#[test]
fn limits_are_asked_for_once() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let queries = || fake.stats().ioctl_count(sys::DRM_IOCTL_PANTHOR_DEV_QUERY);
    drop(group(&vm));
    let after_one = queries();
    drop(group(&vm));
    assert_eq!(queries(), after_one);
}

#[test]
fn a_submission_is_one_ioctl_and_an_empty_one_none() {
    let (fake, device) = open(Config::default());
    let group = group(&device.create_vm(Default::default()).unwrap());
    let done = device.create_syncobj().unwrap();
    let before = fake.stats().ioctls();
    group.submit().submit().unwrap();
    group.submit().queue(0).stream(1, 1).submit().unwrap_err();
    assert_eq!(fake.stats().ioctls(), before);
    group
        .submit()
        .queue(0)
        .queue(1)
        .stream(VA, 8)
        .signal(&done)
        .queue(0)
        .wait(&done)
        .submit()
        .unwrap();
    assert_eq!(fake.stats().ioctls(), before + 1);
}

#[test]
fn large_cpu_pages_count_for_the_flush_id_and_for_chunks() {
    for (page_size, bytes) in
        [(PageSize::K4, 4 << 10), (PageSize::K16, 16 << 10), (PageSize::K64, 64 << 10)]
    {
        let (fake, device) = open(Config::default().page_size(page_size));
        device.flush_id().unwrap();
        let vm = device.create_vm(Default::default()).unwrap();
        let with = |size| {
            let options = panthor::TilerHeapOptions::new().chunk_size(size).initial_chunks(1);
            vm.create_tiler_heap(options).map(drop)
        };
        with((128 << 10) + bytes).unwrap();
        let error = with((128 << 10) + bytes / 2).unwrap_err();
        assert_eq!((error.argument(), error.errno()), (Some("chunk_size"), None), "{error}");
        drop((vm, device));
        fake.assert_released();
    }
}
