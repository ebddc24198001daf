//! Handles that leave the safe layer and come back, and the properties of objects: on the fake,
//! which reports leftover objects.

use std::fmt::Debug;

use panthor::{
    Bo, BoFlags, BoOptions, ErrorKind, Group, GroupOptions, MapAccess, QueueOptions, SyncObj,
    TilerHeap, TilerHeapOptions, Timeline, Timeout, Vm, Wait, point,
};
use panthor_fake::Config;

use crate::open;

#[test]
fn what_is_given_up_lives_on_and_is_taken_over() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let (range, id) = (vm.user_va_range(), vm.into_raw().unwrap());
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let handle = bo.into_raw().unwrap();
    let syncobj = device.create_syncobj().unwrap().into_raw();
    let timeline = device.create_timeline().unwrap();
    timeline.signal(point::<5>()).unwrap();
    let timeline = timeline.into_raw();
    let leaks = fake.leaks();
    assert_eq!((leaks.vms, leaks.bos, leaks.syncobjs), (1, 1, 2));

    // SAFETY: it was just given up, and this is its only owner.
    let vm = unsafe { Vm::from_raw(&device, id, range) };
    // SAFETY: as above.
    let bo = unsafe { Bo::from_raw(&device, handle, 4096, BoFlags::empty(), None) }.unwrap();
    // SAFETY: as above.
    let syncobj = unsafe { SyncObj::from_raw(&device, syncobj) };
    // SAFETY: as above.
    let timeline = unsafe { Timeline::from_raw(&device, timeline) };
    assert_eq!((vm.id(), vm.user_va_range(), bo.handle()), (id, range, handle));
    vm.bind_async().map(&bo, .., 1 << 30, Default::default()).signal(&syncobj).submit().unwrap();
    assert_eq!(syncobj.wait(Timeout::FOREVER).unwrap(), Wait::Ready);
    assert_eq!(timeline.value().unwrap(), 5);
    assert!(syncobj.device().is_same_file(&device) && timeline.device().is_same_file(&device));
    syncobj.destroy().unwrap();
    timeline.destroy().unwrap();
    drop((vm, bo, device));
    fake.assert_released();
}

#[test]
fn what_something_needs_is_not_given_up() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let group: Group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let failed = vm.into_raw().unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::Busy);
    // The error speaks for itself, and the object comes with it.
    assert_eq!(failed.to_string(), failed.error.to_string());
    let source = std::error::Error::source(&failed).expect("the cause");
    assert_eq!(source.to_string(), failed.error.to_string());
    drop(group);
    failed.object.destroy().unwrap();
    drop(device);
    fake.assert_released();
}

#[test]
fn what_is_exclusive_to_a_vm_stays_so_when_the_vm_is_taken_over() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let bo = device.create_bo(BoOptions::new(4096).exclusive_to(&vm)).unwrap();
    let (range, id) = (vm.user_va_range(), vm.into_raw().unwrap());
    // SAFETY: it was just given up, and this is its only owner.
    let vm = unsafe { Vm::from_raw(&device, id, range) };
    assert!(bo.is_exclusive_to(&vm));
    vm.bind().map(&bo, .., 0, Default::default()).submit().unwrap();

    // Another VM with the same id is another VM.
    assert_eq!(vm.into_raw().unwrap(), id);
    let mut destroy = panthor::sys::drm_panthor_vm_destroy { id, ..Default::default() };
    let request = panthor::sys::DRM_IOCTL_PANTHOR_VM_DESTROY;
    // SAFETY: the request takes this struct, and the VM has no owner.
    unsafe { device.ioctl(request, &mut destroy) }.unwrap();
    let other = device.create_vm(Default::default()).unwrap();
    assert_eq!(other.id(), id);
    assert!(!bo.is_exclusive_to(&other));
    let error = other.bind().map(&bo, .., 0, Default::default()).submit().unwrap_err();
    assert_eq!((error.argument(), error.errno()), (Some("bo"), None), "{error}");
}

#[test]
fn giving_up_the_last_that_holds_a_vm_gives_the_vm_back() {
    let (fake, device) = open(Config::default());
    let destroyed = || fake.stats().ioctl_count(panthor::sys::DRM_IOCTL_PANTHOR_VM_DESTROY);
    let group =
        |vm: &Vm| vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let heap = |vm: &Vm| vm.create_tiler_heap(TilerHeapOptions::new()).unwrap();

    let vm = device.create_vm(Default::default()).unwrap();
    let (first, second, tiler) = (group(&vm), group(&vm), heap(&vm));
    let addresses = (tiler.context_va(), tiler.first_chunk_va());
    let (first, None) = first.into_raw() else { panic!("`vm` holds it") };
    drop(vm);
    let (tiler, None) = tiler.into_raw() else { panic!("the second group holds it") };
    let (second, vm) = second.into_raw();
    assert_eq!(destroyed(), 0);
    let vm = vm.expect("nothing else holds it");

    for handle in [first, second] {
        // SAFETY: it was given up, and has one queue.
        let group = unsafe { Group::from_raw(&vm, handle, 1) };
        assert!(group.state().unwrap().is_usable());
    }
    // SAFETY: it was given up, and has these addresses.
    let tiler = unsafe { TilerHeap::from_raw(&vm, tiler, addresses.0, addresses.1) };
    drop(vm);
    let (handle, vm) = tiler.into_raw();
    assert_eq!(destroyed(), 0);
    let vm = vm.expect("nothing else holds it");
    // SAFETY: as above.
    drop(unsafe { TilerHeap::from_raw(&vm, handle, addresses.0, addresses.1) });
    drop((vm, device));
    fake.assert_released();
}

#[test]
fn a_vm_that_was_not_destroyed_has_lost_what_it_maps_if_something_was_queued() {
    const ENODEV: i32 = 19;
    let (_, device) = open(Config::default());
    for queued in [false, true] {
        let vm = device.create_vm(Default::default()).unwrap();
        let gpu = device.fake().unwrap().gpu(vm.id()).unwrap();
        vm.bind().map_sparse(0..4096).submit().unwrap();
        if queued {
            vm.bind_async().map_sparse(4096..8192).submit().unwrap();
        }
        // While something needs it, nothing changes.
        let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
        let before = gpu.mapping_count(); // some are the group's
        let vm = vm.destroy().unwrap_err().object;
        assert_eq!(gpu.mapping_count(), before);
        drop(group);
        assert_eq!(gpu.mapping_count(), if queued { 2 } else { 1 });
        device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_VM_DESTROY, ENODEV);
        let vm = vm.destroy().unwrap_err().object;
        assert_eq!(gpu.mapping_count(), if queued { 0 } else { 1 });
        vm.destroy().unwrap();
    }
}

/// Says what it is, and which one.
#[track_caller]
fn assert_says(value: &dyn Debug, words: &[&str]) {
    let text = format!("{value:?}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

#[test]
fn objects_tell_which_they_are() {
    let (_fake, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let (first, bo) =
        (device.create_bo(BoOptions::new(4096)).unwrap(), device.create_bo(BoOptions::new(8192)));
    let bo = bo.unwrap();
    assert_ne!(first.handle(), bo.handle());
    let map = bo.map_range(4096.., MapAccess::Read).unwrap();
    assert!(map.is_of(&bo) && !map.is_of(&first));
    assert_eq!((map.len(), map.access()), (4096, MapAccess::Read));
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let (syncobj, line) = (device.create_syncobj().unwrap(), device.create_timeline().unwrap());
    let heap = vm.create_tiler_heap(TilerHeapOptions::new()).unwrap();
    assert_says(&device, &["Device", "major: 1, minor: 9"]);
    assert_says(&vm, &["Vm", "id: 1", &vm.user_va_range().to_string()]);
    assert_says(&bo, &["Bo", "handle: 2", "8192"]);
    assert_says(&map, &["BoMap", "handle: 2", "len: 4096", "Read"]);
    assert_says(&group, &["Group", "handle: 1"]);
    assert_says(&syncobj, &["SyncObj", "handle: 1"]);
    assert_says(&line, &["Timeline", "handle: 2"]);
    assert_says(&heap, &["TilerHeap", &format!("{:#x}", heap.context_va())]);
    assert_says(&device.gpu_info().unwrap(), &["GpuInfo", "Mali", "gpu_id"]);
    let mut batch = vm.bind();
    batch.map(&bo, .., 1 << 30, Default::default());
    assert_says(&batch, &["VmBind", "vm: 1", "operations: 1"]);
    let mut submission = group.submit();
    submission.queue(0);
    assert_says(&submission, &["GroupSubmit", "group: 1", "queue_submits: 1"]);
    let error = device.create_bo(BoOptions::new(0)).unwrap_err();
    // The message comes first, for `fn main() -> panthor::Result<()>`.
    let text = format!("{error:?}");
    assert!(
        text.starts_with("BO_CREATE: size: ") && text.ends_with(" [InvalidArgument]"),
        "{text}"
    );
    let all = format!("{error:#?}");
    for word in ["Error {", "InvalidArgument", "BO_CREATE", "\"size\"", "errno: None"] {
        assert!(all.contains(word), "{all}");
    }
}

#[test]
fn flags_that_no_driver_knows_are_named() {
    let (_fake, device) = open(Config::default());
    let unknown = BoFlags::from_bits_retain(1 << 7) | BoFlags::WB_MMAP;
    let error = device.create_bo(BoOptions::new(4096).flags(unknown)).unwrap_err();
    assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("flags")));
    assert!(error.to_string().contains("0x80"), "{error}");
    let both = BoFlags::NO_MMAP | BoFlags::WB_MMAP;
    let error = device.create_bo(BoOptions::new(4096).flags(both)).unwrap_err();
    assert_eq!((error.argument(), error.errno()), (Some("flags"), None), "{error}");
    // The flags replace those set before.
    let options = BoOptions::new(4096).no_mmap().flags(BoFlags::WB_MMAP);
    assert_eq!(device.create_bo(options).unwrap().flags(), BoFlags::WB_MMAP);
}

#[test]
fn evicted_memory_is_not_resident() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).unwrap();
    let bo = device.create_bo(BoOptions::new(1 << 20)).unwrap();
    let nonresident = || device.usage().unwrap().nonresident_memory();
    assert_eq!(nonresident(), Some(1 << 20));
    vm.bind().map(&bo, .., 1 << 30, Default::default()).submit().unwrap();
    assert_eq!(nonresident(), Some(0));
    assert_eq!(fake.reclaim(u64::MAX), 1 << 20);
    assert_eq!(nonresident(), Some(1 << 20));
}

#[test]
fn raw_handles_go_both_ways() {
    let (fake, device) = open(Config::default());
    let mut create = panthor::sys::drm_panthor_bo_create { size: 4096, ..Default::default() };
    // SAFETY: BO_CREATE takes this struct, has no pointers in it, and takes nothing from anybody.
    unsafe { device.ioctl(panthor::sys::DRM_IOCTL_PANTHOR_BO_CREATE, &mut create) }.unwrap();
    // SAFETY: the handle was just made, with this size and no flags, and this is its only owner.
    let bo = unsafe { Bo::from_raw(&device, create.handle, create.size, BoFlags::empty(), None) }
        .unwrap();
    bo.map().unwrap().store(0, 1u8).unwrap();
    drop((bo, device));
    fake.assert_released();
}
