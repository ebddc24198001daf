//! Cache maintenance costs a call where it is needed, and only there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use panthor::fake::{self, Config};
use panthor::sys::DRM_IOCTL_PANTHOR_BO_SYNC;
use panthor::{
    Bo, BoFlags, BoOptions, BoSync, CacheMaintenance, CacheOp, Device, DmaBufAccess, ErrorKind,
};

use crate::open;

fn cached(device: &Device) -> Bo {
    device.create_bo(BoOptions::new(64 << 10).wb_mmap()).unwrap()
}

fn calls(fake: &fake::Device) -> u64 {
    fake.stats().ioctl_count(DRM_IOCTL_PANTHOR_BO_SYNC)
}

#[test]
fn many_ranges_are_one_call() {
    let (fake, device) = open(Config::default());
    let bos: Vec<_> = (0..3).map(|_| cached(&device)).collect();
    for count in [1, 16, 17, 1000] {
        let range =
            |index: u64| BoSync::new(&bos[index as usize % 3], index..index + 64, CacheOp::Flush);
        let syncs: Vec<_> = (0..count).map(range).collect();
        let before = calls(&fake);
        device.sync_bos(&syncs).unwrap();
        assert_eq!(calls(&fake), before + 1, "{count} ranges");
    }
}

#[test]
fn what_is_not_needed_costs_nothing() {
    let (fake, device) = open(Config::default());
    let (plain, cached) = (device.create_bo(BoOptions::new(4096)).unwrap(), cached(&device));
    assert_eq!(plain.cache_maintenance().unwrap(), CacheMaintenance::None);
    assert_eq!(cached.cache_maintenance().unwrap(), CacheMaintenance::Ranges);
    plain.sync(.., CacheOp::FlushAndInvalidate).unwrap();
    cached.sync(7..7, CacheOp::Flush).unwrap();
    device.sync_bos(&[]).unwrap();
    assert_eq!(calls(&fake), 0);
    cached.sync(7..8, CacheOp::Flush).unwrap();
    assert_eq!(calls(&fake), 1);
}

#[test]
fn a_gpu_that_snoops_needs_none() {
    let (fake, device) = open(Config::default().coherent(true));
    let cached = cached(&device);
    assert_eq!(cached.cache_maintenance().unwrap(), CacheMaintenance::None);
    cached.sync(.., CacheOp::FlushAndInvalidate).unwrap();
    assert_eq!(calls(&fake), 0);
    let foreign = device.import_bo(fake.foreign_dma_buf(4096).unwrap()).unwrap();
    assert_eq!(foreign.cache_maintenance().unwrap(), CacheMaintenance::Whole);
    foreign.sync(.., CacheOp::FlushAndInvalidate).unwrap();
    assert_eq!(calls(&fake), 0);
}

#[test]
fn one_that_is_wrong_is_named_and_nothing_is_done() {
    let (fake, device) = open(Config::default());
    let other = Device::from_fake(fake.open()).unwrap();
    let (bo, elsewhere) = (cached(&device), cached(&other));
    let right = BoSync::new(&bo, .., CacheOp::Flush);
    for wrong in [
        BoSync::new(&bo, 0..bo.size() + 1, CacheOp::Flush),
        BoSync::new(&bo, bo.size() + 1.., CacheOp::Flush),
        BoSync::new(&bo, std::ops::Range { start: 2, end: 1 }, CacheOp::Flush),
        BoSync::new(&elsewhere, .., CacheOp::Flush),
    ] {
        let error = device.sync_bos(&[right.clone(), wrong]).unwrap_err();
        assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("syncs")));
        assert!(error.to_string().contains("number 1"), "{error}");
    }
    assert_eq!(calls(&fake), 0);
}

#[test]
fn what_is_said_of_flags_is_what_is_said_of_bos() {
    for coherent in [false, true] {
        let (_, device) = open(Config::default().coherent(coherent));
        for (options, flags) in [
            (BoOptions::new(4096), BoFlags::empty()),
            (BoOptions::new(4096).wb_mmap(), BoFlags::WB_MMAP),
            (BoOptions::new(4096).no_mmap(), BoFlags::NO_MMAP),
        ] {
            let bo = device.create_bo(options).unwrap();
            let said = device.cache_maintenance(flags).unwrap();
            assert_eq!(said, bo.cache_maintenance().unwrap(), "{flags:?}, coherent {coherent}");
            let needed = flags == BoFlags::WB_MMAP && !coherent;
            assert_eq!(said == CacheMaintenance::Ranges, needed, "{flags:?}, coherent {coherent}");
        }
    }
}

/// An empty range does nothing, whatever memory the BO has. A wait in the call would reveal
/// maintenance of foreign memory.
#[test]
fn an_empty_range_of_foreign_memory_stands_for_no_other() {
    let (fake, device) = open(Config::default());
    let foreign = device.import_bo(fake.foreign_dma_buf(4096).unwrap()).unwrap();
    let vm = device.create_vm(Default::default()).unwrap();
    let gpu = device.fake().unwrap().gpu(vm.id()).unwrap();
    for op in [CacheOp::Flush, CacheOp::FlushAndInvalidate] {
        let done = device.create_syncobj().unwrap();
        gpu.hold();
        vm.bind_async().map_sparse(0..4096).signal(&done).submit().unwrap();
        let fence = done.export_sync_file().unwrap();
        foreign.import_implicit_fence(DmaBufAccess::Write, fence).unwrap();
        device.sync_bos(&[BoSync::new(&foreign, 7..7, op)]).unwrap();
        let released = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let syncs = [BoSync::new(&foreign, 0..0, op), BoSync::new(&foreign, .., op)];
                device.sync_bos(&syncs).unwrap();
                assert!(released.load(Ordering::SeqCst), "it did not wait for the fence");
            });
            std::thread::sleep(Duration::from_millis(50));
            released.store(true, Ordering::SeqCst);
            gpu.release();
        });
    }
}
