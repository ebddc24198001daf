//! VMs of which a queued bind has failed: the MMU hung.

use panthor_sys::*;

use super::job_faults::end;
use super::jobs::{CODE, code};
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

/// Addresses of the mapped BO and of the map that fails.
const AT: u64 = 64 * MIB;
const FAILED: u64 = 128 * MIB;

/// Number of mappings that the witness group adds to the VM.
const WITNESS: usize = 4;

/// Objects of a case with an unusable VM.
#[derive(Clone, Copy)]
struct Broken {
    vm: u32,
    /// BO mapped at [`AT`].
    bo: u32,
    /// A group that was made before.
    group: u32,
    /// A syncobj with the fence of the bind that failed.
    failed: u32,
}

/// Adds a case with an unusable VM.
fn broken(
    cases: &mut Cases,
    name: &str,
    steps: impl Fn(&mut Client<'_>, Broken) + Send + Sync + 'static,
) {
    let steps = move |c: &mut Client<'_>| {
        let (vm, bo, failed) = (c.vm(), c.bo(MIB), c.syncobj());
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        let (witness, group) = (c.witness(), c.jam(vm));
        c.bind_async(vm, &[with_syncs(map(bo, 0, FAILED, MIB, 0), &[signal(failed, 0)])]);
        end(c, failed);
        c.until_the_gpu_runs(witness);
        steps(c, Broken { vm, bo, group, failed });
    };
    cases.add(name, steps).needs_held_jobs();
}

pub fn add(cases: &mut Cases) {
    cases.group("vm_unusable");
    binds(cases);
    groups(cases);
    one_group_too_many(cases);
    others(cases);
}

// Each takes half a second, as the GPU is reset, so a case tries several things.

fn binds(cases: &mut Cases) {
    let maps = [
        map(1, 0, FAILED, MIB, 0),
        sparse(FAILED, 2 * MIB),
        map(1, 0, AT + 64 * KIB, 64 * KIB, 0),
        map(1, 0, FAILED, 0, 0),
        map(1, 0, FAILED + 1, MIB, 0),
        map(99, 0, FAILED, MIB, 0),
    ];
    let unmaps = [
        unmap(AT + 64 * KIB, 64 * KIB),
        unmap(AT, 0),
        unmap(FAILED, MIB),
        unmap(AT, 512),
        unmap(AT, MIB),
    ];
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        for (name, ops) in [("maps", &maps[..]), ("unmaps", &unmaps[..])] {
            let ops = ops.to_vec();
            broken(cases, &format!("{name}{mode}"), move |c, Broken { vm, .. }| {
                for &op in &ops {
                    c.bind_with(vm, flags, &[op]);
                    c.mappings();
                }
                c.vm_state(vm);
            });
        }
    }
    broken(cases, "batches", |c, Broken { vm, bo, .. }| {
        let ops = [unmap(AT, PAGE), map(bo, 0, FAILED, MIB, 0), unmap(AT + 2 * PAGE, PAGE)];
        c.bind(vm, &ops);
        c.mappings();
        for flags in [0, ASYNC] {
            c.bind_with(vm, flags, &[]);
        }
        c.bind_async(vm, &ops);
    });
    broken(cases, "syncs", |c, Broken { vm, bo, .. }| {
        let done = c.syncobj();
        c.bind_async(vm, &[sync_only(&[signal(done, 0)])]);
        c.wait(&[done], 0, 0);
        c.bind_async(vm, &[with_syncs(map(bo, 0, FAILED, MIB, 0), &[wait(99, 0)])]);
    });
}

fn groups(cases: &mut Cases) {
    broken(cases, "its_group", |c, Broken { group, .. }| {
        c.group_state(group);
        let done = c.syncobj();
        c.submit(group, &[sync_point(0, &[signal(done, 0)])]);
        end(c, done);
        c.group_state(group);
        c.destroy_group(group);
        c.until_mapped(2 + WITNESS);
    });
    broken(cases, "new_groups_and_heaps", |c, Broken { vm, .. }| {
        let queues = [queue(4 * KIB)];
        c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut group(vm, &queues));
        c.until_mapped(5 + WITNESS);
        c.call(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut heap(vm));
        c.exclusive_bo(PAGE, vm);
    });
}

fn one_group_too_many(cases: &mut Cases) {
    broken(cases, "one_group_too_many", |c, Broken { vm, .. }| {
        let other = c.vm();
        // There are two: of the VM, and of the witness.
        c.quietly(|c| {
            for _ in 0..126 {
                c.group(other, 1);
            }
        });
        let queues = [queue(4 * KIB)];
        for vm in [other, vm] {
            c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut group(vm, &queues));
        }
        c.until_mapped(5 + WITNESS + 126 * 3);
        c.note("the other VM goes");
        c.destroy_vm(other);
        c.until_mapped(5 + WITNESS);
    });
}

fn others(cases: &mut Cases) {
    broken(cases, "what_waits_for_the_bind", |c, Broken { failed, bo, .. }| {
        let (other, done) = (c.vm(), c.syncobj());
        let syncs = [wait(failed, 0), signal(done, 0)];
        c.bind_async(other, &[with_syncs(map(bo, 0, AT, MIB, 0), &syncs)]);
        end(c, done);
        c.vm_state(other);
    });
    broken(cases, "another_vm", |c, Broken { bo, .. }| {
        let other = c.vm();
        c.vm_state(other);
        c.bind(other, &[map(bo, 0, AT, MIB, 0)]);
        code(c, other);
        let (group, done) = (c.group(other, 1), c.syncobj());
        c.submit(group, &[stream(0, CODE, 64, &[signal(done, 0)])]);
        end(c, done);
        c.group_state(group);
    });
    broken(cases, "destroyed", |c, Broken { vm, group, .. }| {
        c.destroy_vm(vm);
        c.vm_state(vm);
        c.mappings();
        c.destroy_group(group);
        c.until_vms(1);
        let again = c.vm();
        c.vm_state(again);
    });
    broken(cases, "its_file_is_closed", |c, Broken { .. }| {
        c.open();
        c.close_file(0);
        c.until_vms(0);
    });
}
