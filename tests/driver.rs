//! The safe layer on a Panthor, real or fake: what must hold on both.
//!
//! Sizes stay below 4 GiB and nothing needs a job to run, so that QEMU's real driver can take part.

mod common;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use common::device;
use panthor::{
    Bo, BoFlags, BoOptions, BoSync, CacheOp, CpuClock, Device, ErrorKind, Features, GroupPriority,
    MapAccess, MapFlags, PageSizeSource, Profiling, SparseMode, Timeout, TimestampRequest, Version,
    Vm, VmOptions, VmState, Wait, point,
};

const MIB: u64 = 1 << 20;

fn vm(device: &Device) -> Vm {
    device.create_vm(VmOptions::new()).expect("a VM")
}

fn bo(device: &Device, size: u64) -> Bo {
    device.create_bo(BoOptions::new(size)).expect("a BO")
}

// Device and queries

#[test]
fn version_is_1_and_features_follow_from_it() {
    let device = device();
    assert_eq!(device.version().major, 1);
    assert_eq!(device.features(), Features::of(device.version()));
}

#[test]
fn gpu_info_decodes_to_a_known_model() {
    let gpu = device().gpu_info().unwrap();
    assert!((10..=14).contains(&gpu.arch().major), "{gpu:?}");
    assert_ne!(gpu.model_name(), "Mali (unknown)");
    assert_eq!(gpu.va_bits(), 48);
    assert!(gpu.pa_bits() >= 32);
    assert!(gpu.shader_present() != 0 && gpu.tiler_present() != 0 && gpu.l2_present() != 0);
}

#[test]
fn fields_that_the_driver_is_too_old_for_are_none() {
    let device = device();
    let gpu = device.gpu_info().unwrap();
    let coherency = gpu.selected_coherency();
    assert_eq!(coherency.is_some(), device.features().contains(Features::SELECTED_COHERENCY));
    if device.version() == Version::new(1, 0) {
        assert_eq!(gpu.gpu_features(), None);
    }
    if device.version() >= Version::new(1, 9) {
        assert!(gpu.gpu_features().is_some());
    }
}

#[test]
fn csif_info_has_slots() {
    let csif = device().csif_info().unwrap();
    assert!(csif.csg_slot_count > 0 && csif.cs_slot_count > 0 && csif.cs_reg_count >= 96);
}

#[test]
fn page_sizes_are_4_kib_and_2_mib_and_say_who_says_so() {
    let device = device();
    let pages = device.page_sizes().unwrap();
    assert_eq!(pages.bitmap(), 4096 | (2 * MIB));
    let reported = device.features().contains(Features::MMU_INFO);
    assert_eq!(pages.source() == PageSizeSource::Reported, reported);
}

#[test]
fn timestamps_give_what_was_asked_for() {
    let device = device();
    let all = TimestampRequest::default().cpu(CpuClock::Monotonic).cycle_count().duration();
    if device.features().contains(Features::TIMESTAMP_FLAGS) {
        let now = device.timestamps(all).unwrap();
        assert!(now.gpu.is_some() && now.offset.is_some() && now.cycle_count.is_some());
        assert!(now.cpu.unwrap() > Duration::ZERO && now.duration.is_some());
        let only = device.timestamps(TimestampRequest::nothing().cycle_count()).unwrap();
        assert_eq!((only.gpu, only.cpu, only.frequency), (None, None, None));
    } else {
        assert_eq!(device.timestamps(all).unwrap_err().kind(), ErrorKind::Unsupported);
    }
    let default = device.timestamps(TimestampRequest::default());
    if device.features().contains(Features::TIMESTAMP_QUERY) {
        assert!(default.unwrap().gpu.is_some());
    } else {
        assert_eq!(default.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    let nothing = device.timestamps(TimestampRequest::nothing()).unwrap_err();
    assert_eq!(nothing.argument(), Some("request"));
}

#[test]
fn low_and_medium_priorities_are_for_everybody() {
    let device = device();
    let allowed = device.group_priorities().unwrap();
    assert!(allowed.allows(GroupPriority::Low) && allowed.allows(GroupPriority::Medium));
    let old = device.version() < Version::new(1, 2);
    assert_eq!(allowed.is_assumed(), old);
    if old {
        assert_eq!(allowed.highest(), Some(GroupPriority::Medium));
    }
}

#[test]
fn nodes_have_drm_numbers() {
    let nodes = device().node_numbers().unwrap();
    let render = nodes.render.expect("a render node");
    assert_eq!(render.major, 226);
    assert!(render.minor >= 128);
}

#[test]
fn usage_counts_the_memory_of_this_file() {
    let device = device();
    let empty = device.usage().unwrap();
    if device.version() == Version::new(1, 0) {
        assert_eq!(empty, Default::default());
        return;
    }
    assert_eq!(empty.total_memory, Some(0), "{empty:?}");
    assert!(empty.max_frequency.unwrap() > 0 && empty.client_id.is_some());
    let (vm, bo) = (vm(&device), bo(&device, 2 * MIB));
    vm.bind().map(&bo, .., MIB, MapFlags::NOEXEC).submit().unwrap();
    let usage = device.usage().unwrap();
    assert_eq!((usage.total_memory, usage.resident_memory), (Some(2 * MIB), Some(2 * MIB)));
    assert_eq!(usage.client_id, empty.client_id);
    assert_ne!(common::device().usage().unwrap().client_id, usage.client_id);
}

#[test]
fn profiling_is_read_and_set_where_the_driver_has_it() {
    let device = device();
    match device.profiling() {
        Ok(before) => {
            let all = Profiling::CYCLES | Profiling::TIME;
            match device.set_profiling(all) {
                Ok(()) => {
                    assert_eq!(device.profiling().unwrap(), all);
                    assert!(device.usage().unwrap().gpu_cycles.is_some());
                    let error = device.set_profiling(Profiling::from_bits_retain(1 << 30));
                    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidArgument);
                    device.set_profiling(before).unwrap();
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}"),
            }
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
    }
}

// VMs

#[test]
fn a_vm_grants_at_least_the_range_asked_for() {
    let device = device();
    for asked in [1 << 30, 4 << 30, 1 << 40] {
        let vm = device.create_vm(VmOptions::new().user_va_range(asked)).unwrap();
        assert!(vm.user_va_range() >= asked, "{asked:#x}: {vm:?}");
        assert_eq!(vm.state().unwrap(), VmState::Usable);
    }
}

#[test]
fn a_vm_range_that_leaves_the_kernel_nothing_is_refused() {
    for asked in [1 << 48, (1 << 48) - (255 << 20), u64::MAX] {
        let error = device().create_vm(VmOptions::new().user_va_range(asked)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.argument(), Some("user_va_range"));
    }
}

#[test]
fn a_file_has_room_for_32_vms_and_for_another_once_one_is_gone() {
    let device = device();
    let mut vms: Vec<_> = (0..32).map(|_| vm(&device)).collect();
    let error = device.create_vm(VmOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    vms.pop().unwrap().destroy().unwrap();
    device.create_vm(VmOptions::new()).unwrap();
}

#[test]
fn drops_work_in_any_order() {
    let device = device();
    let vm = vm(&device);
    let bo = device.create_bo(BoOptions::new(MIB).exclusive_to(&vm)).unwrap();
    vm.bind().map(&bo, .., MIB, MapFlags::NOEXEC).submit().unwrap();
    let map = bo.map().unwrap();
    drop(device);
    drop(vm);
    drop(bo);
    map.store(0, 7u64).unwrap();
    assert_eq!(map.load::<u64>(0).unwrap(), 7);
}

// BOs

#[test]
fn bo_sizes_round_up_to_cpu_pages() {
    let device = device();
    let page = device.cpu_page_size();
    for (asked, got) in [(1, page), (page, page), (page + 1, 2 * page), (MIB, MIB)] {
        assert_eq!(bo(&device, asked).size(), got);
    }
}

#[test]
fn bo_arguments_are_refused_before_the_call() {
    let device = device();
    for size in [0, u64::MAX, i64::MAX as u64, i64::MAX as u64 + 1] {
        let error = device.create_bo(BoOptions::new(size)).unwrap_err();
        assert_eq!((error.argument(), error.errno()), (Some("size"), None), "{size:#x}: {error}");
    }
    let error = device.create_bo(BoOptions::new(1).no_mmap().wb_mmap()).unwrap_err();
    assert_eq!((error.argument(), error.errno()), (Some("flags"), None));
    let other = common::device();
    let elsewhere = vm(&other);
    let error = device.create_bo(BoOptions::new(1).exclusive_to(&elsewhere)).unwrap_err();
    assert_eq!(error.argument(), Some("exclusive_to"));
}

#[test]
fn write_back_maps_need_1_7() {
    let device = device();
    match device.create_bo(BoOptions::new(4096).wb_mmap()) {
        Ok(bo) => {
            let map = bo.map().unwrap();
            map.write(1, b"cached").unwrap();
            bo.sync(1..7, CacheOp::Flush).unwrap();
            bo.sync(.., CacheOp::FlushAndInvalidate).unwrap();
            // SAFETY: no other thread knows this map.
            assert_eq!(unsafe { map.fetch_add(64, 5u32) }.unwrap(), 0);
            // SAFETY: as above.
            assert_eq!(unsafe { map.compare_exchange(64, 5u32, 9) }.unwrap(), Ok(5));
            // SAFETY: as above.
            assert_eq!(unsafe { map.compare_exchange(64, 5u32, 1) }.unwrap(), Err(9));
            assert_eq!(bo.info().unwrap().create_flags, BoFlags::WB_MMAP);
            let error = bo.sync(0..bo.size() + 1, CacheOp::Flush).unwrap_err();
            assert_eq!(error.argument(), Some("range"));
            let other = device.create_bo(BoOptions::new(1 << 20).wb_mmap()).unwrap();
            let uncached = device.create_bo(BoOptions::new(4096)).unwrap();
            let syncs = [
                BoSync::new(&bo, 64..128, CacheOp::Flush),
                BoSync::new(&uncached, .., CacheOp::Flush),
                BoSync::new(&other, .., CacheOp::FlushAndInvalidate),
                BoSync::new(&other, 8..8, CacheOp::Flush),
            ];
            device.sync_bos(&syncs).unwrap();
        }
        Err(error) => {
            assert!(device.version() < Version::new(1, 7));
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }
}

#[test]
fn bo_info_tells_how_it_was_created() {
    let device = device();
    let vm = vm(&device);
    let bo = device.create_bo(BoOptions::new(4096).no_mmap().exclusive_to(&vm)).unwrap();
    assert_eq!(bo.flags(), BoFlags::NO_MMAP);
    assert!(bo.is_exclusive_to(&vm));
    match bo.info() {
        Ok(info) => assert_eq!((info.create_flags, info.imported), (BoFlags::NO_MMAP, false)),
        Err(error) => {
            assert!(device.version() < Version::new(1, 7));
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }
}

#[test]
fn labels_may_have_4095_bytes() {
    let device = device();
    let bo = bo(&device, 4096);
    if !device.features().contains(Features::BO_LABELS) {
        assert_eq!(bo.set_label("x").unwrap_err().kind(), ErrorKind::Unsupported);
        return;
    }
    bo.set_label("").unwrap();
    bo.set_label(&"x".repeat(4095)).unwrap();
    bo.clear_label().unwrap();
    for bad in ["x".repeat(4096), "a\0b".into()] {
        assert_eq!(bo.set_label(&bad).unwrap_err().argument(), Some("label"));
    }
}

#[test]
fn a_no_mmap_bo_is_not_mapped() {
    let device = device();
    let bo = device.create_bo(BoOptions::new(4096).no_mmap()).unwrap();
    assert_eq!(bo.map().unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn cpu_maps_share_their_memory_and_are_bounded() {
    let device = device();
    let page = device.cpu_page_size();
    let bo = bo(&device, 4 * page);
    let whole = bo.map().unwrap();
    let part = bo.map_range(page..3 * page, MapAccess::Read).unwrap();
    let bytes: Vec<u8> = (0..100).collect();
    whole.write(page as usize + 3, &bytes).unwrap();
    let mut seen = vec![0; 100];
    part.read(3, &mut seen).unwrap();
    assert_eq!(seen, bytes);
    whole.fill(page as usize + 5..page as usize + 50, 0xaa).unwrap();
    assert_eq!(part.load::<u8>(4).unwrap(), 1);
    assert_eq!(part.load::<u32>(8).unwrap(), 0xaaaa_aaaa);
    assert_eq!(part.load::<u8>(50).unwrap(), 47);

    let end = part.len();
    assert_eq!(part.load::<u8>(end - 1).unwrap(), 0);
    for error in [
        part.load::<u8>(end).unwrap_err(),
        part.load::<u64>(end - 4).unwrap_err(),
        part.load::<u32>(2).unwrap_err(),
        part.load::<u32>(usize::MAX - 3).unwrap_err(),
        part.read(end - 3, &mut [0; 4]).unwrap_err(),
        part.read(usize::MAX, &mut [0; 4]).unwrap_err(),
        part.store(0, 1u8).unwrap_err(),
        part.write(0, &[1]).unwrap_err(),
        whole.write(whole.len() - 1, &[1, 2]).unwrap_err(),
        part.fill(0..1, 1).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    assert_eq!(bo.map_range(1..page, MapAccess::Read).unwrap_err().argument(), Some("range"));
    assert_eq!(bo.map_range(0..0, MapAccess::Read).unwrap_err().argument(), Some("range"));
    assert_eq!(bo.map_range(0..5 * page, MapAccess::Read).unwrap_err().argument(), Some("range"));
}

#[test]
fn a_bo_is_mapped_where_the_caller_says() {
    let device = device();
    let page = device.cpu_page_size();
    let (large, small) = (bo(&device, 4 * page), bo(&device, 2 * page));
    let map = large.map().unwrap();
    map.store(0, 7u32).unwrap();
    let address = map.as_ptr();
    map.unmap_reserve().unwrap();

    let middle = address.wrapping_add(page as usize);
    // SAFETY: this test alone has reserved the four pages from `address` on.
    let placed = unsafe { small.map_placed(middle, .., MapAccess::ReadWrite) }.unwrap();
    assert_eq!((placed.as_ptr(), placed.len() as u64), (middle, 2 * page));
    assert!(placed.is_of(&small) && placed.access() == MapAccess::ReadWrite);
    placed.store(page as usize, 8u32).unwrap();
    assert_eq!(small.map().unwrap().load::<u32>(page as usize).unwrap(), 8);
    // What is reserved around it stays so: the first page is still there to be replaced.
    // SAFETY: as above.
    let first = unsafe { large.map_placed(address, ..page, MapAccess::Read) }.unwrap();
    assert_eq!((first.load::<u32>(0).unwrap(), first.len() as u64), (7, page));
    assert_eq!(first.store(0, 1u32).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(placed.load::<u32>(page as usize).unwrap(), 8);
    first.unmap_reserve().unwrap();
    placed.unmap_reserve().unwrap();
    // SAFETY: as above.
    let whole = unsafe { large.map_placed(address, .., MapAccess::ReadWrite) }.unwrap();
    assert_eq!(whole.load::<u32>(0).unwrap(), 7);
    drop(whole);

    // Of a map of a part, the part is what is reserved.
    let part = large.map_range(page..3 * page, MapAccess::Read).unwrap();
    let address = part.as_ptr();
    part.unmap_reserve().unwrap();
    // SAFETY: two pages from there on are reserved.
    let placed = unsafe { small.map_placed(address, .., MapAccess::Read) }.unwrap();
    assert_eq!(placed.load::<u32>(page as usize).unwrap(), 8);
}

#[test]
fn a_place_that_cannot_be_is_refused_by_name() {
    let device = device();
    let page = device.cpu_page_size();
    let bo = bo(&device, 4 * page);
    let at = std::ptr::without_provenance_mut::<u8>;
    let last = at(usize::MAX - (page as usize - 1));
    for (address, range, argument) in [
        (at(0), 0..page, "address"),
        (at(1), 0..page, "address"),
        (at(page as usize + 8), 0..page, "address"),
        (last, 0..2 * page, "address"),
        (at(page as usize), page..2 * page, "range"),
        (at(page as usize), 0..0, "range"),
        (at(page as usize), 0..page + 1, "range"),
        (at(page as usize), 0..5 * page, "range"),
    ] {
        // SAFETY: it is refused before anything is replaced.
        let error = unsafe { bo.map_placed(address, range, MapAccess::Read) }.unwrap_err();
        assert_eq!((error.argument(), error.errno()), (Some(argument), None), "{error}");
        assert_eq!((error.kind(), error.call()), (ErrorKind::InvalidArgument, "mmap"), "{error}");
    }
    let hidden = device.create_bo(BoOptions::new(4096).no_mmap()).unwrap();
    // SAFETY: as above.
    let error = unsafe { hidden.map_placed(at(page as usize), .., MapAccess::Read) };
    assert_eq!(error.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn threads_may_share_a_map() {
    let device = device();
    let bo = bo(&device, 4096);
    let map = Arc::new(bo.map().unwrap());
    let threads: Vec<_> = (0..4usize)
        .map(|i| {
            let map = map.clone();
            std::thread::spawn(move || {
                for n in 0..1000u64 {
                    map.store(i * 8, n).unwrap();
                    map.load::<u64>((i + 1) % 4 * 8).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!((0..4).map(|i| map.load::<u64>(i * 8).unwrap()).sum::<u64>(), 4 * 999);
}

// Binding

#[test]
fn map_replace_and_unmap_parts() {
    let device = device();
    let vm = vm(&device);
    let (a, b) = (bo(&device, 4 * MIB), bo(&device, 2 * MIB));
    let report = vm
        .bind()
        .map(&a, .., 16 * MIB, MapFlags::NOEXEC)
        .map(&b, .., 17 * MIB, MapFlags::NOEXEC | MapFlags::READONLY)
        .unmap(16 * MIB..16 * MIB + 4096)
        .unmap(18 * MIB - 4096..18 * MIB + 4096)
        .map(&a, 8192..12288, 18 * MIB, MapFlags::UNCACHED)
        .unmap(0..64 * MIB)
        .submit()
        .unwrap();
    assert_eq!((report.operations, report.ioctls), (6, 1));
}

#[test]
fn an_empty_batch_does_nothing() {
    let device = device();
    let vm = vm(&device);
    assert_eq!(vm.bind().submit().unwrap().ioctls, 0);
    assert_eq!(vm.bind_async().submit().unwrap().ioctls, 0);
}

#[test]
fn the_va_range_is_usable_to_its_very_end() {
    let device = device();
    let vm = vm(&device);
    let bo = bo(&device, 4096);
    let last = vm.user_va_range() - 4096;
    vm.bind().map(&bo, .., last, MapFlags::NOEXEC).submit().unwrap();
    vm.bind().unmap(last..vm.user_va_range()).submit().unwrap();
}

#[test]
fn a_broken_rule_names_the_operation_and_the_argument() {
    let device = device();
    let (vm, other) = (vm(&device), vm(&device));
    let bo = bo(&device, 8192);
    let exclusive = device.create_bo(BoOptions::new(4096).exclusive_to(&other)).unwrap();
    let second_file = common::device();
    let elsewhere = self::bo(&second_file, 4096);
    let (ok, end) = (MapFlags::NOEXEC, vm.user_va_range());
    let sparse = MapFlags::from_bits_retain(1 << 3);
    let unmap = MapFlags::from_bits_retain(1 << 28);
    #[expect(clippy::reversed_empty_ranges)]
    let reversed = 8192..4096;
    let maps = [
        ("range", vm.bind().unmap(0..4096).unmap(reversed.clone()).submit()),
        ("range", vm.bind().unmap(0..4096).unmap(4096..4096).submit()),
        ("range", vm.bind().unmap(0..4096).unmap(4096..4097).submit()),
        ("range", vm.bind().unmap(0..4096).unmap(4095..8192).submit()),
        ("range", vm.bind().unmap(0..4096).unmap(end - 4096..end + 4096).submit()),
        ("range", vm.bind().unmap(0..4096).unmap(u64::MAX - 4095..u64::MAX).submit()),
        ("range", vm.bind().unmap(0..4096).map_sparse(0..4095).submit()),
        ("range", vm.bind().unmap(0..4096).map_sparse(0..end + 4096).submit()),
        ("flags", vm.bind().unmap(0..4096).map_sparse_with(0..4096, sparse).submit()),
        ("flags", vm.bind().unmap(0..4096).map_sparse_with(0..4096, unmap).submit()),
        ("range", vm.bind().unmap(0..4096).map(&bo, reversed.clone(), 0, ok).submit()),
        ("range", vm.bind().unmap(0..4096).map(&bo, 0..0, 0, ok).submit()),
        ("range", vm.bind().unmap(0..4096).map(&bo, 0..12288, 0, ok).submit()),
        ("range", vm.bind().unmap(0..4096).map(&bo, 100..4196, 0, ok).submit()),
        ("range", vm.bind().unmap(0..4096).map(&bo, ..=u64::MAX, 0, ok).submit()),
        ("va", vm.bind().unmap(0..4096).map(&bo, .., 4095, ok).submit()),
        ("va", vm.bind().unmap(0..4096).map(&bo, .., end - 4096, ok).submit()),
        ("va", vm.bind().unmap(0..4096).map(&bo, .., u64::MAX - 4095, ok).submit()),
        ("flags", vm.bind().unmap(0..4096).map(&bo, .., 0, ok | sparse).submit()),
        ("flags", vm.bind().unmap(0..4096).map(&bo, .., 0, unmap).submit()),
        ("bo", vm.bind().unmap(0..4096).map(&exclusive, .., 0, ok).submit()),
        ("bo", vm.bind().unmap(0..4096).map(&elsewhere, .., 0, ok).submit()),
    ];
    for (argument, result) in maps {
        let error = result.unwrap_err();
        assert_eq!((error.op_index(), error.ops_done()), (Some(1), Some(0)), "{error}");
        assert_eq!((error.argument(), error.errno()), (Some(argument), None), "{error}");
    }
    other.bind().map(&exclusive, .., 0, ok).submit().unwrap();
}

#[test]
fn a_flag_that_the_driver_does_not_know_is_its_to_refuse() {
    let device = device();
    let vm = vm(&device);
    let bo = bo(&device, 4096);
    let flags = MapFlags::NOEXEC | MapFlags::from_bits_retain(1 << 20);
    let error =
        vm.bind().map(&bo, .., 0, MapFlags::NOEXEC).map(&bo, .., 4096, flags).submit().unwrap_err();
    assert!(error.errno().is_some());
    assert_eq!((error.op_index(), error.ops_done()), (Some(1), Some(1)));
}

#[test]
fn a_batch_that_fails_in_the_middle_says_what_is_done() {
    let device = device();
    let vm = vm(&device);
    let good = bo(&device, 4096);
    // SAFETY: the handle is unknown on purpose: the driver refuses both its use and its closing. An
    // exclusive BO causes no query of the driver.
    let bad = unsafe { Bo::from_raw(&device, 0x00ff_ffff, 4096, BoFlags::empty(), Some(&vm)) };
    let bad = bad.unwrap();
    let error = vm
        .bind()
        .map(&good, .., MIB, MapFlags::NOEXEC)
        .map_sparse(2 * MIB..4 * MIB + 8192)
        .map(&bad, .., 8 * MIB, MapFlags::NOEXEC)
        .map(&good, .., 16 * MIB, MapFlags::NOEXEC)
        .submit()
        .unwrap_err();
    assert_eq!(error.call(), "VM_BIND");
    assert_eq!((error.op_index(), error.ops_done()), (Some(2), Some(2)), "{error}");
    assert_eq!(error.partial_range(), None);
    assert_eq!(error.errno(), Some(22), "{error}");
    assert_eq!(vm.state().unwrap(), VmState::Usable);
    let queued = vm.bind_async().map(&bad, .., 0, MapFlags::NOEXEC).submit().unwrap_err();
    assert_eq!((queued.op_index(), queued.ops_done()), (None, Some(0)), "{queued}");
    assert_eq!(vm.state().unwrap(), VmState::Usable);
}

// Sparse

#[test]
fn the_hundred_megabytes_are_one_operation_or_48() {
    let device = device();
    let vm = vm(&device);
    let range = 1 << 30..(1 << 30) + 100_003_840;
    let native = device.features().contains(Features::SPARSE);
    let auto = vm.bind().map_sparse(range.clone()).submit().unwrap();
    assert_eq!((auto.operations, auto.ioctls), (if native { 1 } else { 48 }, 1));
    let emulated =
        vm.bind().sparse_mode(SparseMode::Emulated).map_sparse(range.clone()).submit().unwrap();
    assert_eq!((emulated.operations, emulated.ioctls), (48, 1));
    let only_native =
        vm.bind().unmap(0..4096).sparse_mode(SparseMode::Native).map_sparse(range.clone()).submit();
    match only_native {
        Ok(report) => assert_eq!((native, report.operations), (true, 2)),
        Err(error) => {
            assert!(!native, "{error}");
            assert_eq!((error.kind(), error.op_index()), (ErrorKind::Unsupported, Some(1)));
        }
    }
    vm.bind().unmap(range).submit().unwrap();
}

#[test]
fn sparse_ranges_need_no_2_mib_alignment_and_are_cut_anywhere() {
    let device = device();
    let vm = vm(&device);
    let bo = bo(&device, 64 << 10);
    for mode in [SparseMode::Auto, SparseMode::Emulated] {
        let start = (1 << 30) + 0x5000;
        let end = start + 64 * MIB - 0x3000;
        vm.bind()
            .sparse_mode(mode)
            .map_sparse_with(start..end, MapFlags::READONLY | MapFlags::UNCACHED)
            .map(&bo, .., start + 7 * MIB + 0x1000, MapFlags::NOEXEC)
            .unmap(start + 0x1000..start + 0x2000)
            .unmap(end - 3 * MIB..end - 2 * MIB)
            .map_sparse(start + 0x1000..start + 8 * MIB)
            .submit()
            .unwrap();
        vm.bind().unmap(start..end).submit().unwrap();
    }
}

#[test]
fn gigabytes_are_one_native_operation() {
    let device = device();
    if !device.features().contains(Features::SPARSE) {
        return;
    }
    let vm = vm(&device);
    let range = 1 << 40..(1 << 40) + (3 << 30);
    assert_eq!(vm.bind().map_sparse(range.clone()).submit().unwrap().operations, 1);
    vm.bind().unmap(range).submit().unwrap();
}

// Syncobjs and asynchronous binds

#[test]
fn binary_syncobjs_signal_reset_and_time_out() {
    let device = device();
    let syncobj = device.create_syncobj().unwrap();
    assert_eq!(syncobj.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!(syncobj.wait(Duration::from_millis(20)).unwrap(), Wait::TimedOut);
    assert_eq!(syncobj.wait_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    syncobj.signal().unwrap();
    assert_eq!(syncobj.wait(Timeout::FOREVER).unwrap(), Wait::Ready);
    assert_eq!(syncobj.wait_available(Timeout::NONE).unwrap(), Wait::Ready);
    syncobj.reset().unwrap();
    assert_eq!(syncobj.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    let born = device.create_signaled_syncobj().unwrap();
    assert!(born.wait(Timeout::NONE).unwrap().is_ready());
}

#[test]
fn timelines_count_up() {
    let device = device();
    let timeline = device.create_timeline().unwrap();
    assert_eq!(timeline.value().unwrap(), 0);
    for value in [1, 2, 10, u64::MAX] {
        assert_eq!(
            timeline.wait(NonZeroU64::new(value).expect("from 1 up"), Timeout::NONE).unwrap(),
            Wait::TimedOut
        );
        timeline.signal(NonZeroU64::new(value).expect("from 1 up")).unwrap();
        assert_eq!(timeline.value().unwrap(), value);
        assert_eq!(timeline.last_submitted().unwrap(), value);
        assert_eq!(
            timeline.wait(NonZeroU64::new(value).expect("from 1 up"), Timeout::NONE).unwrap(),
            Wait::Ready
        );
    }
}

#[test]
fn a_wait_ends_when_another_thread_signals() {
    let device = device();
    let timeline = Arc::new(device.create_timeline().unwrap());
    let waiter = {
        let timeline = timeline.clone();
        std::thread::spawn(move || timeline.wait(point::<5>(), Duration::from_secs(60)).unwrap())
    };
    std::thread::sleep(Duration::from_millis(20));
    timeline.signal(point::<5>()).unwrap();
    assert_eq!(waiter.join().unwrap(), Wait::Ready);
}

#[test]
fn an_asynchronous_batch_waits_and_signals() {
    let device = device();
    let vm = vm(&device);
    let bo = bo(&device, MIB);
    let acquired = device.create_signaled_syncobj().unwrap();
    let (timeline, binary) = (device.create_timeline().unwrap(), device.create_syncobj().unwrap());
    let report = vm
        .bind_async()
        .map(&bo, .., MIB, MapFlags::NOEXEC)
        .map_sparse(8 * MIB..16 * MIB)
        .wait(&acquired)
        .signal(timeline.at(point::<3>()))
        .signal(&binary)
        .submit()
        .unwrap();
    assert_eq!(report.ioctls, 1);
    assert!(timeline.wait(point::<3>(), Duration::from_secs(30)).unwrap().is_ready());
    assert!(binary.wait(Duration::from_secs(30)).unwrap().is_ready());
    assert_eq!(timeline.value().unwrap(), 3);
    assert_eq!(vm.state().unwrap(), VmState::Usable);
}

#[test]
fn single_operations_wait_and_signal_too() {
    let device = device();
    let vm = vm(&device);
    let bo = bo(&device, MIB);
    let timeline = device.create_timeline().unwrap();
    vm.bind_async()
        .map(&bo, .., MIB, MapFlags::NOEXEC)
        .op_signal(timeline.at(point::<1>()))
        .sync_point()
        .op_wait(timeline.at(point::<1>()))
        .op_signal(timeline.at(point::<2>()))
        .unmap(MIB..2 * MIB)
        .op_wait(timeline.at(point::<2>()))
        .sparse_mode(SparseMode::Emulated)
        .map_sparse(32 * MIB..64 * MIB)
        .op_signal(timeline.at(point::<3>()))
        .signal(timeline.at(point::<4>()))
        .submit()
        .unwrap();
    assert!(timeline.wait(point::<4>(), Duration::from_secs(30)).unwrap().is_ready());
    assert_eq!(timeline.value().unwrap(), 4);
}

#[test]
fn a_batch_of_syncs_alone_is_a_sync_point() {
    let device = device();
    let vm = vm(&device);
    let (from, to) = (device.create_signaled_syncobj().unwrap(), device.create_syncobj().unwrap());
    let report = vm.bind_async().wait(&from).signal(&to).submit().unwrap();
    assert_eq!((report.operations, report.ioctls), (1, 1));
    assert!(to.wait(Duration::from_secs(30)).unwrap().is_ready());
    let error = vm.bind_async().sync_point().submit().unwrap_err();
    assert_eq!((error.argument(), error.op_index()), (Some("sync_point"), Some(0)));
    let error = vm.bind_async().op_wait(&from).sync_point().submit().unwrap_err();
    assert_eq!((error.argument(), error.op_index()), (Some("op_wait"), None));
}

#[test]
fn a_wait_for_what_nobody_submitted_is_refused_with_its_name() {
    let device = device();
    let vm = vm(&device);
    let timeline = device.create_timeline().unwrap();
    timeline.signal(point::<1>()).unwrap();
    let error = vm.bind_async().wait(timeline.at(point::<2>())).submit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.argument(), Some("wait"), "{error}");
    assert_eq!(vm.state().unwrap(), VmState::Usable);
}

#[test]
fn a_batch_does_not_wait_for_itself() {
    let device = device();
    let vm = vm(&device);
    let syncobj = device.create_syncobj().unwrap();
    let error = vm.bind_async().wait(&syncobj).signal(&syncobj).submit().unwrap_err();
    assert_eq!((error.argument(), error.errno()), (Some("wait"), None), "{error}");
    let error =
        vm.bind_async().sync_point().op_wait(&syncobj).op_signal(&syncobj).submit().unwrap_err();
    assert_eq!((error.argument(), error.errno()), (Some("wait"), None), "{error}");
    // Every wait counts, not the first alone: the driver warns of any.
    let full = device.create_signaled_syncobj().unwrap();
    let error = vm
        .bind_async()
        .wait(&full)
        .wait(&syncobj)
        .signal(&full)
        .signal(&syncobj)
        .submit()
        .unwrap_err();
    assert_eq!((error.argument(), error.errno()), (Some("wait"), None), "{error}");
    assert_eq!((error.op_index(), error.ops_done()), (None, Some(0)));
    // With a fence from before it is fine: wait for the old one, leave a new one.
    syncobj.signal().unwrap();
    vm.bind_async().wait(&syncobj).signal(&syncobj).submit().unwrap();
    assert!(syncobj.wait(Duration::from_secs(30)).unwrap().is_ready());
}

#[test]
fn syncobjs_of_another_file_are_refused() {
    let (device, other) = (device(), device());
    let vm = vm(&device);
    let foreign = other.create_syncobj().unwrap();
    let error = vm.bind_async().unmap(0..4096).signal(&foreign).submit().unwrap_err();
    assert_eq!((error.argument(), error.op_index()), (Some("signal"), None));
    let error = vm.bind_async().unmap(0..4096).op_wait(&foreign).submit().unwrap_err();
    assert_eq!((error.argument(), error.op_index()), (Some("op_wait"), Some(0)));
}

#[test]
fn a_syncobj_is_destroyed_or_given_up() {
    let device = device();
    let timeline = device.create_timeline().unwrap();
    timeline.signal(point::<4>()).unwrap();
    let raw = timeline.into_raw();
    // SAFETY: the handle was just given up.
    let timeline = unsafe { panthor::Timeline::from_raw(&device, raw) };
    assert_eq!(timeline.value().unwrap(), 4);
    timeline.destroy().unwrap();
    device.create_syncobj().unwrap().destroy().unwrap();
}

// Many at once

#[test]
fn threads_bind_on_one_vm() {
    let device = device();
    let vm = Arc::new(vm(&device));
    let threads: Vec<_> = (0..4u64)
        .map(|thread| {
            let (vm, device) = (vm.clone(), device.clone());
            std::thread::spawn(move || {
                let bo = device.create_bo(BoOptions::new(64 << 10)).unwrap();
                let base = (thread + 1) << 32;
                for i in 0..50 {
                    let va = base + i * MIB;
                    vm.bind()
                        .map(&bo, .., va, MapFlags::NOEXEC)
                        .map_sparse(va..va + 8192)
                        .submit()
                        .unwrap();
                }
                vm.bind().unmap(base..base + 50 * MIB).submit().unwrap();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(vm.state().unwrap(), VmState::Usable);
}

#[test]
fn a_large_batch_is_one_ioctl() {
    let device = device();
    let vm = vm(&device);
    let bo = bo(&device, 4096);
    let mut batch = vm.bind();
    batch.reserve(5000);
    for page in 0..5000u64 {
        batch.map(&bo, .., MIB + page * 4096, MapFlags::NOEXEC);
    }
    assert_eq!(batch.len(), 5000);
    let report = batch.submit().unwrap();
    assert_eq!((report.operations, report.ioctls), (5000, 1));
    assert!(batch.is_empty());
    vm.bind().unmap(0..64 * MIB).submit().unwrap();
}
