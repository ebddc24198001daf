//! Jobs of several queues, groups and VMs, and what they wait for.

use super::jobs::{CODE, code, ready, until_done};
use crate::case::Cases;
use crate::uapi::kernel::Linux;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("job");
    queues(cases);
    binds(cases);
    lifetimes(cases);
}

fn queues(cases: &mut Cases) {
    cases
        .add("all_queues_of_a_group", |c| {
            let (_, group) = ready(c, 8);
            let done: [u32; 8] = std::array::from_fn(|_| c.syncobj());
            let syncs = done.map(|done| [signal(done, 0)]);
            let jobs: Vec<_> =
                (0..).zip(&syncs).map(|(queue, syncs)| stream(queue, CODE, 64, syncs)).collect();
            c.submit(group, &jobs);
            until_done(c, &done);
            c.group_state(group);
        })
        .needs_jobs();
    for (name, point) in [("a_syncobj", 0), ("a_timeline", 5)] {
        cases
            .add(format!("two_queues_in_order_by_{name}"), move |c| {
                let (_, group) = ready(c, 2);
                let (between, done) = (c.syncobj(), c.syncobj());
                let first = [signal(between, point)];
                let second = [wait(between, point), signal(done, 0)];
                c.submit(group, &[stream(1, CODE, 64, &first), stream(0, CODE, 64, &second)]);
                until_done(c, &[done]);
            })
            .needs_jobs();
        cases
            .add(format!("two_groups_in_order_by_{name}"), move |c| {
                let (vm, one) = ready(c, 1);
                let two = c.group(vm, 1);
                let (between, done) = (c.syncobj(), c.syncobj());
                let first = [signal(between, point)];
                c.submit(one, &[stream(0, CODE, 64, &first)]);
                let second = [wait(between, point), signal(done, 0)];
                c.submit(two, &[stream(0, CODE, 64, &second)]);
                until_done(c, &[done]);
            })
            .needs_jobs();
    }
    cases
        .add("two_groups_in_two_vms_in_order", |c| {
            let ((_, one), (_, two)) = (ready(c, 1), ready(c, 1));
            let (between, done) = (c.syncobj(), c.syncobj());
            let (first, second) = ([signal(between, 0)], [wait(between, 0), signal(done, 0)]);
            c.submit(one, &[stream(0, CODE, 64, &first)]);
            c.submit(two, &[stream(0, CODE, 64, &second)]);
            until_done(c, &[done]);
        })
        .needs_jobs();
    cases
        .add("more_groups_than_the_gpu_has_slots", |c| {
            let vm = c.vm();
            code(c, vm);
            let groups: Vec<_> = (0..11).map(|_| c.group(vm, 1)).collect();
            let done: Vec<_> = groups.iter().map(|_| c.syncobj()).collect();
            for (&group, &done) in groups.iter().zip(&done) {
                let syncs = [signal(done, 0)];
                c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            }
            until_done(c, &done);
            for group in groups {
                c.group_state(group);
            }
        })
        .needs_jobs()
        .not_on(Linux::V6_12, "it waits for groups to be idle, which nobody tells it in QEMU");
}

fn binds(cases: &mut Cases) {
    cases
        .add("stream_that_waits_for_its_bind", |c| {
            let vm = c.vm();
            let (group, bo) = (c.group(vm, 1), c.exclusive_bo(64 * KIB, vm));
            let (bound, done) = (c.syncobj(), c.syncobj());
            let syncs = [signal(bound, 0)];
            c.bind_async(vm, &[with_syncs(map(bo, 0, CODE, 64 * KIB, UNCACHED), &syncs)]);
            let syncs = [wait(bound, 0), signal(done, 0)];
            c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            until_done(c, &[done]);
            c.group_state(group);
        })
        .needs_jobs();
    cases
        .add("unmap_that_waits_for_its_stream", |c| {
            let (vm, group) = ready(c, 1);
            let (ran, gone) = (c.syncobj(), c.syncobj());
            let syncs = [signal(ran, 0)];
            c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            let syncs = [wait(ran, 0), signal(gone, 0)];
            c.bind_async(vm, &[with_syncs(unmap(CODE, 64 * KIB), &syncs)]);
            until_done(c, &[ran, gone]);
            c.group_state(group);
        })
        .needs_jobs();
    cases
        .add("bind_and_stream_and_unmap_in_a_row", |c| {
            let vm = c.vm();
            let (group, bo) = (c.group(vm, 1), c.exclusive_bo(64 * KIB, vm));
            let timeline = c.syncobj();
            for round in 0..3_u64 {
                let at = |step| 3 * round + step;
                let syncs = [signal(timeline, at(1))];
                c.bind_async(vm, &[with_syncs(map(bo, 0, CODE, 64 * KIB, UNCACHED), &syncs)]);
                let syncs = [wait(timeline, at(1)), signal(timeline, at(2))];
                c.submit(group, &[stream(0, CODE, 64, &syncs)]);
                let syncs = [wait(timeline, at(2)), signal(timeline, at(3))];
                c.bind_async(vm, &[with_syncs(unmap(CODE, 64 * KIB), &syncs)]);
            }
            c.wait_points(&[timeline], &[9], 0, i64::MAX);
            c.group_state(group);
        })
        .needs_jobs();
}

fn lifetimes(cases: &mut Cases) {
    cases
        .add("group_is_destroyed_after_its_streams", |c| {
            let (_, group) = ready(c, 1);
            let done = c.syncobj();
            let syncs = [signal(done, 0)];
            c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            until_done(c, &[done]);
            c.destroy_group(group);
            c.until_mapped(1);
            c.fence(done);
        })
        .needs_jobs();
    cases
        .add("syncobj_is_destroyed_before_its_stream_ends", |c| {
            let (_, group) = ready(c, 1);
            let (gone, done) = (c.syncobj(), c.syncobj());
            let syncs = [signal(gone, 0), signal(done, 0)];
            c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            c.destroy_syncobj(gone);
            until_done(c, &[done]);
        })
        .needs_jobs();
    cases
        .add("stream_whose_bo_has_no_handle", |c| {
            let vm = c.vm();
            let (group, bo) = (c.group(vm, 1), c.exclusive_bo(64 * KIB, vm));
            c.bind(vm, &[map(bo, 0, CODE, 64 * KIB, UNCACHED)]);
            c.close_bo(bo);
            let done = c.syncobj();
            let syncs = [signal(done, 0)];
            c.submit(group, &[stream(0, CODE, 64, &syncs)]);
            until_done(c, &[done]);
        })
        .needs_jobs();
}
