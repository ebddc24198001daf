//! Maps: alignment, size zero, and the object's borders.

use super::AT;
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("bind_map");
    alignment(cases);
    nothing(cases);
    borders(cases);
    cases.add("several_parts_of_an_object", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        for part in [3, 0, 2, 1] {
            c.bind(vm, &[map(bo, part * 64 * KIB, AT + part * MIB, 64 * KIB, 0)]);
        }
    });
    cases.add("one_part_of_an_object_at_two_addresses", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, PAGE, AT, PAGE, 0), map(bo, PAGE, 2 * AT, PAGE, 0)]);
    });
    cases.add("one_page_a_hundred_times", |c| {
        let (vm, bo) = (c.vm(), c.bo(PAGE));
        let ops: Vec<_> = (0..100).map(|page| map(bo, 0, AT + page * 2 * PAGE, PAGE, 0)).collect();
        c.bind(vm, &ops);
    });
    for (name, bytes) in [("a_byte", 1), ("a_byte_more_than_a_page", PAGE + 1)] {
        cases.add(format!("whole_pages_of_an_object_of_{name}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(bytes));
            c.bind(vm, &[map(bo, 0, AT, bytes.next_multiple_of(PAGE), 0)]);
            c.bind(vm, &[map(bo, 0, AT + MIB, bytes.next_multiple_of(PAGE) + PAGE, 0)]);
        });
    }
    cases.add("a_large_object", |c| {
        let (vm, bo) = (c.vm(), c.bo(64 * MIB));
        c.bind(vm, &[map(bo, 0, AT, 64 * MIB, 0)]);
    });
    cases.add("a_large_object_not_at_a_border_of_2_mib", |c| {
        let (vm, bo) = (c.vm(), c.bo(32 * MIB));
        c.bind(vm, &[map(bo, 0, AT + 3 * PAGE, 32 * MIB, 0)]);
    });
}

fn alignment(cases: &mut Cases) {
    for (name, off) in
        [("1_byte", 1), ("2_kib", 2 * KIB), ("4095_bytes", PAGE - 1), ("4_kib", PAGE)]
    {
        for (mode, flags) in [("", 0), ("_async", ASYNC)] {
            cases.add(format!("address_is_off_by_{name}{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                c.bind_with(vm, flags, &[map(bo, 0, AT + off, 64 * KIB, 0)]);
                c.settle(vm);
            });
            cases.add(format!("size_is_off_by_{name}{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                c.bind_with(vm, flags, &[map(bo, 0, AT, 64 * KIB + off, 0)]);
                c.settle(vm);
            });
            cases.add(format!("offset_is_off_by_{name}{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                c.bind_with(vm, flags, &[map(bo, off, AT, 64 * KIB, 0)]);
                c.settle(vm);
            });
        }
    }
    for bytes in [1, 2 * KIB, PAGE - 1] {
        cases.add(format!("of_{bytes}_bytes"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[map(bo, 0, AT, bytes, 0)]);
        });
    }
}

/// Adds cases of synchronous operations of size zero. The driver ignores their other arguments.
fn nothing(cases: &mut Cases) {
    let ops = [
        ("and_nothing_wrong", map(1, 0, AT, 0, 0)),
        ("at_an_unaligned_address", map(1, 0, AT + 1, 0, 0)),
        ("at_an_unaligned_offset", map(1, 1, AT, 0, 0)),
        ("at_an_offset_beyond_the_object", map(1, 2 * MIB, AT, 0, 0)),
        ("of_an_unknown_object", map(99, 0, AT, 0, 0)),
        ("beyond_the_range", map(1, 0, u64::MAX, 0, 0)),
        ("with_unknown_flags", map(1, 0, AT, 0, 0x0fff_fff0)),
        ("of_an_unknown_type", map(1, 0, AT, 0, 15 << 28)),
        ("and_an_unmap_with_a_handle", map(1, 0, AT, 0, UNMAP)),
        ("and_sync_only_with_an_address", map(0, 0, AT, 0, SYNC_ONLY)),
    ];
    for (name, op) in ops {
        cases.add(format!("of_size_0_{name}"), move |c| {
            let (vm, _) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[op]);
        });
    }
}

fn borders(cases: &mut Cases) {
    const LAST_PAGE: u64 = u64::MAX - (PAGE - 1);
    let ranges = [
        ("exactly_all_of_it", 0, MIB),
        ("a_page_more_than_there_is", 0, MIB + PAGE),
        ("the_last_page", MIB - PAGE, PAGE),
        ("the_page_behind_it", MIB, PAGE),
        ("the_last_page_and_one_more", MIB - PAGE, 2 * PAGE),
        ("all_of_it_a_page_later", PAGE, MIB),
        ("the_last_offset_of_all", LAST_PAGE, PAGE),
        ("an_offset_so_large_that_its_end_wraps", LAST_PAGE, 2 * PAGE),
        ("an_offset_so_large_that_its_end_is_inside", LAST_PAGE, 64 * KIB),
        ("an_offset_in_the_middle_of_all", 1 << 63, PAGE),
        ("twice_as_much_as_there_is", 0, 2 * MIB),
    ];
    for (name, offset, size) in ranges {
        cases.add(format!("object_{name}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[map(bo, offset, AT, size, 0)]);
        });
        cases.add(format!("object_{name}_async"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind_async(vm, &[map(bo, offset, AT, size, 0)]);
            c.settle(vm);
        });
    }
}
