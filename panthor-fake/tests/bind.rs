//! Synchronous VM_BIND: rules of operations, splitting, permissions, limits, failures half-way.

mod common;

use common::*;
use nix::libc::{EBUSY, EINTR, EINVAL, EIO, ENOMEM};
use panthor_fake::{Access, Backing, Config, Device, FaultKind, MappingInfo, PageSize};
use panthor_sys::*;

#[test]
fn a_map_in_the_middle_of_another_splits_it() {
    let file = device().open();
    let (vm, a, b) = (vm(&file), bo(&file, 8 * PAGE), bo(&file, 8 * PAGE));
    map(&file, vm, a, 0, GIB, 8 * PAGE);
    map(&file, vm, b, PAGE, GIB + 2 * PAGE, 3 * PAGE);
    let expected = [
        (GIB, 2 * PAGE, Some(a), 0),
        (GIB + 2 * PAGE, 3 * PAGE, Some(b), PAGE),
        (GIB + 5 * PAGE, 3 * PAGE, Some(a), 5 * PAGE),
    ];
    assert_eq!(mappings(&file, vm), expected);
}

#[test]
fn a_split_keeps_the_flags_and_a_closed_bo_has_no_handle() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, 8 * PAGE));
    let flags = DRM_PANTHOR_VM_BIND_OP_MAP_READONLY | DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;
    assert_eq!(bind(&file, vm, &[map_op(a, 0, GIB, 8 * PAGE, flags)]).0, 0);
    unmap(&file, vm, GIB + PAGE, PAGE);
    close(&file, a);
    let view = file.gpu(vm).unwrap();
    let all = view.mappings();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|m| m.flags == flags && m.backing == Backing::Bo { handle: None }));
}

#[test]
fn mapped_memory_outlives_its_handle() {
    let device = device();
    let file = device.open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    map(&file, vm, a, 0, GIB, PAGE);
    close(&file, a);
    let gpu = file.gpu(vm).unwrap();
    gpu.write(GIB, b"still").unwrap();
    assert_eq!(device.leaks().bos, 1);
    unmap(&file, vm, GIB, PAGE);
    assert_eq!(device.leaks().bos, 0);
}

#[test]
fn operations_out_of_the_rules_are_invalid() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, 4 * PAGE));
    let end = 1_u64 << 47;
    let bad =
        |op: drm_panthor_vm_bind_op| assert_eq!(bind(&file, vm, &[op]), (-EINVAL, 0), "{op:?}");
    bad(map_op(a, 0, GIB + 1, PAGE, 0));
    bad(map_op(a, 0, GIB, PAGE + 1, 0));
    bad(map_op(a, 1, GIB, PAGE, 0));
    bad(map_op(a, 0, end, PAGE, 0));
    bad(map_op(a, 0, end - PAGE, 2 * PAGE, 0));
    bad(map_op(a, 0, u64::MAX - 4095, PAGE, 0));
    bad(map_op(a, 0, GIB, 5 * PAGE, 0));
    bad(map_op(a, 3 * PAGE, GIB, 2 * PAGE, 0));
    bad(map_op(a, u64::MAX - 4095, GIB, 2 * PAGE, 0));
    bad(map_op(a, 0, GIB, PAGE, 16));
    bad(map_op(a, 0, GIB, PAGE, 3 << 28));
    bad(map_op(a + 1, 0, GIB, PAGE, 0));
    bad(map_op(0, 0, GIB, PAGE, 0));
    bad(map_op(a, 0, GIB, PAGE, UNMAP));
    bad(map_op(0, PAGE, GIB, PAGE, UNMAP));
    bad(map_op(0, 0, GIB, PAGE, UNMAP | NOEXEC));
    bad(map_op(0, 0, GIB, PAGE, SYNC_ONLY));
    bad(map_op(0, 0, GIB, PAGE, DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE));
    bad(map_op(a, 0, GIB, PAGE, SPARSE));
    bad(map_op(0, PAGE, GIB, PAGE, SPARSE));
    let syncs = [signal_sync(syncobj(&file), 0)];
    bad(with_syncs(map_op(a, 0, GIB, PAGE, 0), &syncs));
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 0);
    assert_eq!(bind(&file, vm, &[map_op(a, 0, end - PAGE, PAGE, 7)]).0, 0);
}

#[test]
fn an_operation_of_size_zero_is_not_looked_at() {
    let file = device().open();
    let vm = vm(&file);
    assert_eq!(bind(&file, vm, &[map_op(77, 1, 1, 0, u32::MAX)]), (0, 1));
}

#[test]
fn unknown_flags_of_the_call_are_not_looked_at() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    assert_eq!(bind_flags(&file, vm, 0xf0, &[map_op(a, 0, GIB, PAGE, 0)]), (0, 1));
    assert_eq!(bind_flags(&file, vm + 1, 0, &[]).0, -EINVAL);
}

#[test]
fn an_exclusive_bo_is_for_its_vm_alone() {
    let device = device();
    let file = device.open();
    let (a, b) = (vm(&file), vm(&file));
    let bo = try_bo(&file, PAGE, 0, a).unwrap();
    map(&file, a, bo, 0, GIB, PAGE);
    assert_eq!(bind(&file, b, &[map_op(bo, 0, GIB, PAGE, 0)]), (-EINVAL, 0));
    // A new VM with the old id is another one.
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: a, pad: 0 });
    assert_eq!(vm(&file), a);
    assert_eq!(bind(&file, a, &[map_op(bo, 0, GIB, PAGE, 0)]), (-EINVAL, 0));
}

#[test]
fn a_batch_stops_at_the_first_failure_and_says_where() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    let mut ops: Vec<_> = (0..1000).map(|i| map_op(a, 0, GIB + i * PAGE, PAGE, 0)).collect();
    ops[700].bo_handle = 99;
    assert_eq!(bind(&file, vm, &ops), (-EINVAL, 700));
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 700);
    assert_eq!(file.device().stats().bind_ops, 700);
}

#[test]
fn permissions_are_those_of_the_mapping() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, 3 * PAGE));
    let readonly = DRM_PANTHOR_VM_BIND_OP_MAP_READONLY;
    let ops = [
        map_op(a, 0, GIB, PAGE, 0),
        map_op(a, PAGE, GIB + PAGE, PAGE, NOEXEC),
        map_op(a, 2 * PAGE, GIB + 2 * PAGE, PAGE, readonly),
    ];
    assert_eq!(bind(&file, vm, &ops), (0, 3));
    let gpu = file.gpu(vm).unwrap();
    let mut buf = [0; 8];
    assert!(gpu.fetch(GIB, &mut buf).is_ok());
    let fault = gpu.fetch(GIB + PAGE - 4, &mut buf).unwrap_err();
    assert_eq!(
        (fault.va, fault.kind, fault.access),
        (GIB + PAGE, FaultKind::Permission, Access::Execute)
    );
    let fault = gpu.write(GIB + 2 * PAGE - 4, &[1; 8]).unwrap_err();
    assert_eq!(
        (fault.va, fault.kind, fault.access),
        (GIB + 2 * PAGE, FaultKind::Permission, Access::Write)
    );
    assert!(gpu.read(GIB, &mut [0; 3 * 4096]).is_ok());
    let fault = gpu.read(GIB, &mut [0; 3 * 4096 + 1]).unwrap_err();
    assert_eq!(
        (fault.va, fault.kind, fault.access),
        (GIB + 3 * PAGE, FaultKind::Translation, Access::Read)
    );
    assert_eq!(fault.to_string(), "GPU read at 0x40003000: nothing is mapped there");
    assert!(gpu.read(u64::MAX, &mut buf).is_err());
}

#[test]
fn sparse_memory_repeats_every_2_mib_and_is_one_per_file() {
    let device = device();
    let (file, other) = (device.open(), device.open());
    let (a, b, c) = (vm(&file), vm(&file), vm(&other));
    let ops = [map_op(0, 0, GIB + 12 * KIB, 64 * GIB, SPARSE)];
    for (file, vm) in [(&file, a), (&file, b), (&other, c)] {
        assert_eq!(bind(file, vm, &ops), (0, 1));
        assert_eq!(file.gpu(vm).unwrap().mapping_count(), 1);
    }
    let at = GIB + 10 * MIB + 100;
    file.gpu(a).unwrap().write(at, b"mark").unwrap();
    let seen = |file: &panthor_fake::File, vm, va| {
        let mut seen = [0; 4];
        file.gpu(vm).unwrap().read(va, &mut seen).unwrap();
        seen
    };
    assert_eq!(&seen(&file, a, at + 2 * MIB), b"mark");
    assert_eq!(&seen(&file, a, at + 32 * GIB), b"mark");
    assert_eq!(&seen(&file, b, at), b"mark");
    assert_eq!(seen(&other, c, at), [0; 4]);
    // Across the seam.
    file.gpu(a).unwrap().write(GIB + 4 * MIB - 2, b"seam").unwrap();
    assert_eq!(&seen(&file, a, GIB + 6 * MIB - 2), b"seam");
    assert_eq!(&seen(&file, a, GIB + 2 * MIB)[..2], b"am");
}

#[test]
fn real_memory_goes_into_the_middle_of_sparse() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, 4 * PAGE));
    assert_eq!(bind(&file, vm, &[map_op(0, 0, GIB, 8 * MIB, SPARSE)]), (0, 1));
    map(&file, vm, a, 0, GIB + 3 * MIB, 4 * PAGE);
    let list: Vec<_> = file.gpu(vm).unwrap().mappings();
    let part = |m: &MappingInfo| (m.va - GIB, m.size, m.backing, m.offset);
    let parts: Vec<_> = list.iter().map(part).collect();
    let next = 3 * MIB + 4 * PAGE;
    let expected = [
        (0, 3 * MIB, Backing::Sparse, 0),
        (3 * MIB, 4 * PAGE, Backing::Bo { handle: Some(a) }, 0),
        (next, 8 * MIB - next, Backing::Sparse, next % (2 * MIB)),
    ];
    assert_eq!(parts, expected);
    let gpu = file.gpu(vm).unwrap();
    gpu.write(GIB + 3 * MIB, b"real").unwrap();
    let mut seen = [0; 4];
    gpu.read(GIB + MIB, &mut seen).unwrap();
    assert_eq!(seen, [0; 4]);
}

#[test]
fn a_map_of_a_tebibyte_is_too_much_for_one_operation() {
    let file = device().open();
    let vm = vm(&file);
    let sparse = |size| bind(&file, vm, &[map_op(0, 0, 1 << 40, size, SPARSE)]);
    assert_eq!(sparse(512 * GIB), (0, 1));
    assert_eq!(sparse(1 << 40), (-ENOMEM, 0));
    assert_eq!(sparse(1 << 46), (-ENOMEM, 0));
    // Unmapping costs nothing.
    unmap(&file, vm, 0, 1 << 47);
}

#[test]
fn page_tables_need_memory() {
    let file = Device::new(Config::default().memory(64 * MIB)).unwrap().open();
    let vm = vm(&file);
    assert_eq!(bind(&file, vm, &[map_op(0, 0, GIB, 64 * GIB, SPARSE)]), (-ENOMEM, 0));
    assert_eq!(bind(&file, vm, &[map_op(0, 0, GIB, 16 * GIB, SPARSE)]), (0, 1));
}

#[test]
fn addresses_have_4_kib_whatever_the_page_of_the_cpu() {
    for page_size in [PageSize::K16, PageSize::K64] {
        let file = Device::new(Config::default().page_size(page_size)).unwrap().open();
        let (vm, a) = (vm(&file), bo(&file, 1));
        map(&file, vm, a, 2 * PAGE, GIB + PAGE, PAGE);
        map(&file, vm, a, 0, GIB, page_size.bytes());
        assert_eq!(
            bind(&file, vm, &[map_op(a, 0, GIB, page_size.bytes() + PAGE, 0)]),
            (-EINVAL, 0)
        );
    }
}

#[test]
fn a_file_has_32_vms() {
    let file = device().open();
    for id in 1..=32 {
        assert_eq!(vm(&file), id);
    }
    let mut args = zeroed::<drm_panthor_vm_create>();
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_VM_CREATE, &mut args), -EBUSY);
    let destroy = |id, pad| {
        ioctl(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, &mut drm_panthor_vm_destroy { id, pad })
    };
    assert_eq!(destroy(5, 1), -EINVAL);
    assert_eq!(destroy(5, 0), 0);
    assert_eq!(destroy(5, 0), -EINVAL);
    assert_eq!(vm(&file), 5);
    let mut flags = drm_panthor_vm_create { flags: 1, ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_VM_CREATE, &mut flags), -EINVAL);
}

#[test]
fn the_range_of_a_vm_is_told_and_obeyed() {
    let file = device().open();
    let a = bo(&file, PAGE);
    let args = drm_panthor_vm_create { user_va_range: 0xffff_f000_0000, ..zeroed() };
    let created = ok(&file, DRM_IOCTL_PANTHOR_VM_CREATE, args);
    assert_eq!(created.user_va_range, 0xffff_f000_0000);
    map(&file, created.id, a, 0, created.user_va_range - PAGE, PAGE);
    let beyond = map_op(a, 0, created.user_va_range, PAGE, 0);
    assert_eq!(bind(&file, created.id, &[beyond]), (-EINVAL, 0));
}

#[test]
fn a_view_of_a_destroyed_vm_faults() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    map(&file, vm, a, 0, GIB, PAGE);
    let gpu = file.gpu(vm).unwrap();
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: vm, pad: 0 });
    assert_eq!(gpu.read(GIB, &mut [0]).unwrap_err().kind, FaultKind::Translation);
    assert!(gpu.mappings().is_empty());
    assert!(file.gpu(vm).is_none());
}

#[test]
fn an_interrupted_batch_can_go_on_where_it_stopped() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    let ops: Vec<_> = (0..10).map(|i| map_op(a, 0, GIB + i * PAGE, PAGE, 0)).collect();
    file.interrupt_next_bind_after(4);
    assert_eq!(bind(&file, vm, &ops), (-EINTR, 4));
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 4);
    assert_eq!(bind(&file, vm, &ops[4..]), (0, 6));
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 10);
}

#[test]
fn failures_come_where_they_were_planned_and_once() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    let ops = [map_op(a, 0, GIB, PAGE, 0), map_op(a, 0, 2 * GIB, PAGE, 0)];
    file.fail_bind_op(1, ENOMEM);
    assert_eq!(bind(&file, vm, &ops), (-ENOMEM, 1));
    assert_eq!(bind(&file, vm, &ops), (0, 2));
    file.fail_bind_op(2, ENOMEM);
    assert_eq!(bind(&file, vm, &ops), (0, 2));
    assert_eq!(bind(&file, vm, &ops), (0, 2));
    file.fail_ioctl(DRM_IOCTL_PANTHOR_BO_CREATE, EIO);
    assert_eq!(try_bo(&file, PAGE, 0, 0), Err(EIO));
    assert_eq!(try_bo(&file, PAGE, 0, 0), Ok(2));
}

#[test]
fn a_null_bind_does_not_look() {
    let device = Device::new(Config::default().null_calls(true)).unwrap();
    let file = device.open();
    assert_eq!(ioctl_at(&file, DRM_IOCTL_PANTHOR_VM_BIND, 0), 0);
    assert_eq!(device.stats().ioctls(), 0);
}

#[test]
fn calls_and_operations_are_counted_over_all_files() {
    let device = device();
    for _ in 0..3 {
        let file = device.open();
        let (vm, a) = (vm(&file), bo(&file, PAGE));
        map(&file, vm, a, 0, GIB, PAGE);
        assert_eq!(bind(&file, vm, &[unmap_op(1, 1)]).0, -EINVAL);
    }
    let stats = device.stats();
    assert_eq!(stats.ioctl_count(DRM_IOCTL_PANTHOR_VM_BIND), 6);
    assert_eq!(stats.ioctl_count(DRM_IOCTL_PANTHOR_VM_CREATE), 3);
    assert_eq!(stats.ioctl_count(DRM_IOCTL_GEM_CLOSE), 0);
    assert_eq!(stats.ioctls(), 12);
    assert_eq!(stats.bind_ops, 3);
}
