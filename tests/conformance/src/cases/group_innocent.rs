//! Groups on the GPU that another group hangs: the driver resets the GPU and the groups are lost.
//!
//! The driver notices at its next scheduler tick, long before a job times out, so that it blames no
//! group.

use super::job_faults::{end, run};
use super::jobs::code;
use crate::case::{Case, Cases};
use crate::uapi::client::Client;
use crate::uapi::gate::Gate;
use crate::uapi::hang::Hung;
use crate::uapi::kernel::Linux;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("group_innocent");
    lost(cases, "state", |c, gate, hung| {
        for group in [gate.group, hung.group, hung.witness, gate.group] {
            c.group_state(group);
        }
        c.vm_state(gate.vm);
    });
    lost(cases, "submissions_afterwards", |c, gate, _| {
        code(c, gate.vm);
        for queue in [0, 1] {
            run(c, gate.group, queue, 64);
            run(c, gate.group, queue, 0);
        }
        c.submit(gate.group, &[]);
        c.group_state(gate.group);
    });
    lost(cases, "next_group_of_its_vm", |c, gate, _| {
        code(c, gate.vm);
        let next = c.group(gate.vm, 1);
        if let Some(done) = run(c, next, 0, 64) {
            end(c, done);
        }
        c.group_state(next);
        c.group_state(gate.group);
    });
    others(cases);
}

/// Adds a case of a group with two queues that is active when the GPU hangs. The case continues
/// after the reset.
fn lost(
    cases: &mut Cases,
    name: &str,
    steps: impl Fn(&mut Client<'_>, &Gate, Hung) + Send + Sync + 'static,
) {
    let steps = move |c: &mut Client<'_>| {
        let (vm, mut gate) = (c.vm(), c.gate(2));
        let busy = busy(c, &mut gate);
        let hung = c.hang(vm);
        c.recover(hung, &[busy]);
        steps(c, &gate, hung);
    };
    hangs(cases.add(name, steps));
}

/// Sets the requirements that all cases share.
fn hangs(case: &mut Case) {
    let why = "it warns when it resets a GPU whose groups it cannot stop, and knows no innocence";
    case.needs_held_jobs().not_on(Linux::V6_12, why);
}

/// Makes the GPU busy with the second queue. Returns the fence of that job.
fn busy(c: &mut Client<'_>, gate: &mut Gate) -> u32 {
    let (begun, busy) = (c.syncobj(), c.syncobj());
    // When a stream of the group is done, the GPU surely has it.
    c.submit_held(gate, 1, &[signal(begun, 0)]);
    c.pass(gate, 1);
    end(c, begun);
    c.submit_held(gate, 1, &[signal(busy, 0)]);
    busy
}

fn others(cases: &mut Cases) {
    hangs(cases.add("all_that_the_gpu_has", |c| {
        let (vm, mut gates) = (c.vm(), [c.gate(2), c.gate(3)]);
        let [one, two] = gates.each_mut().map(|gate| busy(c, gate));
        let (behind, other, idle) = (c.syncobj(), c.syncobj(), c.syncobj());
        c.submit(gates[0].group, &[sync_point(1, &[signal(behind, 0)])]);
        c.submit_held(&mut gates[0], 0, &[signal(other, 0)]);
        c.submit(gates[1].group, &[sync_point(2, &[signal(idle, 0)])]);
        let hung = c.hang(vm);
        c.recover(hung, &[one, two, behind, other, idle]);
        for gate in &gates {
            c.group_state(gate.group);
        }
    }));
    hangs(cases.add("those_without_jobs", |c| {
        let (vm, mut gate) = (c.vm(), c.gate(2));
        code(c, vm);
        let (new, used) = (c.group(vm, 1), c.group(vm, 1));
        if let Some(done) = run(c, used, 0, 64) {
            end(c, done);
        }
        let busy = busy(c, &mut gate);
        let hung = c.hang(vm);
        c.recover(hung, &[busy]);
        for group in [new, used] {
            c.group_state(group);
            run(c, group, 0, 64);
        }
    }));
    hangs(cases.add("without_any_jobs_but_the_one_that_hung_it", |c| {
        let vm = c.vm();
        let other = c.group(vm, 1);
        let hung = c.hang(vm);
        c.recover(hung, &[]);
        for group in [other, hung.group, hung.witness] {
            c.group_state(group);
        }
    }));
    hangs(cases.add("what_waits_for_it", |c| {
        let (vm, other, mut gate) = (c.vm(), c.vm(), c.gate(2));
        code(c, other);
        let waiting = c.group(other, 2);
        let (busy, point, stream) = (busy(c, &mut gate), c.syncobj(), c.syncobj());
        c.submit(waiting, &[sync_point(0, &[wait(busy, 0), signal(point, 0)])]);
        let syncs = [wait(busy, 0), signal(stream, 0)];
        c.submit(waiting, &[crate::uapi::ops::stream(1, super::jobs::CODE, 64, &syncs)]);
        let hung = c.hang(vm);
        c.recover(hung, &[busy, point, stream]);
        c.group_state(waiting);
    }));
    hangs(cases.add("as_many_as_there_are_slots", |c| {
        let (vm, mut gate) = (c.vm(), c.gate(2));
        let idle: Vec<_> = (0..10).map(|_| c.group(vm, 1)).collect();
        let busy = busy(c, &mut gate);
        let hung = c.hang(vm);
        c.recover(hung, &[busy]);
        // The slots of the idle groups depend on the number of scheduler ticks so far.
        let lost = idle.iter().filter(|&&group| c.quietly(|c| c.state_of(group)) != 0).count();
        c.note(format_args!("{lost} of {} groups without jobs are lost", idle.len()));
    }));
}
