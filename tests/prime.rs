//! BOs as dma-bufs on a Panthor, real or fake: tests that hold on both. Foreign dma-bufs come from
//! the fake, or from udmabuf where the kernel has it.
//!
//! The driver of Linux 7.2 and 7.3 must not crash when foreign memory is unmapped in parts: see
//! [`panthor::VmBind`].

mod common;
#[path = "common/foreign.rs"]
mod foreign;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use common::{device, second_file};
use foreign::foreign_dma_buf_of;
use panthor::sys::{DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, drm_panthor_bo_mmap_offset};
use panthor::{
    Bo, BoFlags, BoOptions, CacheMaintenance, CacheOp, Device, DmaBufAccess, ErrorKind, Features,
    MapAccess, MapFlags,
};

const KIB: u64 = 1 << 10;

fn bo(device: &Device) -> Bo {
    device.create_bo(BoOptions::new(64 * KIB)).expect("a BO")
}

/// Which dma-buf it is.
fn identity(dma_buf: impl AsFd) -> (u64, u64) {
    let stat = rustix::fs::fstat(dma_buf).expect("fstat");
    (stat.st_dev, stat.st_ino)
}

/// Returns whether the driver knows a handle.
fn is_open(device: &Device, handle: u32) -> bool {
    let mut arg = drm_panthor_bo_mmap_offset { handle, ..Default::default() };
    // SAFETY: this request takes this struct, and takes nothing from anybody.
    unsafe { device.ioctl(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut arg) }.is_ok()
}

/// Creates a foreign dma-buf of 64 KiB and returns it with its memory, or `None` if no other device
/// makes dma-bufs.
fn foreign_dma_buf(device: &Device) -> Option<(OwnedFd, OwnedFd)> {
    foreign_dma_buf_of(device, 64 * KIB)
}

// One handle for each object and file

#[test]
fn what_this_file_exported_comes_back_with_its_handle() {
    let device = device();
    let original = bo(&device);
    let dma_buf = original.export().unwrap();
    let imported = device.import_bo(&dma_buf).unwrap();
    let once_more = device.import_bo(dma_buf).unwrap();
    for bo in [&imported, &once_more] {
        assert_eq!((bo.handle(), bo.size()), (original.handle(), original.size()));
        assert!(bo.is_same_object(&original) && original.is_same_object(bo));
        assert!(!bo.is_foreign() && bo.dma_buf().is_none());
    }
    assert!(!original.is_same_object(&self::bo(&device)));
}

#[test]
fn the_handle_is_closed_with_the_last_owner_whoever_that_is() {
    let device = device();
    for last in 0..3 {
        let original = bo(&device);
        let handle = original.handle();
        let dma_buf = original.export().unwrap();
        let mut owners = vec![
            original,
            device.import_bo(&dma_buf).unwrap(),
            device.import_bo(&dma_buf).unwrap(),
        ];
        let survivor = owners.remove(last);
        drop(owners);
        assert!(is_open(&device, handle));
        survivor.map().unwrap().store(0, 7u32).unwrap();
        survivor.destroy().unwrap();
        assert!(!is_open(&device, handle));
        // The dma-buf keeps the memory, not the handle.
        let anew = device.import_bo(&dma_buf).unwrap();
        assert_eq!(anew.map().unwrap().load::<u32>(0).unwrap(), 7);
        assert_eq!(anew.size(), 64 * KIB);
    }
}

#[test]
fn destroying_one_owner_leaves_the_others() {
    let device = device();
    let original = bo(&device);
    let imported = device.import_bo(original.export().unwrap()).unwrap();
    original.destroy().unwrap();
    assert!(is_open(&device, imported.handle()));
    let map = imported.map().unwrap();
    let busy = imported.destroy().unwrap_err();
    assert_eq!(busy.error.kind(), ErrorKind::Busy);
    drop(map);
    busy.object.destroy().unwrap();
}

#[test]
fn a_handle_with_several_owners_cannot_be_given_up() {
    let device = device();
    let original = bo(&device);
    let imported = device.import_bo(original.export().unwrap()).unwrap();
    let busy = original.into_raw().unwrap_err();
    assert_eq!(busy.error.kind(), ErrorKind::Busy, "{}", busy.error);
    drop(imported);
    let (size, handle) = (busy.object.size(), busy.object.into_raw().unwrap());
    assert!(is_open(&device, handle));
    // SAFETY: that was a BO of this size without flags, and it has no owner now.
    let adopted = unsafe { Bo::from_raw(&device, handle, size, BoFlags::empty(), None) }.unwrap();
    let imported = device.import_bo(adopted.export().unwrap()).unwrap();
    assert!(imported.is_same_object(&adopted));
    drop(adopted);
    assert!(is_open(&device, handle));
    drop(imported);
    assert!(!is_open(&device, handle));
}

/// A handle that is closed between the import's ioctl and its counting would leave a `Bo` with a
/// dead handle.
#[test]
fn imports_and_drops_race_without_harm() {
    let device = device();
    let dma_buf = bo(&device).export().unwrap();
    std::thread::scope(|threads| {
        for thread in 0..4u32 {
            let (device, dma_buf) = (&device, &dma_buf);
            threads.spawn(move || {
                for round in 0..200 {
                    let imported = device.import_bo(dma_buf).unwrap();
                    if (round + thread) % 3 == 0 {
                        let again = device.import_bo(dma_buf).unwrap();
                        assert!(again.is_same_object(&imported));
                    }
                    assert!(is_open(device, imported.handle()));
                    // Handles are reused at once: a wrong close would hit this one.
                    let other = bo(device);
                    assert!(!other.is_same_object(&imported));
                    drop(imported);
                    assert!(is_open(device, other.handle()));
                }
            });
        }
    });
}

// Sharing

#[test]
fn every_export_is_of_the_same_dma_buf() {
    let device = device();
    let original = bo(&device);
    let dma_buf = original.export().unwrap();
    assert_eq!(identity(&dma_buf), identity(original.export().unwrap()));
    let imported = second_file(&device).import_bo(&dma_buf).unwrap();
    assert_eq!(identity(&dma_buf), identity(imported.export().unwrap()));
    assert_ne!(identity(&dma_buf), identity(bo(&device).export().unwrap()));
}

#[test]
fn two_files_share_memory_and_what_there_is_to_know_about_it() {
    let device = device();
    let other = second_file(&device);
    let tells = device.features().contains(Features::BO_QUERY_INFO);
    let options = BoOptions::new(64 * KIB);
    let options = if tells { options.wb_mmap() } else { options };
    let here = device.create_bo(options).unwrap();
    let there = other.import_bo(here.export().unwrap()).unwrap();
    assert!(!there.is_same_object(&here));
    assert!(there.device().is_same_file(&other));
    // Below 1.7 the driver does not report the owner of the memory.
    assert_eq!(there.is_foreign(), !tells);
    assert_eq!((there.size(), there.flags()), (here.size(), here.flags()));
    let (map_here, map_there) = (here.map().unwrap(), there.map().unwrap());
    map_here.store(4096, 0x1234u64).unwrap();
    assert_eq!(map_there.load::<u64>(4096).unwrap(), 0x1234);
    there.sync(.., CacheOp::FlushAndInvalidate).unwrap();
    drop((here, map_here, device));
    assert_eq!(map_there.load::<u64>(4096).unwrap(), 0x1234);
    let vm = other.create_vm(Default::default()).unwrap();
    vm.bind().map(&there, .., 0x10_0000, MapFlags::NOEXEC).submit().unwrap();
    vm.bind().unmap(0x10_0000..0x10_0000 + there.size()).submit().unwrap();
}

#[test]
fn what_is_exclusive_to_a_vm_is_not_exported() {
    let device = device();
    let vm = device.create_vm(Default::default()).unwrap();
    let exclusive = device.create_bo(BoOptions::new(4096).exclusive_to(&vm)).unwrap();
    for error in [
        exclusive.export().unwrap_err(),
        exclusive.export_implicit_fences(DmaBufAccess::Read).unwrap_err(),
    ] {
        assert_eq!(error.call(), "PRIME_HANDLE_TO_FD");
        assert_eq!((error.argument(), error.errno()), (Some("self"), None), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn what_is_no_dma_buf_is_not_imported() {
    let device = device();
    let syncobj = device.create_syncobj().unwrap().export().unwrap();
    for fd in [OwnedFd::from(File::open("/dev/null").unwrap()), syncobj] {
        let error = device.import_bo(fd).unwrap_err();
        assert_eq!(error.call(), "PRIME_FD_TO_HANDLE");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert_eq!(error.argument(), Some("dma_buf"), "{error}");
    }
    // Nothing of it is left behind: the next handle is the first one.
    let first = bo(&device).handle();
    assert_eq!(bo(&second_file(&device)).handle(), first);
}

#[test]
fn dma_bufs_have_short_names() {
    let device = device();
    let dma_buf = bo(&device).export().unwrap();
    for name in ["", "scanout", &"x".repeat(31)] {
        device.name_dma_buf(&dma_buf, name).unwrap();
        if device.fake().is_some() {
            let named = panthor::fake::dma_buf_name(&dma_buf);
            assert_eq!(named.as_deref().unwrap_or_default(), name.as_bytes());
        } else {
            let fdinfo = format!("/proc/self/fdinfo/{}", dma_buf.as_raw_fd());
            let text = std::fs::read_to_string(fdinfo).unwrap();
            // Over a loopback it is that of the file which stands for the dma-buf.
            let tells = text.contains("exp_name:");
            assert!(!tells || text.contains(&format!("name:\t{name}\n")), "{text}");
        }
    }
    for name in ["x".repeat(32), "a\0b".into()] {
        let error = device.name_dma_buf(&dma_buf, &name).unwrap_err();
        assert_eq!((error.argument(), error.errno()), (Some("name"), None), "{error}");
    }
    let error = device.name_dma_buf(File::open("/dev/null").unwrap(), "name").unwrap_err();
    assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("dma_buf")));
}

// Foreign memory

#[test]
fn foreign_memory_is_used_as_any_other() {
    let device = device();
    let Some((dma_buf, memory)) = foreign_dma_buf(&device) else { return };
    let foreign = device.import_bo(&dma_buf).unwrap();
    assert!(foreign.is_foreign());
    assert_eq!((foreign.size(), foreign.flags()), (64 * KIB, BoFlags::empty()));
    if device.features().contains(Features::BO_QUERY_INFO) {
        assert!(foreign.info().unwrap().imported);
    }
    assert_eq!(identity(foreign.dma_buf().unwrap()), identity(&dma_buf));
    assert_eq!(identity(foreign.export().unwrap()), identity(&dma_buf));
    let again = device.import_bo(dma_buf).unwrap();
    assert!(again.is_same_object(&foreign) && again.is_foreign());

    let map = foreign.map().unwrap();
    map.store(8 * KIB as usize, 0xabcdu64).unwrap();
    let mut bytes = [0; 8];
    rustix::io::pread(&memory, &mut bytes, 8 * KIB).unwrap();
    assert_eq!(u64::from_ne_bytes(bytes), 0xabcd);
    rustix::io::pwrite(&memory, &[0x55; 4], 4096).unwrap();
    assert_eq!(map.load::<u32>(4096).unwrap(), 0x5555_5555);
    let part = foreign.map_range(4096..8192, MapAccess::Read).unwrap();
    assert_eq!(part.load::<u32>(0).unwrap(), 0x5555_5555);

    // SAFETY: the handle is that of this object, and only `Bo`s close it.
    let adopted =
        unsafe { Bo::from_raw(&device, foreign.handle(), 64 * KIB, BoFlags::empty(), None) };
    let adopted = adopted.unwrap();
    assert!(adopted.is_foreign());
    drop(adopted);

    let vm = device.create_vm(Default::default()).unwrap();
    vm.bind().map(&foreign, .., 0x10_0000, MapFlags::NOEXEC).submit().unwrap();
    if let Some(file) = device.fake() {
        let mut seen = [0; 4];
        file.gpu(vm.id()).unwrap().read(0x10_0000 + 4096, &mut seen).unwrap();
        assert_eq!(seen, [0x55; 4]);
    }
    vm.bind().unmap(0x10_0000..0x10_0000 + foreign.size()).submit().unwrap();
    let exclusive = device.create_bo(BoOptions::new(4096).exclusive_to(&vm)).unwrap();
    assert!(!exclusive.is_foreign());
}

#[test]
fn foreign_memory_that_is_taken_over_is_foreign_where_the_driver_tells() {
    let device = device();
    let tells = device.features().contains(Features::BO_QUERY_INFO);
    let Some((dma_buf, _memory)) = foreign_dma_buf_of(&device, 4096 * KIB) else { return };
    let size = 4096 * KIB;
    let handle = device.import_bo(&dma_buf).unwrap().into_raw().unwrap();
    // SAFETY: the handle is of a BO of this size without flags, and it has no owner now. If the
    // driver does not report the owner of the memory, this test unmaps the BO as a whole only.
    let adopted = unsafe { Bo::from_raw(&device, handle, size, BoFlags::empty(), None) }.unwrap();
    assert_eq!(adopted.is_foreign(), tells);
    assert_eq!(adopted.dma_buf().map(identity), tells.then(|| identity(&dma_buf)));
    let maintenance = adopted.cache_maintenance().unwrap();
    assert_eq!(maintenance == CacheMaintenance::Whole, tells);
    adopted.sync(.., CacheOp::Flush).unwrap();
    let vm = device.create_vm(Default::default()).unwrap();
    let base = 1 << 30;
    let report = vm.bind().map(&adopted, .., base, MapFlags::NOEXEC).submit().unwrap();
    assert_eq!(report.operations > 1, tells);
    if tells {
        vm.bind().unmap(base + 4 * KIB..base + 8 * KIB).submit().unwrap();
    }
    vm.bind().unmap(base..base + size).submit().unwrap();
    // It is one of the owners now, as any other.
    let again = device.import_bo(dma_buf).unwrap();
    assert!(again.is_same_object(&adopted));
    drop(adopted);
    assert!(is_open(&device, handle));
    drop(again);
    assert!(!is_open(&device, handle));
    if tells {
        // SAFETY: the handle is unknown on purpose: the call detects that.
        let error = unsafe { Bo::from_raw(&device, handle, size, BoFlags::empty(), None) };
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::NotFound, "BO_QUERY_INFO"), "{error}");
    }
}

#[test]
fn foreign_memory_may_be_unmapped_and_replaced_in_parts() {
    const PAGE: u64 = 4 * KIB;
    const BLOCK: u64 = 2048 * KIB;
    let device = device();
    let Some((dma_buf, memory)) = foreign_dma_buf_of(&device, 3 * BLOCK) else { return };
    let foreign = device.import_bo(&dma_buf).unwrap();
    let vm = device.create_vm(Default::default()).unwrap();
    let other = bo(&device);
    let base = 1 << 30;
    let end = base + foreign.size();
    // All positions of a part relative to the 2 MiB blocks, in a mapping that covers two or three
    // of them.
    let places = [0, PAGE, 2 * PAGE, BLOCK / 2, BLOCK - 2 * PAGE, BLOCK - PAGE, BLOCK];
    for shift in [0, PAGE, BLOCK / 2, BLOCK - PAGE] {
        for first in places {
            let lasts = places.into_iter().map(|place| place + BLOCK).chain([first + PAGE]);
            for last in lasts.filter(|&last| last > first) {
                let (va, part) = (base + shift, base + shift + first..base + shift + last);
                let report = vm.bind().map(&foreign, .., va, MapFlags::NOEXEC).submit().unwrap();
                assert!((7..=12).contains(&report.operations), "{report:?}");
                vm.bind().unmap(part.clone()).submit().unwrap();
                vm.bind().map(&other, ..PAGE, part.start, MapFlags::NOEXEC).submit().unwrap();
                if let Some(file) = device.fake() {
                    let gpu = file.gpu(vm.id()).unwrap();
                    let mapped: u64 = gpu.mappings().iter().map(|mapping| mapping.size).sum();
                    assert_eq!(mapped, foreign.size() - (part.end - part.start) + PAGE);
                }
                vm.bind().unmap(base..end + BLOCK).submit().unwrap();
            }
        }
    }
    // All of it is where it belongs.
    if let Some(file) = device.fake() {
        vm.bind().map(&foreign, .., base, MapFlags::NOEXEC).submit().unwrap();
        for place in [0, PAGE, BLOCK - PAGE, BLOCK, 3 * BLOCK - PAGE] {
            rustix::io::pwrite(&memory, &place.to_ne_bytes(), place).unwrap();
            let mut seen = [0; 8];
            file.gpu(vm.id()).unwrap().read(base + place, &mut seen).unwrap();
            assert_eq!(u64::from_ne_bytes(seen), place);
        }
        vm.bind().unmap(base..end).submit().unwrap();
    }
    let mut batch = vm.bind();
    // SAFETY: it is unmapped as a whole.
    unsafe { batch.map_whole(&foreign, .., base, MapFlags::NOEXEC) };
    assert_eq!(batch.submit().unwrap().operations, 1);
    vm.bind().unmap(base..end).submit().unwrap();
    // And its rules are those of every map.
    let mut batch = vm.bind();
    // SAFETY: nothing is mapped.
    unsafe { batch.map_whole(&foreign, 1.., base, MapFlags::NOEXEC) };
    assert_eq!(batch.submit().unwrap_err().argument(), Some("range"));
    let error = vm.bind().map(&foreign, .., base + 1, MapFlags::NOEXEC).submit().unwrap_err();
    assert_eq!((error.argument(), error.op_index()), (Some("va"), Some(0)));
}

#[test]
fn caches_of_foreign_memory_are_its_drivers_business() {
    let device = device();
    let Some((dma_buf, _memory)) = foreign_dma_buf(&device) else { return };
    let foreign = device.import_bo(dma_buf).unwrap();
    let map = foreign.map().unwrap();
    for op in [CacheOp::Flush, CacheOp::FlushAndInvalidate] {
        // On all driver versions, and in spite of BO_SYNC, which refuses it.
        map.fill(0..4096, 3).unwrap();
        foreign.sync(.., op).unwrap();
        foreign.sync(64..128, op).unwrap();
        assert_eq!(map.load::<u64>(64).unwrap(), 0x0303_0303_0303_0303);
        let error = foreign.sync(0..64 * KIB + 1, op).unwrap_err();
        assert_eq!((error.argument(), error.errno()), (Some("range"), None));
    }
    // It may be mapped non-cacheable, where these may fault.
    // SAFETY: no other thread knows this map.
    let error = unsafe { map.fetch_add(0, 1u32) }.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("another driver"), "{error}");
}

#[test]
fn foreign_memory_outlives_its_descriptors_while_it_is_mapped() {
    let device = device();
    let Some((dma_buf, _memory)) = foreign_dma_buf(&device) else { return };
    let foreign = device.import_bo(dma_buf).unwrap();
    let map = foreign.map().unwrap();
    drop((foreign, device));
    map.store(0, 9u64).unwrap();
    assert_eq!(map.load::<u64>(0).unwrap(), 9);
}
