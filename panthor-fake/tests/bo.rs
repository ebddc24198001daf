//! Buffer objects: sizes, handles, mapping by the CPU, labels, cache maintenance.

mod common;

use common::*;
use nix::libc::{E2BIG, EACCES, EFAULT, EINVAL, ENOENT, ENOMEM, ENOSPC};
use panthor_fake::{Config, Device, PageSize, Prot};
use panthor_sys::*;

fn create(file: &panthor_fake::File, size: u64) -> Result<u64, i32> {
    let mut args = drm_panthor_bo_create { size, ..zeroed() };
    match ioctl(file, DRM_IOCTL_PANTHOR_BO_CREATE, &mut args) {
        0 => Ok(args.size),
        error => Err(-error),
    }
}

#[test]
fn sizes_are_rounded_up_to_the_page_of_the_cpu() {
    for page_size in [PageSize::K4, PageSize::K16, PageSize::K64] {
        let file = Device::new(Config::default().page_size(page_size)).unwrap().open();
        let page = page_size.bytes();
        assert_eq!(file.page_size() as u64, page);
        assert_eq!(create(&file, 1), Ok(page));
        assert_eq!(create(&file, page), Ok(page));
        assert_eq!(create(&file, page + 1), Ok(2 * page));
    }
}

#[test]
fn sizes_out_of_range_fail_as_on_the_real_driver() {
    let file = device().open();
    assert_eq!(create(&file, 0), Err(EINVAL));
    assert_eq!(create(&file, 1 << 39), Ok(1 << 39));
    for size in [1 << 40, 1 << 52, 1 << 62, (1 << 63) - 4096] {
        assert_eq!(create(&file, size), Err(ENOSPC), "{size:#x}");
    }
    for size in [(1 << 63) - 1, 1 << 63, u64::MAX - 8191, u64::MAX - 4095] {
        assert_eq!(create(&file, size), Err(EINVAL), "{size:#x}");
    }
    // These are rounded up to zero.
    assert_eq!(create(&file, u64::MAX - 4094), Err(ENOSPC));
    assert_eq!(create(&file, u64::MAX), Err(ENOSPC));
}

#[test]
fn flags_that_are_unknown_or_contradict_are_invalid() {
    let file = device().open();
    assert_eq!(try_bo(&file, PAGE, 4, 0), Err(EINVAL));
    let both = DRM_PANTHOR_BO_NO_MMAP | DRM_PANTHOR_BO_WB_MMAP;
    assert_eq!(try_bo(&file, PAGE, both, 0), Err(EINVAL));
    assert_eq!(try_bo(&file, PAGE, 0, 1), Err(EINVAL));
    let mut padded = drm_panthor_bo_create { size: PAGE, pad: 1, ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_BO_CREATE, &mut padded), -EINVAL);
}

#[test]
fn handles_are_reused_from_the_lowest() {
    let file = device().open();
    assert_eq!((bo(&file, PAGE), bo(&file, PAGE), bo(&file, PAGE)), (1, 2, 3));
    close(&file, 2);
    let mut args = drm_gem_close { handle: 2, pad: 0 };
    assert_eq!(ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut args), -EINVAL);
    assert_eq!(bo(&file, PAGE), 2);
}

#[test]
fn a_new_bo_is_zero_even_where_another_was() {
    let device = Device::new(Config::default()).unwrap();
    let file = device.open();
    let vm = vm(&file);
    for _ in 0..3 {
        let bo = bo(&file, PAGE);
        map(&file, vm, bo, 0, GIB, PAGE);
        let gpu = file.gpu(vm).unwrap();
        let mut seen = [1; 64];
        gpu.read(GIB, &mut seen).unwrap();
        assert_eq!(seen, [0; 64]);
        gpu.write(GIB, &[7; 64]).unwrap();
        unmap(&file, vm, GIB, PAGE);
        close(&file, bo);
    }
}

#[test]
fn a_mapping_must_start_at_the_bo_and_fit() {
    let file = device().open();
    let bo = bo(&file, 4 * PAGE);
    let offset = mmap_offset(&file, bo);
    let mmap = |len: u64, at: u64| mmap_error(&file, len as usize, Prot::READ, at);
    assert_eq!(mmap(4 * PAGE, offset), None);
    assert_eq!(mmap(PAGE, offset), None);
    assert_eq!(mmap(100, offset), None);
    assert_eq!(mmap(5 * PAGE, offset), Some(EINVAL));
    assert_eq!(mmap(PAGE, offset + PAGE), Some(EINVAL));
    assert_eq!(mmap(0, offset), Some(EINVAL));
    assert_eq!(mmap(PAGE, offset + 1), Some(EINVAL));
    assert_eq!(mmap(PAGE, 0), Some(EINVAL));
    assert_eq!(mmap_error(&file, usize::MAX, Prot::READ, offset), Some(ENOMEM));
    // More than a process has.
    assert_eq!((mmap(1 << 48, offset), mmap(1 << 46, offset)), (Some(ENOMEM), Some(EINVAL)));
}

#[test]
fn a_mapping_keeps_the_memory_and_the_file() {
    let device = device();
    let file = device.open();
    let bo = bo(&file, PAGE);
    let cpu = file.mmap(PAGE as usize, Prot::READ | Prot::WRITE, mmap_offset(&file, bo)).unwrap();
    close(&file, bo);
    drop(file);
    assert_eq!(cpu.len(), PAGE as usize);
    // SAFETY: mapped, and no other thread is there.
    unsafe { cpu.as_ptr().write_volatile(1) };
    let leaks = device.leaks();
    assert_eq!((leaks.files, leaks.bos, leaks.cpu_mappings), (1, 1, 1));
    assert_eq!(leaks.to_string(), "1 × open file, 1 × BO, 1 × mapping by the CPU");
    drop(cpu);
    device.assert_released();
}

#[test]
fn a_mapping_is_placed_and_leaves_its_addresses_reserved() {
    // What the kernel says of the mapping at an address.
    let permissions = |address: usize| {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let number = |text| usize::from_str_radix(text, 16).ok();
            let there = (number(start)?..number(end)?).contains(&address);
            there.then(|| rest[..4].to_owned())
        })
    };
    let device = device();
    let file = device.open();
    let (rw, page) = (Prot::READ | Prot::WRITE, PAGE as usize);
    let (large, small) = (bo(&file, 3 * PAGE), bo(&file, PAGE));
    let map = file.mmap(3 * page, rw, mmap_offset(&file, large)).unwrap();
    let address = std::ptr::NonNull::new(map.as_ptr()).unwrap();
    map.reserve().map_err(|(_, error)| error).unwrap();
    assert_eq!(device.leaks().cpu_mappings, 0);
    for at in [0, page, 2 * page] {
        assert_eq!(permissions(address.addr().get() + at).as_deref(), Some("---p"));
    }
    // SAFETY: three pages from `address` on are reserved for this test.
    let place = |at: usize| unsafe { address.add(at) };
    // SAFETY: as above.
    let placed = unsafe { file.mmap_at(place(page), page, rw, mmap_offset(&file, small)) };
    let placed = placed.unwrap();
    assert_eq!(placed.as_ptr(), place(page).as_ptr());
    assert_eq!(permissions(address.addr().get() + page).as_deref(), Some("rw-s"));
    // SAFETY: it is mapped, and no other thread is there.
    unsafe { placed.as_ptr().write_volatile(9) };
    let other = file.mmap(page, Prot::READ, mmap_offset(&file, small)).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { other.as_ptr().read_volatile() }, 9);
    // What is refused replaces nothing.
    // SAFETY: as above.
    let refused = unsafe { file.mmap_at(place(page), 2 * page, rw, mmap_offset(&file, small)) };
    assert_eq!(refused.err().unwrap().raw_os_error(), Some(EINVAL));
    // SAFETY: as above.
    assert_eq!(unsafe { placed.as_ptr().read_volatile() }, 9);
    drop((placed, other, file));
    device.assert_released();
}

#[test]
fn the_descriptor_maps_the_same_memory() {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;

    let file = device().open();
    let (vm, bo) = (vm(&file), bo(&file, PAGE));
    map(&file, vm, bo, 0, GIB, PAGE);
    file.gpu(vm).unwrap().write(GIB + 5, b"seen").unwrap();
    let memfd = std::fs::File::from(file.as_fd().try_clone_to_owned().unwrap());
    let mut seen = [0; 4];
    memfd.read_exact_at(&mut seen, mmap_offset(&file, bo) + 5).unwrap();
    assert_eq!(&seen, b"seen");
}

#[test]
fn another_file_may_not_map_it() {
    let device = device();
    let (file, other) = (device.open(), device.open());
    let offset = mmap_offset(&file, bo(&file, PAGE));
    assert_eq!(mmap_error(&other, PAGE as usize, Prot::READ, offset), Some(EACCES));
    // A size beyond the object fails with that error first, for any caller.
    assert_eq!(mmap_error(&other, 1 + PAGE as usize, Prot::READ, offset), Some(EINVAL));
}

#[test]
fn the_flush_id_is_one_page_to_read() {
    for page_size in [PageSize::K4, PageSize::K16, PageSize::K64] {
        let file = Device::new(Config::default().page_size(page_size)).unwrap().open();
        let page = file.page_size();
        let at = DRM_PANTHOR_USER_MMIO_OFFSET_64BIT;
        let error = |len, prot, offset| mmap_error(&file, len, prot, offset);
        let mapping = file.mmap(page, Prot::READ, at).unwrap();
        // SAFETY: mapped for reading, aligned to a page.
        assert_eq!(unsafe { mapping.as_ptr().cast::<u32>().read_volatile() }, 1);
        assert_eq!(error(2 * page, Prot::READ, at), Some(EINVAL));
        assert_eq!(error(page, Prot::READ | Prot::WRITE, at), Some(EINVAL));
        assert_eq!(error(page, Prot::READ, at + page as u64), Some(EINVAL));
    }
}

#[test]
fn the_offset_of_the_registers_can_be_moved() {
    let file = device().open();
    let page = file.page_size();
    let (old, new) = (DRM_PANTHOR_USER_MMIO_OFFSET_64BIT, DRM_PANTHOR_USER_MMIO_OFFSET_32BIT);
    assert_eq!(mmap_error(&file, page, Prot::READ, new), Some(EINVAL));
    let request = DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET;
    ok(&file, request, drm_panthor_set_user_mmio_offset { offset: new });
    assert!(file.mmap(page, Prot::READ, new).is_ok());
    assert_eq!(mmap_error(&file, page, Prot::READ, old), Some(EINVAL));
    let mut wrong = drm_panthor_set_user_mmio_offset { offset: 5 };
    assert_eq!(ioctl(&file, request, &mut wrong), -EINVAL);
    // BOs are where they were.
    let bo = bo(&file, PAGE);
    assert!(file.mmap(page, Prot::READ, mmap_offset(&file, bo)).is_ok());
}

#[test]
fn labels_have_up_to_4095_bytes() {
    let file = device().open();
    let bo = bo(&file, PAGE);
    let label = |handle, pointer: *const u8| {
        let mut args = drm_panthor_bo_set_label { handle, pad: 0, label: pointer as u64 };
        ioctl(&file, DRM_IOCTL_PANTHOR_BO_SET_LABEL, &mut args)
    };
    assert_eq!(label(bo, c"vertex buffer".as_ptr().cast()), 0);
    assert_eq!(file.bo_label(bo).as_deref(), Some(&b"vertex buffer"[..]));
    let mut long = vec![b'a'; 4097];
    long[4095] = 0;
    assert_eq!(label(bo, long.as_ptr()), 0);
    assert_eq!(file.bo_label(bo).map(|label| label.len()), Some(4095));
    long[4095] = b'a';
    long[4096] = 0;
    assert_eq!(label(bo, long.as_ptr()), -E2BIG);
    assert_eq!(label(bo, c"".as_ptr().cast()), 0);
    assert_eq!(file.bo_label(bo).as_deref(), Some(&b""[..]));
    assert_eq!(label(bo, std::ptr::null()), 0);
    assert_eq!(file.bo_label(bo), None);
    assert_eq!(label(bo, 4096 as *const u8), -EFAULT);
    assert_eq!(label(99, std::ptr::null()), -ENOENT);
}

#[test]
fn cache_maintenance_checks_its_ranges() {
    let file = device().open();
    let bo = bo(&file, 2 * PAGE);
    let sync = |handle, type_, offset, size| {
        let ops = [drm_panthor_bo_sync_op { handle, type_, offset, size }];
        ioctl(&file, DRM_IOCTL_PANTHOR_BO_SYNC, &mut drm_panthor_bo_sync { ops: array(&ops) })
    };
    assert_eq!(sync(bo, DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH, 0, 2 * PAGE), 0);
    assert_eq!(sync(bo, DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE, 100, 1), 0);
    assert_eq!(sync(bo, DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH, 2 * PAGE, 0), 0);
    assert_eq!(sync(bo, DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH, 1, 2 * PAGE), -EINVAL);
    assert_eq!(sync(bo, DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH, 1, u64::MAX), -EINVAL);
    assert_eq!(sync(bo, 2, 0, 1), -EINVAL);
    assert_eq!(sync(99, 0, 0, 1), -ENOENT);
}

#[test]
fn the_info_tells_the_flags_of_the_creation() {
    let file = device().open();
    let bo = try_bo(&file, PAGE, DRM_PANTHOR_BO_WB_MMAP, 0).unwrap();
    let args = drm_panthor_bo_query_info { handle: bo, pad: 3, ..zeroed() };
    let info = ok(&file, DRM_IOCTL_PANTHOR_BO_QUERY_INFO, args);
    assert_eq!((info.create_flags, info.extra_flags), (DRM_PANTHOR_BO_WB_MMAP, 0));
    let mut unknown = drm_panthor_bo_query_info { handle: 99, ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_BO_QUERY_INFO, &mut unknown), -ENOENT);
}

#[test]
fn memory_that_is_pinned_has_a_limit() {
    let device = Device::new(Config::default().memory(MIB)).unwrap();
    let file = device.open();
    let vm = vm(&file);
    let (a, b) = (bo(&file, 600 * KIB), bo(&file, 600 * KIB));
    map(&file, vm, a, 0, GIB, PAGE);
    assert_eq!(bind(&file, vm, &[map_op(b, 0, 2 * GIB, PAGE, 0)]), (-ENOMEM, 0));
    unmap(&file, vm, GIB, PAGE);
    close(&file, a);
    map(&file, vm, b, 0, 2 * GIB, PAGE);
}

#[test]
fn old_drivers_take_the_memory_when_a_bo_is_created() {
    let file = Device::new(Config::default().driver_minor(0).memory(MIB)).unwrap().open();
    assert_eq!(try_bo(&file, 2 * MIB, 0, 0), Err(ENOMEM));
    let new = Device::new(Config::default().memory(MIB)).unwrap().open();
    assert_eq!(try_bo(&new, 2 * MIB, 0, 0), Ok(1));
}
