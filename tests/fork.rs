//! What a child of a fork may do with its parent's objects, and what needs a process of its own, on a Panthor, real
//! or fake.
//!
//! On the real driver both have one open file; the fake lives in the process, so the child has a copy of its
//! own, and what counts is which ioctls it makes.

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

/// How many ioctls the fake has answered; 0 for a real driver, which does not tell.
fn ioctls(device: &Device) -> u64 {
    device.fake().map_or(0, |file| file.device().stats().ioctls())
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
        let before = ioctls(&device);
        syncobj.take().unwrap().destroy().unwrap();
        assert!(device.fake().is_none() || ioctls(&device) == before + 1);
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
        let own = second_file(&device);
        let bo = own.import_bo(&dma_buf).unwrap();
        in_child(&alone, || assert!(own.import_bo(&dma_buf).is_err()));
        bo.destroy().unwrap();
    });
    device.import_bo(&dma_buf).unwrap().map().unwrap().store(0, 1_u32).unwrap();
}

/// The parent, who ends the VM, would not know that there is something to wait for.
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
        vm.bind().map_sparse(0..4096).submit().unwrap();
    });
    vm.bind_async().map_sparse(0..4096).submit().unwrap();
    // Now the parent knows.
    in_child(&alone, || assert!(vm.bind_async().map_sparse(0..4096).submit().is_ok()));
}

#[test]
fn a_child_waits_for_what_it_queued() {
    let alone = alone();
    let device = device();
    in_child(&alone, || {
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let done = device.create_syncobj().unwrap();
        let sparse = 1 << 20..2 << 20;
        let queued = vm.bind_async().map_sparse(sparse).signal(&done).submit();
        // The fake's own threads, if it has any, stay with the parent: its copy runs jobs in the call.
        queued.unwrap();
        assert_eq!(done.wait(Duration::from_secs(20)).unwrap(), Wait::Ready);
    });
}

// Descriptors

/// A handle that was given up is somebody's, whom an import that fails must not take it from.
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
