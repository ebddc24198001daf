//! The borders of the part of a VM that is the user's, and the ends of all numbers.

use super::{AT, vm_with_range};
use crate::case::Cases;
use crate::uapi::ops::*;

const LAST_PAGE: u64 = u64::MAX - (PAGE - 1);

pub fn add(cases: &mut Cases) {
    cases.group("bind_range");
    let vms = [
        ("default", 0),
        ("one_of_4_gib", 4 * GIB),
        ("three_quarters", (1 << 47) + 1),
        ("the_largest", 0xffff_f000_0000),
    ];
    for (vm, wanted) in vms {
        let places: [(&str, u64, u64); 7] = [
            ("the_last_page", PAGE, PAGE),
            ("the_last_64_kib", 64 * KIB, 64 * KIB),
            ("the_last_4_mib", 4 * MIB, 4 * MIB),
            ("a_page_too_much", PAGE, 2 * PAGE),
            ("all_but_the_first_page_too_much", PAGE, MIB),
            ("the_page_behind_it", 0, PAGE),
            ("far_behind_it", 0u64.wrapping_sub(128 * MIB), PAGE),
        ];
        for (place, before_the_end, size) in places {
            cases.add(format!("map_{place}_of_{vm}"), move |c| {
                let (vm, bo) = (vm_with_range(c, wanted), c.bo(4 * MIB));
                let va = vm.user_va_range.wrapping_sub(before_the_end);
                c.bind(vm.id, &[map(bo, 0, va, size, 0)]);
            });
            cases.add(format!("unmap_{place}_of_{vm}"), move |c| {
                let (vm, bo) = (vm_with_range(c, wanted), c.bo(4 * MIB));
                c.bind(vm.id, &[map(bo, 0, vm.user_va_range - 4 * MIB, 4 * MIB, 0)]);
                let va = vm.user_va_range.wrapping_sub(before_the_end);
                c.bind(vm.id, &[unmap(va, size)]);
            });
        }
        cases.add(format!("unmap_all_of_{vm}"), move |c| {
            let (vm, bo) = (vm_with_range(c, wanted), c.bo(4 * MIB));
            c.bind(vm.id, &[map(bo, 0, 0, PAGE, 0), map(bo, 0, AT, 4 * MIB, 0)]);
            c.bind(vm.id, &[map(bo, 0, vm.user_va_range - PAGE, PAGE, 0)]);
            c.bind(vm.id, &[unmap(0, vm.user_va_range + PAGE)]);
            c.mappings();
            c.bind(vm.id, &[unmap(0, vm.user_va_range)]);
        });
    }
    cases.add("map_the_first_page", |c| {
        let (vm, bo) = (c.vm(), c.bo(PAGE));
        c.bind(vm, &[map(bo, 0, 0, PAGE, 0)]);
    });
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        let ends = [
            ("the_last_page_of_all", LAST_PAGE, PAGE),
            ("beyond_the_last_page_of_all", LAST_PAGE, 2 * PAGE),
            ("from_the_last_page_to_the_first", LAST_PAGE, AT),
            ("the_first_page_of_the_upper_half", 1 << 63, PAGE),
            ("the_largest_size", AT, LAST_PAGE),
            ("the_largest_size_from_0", 0, LAST_PAGE),
            ("a_size_that_wraps_to_the_start", AT, AT.wrapping_neg()),
            ("the_end_of_the_address_space", (1 << 48) - PAGE, PAGE),
            ("what_is_behind_the_address_space", 1 << 48, PAGE),
            ("across_the_end_of_the_address_space", (1 << 48) - PAGE, 2 * PAGE),
        ];
        for (name, va, size) in ends {
            cases.add(format!("map_{name}{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                c.bind_with(vm, flags, &[map(bo, 0, va, size, 0)]);
                c.settle(vm);
                c.vm_state(vm);
            });
            cases.add(format!("unmap_{name}{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
                c.bind_with(vm, flags, &[unmap(va, size)]);
                c.settle(vm);
                c.vm_state(vm);
            });
        }
    }
}
