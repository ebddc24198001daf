//! Features of each driver version. The numbers of 1.0, 1.8 and 1.9 are answers of the real driver.

mod common;

use common::*;
use nix::libc::{EINVAL, EPERM};
use panthor_fake::{Config, Device, Gpu};
use panthor_sys::*;

#[test]
fn handle_zero_is_given_after_it_was_destroyed_among_others() {
    for (minor, expected) in [(0, [1, 2, 3, 4]), (8, [1, 0, 2, 3]), (9, [1, 0, 2, 3])] {
        let file = version(minor).open();
        let destroy_zero = || {
            ioctl(&file, DRM_IOCTL_SYNCOBJ_DESTROY, &mut drm_syncobj_destroy { handle: 0, pad: 0 })
        };
        assert_eq!(destroy_zero(), -EINVAL);
        let first = syncobj(&file);
        assert_eq!(destroy_zero(), -EINVAL);
        let handles = [first, syncobj(&file), syncobj(&file), syncobj(&file)];
        assert_eq!(handles, expected, "driver 1.{minor}");
    }
}

#[test]
fn queries_are_as_large_as_the_version_knows_them() {
    let sizes = |minor| {
        let file = version(minor).open();
        [0, 1, 2, 3, 4, 5].map(|kind| query_size(&file, kind))
    };
    let none = -i64::from(EINVAL);
    assert_eq!(sizes(0), [104, 24, none, none, none, none]);
    assert_eq!(sizes(1), [104, 24, 24, none, none, none]);
    assert_eq!(sizes(2), [104, 24, 24, 4, none, none]);
    assert_eq!(sizes(7), [112, 24, 24, 4, none, none]);
    assert_eq!(sizes(8), [112, 24, 56, 4, none, none]);
    assert_eq!(sizes(9), [112, 24, 56, 4, 8, none]);
}

#[test]
fn a_query_with_more_room_than_known_is_filled_with_zeros() {
    let file = version(0).open();
    let mut info = [0xff_u8; 128];
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_GPU_INFO, &mut info), 0);
    assert_eq!(info[..4], 0xa867_0005_u32.to_ne_bytes());
    assert_eq!(info[104..], [0; 24]);
}

#[test]
fn a_query_needs_the_room_of_its_first_version() {
    let file = device().open();
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_GPU_INFO, &mut [0_u8; 95]), -EINVAL);
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_GPU_INFO, &mut [0_u8; 96]), 0);
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO, &mut [0_u8; 15]), -EINVAL);
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO, &mut [0_u8; 16]), 0);
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_MMU_INFO, &mut [0_u8; 7]), -EINVAL);
}

#[test]
fn the_gpu_info_is_that_of_the_model() {
    for &gpu in Gpu::ALL {
        let file = Device::new(Config::default().gpu(gpu)).unwrap().open();
        let mut info = zeroed::<drm_panthor_gpu_info>();
        assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_GPU_INFO, &mut info), 0);
        assert_eq!(info.gpu_id, gpu.gpu_id());
        assert_eq!(info.shader_present, gpu.shader_present());
        assert_eq!(info.mmu_features & 0xff, 48);
        assert_eq!(info.selected_coherency, DRM_PANTHOR_GPU_COHERENCY_NONE);
    }
}

#[test]
fn the_selected_coherency_is_known_from_1_7_on() {
    let coherency = |minor, coherent| {
        let config = Config::default().driver_minor(minor).coherent(coherent);
        let mut info = zeroed::<drm_panthor_gpu_info>();
        let file = Device::new(config).unwrap().open();
        assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_GPU_INFO, &mut info), 0);
        info.selected_coherency
    };
    assert_eq!(coherency(6, false), 0);
    assert_eq!(coherency(7, false), DRM_PANTHOR_GPU_COHERENCY_NONE);
    assert_eq!(coherency(7, true), DRM_PANTHOR_GPU_COHERENCY_ACE_LITE);
}

#[test]
fn csif_and_mmu_infos() {
    let file = device().open();
    let mut csif = zeroed::<drm_panthor_csif_info>();
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_CSIF_INFO, &mut csif), 0);
    let slots = (csif.csg_slot_count, csif.cs_slot_count, csif.scoreboard_slot_count);
    assert_eq!(slots, (8, 8, 8));
    assert_eq!((csif.cs_reg_count, csif.unpreserved_cs_reg_count), (96, 4));
    let mut mmu = zeroed::<drm_panthor_mmu_info>();
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_MMU_INFO, &mut mmu), 0);
    assert_eq!(mmu.page_size_bitmap, (4 * KIB) | (2 * MIB));
    let mut priorities = zeroed::<drm_panthor_group_priorities_info>();
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO, &mut priorities), 0);
    assert_eq!(priorities.allowed_mask, 0b0011);
}

#[test]
fn high_priorities_are_for_those_with_the_right() {
    let file = Device::new(Config::default().high_priority(true)).unwrap().open();
    let mut priorities = zeroed::<drm_panthor_group_priorities_info>();
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO, &mut priorities), 0);
    assert_eq!(priorities.allowed_mask, 0b1111);
}

#[test]
fn timestamps_go_forward_and_flags_choose_them() {
    let file = device().open();
    let ask = |flags| {
        let mut info = drm_panthor_timestamp_info { flags, ..zeroed() };
        let result = query(&file, DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO, &mut info);
        (result, info)
    };
    let (result, first) = ask(0);
    assert_eq!(result, 0);
    assert_ne!(first.timestamp_frequency, 0);
    assert_eq!((first.cycle_count, first.cpu_timestamp_sec), (0, 0));
    std::thread::sleep(std::time::Duration::from_millis(2));
    let (_, second) = ask(DRM_PANTHOR_TIMESTAMP_GPU | DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC);
    let ticks = second.current_timestamp - first.current_timestamp;
    assert!(ticks * 1000 >= 2 * first.timestamp_frequency, "{ticks}");
    assert_eq!(second.timestamp_frequency, 0);
    assert_ne!((second.cpu_timestamp_sec, second.cpu_timestamp_nsec), (0, 0));
    let (_, third) = ask(DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT);
    assert_ne!(third.cycle_count, 0);
    assert_eq!(third.current_timestamp, 0);
    assert_eq!(ask(1 << 8).0, -EINVAL);
    assert_eq!(ask(3 << 1).0, -EINVAL);
}

#[test]
fn timestamps_before_1_8_do_not_read_flags() {
    let file = version(7).open();
    let mut info = drm_panthor_timestamp_info { flags: 1 << 30, ..zeroed() };
    assert_eq!(query(&file, DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO, &mut info), 0);
    assert_ne!(info.timestamp_frequency, 0);
    assert_eq!(info.flags, 0);
}

#[test]
fn ioctls_appear_with_their_version() {
    let answers = |minor: u32, request: u32| {
        let file = version(minor).open();
        let bo = bo(&file, PAGE);
        match request {
            DRM_IOCTL_PANTHOR_BO_SET_LABEL => ioctl(
                &file,
                request,
                &mut drm_panthor_bo_set_label { handle: bo, pad: 0, label: 0 },
            ),
            DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET => {
                let offset = DRM_PANTHOR_USER_MMIO_OFFSET_32BIT;
                ioctl(&file, request, &mut drm_panthor_set_user_mmio_offset { offset })
            }
            DRM_IOCTL_PANTHOR_BO_SYNC => {
                ioctl(&file, request, &mut zeroed::<drm_panthor_bo_sync>())
            }
            _ => {
                let mut args = drm_panthor_bo_query_info { handle: bo, ..zeroed() };
                ioctl(&file, request, &mut args)
            }
        }
    };
    for (request, since) in [
        (DRM_IOCTL_PANTHOR_BO_SET_LABEL, 4),
        (DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, 5),
        (DRM_IOCTL_PANTHOR_BO_SYNC, 7),
        (DRM_IOCTL_PANTHOR_BO_QUERY_INFO, 7),
    ] {
        for minor in 0..=Config::NEWEST_MINOR {
            let expected = if minor < since { -EINVAL } else { 0 };
            assert_eq!(answers(minor, request), expected, "{request:#x} in 1.{minor}");
        }
    }
}

#[test]
fn write_back_maps_came_with_1_7() {
    assert_eq!(try_bo(&version(6).open(), PAGE, DRM_PANTHOR_BO_WB_MMAP, 0), Err(EINVAL));
    assert_eq!(try_bo(&version(7).open(), PAGE, DRM_PANTHOR_BO_WB_MMAP, 0), Ok(1));
}

#[test]
fn sparse_came_with_1_9_and_silently_before() {
    let sparse = |config: Config| {
        let file = Device::new(config).unwrap().open();
        let vm = vm(&file);
        bind(&file, vm, &[map_op(0, 0, GIB, PAGE, SPARSE)]).0
    };
    assert_eq!(sparse(Config::default()), 0);
    assert_eq!(sparse(Config::default().driver_minor(8)), -EINVAL);
    assert_eq!(sparse(Config::default().driver_minor(8).sparse_in_1_8(true)), 0);
    assert_eq!(sparse(Config::default().driver_minor(7).sparse_in_1_8(true)), -EINVAL);
}

#[test]
fn the_mmap_offset_of_what_cannot_be_mapped_is_refused_late_by_old_drivers() {
    for (minor, offset_result, mmap_result) in [(0, 0, Some(EINVAL)), (9, -EPERM, None)] {
        let file = version(minor).open();
        let bo = try_bo(&file, PAGE, DRM_PANTHOR_BO_NO_MMAP, 0).unwrap();
        let mut args = drm_panthor_bo_mmap_offset { handle: bo, ..zeroed() };
        assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut args), offset_result);
        let prot = panthor_fake::Prot::READ;
        if let Some(errno) = mmap_result {
            assert_eq!(mmap_error(&file, PAGE as usize, prot, args.offset).unwrap(), errno);
        }
    }
}

#[test]
fn no_driver_lets_operations_into_the_part_of_the_kernel() {
    let end = 1_u64 << 47;
    for minor in [0, 6, 9] {
        let file = version(minor).open();
        let (vm, a) = (vm(&file), bo(&file, 2 * PAGE));
        map(&file, vm, a, 0, end - PAGE, PAGE);
        let outside = [
            map_op(a, 0, end - PAGE, 2 * PAGE, 0),
            map_op(a, 0, end, PAGE, 0),
            map_op(a, 0, u64::MAX - 4095, 2 * PAGE, 0),
            unmap_op(end - PAGE, 2 * PAGE),
            unmap_op((1 << 48) - PAGE, 2 * PAGE),
            unmap_op(u64::MAX - 4095, 2 * PAGE),
        ];
        for op in outside {
            assert_eq!(bind(&file, vm, &[op]), (-EINVAL, 0), "{op:?}");
            assert_eq!(bind_async(&file, vm, &[op]), -EINVAL, "{op:?}");
        }
        assert_eq!(file.gpu(vm).unwrap().mapping_count(), 1);
        assert_eq!(state(&file, vm), DRM_PANTHOR_VM_STATE_USABLE);
    }
}

#[test]
fn another_driver_can_be_pretended() {
    let config = Config::default().driver_name("panfrost").driver_major(2);
    assert_eq!(config.version(), (2, 9));
    let file = Device::new(config).unwrap().open();
    let mut name = [0_u8; 8];
    let mut args = drm_version { name_len: 8, name: name.as_mut_ptr().cast(), ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_VERSION, &mut args), 0);
    assert_eq!((args.version_major, &name), (2, b"panfrost"));
}

#[test]
fn a_version_that_is_not_known_is_refused() {
    let error = Device::new(Config::default().driver_minor(10)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
