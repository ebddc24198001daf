//! Fences of jobs that are surely not done yet.

use panthor_sys::*;

use super::wait::{ALL, AVAILABLE, DEADLINE, FOR_SUBMIT, flag_names};
use super::{held_copies, held_queues};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::gate::Gate;
use crate::uapi::ops::*;

pub const FOREVER: i64 = i64::MAX;
const LAST_SUBMITTED: u32 = DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED;

pub fn add(cases: &mut Cases) {
    cases.group("pending_fences");
    waits(cases);
    timelines(cases);
    held_copies::add(cases);
    held_queues::add(cases);
}

/// Adds a case with a gate of two queues.
pub fn held(
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

/// Records the state of a syncobj without waiting.
pub fn tell(c: &mut Client<'_>, handle: u32, points: &[u64]) {
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
