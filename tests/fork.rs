//! What a child of a fork may do with its parent's objects, on a Panthor, real or fake.
//!
//! On the real driver both have one open file; the fake lives in the process, so the child has a copy of its
//! own, and what counts is which ioctls it makes.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use common::device;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use panthor::{
    BoOptions, Device, GroupOptions, MapFlags, QueueOptions, TilerHeapOptions, VmOptions, Wait,
    point,
};

/// Runs something in a child of a fork, and fails if that panics or dies.
#[track_caller]
fn in_child(run: impl FnOnce()) {
    // SAFETY: the child allocates, which the C library allows after a fork, and takes no lock that
    // another thread of this program may hold: its device is its own.
    match unsafe { fork() }.expect("a child") {
        ForkResult::Child => {
            let failed = catch_unwind(AssertUnwindSafe(run)).is_err();
            // SAFETY: ends the child without what the parent registered to run at its own end.
            unsafe { nix::libc::_exit(failed.into()) }
        }
        ForkResult::Parent { child } => {
            assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)), "in the child");
        }
    }
}

/// How many ioctls the fake has answered; 0 for a real driver, which does not tell.
fn ioctls(device: &Device) -> u64 {
    device.fake().map_or(0, |file| file.device().stats().ioctls())
}

#[test]
fn what_a_child_drops_the_parent_keeps() {
    let device = device();
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(1 << 20)).unwrap();
    let exclusive = device.create_bo(BoOptions::new(4096).exclusive_to(&vm)).unwrap();
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let heap = vm.create_tiler_heap(TilerHeapOptions::new().initial_chunks(1)).unwrap();
    let syncobj = device.create_syncobj().unwrap();
    let timeline = device.create_timeline().unwrap();
    let mut objects = Some((bo, exclusive, group, heap, syncobj, timeline, vm));

    in_child(|| {
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
    let device = device();
    in_child(|| {
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
    let device = device();
    let mut syncobj = Some(device.create_syncobj().unwrap());
    in_child(|| {
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
    let device = device();
    let bo = device.create_bo(BoOptions::new(8192)).unwrap();
    let mut map = Some(bo.map().unwrap());
    map.as_ref().unwrap().store(4096, 7_u32).unwrap();
    in_child(|| {
        let map = map.take().unwrap();
        assert_eq!(map.load::<u32>(4096).unwrap(), 7);
        map.store(4096, 8_u32).unwrap();
        drop(map);
    });
    assert_eq!(map.unwrap().load::<u32>(4096).unwrap(), 8);
}

#[test]
fn the_flush_id_is_read_in_every_process() {
    let device = device();
    device.flush_id().unwrap();
    in_child(|| {
        device.flush_id().unwrap();
        in_child(|| assert!(device.flush_id().is_ok()));
        device.flush_id().unwrap();
    });
    device.flush_id().unwrap();
}

#[test]
fn a_child_waits_for_what_it_queued() {
    let device = device();
    let vm = device.create_vm(VmOptions::new()).unwrap();
    in_child(|| {
        let done = device.create_syncobj().unwrap();
        let sparse = 1 << 20..2 << 20;
        let queued = vm.bind_async().map_sparse(sparse).signal(&done).submit();
        // The fake's own threads, if it has any, stay with the parent: its copy runs jobs in the call.
        queued.unwrap();
        assert_eq!(done.wait(Duration::from_secs(20)).unwrap(), Wait::Ready);
    });
}
