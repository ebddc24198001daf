//! Jobs that hit what is not mapped, and VMs that go while the GPU is busy.

use super::jobs::{CODE, code};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::kernel::Trouble;
use crate::uapi::ops::*;

/// Unmapped address.
const NOTHING: u64 = 3 * GIB;

pub fn add(cases: &mut Cases) {
    cases.group("job_fault");
    page_faults(cases);
    vms(cases);
}

/// Submits a stream that is not mapped; its fence.
fn fault(c: &mut Client<'_>, group: u32, queue: u32) -> u32 {
    let done = c.syncobj();
    let syncs = [signal(done, 0)];
    c.arrange(group, queue, Trouble::PageFault);
    c.submit(group, &[stream(queue, NOTHING, 64, &syncs)]);
    done
}

/// Waits for a syncobj that is certainly signaled eventually, and records the status.
pub fn end(c: &mut Client<'_>, handle: u32) {
    c.wait(&[handle], 0, i64::MAX);
    c.fence(handle);
}

/// Submits to a queue; the fence, if it was taken.
pub fn run(c: &mut Client<'_>, group: u32, queue: u32, size: u32) -> Option<u32> {
    let done = c.syncobj();
    let syncs = [signal(done, 0)];
    let va = if size == 0 { 0 } else { CODE };
    (c.submit(group, &[stream(queue, va, size, &syncs)]) == 0).then_some(done)
}

fn page_faults(cases: &mut Cases) {
    for (queues, queue) in [(1, 0), (2, 0), (2, 1), (8, 5)] {
        cases
            .add(format!("queue_{queue}_of_{queues}"), move |c| {
                let vm = c.vm();
                let group = c.group(vm, queues);
                let done = fault(c, group, queue);
                end(c, done);
                c.group_state(group);
                c.vm_state(vm);
            })
            .needs_jobs();
    }
    cases
        .add("submissions_afterwards", |c| {
            let vm = c.vm();
            code(c, vm);
            let group = c.group(vm, 2);
            let done = fault(c, group, 0);
            end(c, done);
            for queue in [0, 1] {
                run(c, group, queue, 64);
                run(c, group, queue, 0);
            }
            c.submit(group, &[]);
            c.group_state(group);
        })
        .needs_jobs();
    cases
        .add("sync_point_behind_it", |c| {
            let vm = c.vm();
            let group = c.group(vm, 1);
            let (done, behind) = (c.syncobj(), c.syncobj());
            let (first, second) = ([signal(done, 0)], [signal(behind, 0)]);
            c.arrange(group, 0, Trouble::PageFault);
            c.submit(group, &[stream(0, NOTHING, 64, &first), sync_point(0, &second)]);
            end(c, done);
            end(c, behind);
        })
        .needs_jobs();
    cases
        .add("stream_that_waits_for_it_in_another_queue", |c| {
            let vm = c.vm();
            code(c, vm);
            let group = c.group(vm, 2);
            let (done, behind) = (c.syncobj(), c.syncobj());
            let (first, second) = ([signal(done, 0)], [wait(done, 0), signal(behind, 0)]);
            c.arrange(group, 0, Trouble::PageFault);
            c.submit(group, &[stream(0, NOTHING, 64, &first), stream(1, CODE, 64, &second)]);
            end(c, done);
            end(c, behind);
            c.group_state(group);
        })
        .needs_jobs();
    cases
        .add("stream_that_waits_for_it_in_another_vm", |c| {
            let (vm, other) = (c.vm(), c.vm());
            code(c, other);
            let (group, next) = (c.group(vm, 1), c.group(other, 1));
            let done = fault(c, group, 0);
            let behind = c.syncobj();
            let syncs = [wait(done, 0), signal(behind, 0)];
            c.submit(next, &[stream(0, CODE, 64, &syncs)]);
            end(c, behind);
            c.group_state(next);
        })
        .needs_jobs();
    cases
        .add("bind_that_waits_for_it", |c| {
            let vm = c.vm();
            let (group, bo) = (c.group(vm, 1), c.bo(MIB));
            let done = fault(c, group, 0);
            let bound = c.syncobj();
            let syncs = [wait(done, 0), signal(bound, 0)];
            c.bind_async(vm, &[with_syncs(map(bo, 0, MIB, MIB, 0), &syncs)]);
            end(c, bound);
            c.vm_state(vm);
        })
        .needs_jobs();
    cases
        .add("after_a_stream_that_was_done", |c| {
            let vm = c.vm();
            code(c, vm);
            let group = c.group(vm, 1);
            if let Some(done) = run(c, group, 0, 64) {
                end(c, done);
            }
            let done = fault(c, group, 0);
            end(c, done);
            c.group_state(group);
        })
        .needs_jobs();
    cases
        .add("destroyed_afterwards", |c| {
            let vm = c.vm();
            let group = c.group(vm, 1);
            let done = fault(c, group, 0);
            end(c, done);
            c.destroy_group(group);
            c.until_mapped(0);
            c.group_state(group);
            c.group(vm, 1);
        })
        .needs_jobs();
}

fn vms(cases: &mut Cases) {
    cases
        .add("next_group_of_its_vm", |c| {
            let vm = c.vm();
            code(c, vm);
            let group = c.group(vm, 1);
            let done = fault(c, group, 0);
            end(c, done);
            let next = c.group(vm, 1);
            if let Some(done) = run(c, next, 0, 64) {
                end(c, done);
            }
            c.group_state(next);
        })
        .needs_jobs();
    cases
        .add("group_of_another_vm", |c| {
            let (vm, other) = (c.vm(), c.vm());
            code(c, other);
            let (group, lucky) = (c.group(vm, 1), c.group(other, 1));
            let done = fault(c, group, 0);
            end(c, done);
            if let Some(done) = run(c, lucky, 0, 64) {
                end(c, done);
            }
            c.group_state(lucky);
        })
        .needs_jobs();
    cases
        .add("binds_in_its_vm", |c| {
            let vm = c.vm();
            let (group, bo) = (c.group(vm, 1), c.bo(MIB));
            let done = fault(c, group, 0);
            end(c, done);
            c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
            c.bind(vm, &[unmap(MIB, MIB / 2)]);
            c.vm_state(vm);
        })
        .needs_jobs();
    cases
        .add("stream_in_a_destroyed_vm", |c| {
            let vm = c.vm();
            code(c, vm);
            let group = c.group(vm, 2);
            c.destroy_vm(vm);
            if let Some(done) = run(c, group, 1, 64) {
                end(c, done);
            }
            c.group_state(group);
        })
        .needs_jobs();
    cases
        .add("next_stream_in_a_destroyed_vm", |c| {
            let vm = c.vm();
            code(c, vm);
            let group = c.group(vm, 1);
            if let Some(done) = run(c, group, 0, 64) {
                end(c, done);
            }
            c.destroy_vm(vm);
            if let Some(done) = run(c, group, 0, 64) {
                end(c, done);
            }
            c.group_state(group);
        })
        .needs_jobs();
    cases
        .add("vm_is_destroyed_while_it_is_busy", |c| {
            let mut gate = c.gate(1);
            let done = c.syncobj();
            c.submit_held(&mut gate, 0, &[signal(done, 0)]);
            c.fence(done);
            c.destroy_vm(gate.vm);
            end(c, done);
            c.group_state(gate.group);
        })
        .needs_held_jobs();
    cases
        .add("busy_group_of_its_vm", |c| {
            let mut gate = c.gate(1);
            let (busy, group) = (c.syncobj(), c.group(gate.vm, 1));
            c.submit_held(&mut gate, 0, &[signal(busy, 0)]);
            // The GPU has both when it faults: the second runs first.
            code(c, gate.vm);
            if let Some(done) = run(c, group, 0, 64) {
                end(c, done);
            }
            let done = fault(c, group, 0);
            end(c, done);
            end(c, busy);
            c.group_state(gate.group);
            c.group_state(group);
        })
        .needs_held_jobs();
}
