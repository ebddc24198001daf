//! Wait and signal operations of asynchronous binds.
//!
//! No case signals an unknown handle, or waits for a point that only the same call signals.

use panthor_sys::*;

use super::AT;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

const TIMELINE: u32 = DRM_PANTHOR_SYNC_OP_HANDLE_TYPE_TIMELINE_SYNCOBJ;
const SIGNAL: u32 = DRM_PANTHOR_SYNC_OP_SIGNAL;

pub fn add(cases: &mut Cases) {
    cases.group("bind_syncs");
    waits(cases);
    signals(cases);
    timelines(cases);
    both(cases);
}

/// Binds one operation with syncs, and waits until the VM has nothing to do.
pub(super) fn bind_one(c: &mut Client<'_>, vm: u32, syncs: &[drm_panthor_sync_op]) -> i32 {
    c.show("sync", syncs);
    let bo = c.bo(MIB);
    let result = c.bind_async(vm, &[with_syncs(map(bo, 0, AT, MIB, 0), syncs)]);
    c.settle(vm);
    result
}

fn waits(cases: &mut Cases) {
    cases.add("wait_for_one_that_is_signalled", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        bind_one(c, vm, &[wait(sync, 0)]);
    });
    cases.add("wait_for_one_without_a_fence", |c| {
        let (vm, sync) = (c.vm(), c.syncobj());
        bind_one(c, vm, &[wait(sync, 0)]);
    });
    cases.add("wait_for_one_that_was_reset", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        c.reset(&[sync]);
        bind_one(c, vm, &[wait(sync, 0)]);
    });
    cases.add("wait_for_one_that_was_signalled_by_the_cpu", |c| {
        let (vm, sync) = (c.vm(), c.syncobj());
        c.signal(&[sync]);
        bind_one(c, vm, &[wait(sync, 0)]);
    });
    for handle in [0, 7, u32::MAX] {
        cases.add(format!("wait_for_unknown_handle_{handle}"), move |c| {
            let vm = c.vm();
            bind_one(c, vm, &[wait(handle, 0)]);
        });
        cases.add(format!("wait_for_a_point_of_unknown_handle_{handle}"), move |c| {
            let vm = c.vm();
            bind_one(c, vm, &[wait(handle, 1)]);
        });
    }
    cases.add("wait_for_one_that_was_destroyed", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        c.destroy_syncobj(sync);
        bind_one(c, vm, &[wait(sync, 0)]);
    });
    cases.add("wait_for_one_of_another_file", |c| {
        let _ = c.signaled_syncobj();
        c.open();
        let vm = c.vm();
        bind_one(c, vm, &[wait(1, 0)]);
    });
    cases.add("wait_for_three", |c| {
        let vm = c.vm();
        let syncs = [0; 3].map(|_| wait(c.signaled_syncobj(), 0));
        bind_one(c, vm, &syncs);
    });
    cases.add("wait_for_one_three_times", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        bind_one(c, vm, &[wait(sync, 0); 3]);
    });
    cases.add("wait_for_three_of_which_the_last_is_unknown", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        bind_one(c, vm, &[wait(sync, 0), wait(sync, 0), wait(9, 0)]);
    });
}

fn signals(cases: &mut Cases) {
    cases.add("signal_one", |c| {
        let (vm, sync) = (c.vm(), c.syncobj());
        bind_one(c, vm, &[signal(sync, 0)]);
        c.wait(&[sync], 0, i64::MAX);
    });
    cases.add("signal_one_that_is_signalled", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        bind_one(c, vm, &[signal(sync, 0)]);
        c.wait(&[sync], 0, i64::MAX);
    });
    cases.add("signal_one_twice", |c| {
        let (vm, sync) = (c.vm(), c.syncobj());
        bind_one(c, vm, &[signal(sync, 0); 2]);
        c.wait(&[sync], 0, i64::MAX);
    });
    cases.add("signal_three", |c| {
        let (vm, all) = (c.vm(), [c.syncobj(), c.syncobj(), c.syncobj()]);
        bind_one(c, vm, &all.map(|sync| signal(sync, 0)));
        c.wait(&all, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, i64::MAX);
    });
    cases.add("signal_one_and_a_point_of_another", |c| {
        let (vm, binary, timeline) = (c.vm(), c.syncobj(), c.syncobj());
        bind_one(c, vm, &[signal(binary, 0), signal(timeline, 5)]);
        c.wait(&[binary], 0, i64::MAX);
        c.wait_points(&[timeline], &[5], 0, i64::MAX);
        c.query(&[binary, timeline], 0);
    });
    cases.add("signal_a_hundred", |c| {
        let (vm, timeline) = (c.vm(), c.syncobj());
        let syncs: Vec<_> = (1..101).map(|point| signal(timeline, point)).collect();
        c.bind_async(vm, &[sync_only(&syncs)]);
        c.wait_points(&[timeline], &[100], 0, i64::MAX);
        c.query(&[timeline], 0);
    });
    cases.add("signal_one_that_is_destroyed_at_once", |c| {
        let (vm, sync) = (c.vm(), c.syncobj());
        let syncs = [signal(sync, 0)];
        c.bind_async(vm, &[sync_only(&syncs)]);
        c.destroy_syncobj(sync);
        c.settle(vm);
    });
    cases.add("nothing_is_signalled_by_what_fails", |c| {
        let (vm, sync) = (c.vm(), c.syncobj());
        let syncs = [signal(sync, 0)];
        c.bind_async(vm, &[with_syncs(map(99, 0, AT, MIB, 0), &syncs)]);
        c.wait(&[sync], 0, 0);
        bind_one(c, vm, &[signal(sync, 0), wait(99, 0)]);
        c.wait(&[sync], 0, 0);
    });
}

fn timelines(cases: &mut Cases) {
    for (name, point) in [("reached", 5), ("past", 3), ("not_submitted", 6), ("largest", u64::MAX)]
    {
        cases.add(format!("wait_for_a_point_that_is_{name}"), move |c| {
            let (vm, timeline) = (c.vm(), c.syncobj());
            c.timeline_signal(&[timeline], &[5]);
            bind_one(c, vm, &[wait(timeline, point)]);
        });
    }
    cases.add("wait_for_a_point_of_one_without_a_fence", |c| {
        let (vm, timeline) = (c.vm(), c.syncobj());
        bind_one(c, vm, &[wait(timeline, 1)]);
    });
    cases.add("wait_for_a_point_of_a_binary_one", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        bind_one(c, vm, &[wait(sync, 1)]);
    });
    cases.add("wait_for_a_timeline_as_a_binary_one", |c| {
        let (vm, timeline) = (c.vm(), c.syncobj());
        c.timeline_signal(&[timeline], &[5]);
        bind_one(c, vm, &[wait(timeline, 0)]);
    });
    for (name, points) in [
        ("ascending", [3, 5]),
        ("descending", [5, 3]),
        ("the_same", [5, 5]),
        ("from_1_to_the_largest", [1, u64::MAX]),
    ] {
        cases.add(format!("signal_points_{name}"), move |c| {
            let (vm, timeline) = (c.vm(), c.syncobj());
            for point in points {
                bind_one(c, vm, &[signal(timeline, point)]);
            }
            c.query(&[timeline], 0);
            c.query(&[timeline], DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED);
            c.wait_points(&[timeline], &[points[0]], 0, i64::MAX);
        });
        cases.add(format!("signal_points_{name}_at_once"), move |c| {
            let (vm, timeline) = (c.vm(), c.syncobj());
            bind_one(c, vm, &points.map(|point| signal(timeline, point)));
            c.query(&[timeline], 0);
            c.wait_points(&[timeline], &[points[0]], 0, i64::MAX);
        });
    }
    cases.add("signal_a_timeline_as_a_binary_one", |c| {
        let (vm, timeline) = (c.vm(), c.syncobj());
        c.timeline_signal(&[timeline], &[5]);
        bind_one(c, vm, &[signal(timeline, 0)]);
        c.query(&[timeline], 0);
        c.wait_points(&[timeline], &[5], 0, 0);
    });
    cases.add("signal_a_point_of_a_binary_one", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        bind_one(c, vm, &[signal(sync, 4)]);
        c.query(&[sync], 0);
    });
    for (name, flags) in [("wait", 0), ("signal", SIGNAL)] {
        cases.add(format!("{name}_with_point_0_of_a_timeline"), move |c| {
            let (vm, timeline) = (c.vm(), c.syncobj());
            c.timeline_signal(&[timeline], &[5]);
            let flags = flags | TIMELINE;
            bind_one(c, vm, &[drm_panthor_sync_op { flags, handle: timeline, timeline_value: 0 }]);
            c.query(&[timeline], 0);
        });
    }
}

fn both(cases: &mut Cases) {
    cases.add("wait_and_signal_the_same", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        bind_one(c, vm, &[wait(sync, 0), signal(sync, 0)]);
        c.wait(&[sync], 0, i64::MAX);
    });
    cases.add("signal_and_wait_for_the_same", |c| {
        let (vm, sync) = (c.vm(), c.signaled_syncobj());
        bind_one(c, vm, &[signal(sync, 0), wait(sync, 0)]);
        c.wait(&[sync], 0, i64::MAX);
    });
    cases.add("wait_for_a_point_and_signal_the_next", |c| {
        let (vm, timeline) = (c.vm(), c.syncobj());
        c.timeline_signal(&[timeline], &[1]);
        for point in 1..5 {
            bind_one(c, vm, &[wait(timeline, point), signal(timeline, point + 1)]);
        }
        c.query(&[timeline], 0);
    });
    // A later operation of a call may wait for an earlier one.
    for (name, first, second) in [("", 0, 0), ("_by_a_point", 3, 3), ("_by_a_point_before", 3, 2)] {
        cases.add(format!("wait_within_a_call{name}"), move |c| {
            let (vm, bo, sync) = (c.vm(), c.bo(MIB), c.syncobj());
            let (signals, waits) = ([signal(sync, first)], [wait(sync, second)]);
            c.show("sync", &[signals[0], waits[0]]);
            c.bind_async(
                vm,
                &[
                    with_syncs(map(bo, 0, AT, MIB, 0), &signals),
                    with_syncs(unmap(AT, 64 * KIB), &waits),
                ],
            );
            c.settle(vm);
            c.wait(&[sync], 0, 0);
        });
    }
    cases.add("wait_within_a_call_for_what_was_there", |c| {
        let (vm, bo, sync) = (c.vm(), c.bo(MIB), c.signaled_syncobj());
        let (waits, signals) = ([wait(sync, 0)], [signal(sync, 0)]);
        c.bind_async(
            vm,
            &[
                with_syncs(map(bo, 0, AT, MIB, 0), &waits),
                with_syncs(unmap(AT, 64 * KIB), &signals),
            ],
        );
        c.settle(vm);
        c.wait(&[sync], 0, i64::MAX);
    });
    cases.add("the_second_operation_waits_for_an_unknown_handle", |c| {
        let (vm, bo, sync) = (c.vm(), c.bo(MIB), c.syncobj());
        let (signals, waits) = ([signal(sync, 0)], [wait(99, 0)]);
        c.bind_async(
            vm,
            &[
                with_syncs(map(bo, 0, AT, MIB, 0), &signals),
                with_syncs(map(bo, 0, 2 * AT, MIB, 0), &waits),
            ],
        );
        c.settle(vm);
        c.wait(&[sync], 0, 0);
    });
    cases.add("a_bad_signal_counts_before_an_unknown_wait", |c| {
        let (vm, sync) = (c.vm(), c.syncobj());
        let bad = drm_panthor_sync_op { flags: SIGNAL | 1 << 9, ..signal(sync, 0) };
        bind_one(c, vm, &[wait(99, 0), bad]);
    });
    cases.add("a_bad_operation_counts_before_bad_syncs", |c| {
        let vm = c.vm();
        let syncs = [wait(99, 0)];
        c.bind_async(vm, &[with_syncs(sync_only(&syncs), &syncs), map(99, 0, AT, MIB, 0)]);
    });
}
