//! Sparse maps: what they may be, and what they look like.

use panthor_sys::*;

use super::{AT, vm_with_range};
use crate::case::Cases;
use crate::uapi::ops::*;

const SPARSE_ALONE: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE;

pub fn add(cases: &mut Cases) {
    cases.group("bind_sparse");
    arguments(cases);
    places(cases);
    vms_and_files(cases);
}

fn arguments(cases: &mut Cases) {
    let ops = [
        ("without_noexec", map(0, 0, AT, MIB, SPARSE_ALONE)),
        ("readonly_without_noexec", map(0, 0, AT, MIB, SPARSE_ALONE | READONLY)),
        ("with_an_object", map(1, 0, AT, MIB, SPARSE)),
        ("with_an_unknown_object", map(99, 0, AT, MIB, SPARSE)),
        ("with_an_offset", map(0, PAGE, AT, MIB, SPARSE)),
        ("with_an_unaligned_offset", map(0, 1, AT, MIB, SPARSE)),
        ("with_the_offset_that_it_will_have", map(0, MIB, AT + MIB, MIB, SPARSE)),
        ("with_an_object_and_an_offset", map(1, PAGE, AT, MIB, SPARSE)),
        ("with_an_unknown_flag", map(0, 0, AT, MIB, SPARSE | 1 << 4)),
        ("with_all_unknown_flags", map(0, 0, AT, MIB, SPARSE | 0x0fff_fff0)),
        ("as_an_unmap", map(0, 0, AT, MIB, SPARSE | UNMAP)),
        ("as_sync_only", map(0, 0, 0, 0, SPARSE | SYNC_ONLY)),
        ("at_an_address_off_by_1", sparse(AT + 1, MIB)),
        ("at_an_address_off_by_2_kib", sparse(AT + 2 * KIB, MIB)),
        ("of_1_byte", sparse(AT, 1)),
        ("of_2_kib", sparse(AT, 2 * KIB)),
        ("of_4095_bytes", sparse(AT, PAGE - 1)),
        ("of_a_byte_more_than_2_mib", sparse(AT, 2 * MIB + 1)),
        ("readonly", map(0, 0, AT, MIB, SPARSE | READONLY)),
        ("uncached", map(0, 0, AT, MIB, SPARSE | UNCACHED)),
        ("readonly_and_uncached", map(0, 0, AT, MIB, SPARSE | READONLY | UNCACHED)),
        ("at_0", sparse(0, 4 * MIB)),
        ("at_the_last_page_of_all", sparse(u64::MAX - (PAGE - 1), PAGE)),
        ("that_wraps", sparse(u64::MAX - (PAGE - 1), 2 * PAGE)),
    ];
    for (name, op) in ops {
        for (mode, flags) in [("", 0), ("_async", ASYNC)] {
            cases.add(format!("{name}{mode}"), move |c| {
                let (vm, _) = (c.vm(), c.bo(4 * MIB));
                c.bind_with(vm, flags, &[op]);
                c.settle(vm);
            });
        }
    }
    cases.add("of_size_0", |c| {
        let vm = c.vm();
        c.bind(vm, &[sparse(AT, 0)]);
    });
    cases.add("of_size_0_without_noexec", |c| {
        let vm = c.vm();
        c.bind(vm, &[map(5, 5, AT, 0, SPARSE_ALONE)]);
    });
}

fn places(cases: &mut Cases) {
    let sizes = [
        ("4_kib", PAGE),
        ("8_kib", 2 * PAGE),
        ("1_mib", MIB),
        ("a_page_less_than_2_mib", 2 * MIB - PAGE),
        ("2_mib", 2 * MIB),
        ("a_page_more_than_2_mib", 2 * MIB + PAGE),
        ("3_mib", 3 * MIB),
        ("64_mib", 64 * MIB),
        ("1_gib", GIB),
    ];
    let places = [
        ("at_a_border", 0),
        ("a_page_behind_a_border", PAGE),
        ("a_mib_behind_a_border", MIB),
        ("a_page_before_a_border", 2 * MIB - PAGE),
    ];
    for (size_name, size) in sizes {
        for (place, offset) in places {
            cases.add(format!("{size_name}_{place}"), move |c| {
                let vm = c.vm();
                c.bind(vm, &[sparse(AT + offset, size)]);
                c.mappings();
                c.bind(vm, &[unmap(AT + offset, size)]);
            });
        }
    }
    for (vm, wanted) in [("default_vm", 0), ("largest_vm", 0xffff_f000_0000)] {
        let places = [
            ("the_last_page", PAGE, PAGE),
            ("the_last_2_mib", 2 * MIB, 2 * MIB),
            ("the_last_64_mib_and_a_page", 64 * MIB + PAGE, 64 * MIB + PAGE),
            ("a_page_more_than_the_end", 2 * MIB, 2 * MIB + PAGE),
            ("the_page_behind_the_end", 0, PAGE),
        ];
        for (place, before_the_end, size) in places {
            cases.add(format!("{place}_of_the_{vm}"), move |c| {
                let vm = vm_with_range(c, wanted);
                c.bind(vm.id, &[sparse(vm.user_va_range - before_the_end, size)]);
            });
        }
    }
    cases.add("neighbours_stay_apart", |c| {
        let vm = c.vm();
        c.bind(vm, &[sparse(AT, 2 * MIB), sparse(AT + 2 * MIB, 2 * MIB)]);
        c.bind(vm, &[sparse(AT + 4 * MIB, PAGE), sparse(AT + 4 * MIB + PAGE, PAGE)]);
    });
}

/// Adds cases across VMs and files: one object backs the sparse memory of all VMs of a file.
fn vms_and_files(cases: &mut Cases) {
    cases.add("two_in_a_vm", |c| {
        let vm = c.vm();
        c.bind(vm, &[sparse(AT, MIB)]);
        c.bind(vm, &[sparse(2 * AT, MIB)]);
    });
    cases.add("in_two_vms_of_a_file", |c| {
        let (first, second) = (c.vm(), c.vm());
        c.bind(first, &[sparse(AT, MIB)]);
        c.bind(second, &[sparse(AT, MIB)]);
    });
    cases.add("in_two_files", |c| {
        let vm = c.vm();
        c.bind(vm, &[sparse(AT, MIB)]);
        c.open();
        let vm = c.vm();
        c.bind(vm, &[sparse(AT, MIB)]);
    });
    cases.add("in_a_vm_after_the_first_was_destroyed", |c| {
        let (first, second) = (c.vm(), c.vm());
        c.bind(first, &[sparse(AT, MIB)]);
        c.destroy_vm(first);
        c.bind(second, &[sparse(AT, MIB)]);
        c.mappings();
        let third = c.vm();
        c.bind(third, &[sparse(AT, MIB)]);
    });
    cases.add("beside_an_object", |c| {
        let (vm, bo) = (c.vm(), c.bo(2 * MIB));
        c.bind(vm, &[sparse(AT, 2 * MIB), map(bo, 0, AT + 2 * MIB, 2 * MIB, 0)]);
    });
}
