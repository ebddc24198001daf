//! Maps over what is mapped.

use super::AT;
use super::sides::{LEN, PLACES, SIDES, UNITS, place};
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("bind_overlap");
    for (unit_name, unit) in UNITS {
        for (side, start, end) in SIDES {
            let (va, size) = (place(AT, unit, start), (end - start) as u64 * unit);
            cases.add(format!("another_object_over_{side}_in_units_of_{unit_name}"), move |c| {
                let (vm, old, new) = (c.vm(), c.bo((LEN as u64 + 1) * unit), c.bo(size));
                c.bind(vm, &[map(old, unit, AT, LEN as u64 * unit, 0)]);
                c.bind(vm, &[map(new, 0, va, size, READONLY)]);
            });
            // It shows at each address what the old one shows there.
            cases.add(format!("the_same_object_over_{side}_in_units_of_{unit_name}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo((LEN as u64 + 6) * unit));
                c.bind(vm, &[map(bo, 3 * unit, AT, LEN as u64 * unit, 0)]);
                c.bind(vm, &[map(bo, (start + 3) as u64 * unit, va, size, 0)]);
            });
        }
        several(cases, unit_name, unit);
        neighbours(cases, unit_name, unit);
    }
    huge_pages(cases);
    cases.add("one_after_the_other_at_the_same_address", |c| {
        let (vm, bos) = (c.vm(), [c.bo(MIB), c.bo(MIB), c.bo(MIB)]);
        for bo in bos {
            c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
            c.mappings();
        }
    });
    cases.add("from_the_outside_to_the_inside", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        for step in 0..5 {
            let (offset, size) = (step * 3 * PAGE, MIB - step * 7 * PAGE);
            c.bind(vm, &[map(bo, offset, AT + offset, size, 0)]);
        }
    });
    cases.add("from_the_inside_to_the_outside", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        for step in (0..5).rev() {
            let (offset, size) = (step * 3 * PAGE, MIB - step * 7 * PAGE);
            c.bind(vm, &[map(bo, offset, AT + offset, size, 0)]);
        }
    });
    cases.add("of_every_other_page", |c| {
        let (vm, bo, other) = (c.vm(), c.bo(64 * KIB), c.bo(PAGE));
        c.bind(vm, &[map(bo, 0, AT, 64 * KIB, 0)]);
        let ops: Vec<_> =
            (0..16).step_by(2).map(|page| map(other, 0, AT + page * PAGE, PAGE, 0)).collect();
        c.bind(vm, &ops);
    });
}

/// Over several mappings of two units each, with one unit free behind the second and the third.
fn several(cases: &mut Cases, unit_name: &str, unit: u64) {
    let sides = [
        ("all_of_several", 0, 10),
        ("more_than_all_of_several", -1, 11),
        ("from_the_middle_of_the_first_to_that_of_the_last", 1, 9),
        ("from_the_middle_of_one_to_that_of_its_neighbour", 1, 3),
        ("two_that_touch_exactly", 0, 4),
        ("a_hole", 4, 5),
        ("from_one_hole_to_the_next", 4, 8),
        ("from_a_hole_into_one", 4, 6),
        ("from_one_into_a_hole", 6, 8),
    ];
    for (side, start, end) in sides {
        cases.add(format!("over_{side}_in_units_of_{unit_name}"), move |c| {
            let (vm, old, new) = (c.vm(), c.bo(8 * unit), c.bo((end - start) as u64 * unit));
            let ops = [0, 2, 5, 8].map(|at| map(old, 0, place(AT, unit, at), 2 * unit, 0));
            c.bind(vm, &ops);
            c.bind(vm, &[map(new, 0, place(AT, unit, start), (end - start) as u64 * unit, 0)]);
        });
    }
}

/// Neighbours stay apart, however well they fit.
fn neighbours(cases: &mut Cases, unit_name: &str, unit: u64) {
    cases.add(format!("neighbours_one_by_one_in_units_of_{unit_name}"), move |c| {
        let (vm, bo) = (c.vm(), c.bo(4 * unit));
        for part in [1, 0, 2, 3] {
            c.bind(vm, &[map(bo, part * unit, AT + part * unit, unit, 0)]);
        }
    });
    cases.add(format!("neighbours_in_one_batch_in_units_of_{unit_name}"), move |c| {
        let (vm, bo) = (c.vm(), c.bo(4 * unit));
        c.bind(vm, &[0, 1, 2, 3].map(|part| map(bo, part * unit, AT + part * unit, unit, 0)));
    });
    cases.add(format!("a_hole_is_filled_in_units_of_{unit_name}"), move |c| {
        let (vm, bo) = (c.vm(), c.bo(3 * unit));
        c.bind(vm, &[map(bo, 0, AT, 3 * unit, 0)]);
        c.bind(vm, &[unmap(AT + unit, unit)]);
        c.bind(vm, &[map(bo, unit, AT + unit, unit, 0)]);
    });
}

/// Adds cases at addresses off the 2 MiB boundaries, of objects with huge pages.
fn huge_pages(cases: &mut Cases) {
    for (name, offset, size) in PLACES {
        for (kind, moved) in [("", 0), ("_of_an_object_that_is_moved", 5 * PAGE)] {
            cases.add(format!("{name}{kind}"), move |c| {
                let (vm, old, new) = (c.vm(), c.bo(8 * MIB), c.bo(size));
                c.bind(vm, &[map(old, 0, AT + moved, 8 * MIB, 0)]);
                c.bind(vm, &[map(new, 0, AT + offset, size, 0)]);
                // Large pages that were split are made anew.
                c.bind(vm, &[map(old, 0, AT + moved, 8 * MIB, 0)]);
            });
        }
    }
}
