//! Asynchronous operations: what is checked at once, and in what order they are done.

use super::AT;
use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("bind_async");
    nothing(cases);
    order(cases);
    cases.add("without_syncs", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind_async(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.settle(vm);
    });
    cases.add("the_object_is_closed_at_once", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind_async(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.close_bo(bo);
        c.settle(vm);
    });
    cases.add("a_thousand_calls", |c| {
        let (vm, bo) = (c.vm(), c.bo(PAGE));
        c.quietly(|c| {
            for step in 0..1000 {
                let va = AT + step % 10 * PAGE;
                let op = if step % 3 == 2 { unmap(va, PAGE) } else { map(bo, 0, va, PAGE, 0) };
                c.bind_async(vm, &[op]);
            }
        });
        c.settle(vm);
    });
    for (name, size) in [("4_kib", PAGE), ("2_mib", 2 * MIB)] {
        cases.add(format!("parts_are_unmapped_at_{name}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(8 * size));
            c.bind_async(vm, &[map(bo, 0, AT, 8 * size, 0)]);
            for (part, parts) in [(0, 1), (7, 1), (3, 2)] {
                c.bind_async(vm, &[unmap(AT + part * size, parts * size)]);
            }
            c.settle(vm);
        });
        cases.add(format!("parts_of_a_sparse_one_are_unmapped_at_{name}"), move |c| {
            let vm = c.vm();
            c.bind_async(vm, &[sparse(AT, 8 * size)]);
            for (part, parts) in [(0, 1), (7, 1), (3, 2)] {
                c.bind_async(vm, &[unmap(AT + part * size, parts * size)]);
            }
            c.settle(vm);
        });
    }
}

/// Adds cases of empty asynchronous operations. The driver checks their arguments, which a
/// synchronous call ignores.
fn nothing(cases: &mut Cases) {
    let ops = [
        ("map_of_size_0_at_an_unaligned_address", map(1, 0, AT + 1, 0, 0)),
        ("map_of_size_0_at_an_unaligned_offset", map(1, 1, AT, 0, 0)),
        ("map_of_size_0_at_an_offset_beyond_the_object", map(1, 2 * MIB, AT, 0, 0)),
        ("map_of_size_0_of_an_unknown_object", map(99, 0, AT, 0, 0)),
        ("map_of_size_0_beyond_the_range", map(1, 0, 1 << 47, 0, 0)),
        ("map_of_size_0_with_an_unknown_flag", map(1, 0, AT, 0, 1 << 5)),
        ("of_size_0_of_an_unknown_type", map(1, 0, AT, 0, 3 << 28)),
        ("unmap_of_size_0_with_a_handle", map(1, 0, AT, 0, UNMAP)),
        ("unmap_of_size_0_at_an_unaligned_address", map(0, 0, AT + 1, 0, UNMAP)),
        ("unmap_of_size_0_beyond_the_range", map(0, 0, 1 << 47, 0, UNMAP)),
        ("unmap_of_size_0", map(0, 0, AT, 0, UNMAP)),
        ("unmap_of_size_0_at_0", map(0, 0, 0, 0, UNMAP)),
        ("map_of_size_0", map(1, 0, AT, 0, 0)),
        ("map_of_size_0_at_0", map(1, 0, 0, 0, 0)),
        ("map_of_size_0_at_a_border_of_512_gib", map(1, 0, 1 << 39, 0, 0)),
        ("map_of_size_0_at_the_end_of_the_object", map(1, MIB, AT, 0, 0)),
    ];
    for (name, op) in ops {
        cases.add(name, move |c| {
            let (vm, _) = (c.vm(), c.bo(MIB));
            c.bind_async(vm, &[op]);
            c.settle(vm);
            c.vm_state(vm);
        });
    }
    cases.add("unmap_of_size_0_inside_a_mapping", |c| {
        let (vm, bo) = (c.vm(), c.bo(64 * KIB));
        c.bind(vm, &[map(bo, 0, AT, 64 * KIB, 0)]);
        c.bind_async(vm, &[unmap(AT + 32 * KIB, 0)]);
        c.settle(vm);
        c.mappings();
        // A second one finds a border there.
        c.bind_async(vm, &[unmap(AT + 32 * KIB, 0)]);
        c.settle(vm);
    });
    for (name, va) in [("start", AT), ("end", AT + 64 * KIB)] {
        cases.add(format!("unmap_of_size_0_at_the_{name}_of_a_mapping"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(64 * KIB));
            c.bind(vm, &[map(bo, 0, AT, 64 * KIB, 0)]);
            c.bind_async(vm, &[unmap(va, 0)]);
            c.settle(vm);
        });
    }
}

fn order(cases: &mut Cases) {
    cases.add("calls_are_done_in_their_order", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind_async(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind_async(vm, &[map(bo, 0, AT + 512 * KIB, MIB, 0)]);
        c.bind_async(vm, &[unmap(AT + 256 * KIB, 512 * KIB)]);
        c.bind_async(vm, &[map(bo, 0, AT, 64 * KIB, 0)]);
        c.settle(vm);
    });
    cases.add("the_last_signal_comes_last", |c| {
        let (vm, bo, done) = (c.vm(), c.bo(MIB), c.syncobj());
        c.bind_async(vm, &[map(bo, 0, AT, MIB, 0)]);
        c.bind_async(vm, &[unmap(AT, 64 * KIB)]);
        let syncs = [signal(done, 0)];
        c.bind_async(vm, &[sync_only(&syncs)]);
        c.wait(&[done], 0, i64::MAX);
        c.mappings();
        c.bind(vm, &[unmap(AT, MIB)]);
    });
    cases.add("a_vm_waits_for_another", |c| {
        let (first, second, bo, between) = (c.vm(), c.vm(), c.bo(MIB), c.syncobj());
        let syncs = [signal(between, 0)];
        c.bind_async(first, &[with_syncs(map(bo, 0, AT, MIB, 0), &syncs)]);
        let syncs = [wait(between, 0)];
        c.bind_async(second, &[with_syncs(map(bo, 0, 2 * AT, MIB, 0), &syncs)]);
        c.settle(second);
    });
    cases.add("vms_wait_for_each_other_in_turns", |c| {
        let (vms, bo, turn) = ([c.vm(), c.vm()], c.bo(MIB), c.syncobj());
        for step in 1..9_u64 {
            let mut syncs = vec![signal(turn, step)];
            if step > 1 {
                syncs.push(wait(turn, step - 1));
            }
            let op = map(bo, 0, AT + step * 64 * KIB, MIB, 0);
            c.show("sync", &syncs);
            c.bind_async(vms[step as usize % 2], &[with_syncs(op, &syncs)]);
        }
        c.wait_points(&[turn], &[8], 0, i64::MAX);
        c.query(&[turn], 0);
    });
}
