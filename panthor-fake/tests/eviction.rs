//! Eviction: reclaimed BOs, their mappings, and their return.

mod common;

use common::*;
use nix::libc::{EINVAL, ENOMEM};
use panthor_fake::{Config, Device, FaultKind, File, Prot};
use panthor_sys::*;

/// Returns the `drm-resident-memory` of a file.
fn resident(file: &File) -> Option<String> {
    let text = file.fdinfo();
    let line = text.lines().find_map(|line| line.strip_prefix("drm-resident-memory:\t"));
    line.map(String::from)
}

/// Address, and whether it is evicted, of the mappings in the user's part of a VM.
fn evicted(file: &File, vm: u32) -> Vec<(u64, bool)> {
    let mappings = file.gpu(vm).unwrap().mappings();
    mappings.iter().filter(|m| m.va < 1 << 47).map(|m| (m.va, m.evicted)).collect()
}

fn read(file: &File, vm: u32, va: u64) -> u8 {
    let mut byte = [0];
    file.gpu(vm).unwrap().read(va, &mut byte).unwrap();
    byte[0]
}

fn write(file: &File, vm: u32, va: u64, byte: u8) {
    file.gpu(vm).unwrap().write(va, &[byte]).unwrap();
}

#[test]
fn the_memory_of_an_idle_bo_goes_and_comes_back_with_its_contents() {
    let device = Device::new(Config::default().memory(MIB)).unwrap();
    let file = device.open();
    let vm = vm(&file);
    let group = group(&file, vm, 1);
    let (a, b) = (bo(&file, 600 * KIB), bo(&file, 600 * KIB));
    assert_eq!((file.bo_is_resident(a), resident(&file)), (Some(false), None));
    assert!(!file.evict_bo(a));
    map(&file, vm, a, 0, GIB, 600 * KIB);
    assert_eq!((file.bo_is_resident(a), resident(&file)), (Some(true), Some("600 KiB".into())));
    write(&file, vm, GIB, 7);
    let map_b = [map_op(b, 0, 2 * GIB, 600 * KIB, 0)];
    assert_eq!(bind(&file, vm, &map_b), (-ENOMEM, 0));

    assert_eq!(device.reclaim(u64::MAX), 600 * KIB);
    assert_eq!((file.bo_is_resident(a), resident(&file)), (Some(false), None));
    assert_eq!(evicted(&file, vm), [(GIB, true)]);
    assert_eq!(device.reclaim(u64::MAX), 0);
    assert!(!file.evict_bo(a));
    // Its memory is free for another, its contents are kept.
    assert_eq!(bind(&file, vm, &map_b), (0, 1));
    unmap(&file, vm, 2 * GIB, 600 * KIB);
    close(&file, b);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(evicted(&file, vm), [(GIB, false)]);
    assert_eq!((file.bo_is_resident(a), resident(&file)), (Some(true), Some("600 KiB".into())));
    assert_eq!(read(&file, vm, GIB), 7);
    drop(file);
    device.assert_released();
    assert_eq!(device.reclaim(u64::MAX), 0);
}

#[test]
fn a_submission_without_memory_for_all_of_the_vm_is_refused() {
    let device = Device::new(Config::default().memory(MIB)).unwrap();
    let file = device.open();
    let (here, there) = (vm(&file), vm(&file));
    let group = group(&file, here, 1);
    let (a, b, other) = (bo(&file, 200 * KIB), bo(&file, 300 * KIB), bo(&file, 600 * KIB));
    map(&file, here, a, 0, GIB, 200 * KIB);
    map(&file, here, b, 0, 2 * GIB, 300 * KIB);
    write(&file, here, GIB, 1);
    write(&file, here, 2 * GIB, 2);
    assert_eq!(device.reclaim(u64::MAX), 500 * KIB);
    map(&file, there, other, 0, GIB, 600 * KIB);

    let done = syncobj(&file);
    let jobs = [stream(0, &[signal_sync(done, 1)])];
    assert_eq!(submit(&file, group, &jobs), -ENOMEM);
    // Nothing was queued, what could be brought back was.
    assert!(!is_signalled(&file, done, 1));
    assert_eq!(device.stats().queue_submits, 0);
    assert_eq!(evicted(&file, here), [(GIB, false), (2 * GIB, true)]);
    assert_eq!(state(&file, here), DRM_PANTHOR_VM_STATE_USABLE);
    assert_eq!(group_state(&file, group), (0, 0));
    // A job that never comes cannot read; one that needs no more memory is no better off.
    let fault = file.gpu(here).unwrap().read(2 * GIB, &mut [0]).unwrap_err();
    assert_eq!((fault.va, fault.kind), (2 * GIB, FaultKind::Evicted));
    assert_eq!(fault.to_string(), "GPU read at 0x80000000: the memory behind it was reclaimed");
    assert_eq!(submit(&file, group, &[sync_point(0, &[])]), -ENOMEM);
    // Without jobs nothing has to be there.
    assert_eq!(submit(&file, group, &[]), 0);
    assert_eq!(evicted(&file, here)[1], (2 * GIB, true));

    unmap(&file, there, GIB, 600 * KIB);
    close(&file, other);
    assert_eq!(submit(&file, group, &jobs), 0);
    assert!(is_signalled(&file, done, 1));
    assert_eq!((read(&file, here, GIB), read(&file, here, 2 * GIB)), (1, 2));
}

#[test]
fn what_else_is_wrong_with_a_submission_is_found_after_the_memory_is_back() {
    let file = device().open();
    let vm = vm(&file);
    let group = group(&file, vm, 1);
    let a = bo(&file, PAGE);
    map(&file, vm, a, 0, GIB, PAGE);
    assert!(file.evict_bo(a));
    assert_eq!(submit(&file, group, &[stream(3, &[])]), -EINVAL);
    assert_eq!(evicted(&file, vm), [(GIB, true)]);
    assert_eq!(submit(&file, group, &[stream(0, &[wait_sync(77, 0)])]), -nix::libc::ENOENT);
    assert_eq!(evicted(&file, vm), [(GIB, false)]);
}

#[test]
fn page_tables_have_to_come_back_too() {
    let device = Device::new(Config::default().memory(40 * MIB)).unwrap();
    let file = device.open();
    let (here, there) = (vm(&file), vm(&file));
    let group = group(&file, here, 1);
    // 16 GiB take 32 MiB of tables while they are mapped, and 2 MiB that they show.
    assert_eq!(bind(&file, here, &[map_op(0, 0, 0, 16 * GIB, SPARSE)]), (0, 1));
    assert_eq!(device.reclaim(u64::MAX), 2 * MIB);
    let other = bo(&file, 10 * MIB);
    map(&file, there, other, 0, GIB, 10 * MIB);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), -ENOMEM);
    assert_eq!(evicted(&file, here), [(0, true)]);
    assert!(file.evict_bo(other));
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(evicted(&file, here), [(0, false)]);
}

#[test]
fn a_new_mapping_has_its_memory_at_once_and_old_ones_wait_for_a_job() {
    let file = device().open();
    let vm = vm(&file);
    let group = group(&file, vm, 1);
    let a = bo(&file, 2 * PAGE);
    map(&file, vm, a, 0, GIB, 2 * PAGE);
    write(&file, vm, GIB + PAGE, 9);
    assert!(file.evict_bo(a));
    map(&file, vm, a, PAGE, 2 * GIB, PAGE);
    assert_eq!(file.bo_is_resident(a), Some(true));
    assert_eq!(evicted(&file, vm), [(GIB, true), (2 * GIB, false)]);
    // It can be evicted like that.
    assert!(file.evict_bo(a));
    assert_eq!(evicted(&file, vm), [(GIB, true), (2 * GIB, true)]);
    // So does an asynchronous one; a sync point brings nothing back, any job of a group does.
    assert_eq!(bind_async(&file, vm, &[map_op(a, 0, 3 * GIB, PAGE, 0)]), 0);
    let done = syncobj(&file);
    let point = map_op(0, 0, 0, 0, SYNC_ONLY);
    assert_eq!(bind_async(&file, vm, &[with_syncs(point, &[signal_sync(done, 0)])]), 0);
    assert_eq!(evicted(&file, vm), [(GIB, true), (2 * GIB, true), (3 * GIB, false)]);
    assert_eq!(submit(&file, group, &[sync_point(0, &[])]), 0);
    assert_eq!(evicted(&file, vm), [(GIB, false), (2 * GIB, false), (3 * GIB, false)]);
    assert_eq!(read(&file, vm, 2 * GIB), 9);
}

#[test]
fn what_is_left_of_an_evicted_mapping_that_is_cut_stays_evicted() {
    let file = device().open();
    let vm = vm(&file);
    let (a, b) = (bo(&file, 8 * PAGE), bo(&file, PAGE));
    map(&file, vm, a, 0, GIB, 8 * PAGE);
    for page in 0..8 {
        write(&file, vm, GIB + page * PAGE, page as u8);
    }
    assert!(file.evict_bo(a));
    unmap(&file, vm, GIB, PAGE);
    unmap(&file, vm, GIB + 3 * PAGE, 2 * PAGE);
    map(&file, vm, b, 0, GIB + 6 * PAGE, PAGE);
    let at = |page: u64| GIB + page * PAGE;
    assert_eq!(evicted(&file, vm), [(at(1), true), (at(5), true), (at(6), false), (at(7), true)]);
    assert_eq!(file.bo_is_resident(a), Some(false));
    for page in [1, 2, 5, 7] {
        assert_eq!(read(&file, vm, at(page)), page as u8);
    }
    assert_eq!(read(&file, vm, at(6)), 0);
    let gone = file.gpu(vm).unwrap().read(at(3), &mut [0]).unwrap_err();
    assert_eq!(gone.kind, FaultKind::Translation);
    assert!(evicted(&file, vm).iter().all(|&(_, evicted)| !evicted));
}

#[test]
fn unmapping_all_that_was_evicted_brings_nothing_back() {
    let file = device().open();
    let vm = vm(&file);
    let group = group(&file, vm, 1);
    let a = bo(&file, MIB);
    map(&file, vm, a, 0, GIB, MIB);
    assert!(file.evict_bo(a));
    unmap(&file, vm, GIB, MIB);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(file.bo_is_resident(a), Some(false));
}

#[test]
fn sparse_mappings_go_and_come_back_in_all_vms_of_the_file() {
    let device = device();
    let (file, stranger) = (device.open(), device.open());
    let (one, two, strange) = (vm(&file), vm(&file), vm(&stranger));
    let group = group(&file, one, 1);
    let real = bo(&file, PAGE);
    for (file, vm) in [(&file, one), (&file, two), (&stranger, strange)] {
        assert_eq!(bind(file, vm, &[map_op(0, 0, GIB, 8 * MIB, SPARSE)]), (0, 1));
    }
    map(&file, one, real, 0, GIB + 3 * MIB, PAGE);
    // What the GPU writes to a sparse range shows again every 2 MiB.
    write(&file, one, GIB + 64, 5);
    assert_eq!(read(&file, two, GIB + 4 * MIB + 64), 5);

    // One object of 2 MiB for each file, and a page.
    assert_eq!(device.reclaim(u64::MAX), 4 * MIB + PAGE);
    let cut = GIB + 3 * MIB;
    assert_eq!(evicted(&file, one), [(GIB, true), (cut, true), (cut + PAGE, true)]);
    assert_eq!(
        (evicted(&file, two), evicted(&stranger, strange)),
        (vec![(GIB, true)], vec![(GIB, true)])
    );
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(evicted(&file, one), [(GIB, false), (cut, false), (cut + PAGE, false)]);
    assert_eq!(
        (evicted(&file, two), evicted(&stranger, strange)),
        (vec![(GIB, true)], vec![(GIB, true)])
    );
    assert_eq!(read(&file, one, GIB + 2 * MIB + 64), 5);
    assert_eq!(read(&file, two, GIB + 6 * MIB + 64), 5);
    assert_eq!(read(&stranger, strange, GIB + 64), 0);
    assert_eq!(evicted(&file, two), [(GIB, false)]);
}

#[test]
fn each_vm_that_shares_a_bo_gets_it_back_for_itself() {
    let device = device();
    let (file, other) = (device.open(), device.open_primary());
    let a = bo(&file, PAGE);
    let (one, two) = (vm(&file), vm(&file));
    let groups = [group(&file, one, 1), group(&file, two, 1)];
    map(&file, one, a, 0, GIB, PAGE);
    map(&file, two, a, 0, 2 * GIB, PAGE);
    assert!(file.evict_bo(a));
    assert_eq!(
        (evicted(&file, one), evicted(&file, two)),
        (vec![(GIB, true)], vec![(2 * GIB, true)])
    );
    assert_eq!(submit(&file, groups[0], &[stream(0, &[])]), 0);
    assert_eq!(
        (evicted(&file, one), evicted(&file, two)),
        (vec![(GIB, false)], vec![(2 * GIB, true)])
    );
    assert_eq!(file.bo_is_resident(a), Some(true));
    assert_eq!(submit(&file, groups[1], &[stream(0, &[])]), 0);
    assert_eq!(evicted(&file, two), [(2 * GIB, false)]);
    drop(other);
}

#[test]
fn what_a_cpu_mapping_shows_is_kept() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let a = bo(&file, PAGE);
    map(&file, vm, a, 0, GIB, PAGE);
    let cpu = file.mmap(4096, Prot::READ | Prot::WRITE, mmap_offset(&file, a)).unwrap();
    write(&file, vm, GIB, 3);
    assert!(file.evict_bo(a));
    // SAFETY: the range is mapped for reading and not accessed elsewhere meanwhile.
    let seen = unsafe { cpu.as_ptr().read_volatile() };
    // SAFETY: as above, for writing.
    unsafe { cpu.as_ptr().write_volatile(4) };
    assert_eq!((seen, read(&file, vm, GIB)), (3, 4));
}

#[test]
fn ioctls_that_need_no_memory_leave_a_bo_evicted() {
    let file = device().open();
    let vm = vm(&file);
    let a = bo(&file, PAGE);
    map(&file, vm, a, 0, GIB, PAGE);
    assert!(file.evict_bo(a));
    mmap_offset(&file, a);
    let sync = drm_panthor_bo_sync_op { handle: a, offset: 0, size: PAGE, ..zeroed() };
    ok(&file, DRM_IOCTL_PANTHOR_BO_SYNC, drm_panthor_bo_sync { ops: array(&[sync]) });
    ok(&file, DRM_IOCTL_PANTHOR_BO_QUERY_INFO, drm_panthor_bo_query_info { handle: a, ..zeroed() });
    group(&file, vm, 1);
    assert_eq!(file.bo_is_resident(a), Some(false));
    assert!(evicted(&file, vm)[0].1);
}

#[test]
fn a_mapping_of_nothing_goes_and_comes_back() {
    let file = device().open();
    let vm = vm(&file);
    let group = group(&file, vm, 1);
    let a = bo(&file, PAGE);
    for page in [0, 1] {
        assert_eq!(bind_async(&file, vm, &[map_op(a, 0, 2 * MIB, page * PAGE, 0)]), 0);
    }
    assert!(file.evict_bo(a));
    assert_eq!(evicted(&file, vm), [(2 * MIB, true), (2 * MIB, true)]);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(evicted(&file, vm), [(2 * MIB, false), (2 * MIB, false)]);
}
