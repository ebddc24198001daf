//! Fences of jobs that are surely not done yet.

use panthor_sys::*;

use super::export::{SYNC_FILE, TIMELINE};
use super::wait::{ALL, AVAILABLE, DEADLINE, FOR_SUBMIT, flag_names};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::gate::Gate;
use crate::uapi::ops::*;

const FOREVER: i64 = i64::MAX;
const LAST_SUBMITTED: u32 = DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED;

pub fn add(cases: &mut Cases) {
    cases.group("pending_fences");
    waits(cases);
    timelines(cases);
    copies(cases);
    eventfds(cases);
    queues(cases);
    ends(cases);
}

/// A case with a gate of two queues.
fn held(
    cases: &mut Cases,
    name: impl AsRef<str>,
    steps: impl Fn(&mut Client<'_>, &mut Gate) + Send + Sync + 'static,
) {
    let steps = move |c: &mut Client<'_>| {
        let mut gate = c.gate(2);
        steps(c, &mut gate);
    };
    cases.add(name, steps).needs_held_jobs();
}

/// What a syncobj has, without waiting.
fn tell(c: &mut Client<'_>, handle: u32, points: &[u64]) {
    c.query(&[handle], 0);
    c.query(&[handle], LAST_SUBMITTED);
    for &point in points {
        c.wait_points(&[handle], &[point], 0, 0);
    }
}

fn waits(cases: &mut Cases) {
    for flags in [0, ALL, FOR_SUBMIT, DEADLINE, ALL | FOR_SUBMIT] {
        held(cases, format!("wait_with_{}", flag_names(flags)), move |c, gate| {
            let (done, before) = (c.syncobj(), c.signaled_syncobj());
            c.submit_held(gate, 0, &[signal(done, 0)]);
            for handles in [&[done][..], &[done, before], &[before, done], &[done, done]] {
                c.wait(handles, flags, 0);
            }
            c.pass(gate, 0);
            // What a wait for all names depends on when it begins.
            c.wait(&[done], flags & !ALL, FOREVER);
            c.wait(&[done, before], flags, 0);
        });
    }
    for flags in [0, ALL, FOR_SUBMIT, AVAILABLE, ALL | AVAILABLE] {
        held(cases, format!("wait_for_points_with_{}", flag_names(flags)), move |c, gate| {
            let done = c.syncobj();
            c.timeline_signal(&[done], &[2]);
            c.submit_held(gate, 0, &[signal(done, 5)]);
            for point in [0, 1, 2, 3, 5, 6] {
                c.wait_points(&[done], &[point], flags, 0);
            }
            c.wait_points(&[done, done], &[5, 2], flags, 0);
            c.wait_points(&[done, done], &[2, 5], flags, 0);
            c.wait_points(&[done, done], &[6, 5], flags, 0);
            c.pass(gate, 0);
            c.wait_points(&[done], &[5], 0, FOREVER);
            c.wait_points(&[done, done], &[5, 2], flags, 0);
        });
    }
    held(cases, "replaced_by_a_signal", |c, gate| {
        let done = c.syncobj();
        c.submit_held(gate, 0, &[signal(done, 0)]);
        c.wait(&[done], 0, 0);
        c.signal(&[done]);
        c.wait(&[done], 0, 0);
        c.pass(gate, 0);
    });
    held(cases, "forgotten_by_a_reset", |c, gate| {
        let done = c.syncobj();
        c.submit_held(gate, 0, &[signal(done, 0)]);
        c.reset(&[done]);
        c.wait(&[done], 0, 0);
        c.pass(gate, 0);
    });
    held(cases, "all_of_several_names_the_first_that_was_done_before", |c, gate| {
        let (one, two, before) = (c.syncobj(), c.syncobj(), c.signaled_syncobj());
        c.submit_held(gate, 0, &[signal(one, 0)]);
        c.submit_held(gate, 1, &[signal(two, 0)]);
        c.wait(&[one, two, before], 0, 0);
        c.pass(gate, 1);
        c.wait(&[two], 0, FOREVER);
        c.wait(&[one, two, before], 0, 0);
        c.wait(&[one, two], ALL, 0);
        c.pass(gate, 0);
        c.wait(&[one], 0, FOREVER);
        c.wait(&[one, two], ALL, 0);
    });
}

fn timelines(cases: &mut Cases) {
    held(cases, "a_pending_point", |c, gate| {
        let timeline = c.syncobj();
        c.submit_held(gate, 0, &[signal(timeline, 4)]);
        tell(c, timeline, &[0, 1, 4, 5]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[4], 0, FOREVER);
        tell(c, timeline, &[0, 1, 4, 5]);
    });
    held(cases, "a_pending_point_after_one_that_is_done", |c, gate| {
        let timeline = c.syncobj();
        c.timeline_signal(&[timeline], &[2]);
        c.submit_held(gate, 0, &[signal(timeline, 6)]);
        tell(c, timeline, &[0, 1, 2, 3, 6, 7]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[6], 0, FOREVER);
        tell(c, timeline, &[0, 2, 3, 6, 7]);
    });
    held(cases, "a_done_point_after_one_that_is_pending", |c, gate| {
        let timeline = c.syncobj();
        c.submit_held(gate, 0, &[signal(timeline, 3)]);
        c.timeline_signal(&[timeline], &[8]);
        tell(c, timeline, &[0, 2, 3, 4, 8, 9]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[3], 0, FOREVER);
        tell(c, timeline, &[0, 3, 4, 8, 9]);
    });
    held(cases, "a_point_that_overtakes_another", |c, gate| {
        let timeline = c.syncobj();
        c.submit_held(gate, 0, &[signal(timeline, 3)]);
        c.submit_held(gate, 1, &[signal(timeline, 6)]);
        c.pass(gate, 1);
        // Its own fence is done, but not the one before it.
        let other = c.syncobj();
        c.submit(gate.group, &[sync_point(1, &[signal(other, 0)])]);
        c.wait(&[other], 0, FOREVER);
        tell(c, timeline, &[1, 3, 4, 6]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[6], 0, FOREVER);
        tell(c, timeline, &[1, 3, 4, 6]);
    });
    held(cases, "three_points_that_are_done_one_by_one", |c, gate| {
        let timeline = c.syncobj();
        for point in [2, 5, 9] {
            c.submit_held(gate, 0, &[signal(timeline, point)]);
        }
        tell(c, timeline, &[2, 5, 9]);
        for point in [2, 5, 9] {
            c.pass(gate, 0);
            c.wait_points(&[timeline], &[point], 0, FOREVER);
            tell(c, timeline, &[2, 3, 5, 6, 9]);
        }
    });
    held(cases, "the_middle_of_three_is_done_first", |c, gate| {
        let (timeline, middle) = (c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(timeline, 2)]);
        c.submit_held(gate, 1, &[signal(timeline, 5), signal(middle, 0)]);
        c.submit_held(gate, 0, &[signal(timeline, 9)]);
        c.pass(gate, 1);
        c.wait(&[middle], 0, FOREVER);
        tell(c, timeline, &[2, 5, 9]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[5], 0, FOREVER);
        tell(c, timeline, &[2, 5, 9]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[9], 0, FOREVER);
        tell(c, timeline, &[2, 5, 9]);
    });
    held(cases, "points_out_of_order", |c, gate| {
        let timeline = c.syncobj();
        c.submit_held(gate, 0, &[signal(timeline, 7)]);
        c.submit_held(gate, 1, &[signal(timeline, 4)]);
        tell(c, timeline, &[1, 4, 5, 7, 8]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[0], AVAILABLE, 0);
        let other = c.syncobj();
        c.submit(gate.group, &[sync_point(0, &[signal(other, 0)])]);
        c.wait(&[other], 0, FOREVER);
        tell(c, timeline, &[1, 4, 5, 7, 8]);
        c.pass(gate, 1);
        c.wait(&[timeline], 0, FOREVER);
        tell(c, timeline, &[1, 4, 5, 7, 8]);
    });
    held(cases, "a_point_on_a_pending_binary", |c, gate| {
        let timeline = c.syncobj();
        c.submit_held(gate, 0, &[signal(timeline, 0)]);
        c.timeline_signal(&[timeline], &[3]);
        tell(c, timeline, &[0, 1, 3, 4]);
        c.pass(gate, 0);
        c.wait(&[timeline], 0, FOREVER);
        tell(c, timeline, &[0, 1, 3, 4]);
    });
    held(cases, "equal_points", |c, gate| {
        let timeline = c.syncobj();
        c.submit_held(gate, 0, &[signal(timeline, 3)]);
        c.timeline_signal(&[timeline], &[3]);
        tell(c, timeline, &[0, 1, 3, 4]);
        c.pass(gate, 0);
        c.wait(&[timeline], 0, FOREVER);
        tell(c, timeline, &[0, 1, 3, 4]);
    });
    held(cases, "a_binary_in_the_place_of_a_timeline", |c, gate| {
        let timeline = c.syncobj();
        c.timeline_signal(&[timeline], &[3]);
        c.submit_held(gate, 0, &[signal(timeline, 0)]);
        tell(c, timeline, &[0, 1, 3]);
        c.pass(gate, 0);
        c.wait(&[timeline], 0, FOREVER);
        tell(c, timeline, &[0, 1, 3]);
    });
}

/// Fences that go from one syncobj to another while they are pending.
fn copies(cases: &mut Cases) {
    held(cases, "in_a_sync_file", |c, gate| {
        let (done, other) = (c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(done, 0)]);
        let file = c.sync_file(done);
        c.readable(&file);
        c.import_sync_file(&file, other);
        c.reset(&[done]);
        c.wait(&[other], 0, 0);
        c.pass(gate, 0);
        c.until_readable(&file);
        c.wait(&[other], 0, FOREVER);
    });
    for (name, point) in [("the_pending", 6), ("the_done", 2), ("one_between", 4)] {
        held(cases, format!("in_a_sync_file_of_{name}_point"), move |c, gate| {
            let (timeline, other) = (c.syncobj(), c.syncobj());
            c.timeline_signal(&[timeline], &[2]);
            c.submit_held(gate, 0, &[signal(timeline, 6)]);
            let flags = SYNC_FILE | TIMELINE;
            let mut args = drm_syncobj_handle { handle: timeline, flags, fd: -1, pad: 0, point };
            if c.call(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut args) == 0 {
                let file = c.own(args.fd);
                c.readable(&file);
                c.import_sync_file(&file, other);
                tell(c, other, &[0, 2, 4, 6]);
            }
            c.pass(gate, 0);
            c.wait_points(&[timeline], &[6], 0, FOREVER);
            c.wait(&[other], 0, FOREVER);
        });
    }
    held(cases, "of_a_sync_file_at_a_point", |c, gate| {
        let (done, timeline) = (c.syncobj(), c.syncobj());
        c.timeline_signal(&[timeline], &[2]);
        c.submit_held(gate, 0, &[signal(done, 0)]);
        let file = c.sync_file(done);
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        let (handle, flags) = (timeline, SYNC_FILE | TIMELINE);
        let mut args = drm_syncobj_handle { handle, flags, fd, pad: 0, point: 5 };
        c.call(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &mut args);
        tell(c, timeline, &[2, 4, 5, 6]);
        c.pass(gate, 0);
        c.wait(&[done], 0, FOREVER);
        tell(c, timeline, &[2, 4, 5, 6]);
    });
    // From where, and to which point.
    for (name, from, to) in [
        ("a_binary_to_a_binary", 0, 0),
        ("a_binary_to_a_point", 0, 7),
        ("a_point_to_a_binary", 5, 0),
        ("a_point_to_a_point", 5, 7),
        ("an_early_point_to_a_binary", 3, 0),
        ("an_early_point_to_a_point", 3, 7),
        ("a_done_point_to_a_point", 2, 7),
    ] {
        held(cases, format!("transferred_from_{name}"), move |c, gate| {
            let (source, target) = (c.syncobj(), c.syncobj());
            if from != 0 {
                c.timeline_signal(&[source], &[2]);
            }
            c.submit_held(gate, 0, &[signal(source, if from == 0 { 0 } else { 5 })]);
            c.transfer((source, from), (target, to), 0);
            tell(c, target, &[0, 1, 2, 5, 7]);
            c.pass(gate, 0);
            c.wait(&[source], 0, FOREVER);
            tell(c, target, &[0, 1, 2, 5, 7]);
        });
    }
    held(cases, "of_a_timeline_merged_to_a_point", |c, gate| {
        let (source, target, last) = (c.syncobj(), c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(source, 3)]);
        c.submit_held(gate, 1, &[signal(source, 6), signal(last, 0)]);
        c.transfer((source, 0), (target, 9), 0);
        tell(c, target, &[1, 9]);
        c.pass(gate, 1);
        c.wait(&[last], 0, FOREVER);
        tell(c, target, &[1, 9]);
        c.pass(gate, 0);
        c.wait_points(&[target], &[9], 0, FOREVER);
        tell(c, target, &[1, 9]);
    });
    held(cases, "transferred_to_a_later_point_of_its_timeline", |c, gate| {
        let timeline = c.syncobj();
        c.submit_held(gate, 0, &[signal(timeline, 3)]);
        c.transfer((timeline, 3), (timeline, 8), 0);
        tell(c, timeline, &[1, 3, 8]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[8], 0, FOREVER);
        tell(c, timeline, &[1, 3, 8]);
    });
    held(cases, "transferred_from_the_end_to_an_early_point", |c, gate| {
        let timeline = c.syncobj();
        c.timeline_signal(&[timeline], &[5]);
        c.submit_held(gate, 0, &[signal(timeline, 8)]);
        c.transfer((timeline, 8), (timeline, 2), 0);
        tell(c, timeline, &[1, 2, 5, 8]);
        c.pass(gate, 0);
        c.wait(&[timeline], 0, FOREVER);
        tell(c, timeline, &[1, 2, 5, 8]);
    });
}

fn eventfds(cases: &mut Cases) {
    for (name, flags) in [("done", 0), ("available", AVAILABLE)] {
        held(cases, format!("eventfd_when_a_binary_is_{name}"), move |c, gate| {
            let (done, fd) = (c.syncobj(), c.eventfd());
            c.submit_held(gate, 0, &[signal(done, 0)]);
            c.syncobj_eventfd(&fd, done, 0, flags);
            c.counter(&fd);
            c.pass(gate, 0);
            c.wait(&[done], 0, FOREVER);
            if flags == 0 {
                c.until_readable(&fd);
            }
            c.counter(&fd);
        });
        held(cases, format!("eventfd_when_a_later_binary_is_{name}"), move |c, gate| {
            let (done, fd) = (c.syncobj(), c.eventfd());
            c.syncobj_eventfd(&fd, done, 0, flags);
            c.submit_held(gate, 0, &[signal(done, 0)]);
            c.counter(&fd);
            c.pass(gate, 0);
            c.wait(&[done], 0, FOREVER);
            if flags == 0 {
                c.until_readable(&fd);
            }
            c.counter(&fd);
        });
        held(cases, format!("eventfd_when_a_point_is_{name}"), move |c, gate| {
            let (timeline, fd) = (c.syncobj(), c.eventfd());
            c.timeline_signal(&[timeline], &[2]);
            for point in [2, 4, 6, 7] {
                c.syncobj_eventfd(&fd, timeline, point, flags);
                c.counter(&fd);
            }
            c.submit_held(gate, 0, &[signal(timeline, 6)]);
            c.counter(&fd);
            c.pass(gate, 0);
            c.wait_points(&[timeline], &[6], 0, FOREVER);
        });
    }
    held(cases, "eventfd_of_a_fence_that_was_replaced", |c, gate| {
        let (done, fd) = (c.syncobj(), c.eventfd());
        c.submit_held(gate, 0, &[signal(done, 0)]);
        c.syncobj_eventfd(&fd, done, 0, 0);
        // It goes on waiting for the fence that was there.
        c.signal(&[done]);
        c.counter(&fd);
        c.pass(gate, 0);
        c.until_readable(&fd);
        c.counter(&fd);
    });
    held(cases, "eventfd_of_a_syncobj_that_was_destroyed", |c, gate| {
        let (done, fd) = (c.syncobj(), c.eventfd());
        c.submit_held(gate, 0, &[signal(done, 0)]);
        c.syncobj_eventfd(&fd, done, 0, 0);
        c.destroy_syncobj(done);
        c.pass(gate, 0);
        c.until_readable(&fd);
        c.counter(&fd);
    });
    held(cases, "eventfd_of_overtaking_points", |c, gate| {
        let (timeline, other, fd) = (c.syncobj(), c.syncobj(), c.eventfd());
        c.submit_held(gate, 0, &[signal(timeline, 3)]);
        c.submit_held(gate, 1, &[signal(timeline, 6), signal(other, 0)]);
        c.syncobj_eventfd(&fd, timeline, 6, 0);
        c.pass(gate, 1);
        c.wait(&[other], 0, FOREVER);
        c.counter(&fd);
        c.pass(gate, 0);
        c.until_readable(&fd);
        c.counter(&fd);
    });
}

/// Queues that wait for the fence.
fn queues(cases: &mut Cases) {
    held(cases, "a_bind_waits", |c, gate| {
        let (bo, job, bound) = (c.bo(PAGE), c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(job, 0)]);
        let syncs = [wait(job, 0), signal(bound, 0)];
        c.bind_async(gate.vm, &[with_syncs(map(bo, 0, 4 * MIB, PAGE, NOEXEC), &syncs)]);
        c.wait(&[bound], 0, 0);
        c.mappings();
        c.pass(gate, 0);
        c.wait(&[bound], 0, FOREVER);
        c.wait(&[job], 0, 0);
    });
    held(cases, "a_bind_waits_for_a_point", |c, gate| {
        let (timeline, bound) = (c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(timeline, 5)]);
        c.bind_async(gate.vm, &[sync_only(&[wait(timeline, 3), signal(bound, 0)])]);
        c.wait(&[bound], 0, 0);
        c.bind_async(gate.vm, &[sync_only(&[wait(timeline, 6)])]);
        c.pass(gate, 0);
        c.wait(&[bound], 0, FOREVER);
    });
    held(cases, "binds_behind_one_that_waits", |c, gate| {
        let (vm, job, first, second) = (c.vm(), c.syncobj(), c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(job, 0)]);
        c.bind_async(vm, &[sync_only(&[wait(job, 0), signal(first, 0)])]);
        c.bind_async(vm, &[sync_only(&[signal(second, 0)])]);
        c.wait(&[first, second], 0, 0);
        c.pass(gate, 0);
        c.wait(&[second], 0, FOREVER);
        c.wait(&[first], 0, 0);
    });
    held(cases, "one_call_signals_step_by_step", |c, gate| {
        let (vm, job, timeline) = (c.vm(), c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(job, 0)]);
        let (first, second) = ([signal(timeline, 1)], [wait(job, 0), signal(timeline, 2)]);
        c.bind_async(vm, &[sync_only(&first), sync_only(&second)]);
        c.wait_points(&[timeline], &[1], 0, FOREVER);
        tell(c, timeline, &[1, 2]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[2], 0, FOREVER);
    });
    held(cases, "a_job_of_another_queue_waits", |c, gate| {
        let (first, second) = (c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(first, 0)]);
        c.submit(gate.group, &[sync_point(1, &[wait(first, 0), signal(second, 0)])]);
        c.wait(&[second], 0, 0);
        c.pass(gate, 0);
        c.wait(&[second], 0, FOREVER);
        c.wait(&[first], 0, 0);
    });
    held(cases, "a_job_without_a_stream_waits_for_those_before", |c, gate| {
        let (first, second) = (c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(first, 0)]);
        c.submit(gate.group, &[sync_point(0, &[signal(second, 0)])]);
        c.wait(&[second], 0, 0);
        c.pass(gate, 0);
        c.wait(&[second], 0, FOREVER);
        c.wait(&[first], 0, 0);
    });
    held(cases, "a_job_waits_for_a_bind_that_waits_for_a_job", |c, gate| {
        let (vm, timeline) = (c.vm(), c.syncobj());
        c.submit_held(gate, 0, &[signal(timeline, 1)]);
        c.bind_async(vm, &[sync_only(&[wait(timeline, 1), signal(timeline, 2)])]);
        c.submit(gate.group, &[sync_point(1, &[wait(timeline, 2), signal(timeline, 3)])]);
        tell(c, timeline, &[1, 2, 3]);
        c.pass(gate, 0);
        c.wait_points(&[timeline], &[3], 0, FOREVER);
        tell(c, timeline, &[1, 2, 3]);
    });
    held(cases, "waited_for_after_the_syncobj_was_reset", |c, gate| {
        let (first, second) = (c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(first, 0)]);
        c.submit(gate.group, &[sync_point(1, &[wait(first, 0), signal(second, 0)])]);
        c.reset(&[first]);
        c.wait(&[second], 0, 0);
        c.pass(gate, 0);
        c.wait(&[second], 0, FOREVER);
    });
}

/// What becomes of the fence when what was to signal it goes away.
fn ends(cases: &mut Cases) {
    held(cases, "of_a_group_that_is_destroyed", |c, gate| {
        let (done, other) = (c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(done, 0), signal(other, 4)]);
        let file = c.sync_file(done);
        c.destroy_group(gate.group);
        c.wait(&[done], 0, FOREVER);
        c.wait_points(&[other], &[4], 0, FOREVER);
        c.query(&[other], 0);
        c.until_readable(&file);
        // The driver frees what the group had in its own time.
        c.destroy_vm(gate.vm);
        c.until_no_vm_is_left();
    });
    held(cases, "of_a_group_that_is_destroyed_and_a_bind_waits", |c, gate| {
        let (vm, done, bound) = (c.vm(), c.syncobj(), c.syncobj());
        c.submit_held(gate, 0, &[signal(done, 0)]);
        c.bind_async(vm, &[sync_only(&[wait(done, 0), signal(bound, 0)])]);
        c.destroy_group(gate.group);
        c.wait(&[bound], 0, FOREVER);
        c.vm_state(vm);
        c.destroy_vm(vm);
        c.destroy_vm(gate.vm);
        c.until_no_vm_is_left();
    });
    held(cases, "of_a_file_that_is_closed", |c, gate| {
        let done = c.syncobj();
        c.submit_held(gate, 0, &[signal(done, 0)]);
        let fd = c.syncobj_fd(done);
        c.open();
        let other = c.import_syncobj(&fd);
        c.wait(&[other], 0, 0);
        gate.unmap();
        c.close_file(0);
        c.wait(&[other], 0, FOREVER);
        c.until_no_vm_is_left();
    });
}
