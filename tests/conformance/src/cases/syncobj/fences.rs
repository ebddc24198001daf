//! Fences of real work in syncobjs: of asynchronous binds, and of jobs.

use panthor_sys::*;

use super::wait::{ALL, AVAILABLE, FOR_SUBMIT};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

const FOREVER: i64 = i64::MAX;

/// Submits work with these signal and wait operations.
type Work = fn(&mut Client<'_>, u32, &[drm_panthor_sync_op]);

const BIND: Work = |c, vm, syncs| {
    c.bind_async(vm, &[sync_only(syncs)]);
};

const JOB: Work = |c, group, syncs| {
    c.submit(group, &[sync_point(0, syncs)]);
};

pub fn add(cases: &mut Cases) {
    cases.group("fences_of_binds");
    work(cases, false, |c| c.vm(), BIND);
    binds(cases);
    cases.group("fences_of_jobs");
    let group = |c: &mut Client<'_>| {
        let vm = c.vm();
        c.group(vm, 1)
    };
    work(cases, true, group, JOB);
}

/// Adds cases of the syncobj operations of jobs and binds.
fn work(cases: &mut Cases, jobs: bool, make: fn(&mut Client<'_>) -> u32, run: Work) {
    let mut add = |name: &str, steps: fn(&mut Client<'_>, u32, Work)| {
        let case = cases.add(name, move |c| {
            let queue = make(c);
            steps(c, queue, run);
        });
        if jobs {
            case.needs_jobs();
        }
    };
    add("signal_a_binary", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[signal(done, 0)]);
        c.wait(&[done], 0, FOREVER);
        c.query(&[done], 0);
    });
    add("signal_a_point", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[signal(done, 7)]);
        c.query(&[done], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
        c.wait_points(&[done], &[7], 0, FOREVER);
        c.query(&[done], 0);
        c.wait_points(&[done], &[5], 0, 0);
        c.wait_points(&[done], &[8], 0, 0);
    });
    add("signal_point_zero_of_a_timeline", |c, queue, run| {
        let done = c.syncobj();
        c.timeline_signal(&[done], &[4]);
        let kind = DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ;
        run(
            c,
            queue,
            &[drm_panthor_sync_op { flags: kind | DRM_PANTHOR_SYNC_OP_SIGNAL, ..signal(done, 0) }],
        );
        c.wait(&[done], 0, FOREVER);
        c.query(&[done], 0);
    });
    add("signal_binaries_and_points", |c, queue, run| {
        let all = [c.syncobj(), c.syncobj(), c.syncobj()];
        run(c, queue, &[signal(all[0], 0), signal(all[1], 3), signal(all[2], 9)]);
        for done in all {
            c.wait(&[done], 0, FOREVER);
        }
        c.query(&all, 0);
    });
    add("signal_two_points_of_one", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[signal(done, 3), signal(done, 8)]);
        c.wait_points(&[done], &[8], 0, FOREVER);
        c.query(&[done], 0);
    });
    add("signal_descending_points_of_one", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[signal(done, 8), signal(done, 3)]);
        c.wait_points(&[done], &[8], 0, FOREVER);
        c.query(&[done], 0);
        c.query(&[done], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
    });
    add("signal_a_binary_and_a_point_of_one", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[signal(done, 0), signal(done, 3)]);
        c.wait(&[done], 0, FOREVER);
        c.query(&[done], 0);
    });
    add("signal_a_point_and_a_binary_of_one", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[signal(done, 3), signal(done, 0)]);
        c.wait(&[done], 0, FOREVER);
        c.query(&[done], 0);
    });
    add("signal_points_of_several_calls", |c, queue, run| {
        let done = c.syncobj();
        for point in [2, 5, 4, 9] {
            run(c, queue, &[signal(done, point)]);
        }
        c.wait(&[done], 0, FOREVER);
        c.query(&[done], 0);
        c.query(&[done], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
        for point in [2, 3, 4, 5, 9, 10] {
            c.wait_points(&[done], &[point], 0, 0);
        }
    });
    add("replace_what_was_there", |c, queue, run| {
        let done = c.syncobj();
        c.timeline_signal(&[done], &[9]);
        run(c, queue, &[signal(done, 0)]);
        c.wait(&[done], 0, FOREVER);
        c.query(&[done], 0);
    });
    add("wait_for_what_is_done", |c, queue, run| {
        let (before, done) = (c.signaled_syncobj(), c.syncobj());
        run(c, queue, &[wait(before, 0), signal(done, 0)]);
        c.wait(&[done], 0, FOREVER);
    });
    add("wait_for_points_that_are_done", |c, queue, run| {
        let (before, done) = (c.syncobj(), c.syncobj());
        c.timeline_signal(&[before], &[6]);
        for point in [1, 6] {
            run(c, queue, &[wait(before, point), signal(done, 0)]);
            c.wait(&[done], 0, FOREVER);
        }
    });
    add("wait_for_what_is_missing", |c, queue, run| {
        let (before, done) = (c.syncobj(), c.syncobj());
        run(c, queue, &[wait(before, 0), signal(done, 0)]);
        run(c, queue, &[wait(before, 3), signal(done, 0)]);
        c.timeline_signal(&[before], &[2]);
        run(c, queue, &[wait(before, 3), signal(done, 0)]);
        c.wait(&[done], 0, 0);
    });
    add("wait_for_a_point_of_a_binary", |c, queue, run| {
        let (before, done) = (c.signaled_syncobj(), c.syncobj());
        run(c, queue, &[wait(before, 1), signal(done, 0)]);
        c.wait(&[done], 0, 0);
    });
    add("wait_for_the_call_before", |c, queue, run| {
        let timeline = c.syncobj();
        run(c, queue, &[signal(timeline, 1)]);
        for point in 1..20 {
            run(c, queue, &[wait(timeline, point), signal(timeline, point + 1)]);
        }
        c.wait_points(&[timeline], &[20], 0, FOREVER);
        c.query(&[timeline], 0);
    });
    add("signal_the_same_binary_again_and_again", |c, queue, run| {
        let turn = c.signaled_syncobj();
        for _ in 0..3 {
            run(c, queue, &[signal(turn, 0)]);
            run(c, queue, &[signal(turn, 0)]);
        }
        c.wait(&[turn], 0, FOREVER);
    });
    add("are_awaited_by_two_who_wait_for_any", |c, queue, run| {
        let (done, never) = (c.syncobj(), c.syncobj());
        run(c, queue, &[signal(done, 0)]);
        c.wait(&[never, done], FOR_SUBMIT, FOREVER);
        c.wait_points(&[never, done], &[3, 0], AVAILABLE, FOREVER);
    });
    add("are_there_at_once", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[signal(done, 7)]);
        for point in [1, 7] {
            c.wait_points(&[done], &[point], AVAILABLE, 0);
        }
        c.wait_points(&[done], &[8], AVAILABLE, 0);
        c.wait(&[done], 0, FOREVER);
    });
    add("come_as_sync_files", |c, queue, run| {
        let (done, other) = (c.syncobj(), c.syncobj());
        run(c, queue, &[signal(done, 0)]);
        let file = c.sync_file(done);
        c.until_readable(&file);
        c.import_sync_file(&file, other);
        c.wait(&[other], 0, 0);
    });
    add("are_waited_for_as_sync_files", |c, queue, run| {
        let (done, other, last) = (c.syncobj(), c.syncobj(), c.syncobj());
        run(c, queue, &[signal(done, 0)]);
        let file = c.sync_file(done);
        c.import_sync_file(&file, other);
        run(c, queue, &[wait(other, 0), signal(last, 0)]);
        c.wait(&[last], 0, FOREVER);
        c.wait(&[done, other], ALL, 0);
    });
    add("are_transferred", |c, queue, run| {
        let (done, timeline, binary) = (c.syncobj(), c.syncobj(), c.syncobj());
        run(c, queue, &[signal(done, 0)]);
        c.transfer((done, 0), (timeline, 5), 0);
        c.transfer((timeline, 5), (binary, 0), 0);
        c.wait(&[binary], 0, FOREVER);
        c.query(&[timeline, binary], 0);
    });
    add("are_merged_by_a_transfer", |c, queue, run| {
        let (timeline, other) = (c.syncobj(), c.syncobj());
        for point in 1..5 {
            run(c, queue, &[signal(timeline, point)]);
        }
        c.transfer((timeline, 0), (other, 3), 0);
        c.wait_points(&[other], &[3], 0, FOREVER);
        c.query(&[other], 0);
        c.wait_points(&[timeline], &[4], 0, 0);
    });
    add("outlive_their_queue", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[signal(done, 3)]);
        let fd = c.syncobj_fd(done);
        c.open();
        c.close_file(0);
        let other = c.import_syncobj(&fd);
        c.wait_points(&[other], &[3], 0, FOREVER);
        c.until_vms(0);
    });
    add("of_unknown_handles", |c, queue, run| {
        let done = c.syncobj();
        run(c, queue, &[wait(99, 0), signal(done, 0)]);
        c.wait(&[done], 0, 0);
    });
}

/// Binds that fail, or that do something.
fn binds(cases: &mut Cases) {
    cases.add("of_several_operations", |c| {
        let (vm, bo, done) = (c.vm(), c.bo(4 * PAGE), c.syncobj());
        let syncs: Vec<_> = (1..=4).map(|point| [signal(done, point)]).collect();
        let ops: Vec<_> = (0..4)
            .map(|n| {
                with_syncs(map(bo, n * PAGE, MIB + n * PAGE, PAGE, NOEXEC), &syncs[n as usize])
            })
            .collect();
        c.bind_async(vm, &ops);
        c.query(&[done], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
        c.wait_points(&[done], &[4], 0, FOREVER);
        c.query(&[done], 0);
    });
    cases.add("between_two_vms", |c| {
        let (one, two, timeline) = (c.vm(), c.vm(), c.syncobj());
        c.bind_async(one, &[sync_only(&[signal(timeline, 1)])]);
        for point in 1..6 {
            let syncs = [wait(timeline, point), signal(timeline, point + 1)];
            c.bind_async(if point % 2 == 0 { one } else { two }, &[sync_only(&syncs)]);
        }
        c.wait_points(&[timeline], &[6], 0, FOREVER);
    });
    cases.add("refused_calls_leave_syncobjs_alone", |c| {
        let (vm, done) = (c.vm(), c.syncobj());
        c.timeline_signal(&[done], &[2]);
        let syncs = [signal(done, 5)];
        let bad = with_syncs(map(99, 0, MIB, PAGE, 0), &syncs);
        c.bind_async(vm, &[sync_only(&syncs), bad]);
        c.query(&[done], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
    });
}
