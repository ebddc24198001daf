//! Which objects can be mapped.

use std::os::fd::AsRawFd;

use panthor_sys::*;

use super::AT;
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("bind_objects");
    handles(cases);
    exclusive(cases);
    shared(cases);
    for (name, flags) in [
        ("the_cpu_may_not_map", DRM_PANTHOR_BO_NO_MMAP),
        ("the_cpu_caches", DRM_PANTHOR_BO_WB_MMAP),
    ] {
        cases.add(format!("one_that_{name}"), move |c| {
            let vm = c.vm();
            let mut args = drm_panthor_bo_create { size: MIB, flags, ..zeroed() };
            c.call(DRM_IOCTL_PANTHOR_BO_CREATE, &mut args);
            c.bind(vm, &[map(args.handle, 0, AT, MIB, 0)]);
        });
    }
    cases.add("one_that_the_cpu_has_mapped", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        let memory = c.cpu_map(bo, MIB);
        memory.store(PAGE, 7);
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.note(memory.load(PAGE));
    });
}

fn handles(cases: &mut Cases) {
    for handle in [0, 2, 1 << 16, u32::MAX] {
        for (mode, flags) in [("", 0), ("_async", ASYNC)] {
            cases.add(format!("unknown_handle_{handle}{mode}"), move |c| {
                let (vm, _) = (c.vm(), c.bo(MIB));
                c.bind_with(vm, flags, &[map(handle, 0, AT, MIB, 0)]);
            });
        }
    }
    cases.add("closed_handle", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.close_bo(bo);
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
    });
    cases.add("handle_is_used_again", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.close_bo(bo);
        let next = c.bo(MIB);
        c.bind(vm, &[map(next, 0, 2 * AT, MIB, 0)]);
    });
    cases.add("handle_is_closed_while_mapped", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.close_bo(bo);
        c.mappings();
        c.bind(vm, &[unmap(AT + 64 * KIB, 64 * KIB)]);
    });
    cases.add("handle_of_another_file", |c| {
        let vm = c.vm();
        c.open();
        let bo = c.bo(MIB);
        c.on(0);
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
    });
    cases.add("handle_that_is_another_object_in_another_file", |c| {
        let (vm, bo) = (c.vm(), c.bo(PAGE));
        c.open();
        let other = c.bo(MIB);
        c.bind(vm, &[map(other, 0, AT, MIB, 0)]);
        c.on(0);
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind(vm, &[map(bo, 0, AT, PAGE, 0)]);
    });
}

fn exclusive(cases: &mut Cases) {
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        cases.add(format!("exclusive_in_its_vm{mode}"), move |c| {
            let vm = c.vm();
            let bo = c.exclusive_bo(MIB, vm);
            c.bind_with(vm, flags, &[map(bo, 0, AT, MIB, 0)]);
            c.settle(vm);
        });
        cases.add(format!("exclusive_in_another_vm{mode}"), move |c| {
            let (vm, other) = (c.vm(), c.vm());
            let bo = c.exclusive_bo(MIB, vm);
            c.bind_with(other, flags, &[map(bo, 0, AT, MIB, 0)]);
            c.settle(other);
        });
    }
    cases.add("exclusive_after_its_vm", |c| {
        let vm = c.vm();
        let bo = c.exclusive_bo(MIB, vm);
        c.destroy_vm(vm);
        let same_id = c.vm();
        c.bind(same_id, &[map(bo, 0, AT, MIB, 0)]);
    });
    cases.add("exclusive_twice_in_its_vm", |c| {
        let vm = c.vm();
        let bo = c.exclusive_bo(MIB, vm);
        c.bind(vm, &[map(bo, 0, AT, MIB, 0), map(bo, 0, 2 * AT, MIB, READONLY)]);
    });
}

fn shared(cases: &mut Cases) {
    cases.add("one_object_in_two_vms", |c| {
        let (first, second, bo) = (c.vm(), c.vm(), c.bo(MIB));
        c.bind(first, &[map(bo, 0, AT, MIB, 0)]);
        c.bind(second, &[map(bo, 0, 2 * AT, MIB, 0)]);
    });
    cases.add("the_same_mapping_twice", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
    });
    cases.add("imported_from_another_file", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        let exported = c.export(bo);
        c.open();
        let (vm, (_, imported)) = (c.vm(), c.import(exported.as_raw_fd()));
        c.bind(vm, &[map(imported, PAGE, 2 * AT, MIB - PAGE, 0)]);
        c.bind(vm, &[unmap(2 * AT + PAGE, PAGE)]);
    });
    cases.add("imported_into_the_same_file", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        let exported = c.export(bo);
        let (_, imported) = c.import(exported.as_raw_fd());
        c.bind(vm, &[map(bo, 0, AT, MIB, 0), map(imported, 0, 2 * AT, MIB, 0)]);
    });
    cases.add("imported_after_its_first_handle_was_closed", |c| {
        let bo = c.bo(MIB);
        let exported = c.export(bo);
        c.close_bo(bo);
        let (vm, (_, imported)) = (c.vm(), c.import(exported.as_raw_fd()));
        drop(exported);
        c.bind(vm, &[map(imported, 0, AT, MIB, 0)]);
    });
}
