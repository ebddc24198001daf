//! Jobs that the GPU has: what waits for them, groups that go, and what takes too long.

use super::job_faults::{end, run};
use super::jobs::{CODE, code};
use crate::case::Cases;
use crate::uapi::kernel::Trouble;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("job_pending");
    destroyed(cases);
    others(cases);
    cases.group("job_time_out");
    time_out(cases);
}

/// Adds cases that destroy a group with running jobs.
fn destroyed(cases: &mut Cases) {
    cases
        .add("state_of_its_group", |c| {
            let mut gate = c.gate(2);
            let done = c.syncobj();
            c.submit_held(&mut gate, 0, &[signal(done, 0)]);
            c.wait(&[done], 0, 0);
            c.group_state(gate.group);
            c.pass(&mut gate, 0);
            end(c, done);
            c.group_state(gate.group);
        })
        .needs_held_jobs();
    cases
        .add("group_is_destroyed", |c| {
            let mut gate = c.gate(1);
            let done = c.syncobj();
            c.submit_held(&mut gate, 0, &[signal(done, 0)]);
            c.destroy_group(gate.group);
            end(c, done);
            c.until_mapped(1);
        })
        .needs_held_jobs();
    cases
        .add("group_is_destroyed_with_jobs_in_two_queues", |c| {
            let mut gate = c.gate(2);
            let done = [c.syncobj(), c.syncobj(), c.syncobj()];
            for (queue, handle) in [(0, done[0]), (0, done[1]), (1, done[2])] {
                c.submit_held(&mut gate, queue, &[signal(handle, 0)]);
            }
            c.destroy_group(gate.group);
            for handle in done {
                end(c, handle);
            }
            c.until_mapped(1);
        })
        .needs_held_jobs();
    cases
        .add("sync_point_behind_it_in_a_destroyed_group", |c| {
            let mut gate = c.gate(1);
            let (done, behind) = (c.syncobj(), c.syncobj());
            c.submit_held(&mut gate, 0, &[signal(done, 0)]);
            let syncs = [signal(behind, 0)];
            c.submit(gate.group, &[sync_point(0, &syncs)]);
            c.fence(behind);
            c.destroy_group(gate.group);
            end(c, done);
            // A race decides whether the job still runs or is canceled.
            c.wait(&[behind], 0, i64::MAX);
            c.until_mapped(1);
        })
        .needs_held_jobs();
    cases
        .add("stream_that_waits_for_another_queue_of_a_destroyed_group", |c| {
            let mut gate = c.gate(2);
            let (done, behind) = (c.syncobj(), c.syncobj());
            c.submit_held(&mut gate, 0, &[signal(done, 0)]);
            c.submit_held(&mut gate, 1, &[wait(done, 0), signal(behind, 0)]);
            c.destroy_group(gate.group);
            end(c, done);
            end(c, behind);
            c.until_mapped(1);
        })
        .needs_held_jobs();
    cases
        .add("some_are_done_when_the_group_is_destroyed", |c| {
            let mut gate = c.gate(1);
            let done = [c.syncobj(), c.syncobj()];
            for handle in done {
                c.submit_held(&mut gate, 0, &[signal(handle, 0)]);
            }
            c.pass(&mut gate, 0);
            end(c, done[0]);
            c.destroy_group(gate.group);
            end(c, done[1]);
            c.until_mapped(1);
        })
        .needs_held_jobs();
    cases
        .add("file_is_closed", |c| {
            let file = c.open();
            let mut gate = c.gate(1);
            let done = c.syncobj();
            c.submit_held(&mut gate, 0, &[signal(done, 0)]);
            let fd = c.syncobj_fd(done);
            gate.unmap();
            c.on(0);
            let other = c.import_syncobj(&fd);
            c.fence(other);
            c.close_file(file);
            end(c, other);
            c.until_vms(0);
        })
        .needs_held_jobs();
}

/// Adds cases of work that waits for a running job.
fn others(cases: &mut Cases) {
    for (name, passes) in [("is_done", true), ("is_destroyed", false)] {
        cases
            .add(format!("stream_of_another_group_when_it_{name}"), move |c| {
                let mut gate = c.gate(1);
                code(c, gate.vm);
                let (next, done, behind) = (c.group(gate.vm, 1), c.syncobj(), c.syncobj());
                c.submit_held(&mut gate, 0, &[signal(done, 0)]);
                let syncs = [wait(done, 0), signal(behind, 0)];
                c.submit(next, &[stream(0, CODE, 64, &syncs)]);
                c.fence(behind);
                if passes {
                    c.pass(&mut gate, 0);
                } else {
                    c.destroy_group(gate.group);
                    end(c, done);
                    c.until_mapped(5);
                }
                end(c, behind);
                c.group_state(next);
            })
            .needs_held_jobs();
        cases
            .add(format!("bind_when_it_{name}"), move |c| {
                let mut gate = c.gate(1);
                let (bo, done, bound) = (c.bo(MIB), c.syncobj(), c.syncobj());
                c.submit_held(&mut gate, 0, &[signal(done, 0)]);
                let syncs = [wait(done, 0), signal(bound, 0)];
                c.bind_async(gate.vm, &[with_syncs(map(bo, 0, 8 * MIB, MIB, 0), &syncs)]);
                c.fence(bound);
                c.mappings();
                if passes {
                    c.pass(&mut gate, 0);
                } else {
                    c.destroy_group(gate.group);
                }
                end(c, bound);
                if !passes {
                    c.until_mapped(2);
                }
            })
            .needs_held_jobs();
    }
    cases
        .add("waiting_group_is_destroyed", |c| {
            let mut gate = c.gate(1);
            code(c, gate.vm);
            let (next, done, behind) = (c.group(gate.vm, 1), c.syncobj(), c.syncobj());
            c.submit_held(&mut gate, 0, &[signal(done, 0)]);
            let syncs = [wait(done, 0), signal(behind, 0)];
            c.submit(next, &[stream(0, CODE, 64, &syncs)]);
            c.destroy_group(next);
            c.fence(done);
            c.pass(&mut gate, 0);
            end(c, done);
            end(c, behind);
            c.until_mapped(5);
        })
        .needs_held_jobs();
    cases
        .add("a_synchronous_bind_waits_for_nothing", |c| {
            let mut gate = c.gate(1);
            let (bo, done) = (c.bo(MIB), c.syncobj());
            c.submit_held(&mut gate, 0, &[signal(done, 0)]);
            c.bind(gate.vm, &[map(bo, 0, 8 * MIB, MIB, 0)]);
            c.mappings();
            c.bind(gate.vm, &[unmap(8 * MIB, MIB)]);
            c.fence(done);
            c.pass(&mut gate, 0);
            end(c, done);
        })
        .needs_held_jobs();
    cases
        .add("another_queue_goes_on", |c| {
            let mut gate = c.gate(2);
            let (first, second) = (c.syncobj(), c.syncobj());
            c.submit_held(&mut gate, 0, &[signal(first, 0)]);
            c.submit_held(&mut gate, 1, &[signal(second, 0)]);
            c.pass(&mut gate, 1);
            end(c, second);
            c.fence(first);
            c.pass(&mut gate, 0);
            end(c, first);
        })
        .needs_held_jobs();
}

/// Adds a single case, since a timeout takes five seconds.
fn time_out(cases: &mut Cases) {
    cases
        .add("of_a_stream_in_one_of_two_queues", |c| {
            let mut gate = c.gate(2);
            let (late, behind) = (c.syncobj(), c.syncobj());
            c.arrange(gate.group, 1, Trouble::TimeOut);
            c.submit_held(&mut gate, 1, &[signal(late, 0)]);
            let syncs = [signal(behind, 0)];
            c.submit(gate.group, &[sync_point(1, &syncs)]);
            c.group_state(gate.group);
            c.end_late(&gate, 1);
            end(c, late);
            end(c, behind);
            c.group_state(gate.group);
            c.vm_state(gate.vm);
            for queue in [0, 1] {
                c.submit(gate.group, &[sync_point(queue, &[])]);
            }
            // The GPU goes on.
            code(c, gate.vm);
            let next = c.group(gate.vm, 1);
            if let Some(done) = run(c, next, 0, 64) {
                end(c, done);
            }
        })
        .needs_held_jobs();
}
