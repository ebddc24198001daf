//! Calls with several operations: where they stop, and what is done by then.

use panthor_sys::*;

use super::AT;
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    failures(cases);
    batches(cases);
}

fn failures(cases: &mut Cases) {
    cases.group("bind_failures");
    let wrong: [(&str, drm_panthor_vm_bind_op); 8] = [
        ("an_unaligned_address", map(1, 0, AT + 1, MIB, 0)),
        ("an_unknown_handle", map(99, 0, AT, MIB, 0)),
        ("too_large_an_offset", map(1, MIB, AT, MIB, 0)),
        ("a_range_beyond_the_end", map(1, 0, 1 << 47, MIB, 0)),
        ("an_unknown_flag", map(1, 0, AT, MIB, 1 << 9)),
        ("an_unknown_type", map(0, 0, AT, MIB, 9 << 28)),
        ("an_unmap_with_a_handle", map(1, 0, AT, MIB, UNMAP)),
        (
            "a_sync",
            drm_panthor_vm_bind_op {
                syncs: drm_panthor_obj_array { stride: 16, count: 1, array: 0 },
                ..map(1, 0, AT, MIB, 0)
            },
        ),
    ];
    for (name, bad) in wrong {
        for (at_name, at) in [("first", 0), ("middle", 2), ("last", 4)] {
            cases.add(format!("{name}_is_{at_name}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                let mut ops: Vec<_> = (2..6).map(|part| map(bo, 0, part * AT, MIB, 0)).collect();
                ops.insert(at, bad);
                c.bind(vm, &ops);
            });
            // All or nothing.
            cases.add(format!("{name}_is_{at_name}_async"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                let mut ops: Vec<_> = (2..6).map(|part| map(bo, 0, part * AT, MIB, 0)).collect();
                ops.insert(at, bad);
                c.bind_async(vm, &ops);
                c.settle(vm);
                c.vm_state(vm);
            });
        }
    }
    cases.add("the_vm_is_as_good_as_before", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0), map(bo, 0, AT, MIB, 1 << 9)]);
        c.vm_state(vm);
        c.bind(vm, &[unmap(AT, 64 * KIB), map(bo, 0, 2 * AT, MIB, 0)]);
    });
    cases.add("a_failing_operation_leaves_what_it_is_over", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind(vm, &[map(bo, 64 * KIB, AT, MIB, 0)]);
    });
    cases.add("one_of_many", |c| {
        let (vm, bo) = (c.vm(), c.bo(PAGE));
        let mut ops: Vec<_> = (0..600).map(|_| map(bo, 0, AT, PAGE, 0)).collect();
        ops[577].size = 1;
        let mut args = drm_panthor_vm_bind { vm_id: vm, flags: 0, ops: array(&ops) };
        c.call(DRM_IOCTL_PANTHOR_VM_BIND, &mut args);
    });
    cases.add("of_size_0_before_and_after", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        let nothing = map(99, 0, 1, 0, 0);
        c.bind(vm, &[nothing, map(bo, 0, AT, MIB, 0), nothing, map(99, 0, 0, PAGE, 0), nothing]);
    });
}

fn batches(cases: &mut Cases) {
    cases.group("bind_batches");
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        cases.add(format!("map_and_unmap{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind_with(vm, flags, &[map(bo, 0, AT, MIB, 0), unmap(AT, MIB)]);
            c.settle(vm);
        });
        cases.add(format!("unmap_and_map{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind_with(vm, flags, &[unmap(AT, MIB), map(bo, 0, AT, MIB, 0)]);
            c.settle(vm);
        });
        cases.add(format!("each_over_the_one_before{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            let ops: Vec<_> = (0..8).map(|step| map(bo, 0, AT + step * 64 * KIB, MIB, 0)).collect();
            c.bind_with(vm, flags, &ops);
            c.settle(vm);
        });
        cases.add(format!("backwards{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            let ops: Vec<_> =
                (0..8).rev().map(|step| map(bo, 0, AT + step * 64 * KIB, MIB, 0)).collect();
            c.bind_with(vm, flags, &ops);
            c.settle(vm);
        });
        cases.add(format!("holes_are_punched{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            let mut ops = vec![map(bo, 0, AT, MIB, 0)];
            ops.extend((1..8).map(|step| unmap(AT + step * 128 * KIB, PAGE)));
            c.bind_with(vm, flags, &ops);
            c.settle(vm);
        });
        cases.add(format!("of_all_kinds{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind_with(
                vm,
                flags,
                &[
                    sparse(AT, 4 * MIB),
                    map(bo, 0, AT + MIB, MIB, NOEXEC),
                    unmap(AT + MIB + 64 * KIB, 2 * MIB),
                    map(bo, 0, AT + 3 * MIB, PAGE, READONLY),
                ],
            );
            c.settle(vm);
        });
        cases.add(format!("many{mode}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(PAGE));
            let ops: Vec<_> =
                (0..600).map(|step| map(bo, 0, AT + step / 50 * MIB, PAGE, 0)).collect();
            let mut args = drm_panthor_vm_bind { vm_id: vm, flags, ops: array(&ops) };
            c.call(DRM_IOCTL_PANTHOR_VM_BIND, &mut args);
            c.settle(vm);
        });
    }
}
