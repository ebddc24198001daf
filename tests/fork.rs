//! Use of a parent's objects in a child of a fork, and tests that need a process of their own, on a
//! Panthor, real or fake.
//!
//! On the real driver both have one open file. The fake lives in the process that created it: the
//! fake refuses all requests of a child.

#[path = "common/child.rs"]
mod child;
mod common;
#[path = "common/foreign.rs"]
mod foreign;

use std::time::Duration;

use child::{alone, in_child};
use common::{device, second_file};
use foreign::foreign_dma_buf_of;
use panthor::sys::{DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, drm_panthor_bo_mmap_offset};
use panthor::{
    BoOptions, Device, ErrorKind, GroupOptions, MapFlags, QueueOptions, TilerHeapOptions,
    VmOptions, Wait, point,
};

/// Returns the number of ioctls that the fake has answered, or 0 for a real driver, which does not
/// count.
fn ioctls(device: &Device) -> u64 {
    device.fake().map_or(0, |file| file.device().stats().ioctls())
}

/// Returns whether the device is a fake one, and checks that the fake refuses all requests of this
/// child.
fn refuses_a_child(device: &Device) -> bool {
    if device.fake().is_none() {
        return false;
    }
    let before = ioctls(device);
    let errors = [
        device.create_bo(BoOptions::new(4096)).map(drop).unwrap_err(),
        device.create_vm(VmOptions::new()).map(drop).unwrap_err(),
        device.create_syncobj().map(drop).unwrap_err(),
        device.gpu_info().map(drop).unwrap_err(),
        device.flush_id().map(drop).unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("self")));
        assert!(error.to_string().contains("a parent process created"), "{error}");
    }
    assert_eq!(ioctls(device), before);
    true
}

#[test]
fn what_a_child_drops_the_parent_keeps() {
    let alone = alone();
    let device = device();
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(1 << 20)).unwrap();
    let exclusive = device.create_bo(BoOptions::new(4096).exclusive_to(&vm)).unwrap();
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let heap = vm.create_tiler_heap(TilerHeapOptions::new().initial_chunks(1)).unwrap();
    let syncobj = device.create_syncobj().unwrap();
    let timeline = device.create_timeline().unwrap();
    let mut objects = Some((bo, exclusive, group, heap, syncobj, timeline, vm));

    in_child(&alone, || {
        let before = ioctls(&device);
        drop(objects.take());
        assert_eq!(ioctls(&device), before);
    });

    let (bo, exclusive, group, heap, syncobj, timeline, vm) = objects.unwrap();
    vm.bind()
        .map(&bo, .., 16 << 20, MapFlags::NOEXEC)
        .map(&exclusive, .., 32 << 20, MapFlags::NOEXEC)
        .submit()
        .unwrap();
    assert!(group.state().unwrap().is_usable());
    syncobj.signal().unwrap();
    timeline.signal(point::<3>()).unwrap();
    // Each is still there to be destroyed.
    heap.destroy().unwrap();
    group.destroy().unwrap();
    syncobj.destroy().unwrap();
    timeline.destroy().unwrap();
    bo.destroy().unwrap();
    exclusive.destroy().unwrap();
    vm.destroy().unwrap();
}

#[test]
fn what_a_child_makes_it_destroys() {
    let alone = alone();
    let device = device();
    in_child(&alone, || {
        if refuses_a_child(&device) {
            return;
        }
        // More than a file has room for at a time.
        for _ in 0..40 {
            let vm = device.create_vm(VmOptions::new()).unwrap();
            drop(device.create_bo(BoOptions::new(4096).exclusive_to(&vm)).unwrap());
        }
    });
    let vms: Vec<_> = (0..32).map(|_| device.create_vm(VmOptions::new()).unwrap()).collect();
    drop(vms);
}

#[test]
fn what_a_child_destroys_explicitly_is_destroyed() {
    let alone = alone();
    let device = device();
    let mut syncobj = Some(device.create_syncobj().unwrap());
    in_child(&alone, || {
        let destroyed = syncobj.take().unwrap().destroy();
        assert_eq!(destroyed.is_err(), device.fake().is_some());
    });
    let syncobj = syncobj.unwrap();
    if device.fake().is_none() {
        syncobj.signal().unwrap_err();
    } else {
        syncobj.signal().unwrap();
    }
}

#[test]
fn a_cpu_mapping_is_shared() {
    let alone = alone();
    let device = device();
    let bo = device.create_bo(BoOptions::new(8192)).unwrap();
    let mut map = Some(bo.map().unwrap());
    map.as_ref().unwrap().store(4096, 7_u32).unwrap();
    in_child(&alone, || {
        let map = map.take().unwrap();
        assert_eq!(map.load::<u32>(4096).unwrap(), 7);
        map.store(4096, 8_u32).unwrap();
        drop(map);
    });
    assert_eq!(map.unwrap().load::<u32>(4096).unwrap(), 8);
}

#[test]
fn the_flush_id_is_read_in_every_process() {
    let alone = alone();
    let device = device();
    device.flush_id().unwrap();
    in_child(&alone, || {
        if refuses_a_child(&device) {
            return;
        }
        device.flush_id().unwrap();
        in_child(&alone, || assert!(device.flush_id().is_ok()));
        device.flush_id().unwrap();
    });
    device.flush_id().unwrap();
}

/// Both count the owners of a handle for themselves, and the kernel gives them the same one.
#[test]
fn a_child_imports_nothing_into_its_parents_file() {
    let alone = alone();
    let device = device();
    let other = second_file(&device);
    let dma_buf = other.create_bo(BoOptions::new(1 << 20)).unwrap().export().unwrap();
    in_child(&alone, || {
        let before = ioctls(&device);
        for inherited in [&device, &device.clone()] {
            let error = inherited.import_bo(&dma_buf).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidArgument, None));
            assert_eq!(error.argument(), Some("self"), "{error}");
            assert!(error.to_string().contains("Open the device anew."), "{error}");
        }
        assert_eq!(ioctls(&device), before);
        if refuses_a_child(&device) {
            // Of a parent's fake nothing is known here.
            let error = Device::open_fake().unwrap().import_bo(&dma_buf).unwrap_err();
            assert_eq!(
                (error.kind(), error.argument()),
                (ErrorKind::InvalidArgument, Some("dma_buf"))
            );
            return;
        }
        let own = second_file(&device);
        let bo = own.import_bo(&dma_buf).unwrap();
        in_child(&alone, || assert!(own.import_bo(&dma_buf).is_err()));
        bo.destroy().unwrap();
    });
    device.import_bo(&dma_buf).unwrap().map().unwrap().store(0, 1_u32).unwrap();
}

/// The parent destroys the VM, and could not know of the child's pending work.
#[test]
fn a_child_queues_nothing_first_on_its_parents_vm() {
    let alone = alone();
    let device = device();
    let vm = device.create_vm(VmOptions::new()).unwrap();
    in_child(&alone, || {
        let before = ioctls(&device);
        let error = vm.bind_async().map_sparse(0..4096).submit().unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::InvalidArgument, None));
        assert_eq!((error.argument(), error.ops_done()), (Some("self"), Some(0)), "{error}");
        assert_eq!(ioctls(&device), before);
        let bound = vm.bind().map_sparse(0..4096).submit();
        assert_eq!(bound.is_err(), device.fake().is_some());
    });
    vm.bind_async().map_sparse(0..4096).submit().unwrap();
    // Now the parent knows.
    in_child(&alone, || {
        let queued = vm.bind_async().map_sparse(0..4096).submit();
        assert_eq!(queued.is_err(), device.fake().is_some());
    });
}

#[test]
fn a_child_waits_for_what_it_queued() {
    let alone = alone();
    let device = device();
    in_child(&alone, || {
        if refuses_a_child(&device) {
            return;
        }
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let done = device.create_syncobj().unwrap();
        let sparse = 1 << 20..2 << 20;
        let queued = vm.bind_async().map_sparse(sparse).signal(&done).submit();
        queued.unwrap();
        assert_eq!(done.wait(Duration::from_secs(20)).unwrap(), Wait::Ready);
    });
}

/// A child that drops all inherited objects, the device included, changes nothing that the parent
/// relies on.
#[test]
fn memory_of_the_parent_survives_its_child() {
    let alone = alone();
    let device = device();
    let bo = device.create_bo(BoOptions::new(1 << 20)).unwrap();
    let map = bo.map().unwrap();
    map.fill(0..1 << 20, 7).unwrap();
    let exported = bo.export().unwrap();
    let timeline = device.create_timeline().unwrap();
    timeline.signal(point::<1>()).unwrap();
    let fence = timeline.at(point::<1>()).export_sync_file().unwrap();
    let mut all = Some((device, bo, map, timeline));
    in_child(&alone, || {
        let (device, bo, map, timeline) = all.take().unwrap();
        drop((bo, timeline, device));
        assert_eq!(map.load::<u8>(4096).unwrap(), 7);
        drop((map, exported, fence));
        // One of its own has memory of its own.
        if let Ok(device) = Device::open_fake() {
            let bo = device.create_bo(BoOptions::new(1 << 20)).unwrap();
            let map = bo.map().unwrap();
            assert_eq!(map.load::<u8>(4096).unwrap(), 0);
            map.fill(0..1 << 20, 9).unwrap();
            device.fake().unwrap().device().leaks();
        }
    });
    let (device, bo, map, _timeline) = all.unwrap();
    let mut bytes = vec![0; 1 << 20];
    map.read(0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|&byte| byte == 7));
    let new = device.create_bo(BoOptions::new(1 << 20)).unwrap().map().unwrap();
    new.fill(0..1 << 20, 8).unwrap();
    assert_eq!(map.load::<u8>(0).unwrap(), 7);
    // The parent knows its dma-buf still.
    assert!(device.import_bo(bo.export().unwrap()).unwrap().is_same_object(&bo));
}

/// Other threads of the parent may hold any lock at the moment of the fork.
#[test]
fn a_child_waits_for_no_lock_of_its_parents_threads() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let alone = alone();
    let device = device();
    if device.fake().is_none() {
        return;
    }
    let over = AtomicBool::new(false);
    let busy = || {
        while !over.load(Ordering::Relaxed) {
            let bo = device.create_bo(BoOptions::new(4096)).unwrap();
            let same = device.import_bo(bo.export().unwrap()).unwrap();
            drop((same, bo));
            device
                .create_vm(VmOptions::new())
                .unwrap()
                .bind()
                .map_sparse(0..4096)
                .submit()
                .unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(busy);
        scope.spawn(busy);
        for _ in 0..200 {
            in_child(&alone, || {
                // SAFETY: the call sets a timer, which ends the child if it hangs.
                unsafe { nix::libc::alarm(20) };
                drop(device.clone());
                let own = Device::open_fake().unwrap();
                let bo = own.create_bo(BoOptions::new(4096)).unwrap();
                let again = own.import_bo(bo.export().unwrap()).unwrap();
                assert!(again.is_same_object(&bo));
            });
        }
        over.store(true, Ordering::Relaxed);
    });
}

/// The writer of a trace belongs to the parent, and a thread of the parent may hold it at the
/// moment of the fork.
#[test]
fn a_child_writes_nothing_to_its_parents_trace() {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// A writer that says when it is in a call, and returns when it may.
    struct Slow(SyncSender<()>, Receiver<()>);

    impl std::io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = (self.0.send(()), self.1.recv());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let alone = alone();
    let device = device();
    let Some(fake) = device.fake().map(|file| file.device().clone()) else { return };
    let mut map = Some(device.create_bo(BoOptions::new(4096)).unwrap().map().unwrap());
    let ((entered, enter), (leave, left)) = (sync_channel(1), sync_channel(1));
    fake.trace_to(Slow(entered, left), panthor::fake::trace::TraceOptions::text());
    std::thread::scope(|scope| {
        scope.spawn(|| device.is_lost().unwrap());
        enter.recv().unwrap();
        in_child(&alone, || {
            // SAFETY: the call sets a timer, which ends the child if it hangs.
            unsafe { nix::libc::alarm(20) };
            drop(map.take());
        });
        drop(leave);
    });
    fake.end_trace().unwrap();
}

// Limits

#[test]
fn gpu_write_beyond_a_lower_file_size_limit_raises_no_signal() {
    let alone = alone();
    // The limit is the process's.
    in_child(&alone, || {
        let device = device();
        let Some(file) = device.fake() else { return };
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let bo = device.create_bo(BoOptions::new(4096)).unwrap();
        vm.bind().map(&bo, .., 1 << 20, MapFlags::NOEXEC).submit().unwrap();
        let view = file.gpu(vm.id()).unwrap();
        let limit = nix::libc::rlimit { rlim_cur: 1 << 20, rlim_max: nix::libc::RLIM_INFINITY };
        // SAFETY: the struct is what the call reads.
        assert_eq!(unsafe { nix::libc::setrlimit(nix::libc::RLIMIT_FSIZE, &limit) }, 0);
        let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
        group.submit().queue(0).stream(1 << 20, 64).submit().unwrap();
        let fault = view.write(1 << 20, &[1]).unwrap_err();
        assert_eq!(fault.kind, panthor::fake::FaultKind::Bus);
    });
}

// Descriptors

/// A released handle may have a new owner, and an import that fails must not close it.
#[test]
fn an_import_without_descriptors_closes_nobodys_handle() {
    let alone = alone();
    // The limit is the process's.
    in_child(&alone, || {
        let device = device();
        let Some((dma_buf, _memory)) = foreign_dma_buf_of(&device, 64 << 10) else { return };
        let handle = device.import_bo(&dma_buf).unwrap().into_raw().unwrap();
        let limit = nix::libc::rlimit { rlim_cur: 1, rlim_max: 4096 };
        // SAFETY: the struct is what the call reads.
        assert_eq!(unsafe { nix::libc::setrlimit(nix::libc::RLIMIT_NOFILE, &limit) }, 0);
        let error = device.import_bo(&dma_buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
        let mut arg = drm_panthor_bo_mmap_offset { handle, ..Default::default() };
        // SAFETY: this request takes this struct, and takes nothing from anybody.
        unsafe { device.ioctl(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut arg) }
            .expect("an open handle");
    });
}
