//! Mappings and memory as the GPU sees them.

use panthor::{BoOptions, Device, ErrorKind, MapFlags, SparseMode, VmOptions};
use panthor_fake::{Config, FaultKind};

use crate::{GIB, MIB, eyes, open};

#[test]
fn the_gpu_sees_memory_where_it_was_bound_and_faults_elsewhere() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(4 * 4096)).unwrap();
    let map = bo.map().unwrap();
    for page in 0..4u8 {
        map.fill(usize::from(page) * 4096..usize::from(page + 1) * 4096, page + 1).unwrap();
    }
    let va = GIB;
    vm.bind()
        .map(&bo, .., va, MapFlags::NOEXEC)
        .map(&bo, 0..4096, va + 4096, MapFlags::READONLY)
        .unmap(va + 2 * 4096..va + 3 * 4096)
        .submit()
        .unwrap();
    let gpu = eyes(&vm);
    let mut byte = [0];
    for (page, expected) in [(0, Some(1)), (1, Some(1)), (2, None), (3, Some(4)), (4, None)] {
        let seen = gpu.read(va + page * 4096 + 5, &mut byte).map(|()| byte[0]);
        match expected {
            Some(value) => assert_eq!(seen.unwrap(), value),
            None => assert_eq!(seen.unwrap_err().kind, FaultKind::Translation),
        }
    }
    assert_eq!(gpu.write(va + 4096, &[0]).unwrap_err().kind, FaultKind::Permission);
    gpu.write(va + 3 * 4096, &[77]).unwrap();
    assert_eq!(map.load::<u8>(3 * 4096).unwrap(), 77, "the CPU sees what the GPU writes");
    assert_eq!(gpu.fetch(va, &mut byte).unwrap_err().kind, FaultKind::Permission);
    gpu.fetch(va + 4096, &mut byte).unwrap();
}

#[test]
fn emulated_and_native_sparse_look_the_same_to_the_gpu() {
    for mode in [SparseMode::Native, SparseMode::Emulated] {
        let (_, device) = open(Config::default());
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let range = GIB + 0x5000..GIB + 9 * MIB + 0x3000;
        vm.bind().sparse_mode(mode).map_sparse(range.clone()).submit().unwrap();
        let gpu = eyes(&vm);
        // Both show one object of 2 MiB again and again, at va mod 2 MiB.
        gpu.write(range.start + 8, b"echo").unwrap();
        let mut seen = [0; 4];
        gpu.read(range.start + 8 + 4 * MIB, &mut seen).unwrap();
        assert_eq!(&seen, b"echo");
        gpu.read(range.start - 1, &mut [0]).unwrap_err();
        gpu.read(range.end, &mut [0]).unwrap_err();
        gpu.read(range.end - 1, &mut [0]).unwrap();
    }
}

#[test]
fn sparse_memory_does_not_leak_between_files() {
    let fake = panthor_fake::Device::new(Config::default()).unwrap();
    let vms = [(); 2].map(|()| {
        let vm = Device::from_fake(fake.open()).unwrap().create_vm(VmOptions::new()).unwrap();
        vm.bind().map_sparse(0..2 * MIB).submit().unwrap();
        vm
    });
    eyes(&vms[0]).write(64, b"secret").unwrap();
    let mut seen = [0; 6];
    eyes(&vms[1]).read(64, &mut seen).unwrap();
    assert_ne!(&seen, b"secret");
}

#[test]
fn old_drivers_get_48_operations_that_show_a_sparse_range() {
    for minor in [0, 8] {
        let (fake, device) = open(Config::default().driver_minor(minor));
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let range = GIB..GIB + 100_003_840;
        let report = vm.bind().map_sparse(range.clone()).submit().unwrap();
        assert_eq!((report.operations, report.ioctls), (48, 1));
        assert_eq!(eyes(&vm).mapping_count(), 48);
        eyes(&vm).read(range.end - 1, &mut [0]).unwrap();
        drop((vm, device));
        fake.assert_released();
    }
}

#[test]
fn huge_ranges_are_split_and_say_so() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let report = vm.bind().map_sparse(0..1 << 46).submit().unwrap();
    assert_eq!((report.operations, report.ioctls), (1024, 1));
    let report = vm.bind().unmap(0..1 << 46).submit().unwrap();
    assert_eq!((report.operations, report.ioctls), (1, 1));
    let too_much = vm.bind().sparse_mode(SparseMode::Emulated).map_sparse(0..1 << 47).submit();
    let error = too_much.unwrap_err();
    assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("self")));
}
