//! Asynchronous operations that certainly still wait in their queue.
//!
//! No case destroys a VM with a queued map: the driver still carries the map out, and the mapping
//! keeps the VM alive forever.

use super::AT;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::gate::Gate;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("bind_pending");
    queue(cases);
    several_fences(cases);
    synchronous(cases);
    ends(cases);
}

/// Objects of a case with a pending fence.
struct Held {
    gate: Gate,
    /// Another VM than that of the gate.
    vm: u32,
    bo: u32,
    /// A syncobj with the fence of the job at the gate.
    passed: u32,
}

fn held(
    cases: &mut Cases,
    name: &str,
    steps: impl Fn(&mut Client<'_>, &mut Held) + Send + Sync + 'static,
) {
    let steps = move |c: &mut Client<'_>| {
        let mut gate = c.gate(2);
        let (vm, bo, passed) = (c.vm(), c.bo(MIB), c.syncobj());
        c.submit_held(&mut gate, 0, &[signal(passed, 0)]);
        steps(c, &mut Held { gate, vm, bo, passed });
    };
    cases.add(name, steps).needs_held_jobs();
}

/// Lets the job go and waits until a VM has nothing to do.
fn finish(c: &mut Client<'_>, held: &mut Held, vm: u32) {
    c.pass(&mut held.gate, 0);
    c.settle(vm);
}

fn queue(cases: &mut Cases) {
    held(cases, "a_map_waits", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.mappings();
        c.vm_state(held.vm);
        finish(c, held, held.vm);
    });
    held(cases, "an_unmap_waits", |c, held| {
        c.bind(held.vm, &[map(held.bo, 0, AT, MIB, 0)]);
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(unmap(AT + PAGE, PAGE), &syncs)]);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "a_sparse_map_waits", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(sparse(AT, 4 * MIB), &syncs)]);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "what_only_syncs_waits", |c, held| {
        let done = c.syncobj();
        let syncs = [wait(held.passed, 0), signal(done, 0)];
        c.bind_async(held.vm, &[sync_only(&syncs)]);
        c.wait(&[done], 0, 0);
        c.pass(&mut held.gate, 0);
        c.wait(&[done], 0, i64::MAX);
    });
    held(cases, "later_calls_wait_too", |c, held| {
        let (later, syncs) = (c.syncobj(), [wait(held.passed, 0)]);
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        let syncs = [signal(later, 0)];
        c.bind_async(held.vm, &[with_syncs(unmap(AT, 64 * KIB), &syncs)]);
        c.mappings();
        c.wait(&[later], 0, 0);
        finish(c, held, held.vm);
        c.wait(&[later], 0, i64::MAX);
    });
    held(cases, "later_operations_of_the_call_wait_too", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(
            held.vm,
            &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs), map(held.bo, 0, 2 * AT, MIB, 0)],
        );
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "earlier_operations_of_the_call_do_not_wait", |c, held| {
        let (first, last) = (c.syncobj(), [wait(held.passed, 0)]);
        let syncs = [signal(first, 0)];
        c.bind_async(
            held.vm,
            &[
                with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs),
                with_syncs(map(held.bo, 0, 2 * AT, MIB, 0), &last),
            ],
        );
        c.wait(&[first], 0, i64::MAX);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "another_vm_does_not_wait", |c, held| {
        let (other, syncs) = (c.vm(), [wait(held.passed, 0)]);
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.bind_async(other, &[map(held.bo, 0, 2 * AT, MIB, 0)]);
        c.settle(other);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "another_vm_waits_for_what_waits", |c, held| {
        let (other, between) = (c.vm(), c.syncobj());
        let syncs = [wait(held.passed, 0), signal(between, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        let syncs = [wait(between, 0)];
        c.bind_async(other, &[with_syncs(map(held.bo, 0, 2 * AT, MIB, 0), &syncs)]);
        c.mappings();
        finish(c, held, other);
    });
    held(cases, "a_call_that_fails_changes_nothing_of_it", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.bind_async(held.vm, &[unmap(AT, MIB), map(99, 0, AT, MIB, 0)]);
        finish(c, held, held.vm);
    });
}

fn several_fences(cases: &mut Cases) {
    held(cases, "for_two_fences", |c, held| {
        let second = c.syncobj();
        c.submit_held(&mut held.gate, 1, &[signal(second, 0)]);
        let syncs = [wait(held.passed, 0), wait(second, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.pass(&mut held.gate, 1);
        c.wait(&[second], 0, i64::MAX);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "for_one_that_is_pending_and_one_that_is_not", |c, held| {
        let before = c.signaled_syncobj();
        let syncs = [wait(before, 0), wait(held.passed, 0), wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.mappings();
        finish(c, held, held.vm);
    });
    for (name, point) in [("that_is_pending", 5), ("before_it", 4), ("that_is_done", 2)] {
        held(cases, &format!("for_a_point_{name}"), move |c, held| {
            let (timeline, vm) = (c.syncobj(), held.vm);
            c.timeline_signal(&[timeline], &[2]);
            c.submit_held(&mut held.gate, 1, &[signal(timeline, 5)]);
            let (done, syncs) = (c.syncobj(), [wait(timeline, point)]);
            c.bind_async(vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
            let syncs = [signal(done, 0)];
            c.bind_async(vm, &[sync_only(&syncs)]);
            if point == 2 {
                c.wait(&[done], 0, i64::MAX);
            }
            c.mappings();
            c.pass(&mut held.gate, 1);
            finish(c, held, vm);
        });
    }
    held(cases, "points_are_signalled_in_turn", |c, held| {
        let timeline = c.syncobj();
        for point in 1..4 {
            let syncs = [wait(held.passed, 0), signal(timeline, point)];
            let op = map(held.bo, 0, AT + point * MIB, MIB, 0);
            c.bind_async(held.vm, &[with_syncs(op, &syncs)]);
        }
        c.query(&[timeline], 0);
        c.wait_points(&[timeline], &[1], 0, 0);
        c.pass(&mut held.gate, 0);
        c.wait_points(&[timeline], &[3], 0, i64::MAX);
        c.query(&[timeline], 0);
    });
    held(cases, "a_point_that_is_signalled_out_of_turn", |c, held| {
        let (timeline, other) = (c.syncobj(), c.vm());
        let syncs = [wait(held.passed, 0), signal(timeline, 1)];
        c.bind_async(held.vm, &[sync_only(&syncs)]);
        let syncs = [signal(timeline, 2)];
        c.bind_async(other, &[sync_only(&syncs)]);
        c.settle(other);
        c.query(&[timeline], 0);
        c.wait_points(&[timeline], &[2], 0, 0);
        c.pass(&mut held.gate, 0);
        c.wait_points(&[timeline], &[2], 0, i64::MAX);
        c.query(&[timeline], 0);
    });
}

fn synchronous(cases: &mut Cases) {
    held(cases, "a_synchronous_map_does_not_wait", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.bind(held.vm, &[map(held.bo, 0, 2 * AT, MIB, 0)]);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "a_map_comes_over_a_later_synchronous_one", |c, held| {
        let (other, syncs) = (c.bo(MIB), [wait(held.passed, 0)]);
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, 64 * KIB, 0), &syncs)]);
        c.bind(held.vm, &[map(other, 0, AT, MIB, 0)]);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "an_unmap_takes_a_later_synchronous_map", |c, held| {
        c.bind(held.vm, &[map(held.bo, 0, AT, MIB, 0)]);
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(unmap(AT, MIB), &syncs)]);
        let other = c.bo(MIB);
        c.bind(held.vm, &[map(other, 0, AT + 64 * KIB, MIB, 0)]);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "a_synchronous_unmap_finds_nothing_yet", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.bind(held.vm, &[unmap(AT, MIB)]);
        finish(c, held, held.vm);
    });
}

fn ends(cases: &mut Cases) {
    held(cases, "the_object_is_closed_meanwhile", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.close_bo(held.bo);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "the_syncobj_is_destroyed_meanwhile", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.destroy_syncobj(held.passed);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "the_syncobj_is_signalled_by_the_cpu_meanwhile", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.signal(&[held.passed]);
        c.mappings();
        finish(c, held, held.vm);
    });
    held(cases, "the_group_is_destroyed_meanwhile", |c, held| {
        let syncs = [wait(held.passed, 0)];
        c.bind_async(held.vm, &[with_syncs(map(held.bo, 0, AT, MIB, 0), &syncs)]);
        c.destroy_group(held.gate.group);
        c.settle(held.vm);
        c.vm_state(held.vm);
        // What is the driver's own of the group goes a moment later.
        c.until_mapped(2);
    });
    held(cases, "the_vm_is_destroyed_meanwhile", |c, held| {
        let done = c.syncobj();
        c.bind(held.vm, &[map(held.bo, 0, AT, MIB, 0)]);
        let syncs = [wait(held.passed, 0), signal(done, 0)];
        c.bind_async(held.vm, &[with_syncs(unmap(AT, 64 * KIB), &syncs)]);
        c.destroy_vm(held.vm);
        c.mappings();
        c.wait(&[done], 0, 0);
        // The next one has its id, and does not wait.
        let next = c.vm();
        c.bind_async(next, &[map(held.bo, 0, 2 * AT, MIB, 0)]);
        c.settle(next);
        c.mappings();
        c.pass(&mut held.gate, 0);
        c.wait(&[done], 0, i64::MAX);
        c.until_vms(2);
    });
}
