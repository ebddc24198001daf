//! Pending fences in queues, and their state after the end of the queue.

use super::held::{FOREVER, held, tell};
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    queues(cases);
    ends(cases);
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

/// Adds cases of a pending fence without its signaler.
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
        c.until_vms(0);
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
        c.until_vms(0);
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
        c.until_vms(0);
    });
}
