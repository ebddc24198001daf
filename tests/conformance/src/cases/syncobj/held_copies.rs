//! Fences that go elsewhere while they are pending: to another syncobj, a sync file, an eventfd.

use panthor_sys::*;

use super::export::{SYNC_FILE, TIMELINE};
use super::held::{FOREVER, held, tell};
use super::wait::AVAILABLE;
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    copies(cases);
    eventfds(cases);
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
