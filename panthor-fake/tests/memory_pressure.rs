//! Memory pressure: what is reclaimed, in which order, and what is not.

mod common;

use std::os::fd::{AsRawFd, OwnedFd};

use common::*;
use nix::libc::ENOMEM;
use panthor_fake::{Config, Device, File, Prot};
use panthor_sys::*;

fn with_memory(bytes: u64, swap: bool) -> Device {
    Device::new(Config::default().memory(bytes).swap(swap)).unwrap()
}

/// Which of some BOs have pages.
fn resident<const N: usize>(file: &File, bos: [u32; N]) -> [bool; N] {
    bos.map(|bo| file.bo_is_resident(bo).unwrap())
}

fn export(file: &File, handle: u32) -> OwnedFd {
    let args = drm_prime_handle { handle, flags: DRM_CLOEXEC | DRM_RDWR, fd: -1 };
    own(ok(file, DRM_IOCTL_PRIME_HANDLE_TO_FD, args).fd)
}

fn import(file: &File, fd: &OwnedFd) -> u32 {
    let args = drm_prime_handle { handle: 0, flags: 0, fd: fd.as_raw_fd() };
    ok(file, DRM_IOCTL_PRIME_FD_TO_HANDLE, args).handle
}

#[test]
fn the_easiest_goes_first() {
    let device = device();
    let file = device.open();
    let [one, two] = [vm(&file), vm(&file)];
    let groups = [group(&file, one, 1), group(&file, two, 1)];
    let [shared, second, first, cpu, unused] = [(); 5].map(|()| bo(&file, PAGE));
    map(&file, one, shared, 0, GIB, PAGE);
    map(&file, two, shared, 0, GIB, PAGE);
    map(&file, one, second, 0, 2 * GIB, PAGE);
    map(&file, two, first, 0, 2 * GIB, PAGE);
    map(&file, one, cpu, 0, 3 * GIB, PAGE);
    map(&file, one, unused, 0, 4 * GIB, PAGE);
    unmap(&file, one, 3 * GIB, PAGE);
    unmap(&file, one, 4 * GIB, PAGE);
    let _mapping = file.mmap(4096, Prot::READ, mmap_offset(&file, cpu)).unwrap();
    // The VM that was used last goes last, whichever was made or mapped first.
    assert_eq!(submit(&file, groups[1], &[stream(0, &[])]), 0);
    assert_eq!(submit(&file, groups[0], &[stream(0, &[])]), 0);

    let all = [unused, cpu, first, second, shared];
    for gone in 1..=all.len() {
        // Whole BOs go, however little is wanted.
        assert_eq!(device.reclaim(1), PAGE);
        let mut expected = [true; 5];
        expected[..gone].fill(false);
        assert_eq!(resident(&file, all), expected);
    }
    assert_eq!(device.reclaim(1), 0);
}

#[test]
fn no_more_than_is_wanted_goes() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let bos = [(); 4].map(|()| bo(&file, PAGE));
    for (&bo, va) in bos.iter().zip((1..).map(|page| GIB * page)) {
        map(&file, vm, bo, 0, va, PAGE);
    }
    assert_eq!(device.reclaim(0), 0);
    assert_eq!(device.reclaim(PAGE + 1), 2 * PAGE);
    // Among equals the oldest.
    assert_eq!(resident(&file, bos), [false, false, true, true]);
}

/// Takes one BO after the other; which of some went, in this order.
fn order<const N: usize>(file: &File, bos: [u32; N]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut before = resident(file, bos);
    while file.device().reclaim(1) != 0 {
        let now = resident(file, bos);
        order.extend((0..N).filter(|&index| before[index] && !now[index]));
        before = now;
    }
    order
}

/// BOs that a VM has mapped, at addresses by their index.
fn mapped<const N: usize>(file: &File, vm: u32) -> [u32; N] {
    let bos = [(); N].map(|()| bo(file, PAGE));
    for (&bo, index) in bos.iter().zip(1..) {
        map(file, vm, bo, 0, index * GIB, PAGE);
    }
    bos
}

#[test]
fn among_bos_that_nobody_maps_who_became_so_first_goes_first() {
    let file = device().open();
    let vm = vm(&file);
    let bos = mapped::<4>(&file, vm);
    for index in [2, 1, 4] {
        unmap(&file, vm, index * GIB, PAGE);
    }
    assert_eq!(order(&file, bos), [1, 0, 3, 2]);
}

#[test]
fn of_what_one_call_unmaps_the_last_goes_first() {
    let file = device().open();
    let vm = vm(&file);
    let bos = mapped::<3>(&file, vm);
    unmap(&file, vm, 0, 8 * GIB);
    assert_eq!(order(&file, bos), [2, 1, 0]);
}

#[test]
fn unpinned_bo_goes_last() {
    let device = device();
    let (file, other) = (device.open(), common::device().open());
    let vm = vm(&file);
    let bos = mapped::<3>(&file, vm);
    for index in 1..=3 {
        unmap(&file, vm, index * GIB, PAGE);
    }
    let fd = export(&file, bos[0]);
    let imported = import(&other, &fd);
    close(&other, imported);
    assert_eq!(order(&file, bos), [1, 2, 0]);
}

#[test]
fn what_is_mapped_once_more_goes_later() {
    let file = device().open();
    let vm = vm(&file);
    let bos = mapped::<3>(&file, vm);
    map(&file, vm, bos[0], 0, 8 * GIB, PAGE);
    // That a mapping is cut or has a twin changes nothing.
    map(&file, vm, bos[1], 0, 9 * GIB, PAGE);
    unmap(&file, vm, 9 * GIB, PAGE);
    assert_eq!(order(&file, bos), [2, 0, 1]);
}

#[test]
fn what_the_cpu_has_mapped_is_ordered_by_when_it_was_all_that_was_left() {
    let file = device().open();
    let vm = vm(&file);
    let bos = mapped::<3>(&file, vm);
    let cpu = |bo| file.mmap(4096, Prot::READ, mmap_offset(&file, bo)).unwrap();
    let mappings = bos.map(cpu);
    for index in [3, 1, 2] {
        unmap(&file, vm, index * GIB, PAGE);
    }
    // Another mapping changes nothing, but the last that goes does.
    drop(cpu(bos[2]));
    let [first, second, third] = mappings;
    drop(second);
    assert_eq!(order(&file, bos), [1, 2, 0]);
    drop((first, third));
}

#[test]
fn of_vms_that_were_never_used_the_newest_goes_first_with_all_that_it_has() {
    let file = device().open();
    let [one, two] = [vm(&file), vm(&file)];
    let [a, b] = mapped::<2>(&file, one);
    let [c, d] = mapped::<2>(&file, two);
    // The VM is where it was, though this came later.
    map(&file, one, a, 0, 8 * GIB, PAGE);
    assert_eq!(order(&file, [a, b, c, d]), [2, 3, 1, 0]);
}

#[test]
fn a_vm_is_used_when_a_group_of_it_gets_to_the_gpu() {
    let file = device().open();
    let vms = [vm(&file), vm(&file), vm(&file)];
    // The last has no group.
    let groups = [group(&file, vms[0], 1), group(&file, vms[1], 1)];
    let bos = vms.map(|vm| mapped::<1>(&file, vm)[0]);
    // What has no stream is nothing to the GPU.
    assert_eq!(submit(&file, groups[0], &[sync_point(0, &[])]), 0);
    assert_eq!(submit(&file, groups[1], &[stream(0, &[])]), 0);
    // It is there already.
    assert_eq!(submit(&file, groups[0], &[stream(0, &[])]), 0);
    assert_eq!(submit(&file, groups[1], &[stream(0, &[])]), 0);
    assert_eq!(order(&file, bos), [2, 1, 0]);
}

#[test]
fn a_bo_that_another_vm_unmaps_is_the_last_of_the_vm_that_is_left() {
    let file = device().open();
    let [one, two] = [vm(&file), vm(&file)];
    let [shared, own] = mapped::<2>(&file, one);
    map(&file, two, shared, 0, GIB, PAGE);
    unmap(&file, two, GIB, PAGE);
    assert_eq!(order(&file, [shared, own]), [1, 0]);
}

#[test]
fn a_vm_that_was_drained_is_a_new_one() {
    let file = device().open();
    let [one, two] = [vm(&file), vm(&file)];
    let ([a], [b, c]) = (mapped::<1>(&file, one), mapped::<2>(&file, two));
    assert_eq!(file.device().reclaim(3 * PAGE), 3 * PAGE);
    for bo in [a, b, c] {
        close(&file, bo);
    }
    let ([b, c], [a]) = (mapped::<2>(&file, two), mapped::<1>(&file, one));
    assert_eq!(order(&file, [a, b, c]), [0, 1, 2]);
}

#[test]
fn what_comes_back_is_in_the_order_in_which_it_does() {
    for (exclusive, expected) in [(false, [0, 1, 2]), (true, [0, 2, 1])] {
        let file = device().open();
        let vm = vm(&file);
        let group = group(&file, vm, 1);
        let only = if exclusive { vm } else { 0 };
        let bos = [(); 3].map(|()| try_bo(&file, PAGE, 0, only).unwrap());
        for (index, va) in [(0, 3), (1, 1), (2, 2), (1, 8)] {
            map(&file, vm, bos[index], 0, va * GIB, PAGE);
        }
        assert_eq!(order(&file, bos), [0, 2, 1]);
        assert_eq!(submit(&file, group, &[sync_point(0, &[])]), 0);
        assert_eq!(order(&file, bos), expected, "{exclusive}");
    }
}

#[test]
fn what_was_evicted_is_not_mapped_to_the_driver_until_the_vm_has_it_back() {
    let file = device().open();
    let [one, two] = [vm(&file), vm(&file)];
    let group = group(&file, two, 1);
    let ([a], [b, c]) = (mapped::<1>(&file, one), mapped::<2>(&file, two));
    // The group has made the other VM one that has BOs, before this one had any.
    assert_eq!(order(&file, [a, b, c]), [0, 1, 2]);
    // By the order of the VMs it would be the first.
    for (vm, bo, va) in [(two, b, 8), (one, a, 8), (two, c, 9)] {
        map(&file, vm, bo, 0, va * GIB, PAGE);
    }
    assert_eq!(order(&file, [a, b, c]), [1, 0, 2]);
    for (vm, bo, va) in [(two, b, 10), (one, a, 10)] {
        map(&file, vm, bo, 0, va * GIB, PAGE);
    }
    assert_eq!(submit(&file, group, &[sync_point(0, &[])]), 0);
    assert_eq!(order(&file, [a, b, c]), [0, 1, 2]);
}

#[test]
fn a_vm_with_jobs_keeps_what_it_maps() {
    let device = device();
    let file = device.open();
    let [busy, idle] = [vm(&file), vm(&file)];
    let group = group(&file, busy, 1);
    let [used, shared, unmapped, other] = [(); 4].map(|()| bo(&file, PAGE));
    map(&file, busy, used, 0, GIB, PAGE);
    map(&file, busy, shared, 0, 2 * GIB, PAGE);
    map(&file, idle, shared, 0, 2 * GIB, PAGE);
    map(&file, idle, other, 0, GIB, PAGE);
    map(&file, busy, unmapped, 0, 3 * GIB, PAGE);
    assert_eq!(bind(&file, busy, &[map_op(0, 0, 4 * GIB, MIB, SPARSE)]), (0, 1));
    unmap(&file, busy, 3 * GIB, PAGE);
    let view = file.group(group).unwrap();

    // On the GPU, and waiting for a fence of another VM.
    let start = syncobj(&file);
    let (signal, wait) = ([signal_sync(start, 0)], [wait_sync(start, 0)]);
    let other_gpu = file.gpu(idle).unwrap();
    for waits in [false, true] {
        if waits {
            other_gpu.hold();
            let point = with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &signal);
            assert_eq!(bind_async(&file, idle, &[point]), 0);
            assert_eq!(submit(&file, group, &[sync_point(0, &wait)]), 0);
        } else {
            view.hold();
            assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
        }
        assert_eq!(view.pending(0).len(), 1);
        assert!(!file.evict_bo(used) && !file.evict_bo(shared));
        device.reclaim(u64::MAX);
        let left = [used, shared, unmapped, other];
        assert_eq!(resident(&file, left), [true, true, false, false]);
        let mappings = file.gpu(busy).unwrap().mappings();
        assert!(mappings.iter().all(|mapping| !mapping.evicted));
        view.release();
        other_gpu.release();
        assert!(view.pending(0).is_empty());
    }
    assert_eq!(device.reclaim(u64::MAX), 2 * MIB + 2 * PAGE);
}

#[test]
fn a_pending_map_keeps_the_memory_of_its_batch() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let gpu = file.gpu(vm).unwrap();
    let [a, b, idle] = [(); 3].map(|()| bo(&file, PAGE));
    map(&file, vm, idle, 0, GIB, PAGE);
    gpu.hold();
    let ops = [map_op(a, 0, 2 * GIB, PAGE, 0), map_op(b, 0, 3 * GIB, PAGE, 0)];
    assert_eq!(bind_async(&file, vm, &ops), 0);
    assert_eq!(device.reclaim(u64::MAX), PAGE);
    assert_eq!(resident(&file, [a, b, idle]), [true, true, false]);
    assert!(gpu.step());
    // The first has run, the fence of the second is on both.
    assert_eq!(device.reclaim(u64::MAX), 0);
    gpu.release();
    assert_eq!(device.reclaim(u64::MAX), 2 * PAGE);
    assert_eq!(resident(&file, [a, b, idle]), [false; 3]);
    // A batch that is refused keeps nothing.
    let bad = [map_op(a, 0, 2 * GIB, PAGE, 0), map_op(77, 0, 3 * GIB, PAGE, 0)];
    assert_eq!(bind_async(&file, vm, &bad), -nix::libc::EINVAL);
    assert!(file.evict_bo(a));
}

#[test]
fn any_pending_bind_keeps_what_is_exclusive_to_its_vm() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let gpu = file.gpu(vm).unwrap();
    let (exclusive, free) = (try_bo(&file, PAGE, 0, vm).unwrap(), bo(&file, PAGE));
    map(&file, vm, exclusive, 0, GIB, PAGE);
    map(&file, vm, free, 0, 2 * GIB, PAGE);
    gpu.hold();
    assert_eq!(bind_async(&file, vm, &[unmap_op(5 * GIB, PAGE)]), 0);
    assert_eq!(device.reclaim(u64::MAX), PAGE);
    assert_eq!(resident(&file, [exclusive, free]), [true, false]);
    gpu.release();
    assert_eq!(device.reclaim(u64::MAX), PAGE);
    assert_eq!(resident(&file, [exclusive, free]), [false, false]);
}

#[test]
fn only_what_another_device_imports_is_kept() {
    let (device, other) = (device(), device());
    let (file, importer) = (device.open(), other.open());
    let vm = vm(&file);
    let [a, b] = [(); 2].map(|()| bo(&file, PAGE));
    map(&file, vm, a, 0, GIB, PAGE);
    let (fd, second) = (export(&file, a), export(&file, b));
    assert_eq!(device.reclaim(u64::MAX), PAGE);
    // Whether a VM has mapped it or not, the importer needs its pages.
    let imports = [import(&importer, &fd), import(&importer, &second)];
    assert_eq!(resident(&file, [a, b]), [true, true]);
    assert_eq!(resident(&importer, imports), [true, true]);
    assert_eq!((device.reclaim(u64::MAX), other.reclaim(u64::MAX)), (0, 0));
    assert!(!file.evict_bo(a) && !importer.evict_bo(imports[0]));
    close(&importer, imports[0]);
    drop(fd);
    assert!(file.evict_bo(a) && !file.evict_bo(b));
    close(&importer, imports[1]);
    drop(second);
    assert!(file.evict_bo(b));

    let foreign = import(&file, &device.foreign_dma_buf(PAGE).unwrap());
    map(&file, vm, foreign, 0, GIB, PAGE);
    assert!(!file.evict_bo(foreign));
    assert_eq!(file.bo_is_resident(foreign), Some(true));
}

#[test]
fn an_import_by_another_device_needs_memory() {
    let (small, other) = (with_memory(MIB, false), device());
    let (file, importer) = (small.open(), other.open());
    let fd = export(&file, bo(&file, 2 * MIB));
    let mut args = drm_prime_handle { handle: 0, flags: 0, fd: fd.as_raw_fd() };
    assert_eq!(ioctl(&importer, DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut args), -ENOMEM);
    drop((file, importer, fd));
    small.assert_released();
    other.assert_released();
}

#[test]
fn of_the_kernels_own_memory_only_the_chunks_of_heaps_go() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let group = group(&file, vm, 2);
    assert_eq!(device.reclaim(u64::MAX), 0);
    let heap = drm_panthor_tiler_heap_create {
        vm_id: vm,
        initial_chunk_count: 3,
        chunk_size: MIB as u32,
        max_chunks: 4,
        target_in_flight: 4,
        ..zeroed()
    };
    let heap = ok(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, heap);
    assert_eq!(device.reclaim(u64::MAX), 3 * MIB);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    let mappings = file.gpu(vm).unwrap().mappings();
    assert!(mappings.iter().all(|mapping| !mapping.evicted));
    // The header links to the next chunk.
    let mut next = [0; 8];
    file.gpu(vm).unwrap().read(heap.first_heap_chunk_gpu_va, &mut next).unwrap();
    assert_ne!(u64::from_ne_bytes(next), 0);
}

#[test]
fn old_drivers_and_unplugged_ones_reclaim_nothing() {
    for minor in [0, 7] {
        let device = version(minor);
        let file = device.open();
        let (vm, a) = (vm(&file), bo(&file, PAGE));
        assert_eq!(file.bo_is_resident(a), Some(true));
        map(&file, vm, a, 0, GIB, PAGE);
        unmap(&file, vm, GIB, PAGE);
        assert!(!file.evict_bo(a));
        assert_eq!(device.reclaim(u64::MAX), 0);
    }
    let device = device();
    let file = device.open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    assert_eq!((file.bo_is_resident(77), file.evict_bo(77)), (None, false));
    map(&file, vm, a, 0, GIB, PAGE);
    device.unplug();
    assert!(!file.evict_bo(a));
    assert_eq!(device.reclaim(u64::MAX), 0);
    assert_eq!(file.bo_is_resident(a), Some(true));
}

#[test]
fn with_swap_a_bind_takes_the_memory_of_others() {
    for flags in [0, ASYNC] {
        let device = with_memory(MIB, true);
        let file = device.open();
        let vm = vm(&file);
        let [a, b, c] = [(); 3].map(|()| bo(&file, 400 * KIB));
        let map_it = |bo, va| {
            let ops = [map_op(bo, 0, va, 400 * KIB, 0)];
            bind_flags(&file, vm, flags, &ops).0
        };
        assert_eq!((map_it(a, GIB), map_it(b, 2 * GIB)), (0, 0));
        assert_eq!(resident(&file, [a, b, c]), [true, true, false]);
        assert_eq!(map_it(c, 3 * GIB), 0);
        assert_eq!(resident(&file, [a, b, c]), [false, true, true]);
        // What is in use cannot be taken.
        let large = bo(&file, MIB + PAGE);
        assert_eq!(bind(&file, vm, &[map_op(large, 0, 4 * GIB, PAGE, 0)]), (-ENOMEM, 0));
    }
}

#[test]
fn with_swap_a_bind_does_not_take_from_its_own_vms_exclusive_bos() {
    let device = with_memory(MIB, true);
    let file = device.open();
    let [here, there] = [vm(&file), vm(&file)];
    let exclusive = |vm| try_bo(&file, 600 * KIB, 0, vm).unwrap();
    let [a, b, c] = [exclusive(here), exclusive(here), exclusive(there)];
    map(&file, here, a, 0, GIB, 600 * KIB);
    assert_eq!(bind(&file, here, &[map_op(b, 0, 2 * GIB, 600 * KIB, 0)]), (-ENOMEM, 0));
    map(&file, there, c, 0, GIB, 600 * KIB);
    assert_eq!(resident(&file, [a, b, c]), [false, false, true]);
    map(&file, here, b, 0, 2 * GIB, 600 * KIB);
    assert_eq!(resident(&file, [a, b, c]), [false, true, false]);
}

#[test]
fn with_swap_page_tables_take_memory_too_but_not_of_what_they_are_for() {
    let device = with_memory(34 * MIB, true);
    let file = device.open();
    let vm = vm(&file);
    let a = bo(&file, 20 * MIB);
    map(&file, vm, a, 0, GIB, 20 * MIB);
    // 2 MiB that a sparse mapping shows, and more than 32 MiB of tables: a little too much.
    let sparse = |size| bind(&file, vm, &[map_op(0, 0, 1 << 40, size, SPARSE)]);
    assert_eq!(sparse(16 * GIB), (-ENOMEM, 0));
    assert_eq!(file.bo_is_resident(a), Some(false));
    assert_eq!(sparse(15 * GIB), (0, 1));
    let mappings = file.gpu(vm).unwrap().mappings();
    assert_eq!(mappings.iter().map(|m| m.evicted).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn with_swap_a_submission_takes_the_memory_of_other_vms() {
    let device = with_memory(MIB, true);
    let file = device.open();
    let [one, two] = [vm(&file), vm(&file)];
    let groups = [group(&file, one, 1), group(&file, two, 1)];
    let [a, b] = [(); 2].map(|()| bo(&file, 600 * KIB));
    map(&file, one, a, 0, GIB, 600 * KIB);
    map(&file, two, b, 0, GIB, 600 * KIB);
    // They take it from each other.
    for _ in 0..3 {
        assert_eq!(submit(&file, groups[0], &[stream(0, &[])]), 0);
        assert_eq!(resident(&file, [a, b]), [true, false]);
        assert_eq!(submit(&file, groups[1], &[stream(0, &[])]), 0);
        assert_eq!(resident(&file, [a, b]), [false, true]);
    }
    // Not if the other is at work.
    let view = file.group(groups[1]).unwrap();
    view.hold();
    assert_eq!(submit(&file, groups[1], &[stream(0, &[])]), 0);
    assert_eq!(submit(&file, groups[0], &[stream(0, &[])]), -ENOMEM);
    view.release();
    assert_eq!(submit(&file, groups[0], &[stream(0, &[])]), 0);
    // Nor from the group's own VM: all BOs of the VM must be resident.
    map(&file, one, b, 0, 2 * GIB, 600 * KIB);
    assert_eq!(resident(&file, [a, b]), [false, true]);
    assert_eq!(submit(&file, groups[0], &[stream(0, &[])]), -ENOMEM);
    assert_eq!(resident(&file, [a, b]), [false, true]);
}

#[test]
fn threads_that_bind_submit_and_reclaim_lose_neither_memory_nor_contents() {
    const ROUNDS: u64 = 300;

    let device = with_memory(8 * MIB, true);
    let file = device.open();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (device, file) = (&device, &file);
            scope.spawn(move || {
                let vm = vm(file);
                let group = group(file, vm, 1);
                let gpu = file.gpu(vm).unwrap();
                for round in 0..ROUNDS {
                    let va = GIB + (round % 7) * MIB;
                    let bo = bo(file, 512 * KIB);
                    let ops = [map_op(bo, 0, va, 512 * KIB, 0)];
                    // The other threads may have all memory at this moment, but none keeps it.
                    while bind_flags(file, vm, if round % 2 == 0 { ASYNC } else { 0 }, &ops).0 != 0
                    {
                        device.reclaim(MIB);
                    }
                    close(file, bo);
                    let value = (thread << 32 | round).to_ne_bytes();
                    while gpu.write(va, &value).is_err() {
                        device.reclaim(MIB);
                    }
                    if round % 3 == 0 {
                        device.reclaim(2 * MIB);
                    }
                    if round % 5 == 0 {
                        unmap(file, vm, va, 512 * KIB);
                        continue;
                    }
                    let result = submit(file, group, &[stream(0, &[])]);
                    assert!(result == 0 || result == -ENOMEM, "{result}");
                    let mut seen = [0; 8];
                    while gpu.read(va, &mut seen).is_err() {
                        device.reclaim(MIB);
                    }
                    assert_eq!(seen, value);
                }
            });
        }
    });
    drop(file);
    device.assert_released();
    // All memory is free again: there is room for a BO and three tables that take all of it.
    let file = device.open();
    let vm = vm(&file);
    let all = bo(&file, 8 * MIB - 3 * PAGE);
    map(&file, vm, all, 0, 0, PAGE);
}
