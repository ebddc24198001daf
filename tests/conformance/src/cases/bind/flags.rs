//! Types and flags of operations, and fields that must be zero.

use panthor_sys::*;

use super::AT;
use crate::case::Cases;
use crate::uapi::ops::*;

const SPARSE_ALONE: u32 = DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE;

const KNOWN: [(&str, u32); 4] =
    [("readonly", READONLY), ("noexec", NOEXEC), ("uncached", UNCACHED), ("sparse", SPARSE_ALONE)];

pub fn add(cases: &mut Cases) {
    cases.group("bind_flags");
    for kind in 0..16_u32 {
        cases.add(format!("type_{kind}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(2 * MIB));
            c.bind(vm, &[map(bo, 0, AT, 2 * MIB, 0)]);
            let bo_handle = if kind == 0 { bo } else { 0 };
            c.bind(vm, &[map(bo_handle, 0, AT, MIB, kind << 28)]);
        });
        cases.add(format!("type_{kind}_async"), move |c| {
            let (vm, bo, done) = (c.vm(), c.bo(2 * MIB), c.syncobj());
            c.bind(vm, &[map(bo, 0, AT, 2 * MIB, 0)]);
            let bo_handle = if kind == 0 { bo } else { 0 };
            let syncs = [signal(done, 0)];
            let size = if kind << 28 == SYNC_ONLY { 0 } else { MIB };
            let va = if size == 0 { 0 } else { AT };
            let op = map(bo_handle, 0, va, size, kind << 28);
            c.bind_async(vm, &[with_syncs(op, &syncs)]);
            c.settle(vm);
        });
    }
    maps(cases);
    others(cases);
    must_be_zero(cases);
}

fn maps(cases: &mut Cases) {
    for bit in 0..28 {
        cases.add(format!("map_with_bit_{bit}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[map(bo, 0, AT, MIB, 1 << bit)]);
        });
    }
    // Alone they are bits, in the cases above.
    for set in (0..16_u32).filter(|set| set.count_ones() > 1) {
        let chosen = || KNOWN.iter().enumerate().filter(move |(index, _)| set >> index & 1 != 0);
        let names: Vec<_> = chosen().map(|(_, &(name, _))| name).collect();
        let flags = chosen().map(|(_, &(_, flag))| flag).sum();
        cases.add(format!("map_with_{}", names.join("_and_")), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[map(bo, 0, AT, MIB, flags)]);
        });
    }
}

fn others(cases: &mut Cases) {
    for bit in [0, 1, 2, 3, 4, 15, 27] {
        cases.add(format!("unmap_with_bit_{bit}"), move |c| {
            let (vm, bo) = (c.vm(), c.bo(MIB));
            c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
            c.bind(vm, &[map(0, 0, AT, MIB, UNMAP | 1 << bit)]);
        });
        cases.add(format!("sync_only_with_bit_{bit}"), move |c| {
            let (vm, done) = (c.vm(), c.syncobj());
            let syncs = [signal(done, 0)];
            c.bind_async(vm, &[with_syncs(map(0, 0, 0, 0, SYNC_ONLY | 1 << bit), &syncs)]);
            c.settle(vm);
        });
    }
}

fn must_be_zero(cases: &mut Cases) {
    // Of an unmap: handle and offset.
    let fields = [
        ("a_handle", 1, 0),
        ("an_unknown_handle", 99, 0),
        ("an_offset", 0, PAGE),
        ("an_unaligned_offset", 0, 1),
        ("handle_and_offset", 1, PAGE),
    ];
    for (name, bo_handle, bo_offset) in fields {
        for (mode, flags) in [("", 0), ("_async", ASYNC)] {
            cases.add(format!("unmap_with_{name}{mode}"), move |c| {
                let (vm, bo) = (c.vm(), c.bo(MIB));
                c.bind(vm, &[map(bo, 0, AT, MIB, 0)]);
                c.bind_with(vm, flags, &[map(bo_handle, bo_offset, AT, MIB, UNMAP)]);
                c.settle(vm);
            });
        }
    }
    // Of one that only syncs: these, and address and size.
    let fields = [
        ("a_handle", map(1, 0, 0, 0, SYNC_ONLY)),
        ("an_unknown_handle", map(99, 0, 0, 0, SYNC_ONLY)),
        ("an_offset", map(0, PAGE, 0, 0, SYNC_ONLY)),
        ("an_unaligned_offset", map(0, 1, 0, 0, SYNC_ONLY)),
        ("an_address", map(0, 0, AT, 0, SYNC_ONLY)),
        ("an_unaligned_address", map(0, 0, 1, 0, SYNC_ONLY)),
        ("a_size", map(0, 0, 0, PAGE, SYNC_ONLY)),
        ("an_unaligned_size", map(0, 0, 0, 1, SYNC_ONLY)),
    ];
    for (name, op) in fields {
        cases.add(format!("sync_only_with_{name}"), move |c| {
            let (vm, _, done) = (c.vm(), c.bo(MIB), c.syncobj());
            let syncs = [signal(done, 0)];
            c.bind_async(vm, &[with_syncs(op, &syncs)]);
            c.settle(vm);
        });
    }
    cases.add("sync_only_without_syncs", |c| {
        let vm = c.vm();
        c.bind_async(vm, &[sync_only(&[])]);
    });
    cases.add("sync_only_synchronously_without_syncs", |c| {
        let vm = c.vm();
        c.bind(vm, &[sync_only(&[])]);
    });
    cases.add("sync_only_synchronously_with_syncs", |c| {
        let (vm, done) = (c.vm(), c.syncobj());
        let syncs = [signal(done, 0)];
        c.bind(vm, &[sync_only(&syncs)]);
        c.wait(&[done], 0, 0);
    });
    cases.add("sync_only_synchronously_with_a_size", |c| {
        let vm = c.vm();
        c.bind(vm, &[map(0, 0, 0, PAGE, SYNC_ONLY)]);
    });
}
