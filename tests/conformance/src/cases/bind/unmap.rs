//! Unmaps.

use super::AT;
use super::sides::{LEN, PLACES, SIDES, UNITS, place};
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("bind_unmap");
    for (unit_name, unit) in UNITS {
        for (side, start, end) in SIDES {
            let (va, size) = (place(AT, unit, start), (end - start) as u64 * unit);
            cases.add(format!("{side}_in_units_of_{unit_name}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo((LEN as u64 + 1) * unit));
                c.bind(vm, &[map(bo, unit, AT, LEN as u64 * unit, 0)]);
                c.bind(vm, &[unmap(va, size)]);
            });
        }
        several(cases, unit_name, unit);
    }
    huge_pages(cases);
    arguments(cases);
    cases.add("nothing", |c| {
        let vm = c.vm();
        c.bind(vm, &[unmap(AT, MIB)]);
    });
    cases.add("twice", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind(vm, &[unmap(AT, MIB)]);
        c.bind(vm, &[unmap(AT, MIB)]);
    });
    cases.add("page_by_page", |c| {
        let (vm, bo) = (c.vm(), c.bo(32 * KIB));
        c.bind(vm, &[map(bo, 0, AT, 32 * KIB, 0)]);
        for page in [3, 0, 7, 4, 5, 1, 2, 6] {
            c.bind(vm, &[unmap(AT + page * PAGE, PAGE)]);
            c.mappings();
        }
    });
    cases.add("and_map_again", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        for offset in [0, 64 * KIB] {
            c.bind(vm, &[map(bo, offset, AT, 64 * KIB, 0)]);
            c.bind(vm, &[unmap(AT, 64 * KIB)]);
        }
        c.bind(vm, &[map(bo, PAGE, AT, 64 * KIB, 0)]);
    });
    cases.add("in_one_vm_only", |c| {
        let (vm, other, bo) = (c.vm(), c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind(other, &[map(bo, 0, AT, MIB, 0)]);
        c.bind(vm, &[unmap(AT, MIB)]);
    });
}

/// Over several mappings of two units each, with one unit free behind the second and the third.
fn several(cases: &mut Cases, unit_name: &str, unit: u64) {
    let sides = [
        ("all_of_several", 0, 10),
        ("more_than_all_of_several", -3, 14),
        ("from_the_middle_of_the_first_to_that_of_the_last", 1, 9),
        ("from_the_middle_of_one_to_that_of_its_neighbour", 1, 3),
        ("two_that_touch", 0, 4),
        ("a_hole", 4, 5),
        ("from_one_hole_to_the_next", 4, 8),
        ("from_a_hole_into_one", 4, 6),
        ("from_one_into_a_hole", 6, 8),
    ];
    for (side, start, end) in sides {
        cases.add(format!("{side}_in_units_of_{unit_name}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(8 * unit));
            let ops = [0, 2, 5, 8].map(|at| map(bo, 0, place(AT, unit, at), 2 * unit, 0));
            c.bind(vm, &ops);
            c.bind(vm, &[unmap(place(AT, unit, start), (end - start) as u64 * unit)]);
        });
    }
}

/// Adds cases of objects with huge pages.
fn huge_pages(cases: &mut Cases) {
    for (name, offset, size) in PLACES {
        for (kind, moved) in [("", 0), ("_of_an_object_that_is_moved", 5 * PAGE)] {
            cases.add(format!("{name}{kind}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(8 * MIB));
                c.bind(vm, &[map(bo, 0, AT + moved, 8 * MIB, 0)]);
                c.bind(vm, &[unmap(AT + offset, size)]);
                c.bind(vm, &[map(bo, 0, AT + moved + offset, size, 0)]);
            });
        }
    }
}

fn arguments(cases: &mut Cases) {
    for (mode, flags) in [("", 0), ("_async", ASYNC)] {
        for (name, off) in [("1_byte", 1), ("2_kib", 2 * KIB), ("4095_bytes", PAGE - 1)] {
            cases.add(format!("address_is_off_by_{name}{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
                c.bind_with(vm, flags, &[unmap(AT + off, 64 * KIB)]);
                c.settle(vm);
            });
            cases.add(format!("size_is_off_by_{name}{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
                c.bind_with(vm, flags, &[unmap(AT, 64 * KIB + off)]);
                c.settle(vm);
            });
        }
    }
    cases.add("nothing_inside_a_mapping", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind(vm, &[unmap(AT + 64 * KIB, 0)]);
    });
}
