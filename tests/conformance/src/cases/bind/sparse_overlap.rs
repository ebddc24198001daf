//! Sparse maps over what is mapped, and others over them; parts of them that are unmapped.

use panthor_sys::drm_panthor_vm_bind_op;

use super::sides::{LEN, SIDES, UNITS, place};
use super::{AT, vm_with_range};
use crate::case::Cases;
use crate::uapi::ops::*;

/// An operation on a range.
type Make = fn(u64, u64) -> drm_panthor_vm_bind_op;

pub fn add(cases: &mut Cases) {
    cases.group("bind_sparse_overlap");
    for (unit_name, unit) in UNITS {
        // The second is in the middle of 2 MiB, so that nothing is at a border.
        for (at_name, at) in [("", AT), ("_off_a_border", AT + 300 * PAGE)] {
            for (side, start, end) in SIDES {
                let (va, size) = (place(at, unit, start), (end - start) as u64 * unit);
                let of = format!("{side}_in_units_of_{unit_name}{at_name}");
                let len = LEN as u64 * unit;
                cases.add(format!("sparse_over_{of}"), move |c| {
                    let vm = c.vm();
                    c.bind(vm, &[sparse(at, len)]);
                    c.bind(vm, &[map(0, 0, va, size, SPARSE | READONLY)]);
                });
                cases.add(format!("unmap_{of}"), move |c| {
                    let vm = c.vm();
                    c.bind(vm, &[sparse(at, len)]);
                    c.bind(vm, &[unmap(va, size)]);
                });
                cases.add(format!("object_over_{of}"), move |c| {
                    let (vm, bo) = (c.vm(), c.bo(size));
                    c.bind(vm, &[sparse(at, len)]);
                    c.bind(vm, &[map(bo, 0, va, size, 0)]);
                });
                // With nothing mapped beforehand.
                cases.add(format!("object_over_{of}_in_one_call_async"), move |c| {
                    let (vm, bo) = (c.vm(), c.bo(size));
                    c.bind_async(vm, &[sparse(at, len), map(bo, 0, va, size, 0)]);
                    c.settle(vm);
                });
                // The same unaligned places are no different for what shows an object.
                if at == AT {
                    cases.add(format!("sparse_over_an_object_{of}"), move |c| {
                        let (vm, bo) = (c.vm(), c.bo(len));
                        c.bind(vm, &[map(bo, 0, at, len, 0)]);
                        c.bind(vm, &[sparse(va, size)]);
                    });
                }
            }
        }
    }
    turns(cases);
    to_the_end(cases);
}

/// Adds cases that replace the tail of a sparse map at the end of its VM.
fn to_the_end(cases: &mut Cases) {
    let whole = 8 * MIB;
    for (vm, wanted) in [("default_vm", 0), ("largest_vm", 0xffff_f000_0000)] {
        for (part, size) in
            [("page", PAGE), ("2_mib", 2 * MIB), ("2_mib_and_a_page", 2 * MIB + PAGE)]
        {
            let kinds: [(&str, Make); 3] = [
                ("unmap", unmap),
                ("object_over", |va, size| map(1, 0, va, size, 0)),
                ("sparse_over", |va, size| map(0, 0, va, size, SPARSE | READONLY)),
            ];
            for (kind, op) in kinds {
                cases.add(format!("{kind}_the_last_{part}_of_the_{vm}"), move |c| {
                    let (vm, _) = (vm_with_range(c, wanted), c.bo(whole));
                    let end = vm.user_va_range;
                    c.bind(vm.id, &[sparse(end - whole, whole)]);
                    c.bind(vm.id, &[op(end - size, size)]);
                    c.mappings();
                    // A page more, which is not the user's.
                    c.bind(vm.id, &[op(end - size, size + PAGE)]);
                });
            }
        }
    }
}

/// Adds cases of typical sparse clients.
fn turns(cases: &mut Cases) {
    for (name, size) in [("64_kib", 64 * KIB), ("2_mib", 2 * MIB)] {
        cases.add(format!("{name}_of_memory_come_and_go"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(4 * size));
            c.bind(vm, &[sparse(AT, 8 * size)]);
            for part in [3, 0, 1, 2] {
                c.bind(vm, &[map(bo, part * size, AT + (part + 2) * size, size, 0)]);
            }
            c.mappings();
            for part in [1, 2, 0, 3] {
                c.bind(vm, &[sparse(AT + (part + 2) * size, size)]);
            }
            c.mappings();
            c.bind(vm, &[sparse(AT, 8 * size)]);
        });
        cases.add(format!("{name}_of_memory_in_every_other_place"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(size));
            c.bind(vm, &[sparse(AT, 8 * size)]);
            let ops: Vec<_> =
                (0..8).step_by(2).map(|part| map(bo, 0, AT + part * size, size, 0)).collect();
            c.bind(vm, &ops);
            c.mappings();
            c.bind(vm, &[unmap(AT, 8 * size)]);
        });
        cases.add(format!("{name}_sparse_in_the_middle_of_an_object"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(8 * size));
            c.bind(vm, &[map(bo, 0, AT, 8 * size, 0)]);
            c.bind(vm, &[sparse(AT + 3 * size, size)]);
            c.bind(vm, &[map(bo, 3 * size, AT + 3 * size, size, 0)]);
        });
    }
    cases.add("a_page_of_1_gib", |c| {
        let (vm, bo) = (c.vm(), c.bo(PAGE));
        c.bind(vm, &[sparse(AT, GIB)]);
        c.bind(vm, &[map(bo, 0, AT + 512 * MIB + 5 * PAGE, PAGE, 0)]);
        c.bind(vm, &[unmap(AT + 100 * MIB + PAGE, PAGE)]);
    });
    cases.add("sparse_over_several_objects_and_holes", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[0, 2, 3, 6].map(|part| map(bo, 0, AT + part * MIB, MIB, 0)));
        c.bind(vm, &[sparse(AT + 64 * KIB, 6 * MIB)]);
    });
    cases.add("unmap_over_several_of_both_kinds", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[0, 2, 4].map(|part| map(bo, 0, AT + part * MIB, MIB, 0)));
        c.bind(vm, &[1, 3, 5].map(|part| sparse(AT + part * MIB, MIB)));
        c.bind(vm, &[unmap(AT + 64 * KIB, 6 * MIB - 128 * KIB)]);
    });
    cases.add("split_again_and_again", |c| {
        let vm = c.vm();
        c.bind(vm, &[sparse(AT + PAGE, 8 * MIB)]);
        for step in 1..7 {
            c.bind(vm, &[unmap(AT + step * (MIB + PAGE), PAGE)]);
        }
    });
}
