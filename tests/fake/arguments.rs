//! Arguments as they arrive at the driver.

use panthor::{
    Bo, BoFlags, BoOptions, ErrorKind, MapFlags, SparseMode, Timeout, VmOptions, Wait, point,
};
use panthor_fake::{Config, FaultKind};

use crate::{GIB, eyes, open};

#[test]
fn a_label_arrives() {
    let (_, device) = open(Config::default());
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let label = |bo: &Bo| device.fake().unwrap().bo_label(bo.handle());
    bo.set_label("vertices").unwrap();
    assert_eq!(label(&bo).as_deref(), Some(&b"vertices"[..]));
    bo.set_label("").unwrap();
    assert_eq!(label(&bo).as_deref(), Some(&b""[..]));
    bo.clear_label().unwrap();
    assert_eq!(label(&bo), None);
}

#[test]
fn sparse_maps_have_the_flags_asked_for_and_noexec() {
    for mode in [SparseMode::Native, SparseMode::Emulated] {
        let (_, device) = open(Config::default());
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let flags = MapFlags::READONLY | MapFlags::UNCACHED;
        vm.bind()
            .sparse_mode(mode)
            .map_sparse_with(0..4096, flags)
            .map_sparse_with(4096..8192, MapFlags::empty())
            .submit()
            .unwrap();
        let gpu = eyes(&vm);
        let map_flags =
            |i: usize| MapFlags::from_bits_retain(gpu.mappings()[i].flags) & MapFlags::all();
        assert!(map_flags(0).contains(flags | MapFlags::NOEXEC));
        assert_eq!(gpu.write(0, &[0]).unwrap_err().kind, FaultKind::Permission);
        gpu.write(4096, &[0]).unwrap();
        assert_eq!(gpu.fetch(4096, &mut [0]).unwrap_err().kind, FaultKind::Permission);
    }
}

#[test]
fn a_bo_that_is_exclusive_is_so_to_the_driver() {
    let (_, device) = open(Config::default());
    let (vm, other) =
        (device.create_vm(VmOptions::new()).unwrap(), device.create_vm(VmOptions::new()).unwrap());
    let bo = device.create_bo(BoOptions::new(4096).exclusive_to(&vm)).unwrap();
    let handle = bo.into_raw().unwrap();
    // SAFETY: the handle was just given up; that it is exclusive is what the driver shall find out.
    let bo = unsafe { Bo::from_raw(&device, handle, 4096, BoFlags::empty(), None) }.unwrap();
    vm.bind().map(&bo, .., 0, MapFlags::NOEXEC).submit().unwrap();
    let error = other.bind().map(&bo, .., 0, MapFlags::NOEXEC).submit().unwrap_err();
    assert_eq!((error.errno(), error.op_index()), (Some(22), Some(0)));
}

#[test]
fn a_map_for_reading_is_mapped_for_reading() {
    let (_, device) = open(Config::default());
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let permissions = |map: &panthor::BoMap| {
        let start = format!("{:x}-", map.as_ptr().addr());
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.starts_with(&start)).expect("it is mapped");
        line.split(' ').nth(1).unwrap().to_owned()
    };
    let mut reading = bo.map_range(.., panthor::MapAccess::Read).unwrap();
    assert_eq!(permissions(&reading), "r--s");
    assert_eq!(permissions(&bo.map().unwrap()), "rw-s");
    // SAFETY: the call is refused, and the BO has no other users.
    assert!(unsafe { reading.as_mut_slice() }.is_err());
}

#[test]
fn available_is_not_signalled() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let (timeline, binary) = (device.create_timeline().unwrap(), device.create_syncobj().unwrap());
    assert_eq!(timeline.wait_available(point::<1>(), Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!(binary.wait_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    eyes(&vm).hold();
    vm.bind_async().signal(timeline.at(point::<1>())).signal(&binary).submit().unwrap();
    assert_eq!(timeline.wait_available(point::<1>(), Timeout::NONE).unwrap(), Wait::Ready);
    assert_eq!(timeline.wait(point::<1>(), Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!(binary.wait_available(Timeout::NONE).unwrap(), Wait::Ready);
    assert_eq!(binary.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    eyes(&vm).release();
    assert_eq!(binary.wait(Timeout::NONE).unwrap(), Wait::Ready);
}

#[test]
fn an_interrupted_asynchronous_batch_is_queued_once() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_VM_BIND, 4);
    let report = vm.bind_async().map_sparse(0..4096).submit().unwrap();
    assert_eq!((report.operations, report.ioctls), (1, 2));
    assert_eq!(eyes(&vm).mapping_count(), 1);
}

#[test]
fn a_stuck_mmu_and_a_cancelled_job_are_a_lost_device() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    for errno in [110, 125, 19] {
        device.fake().unwrap().fail_bind_op(0, errno);
        let error = vm.bind().map_sparse(0..4096).submit().unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::DeviceLost, Some(errno)));
    }
}

#[test]
fn an_asynchronous_batch_does_not_exhaust_the_kernel() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let refused = [
        vm.bind_async().map_sparse(0..1 << 40).submit().unwrap_err(),
        vm.bind_async()
            .unmap(0..1 << 40)
            .map_sparse(0..40 * GIB)
            .map_sparse(0..40 * GIB)
            .submit()
            .unwrap_err(),
    ];
    for (error, op) in refused.iter().zip([0, 2]) {
        assert_eq!((error.kind(), error.op_index()), (ErrorKind::InvalidArgument, Some(op)));
        assert_eq!((error.argument(), error.ops_done()), (Some("range"), Some(0)));
    }
    vm.bind_async().map_sparse(0..64 * GIB).unmap(0..1 << 40).submit().unwrap();
}

#[test]
fn a_synchronous_batch_overtakes_queued_ones() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    eyes(&vm).hold();
    vm.bind_async().map_sparse(0..4096).submit().unwrap();
    vm.bind().unmap(0..4096).submit().unwrap();
    eyes(&vm).release();
    assert_eq!(eyes(&vm).mapping_count(), 1);
}
