//! Opening, creating, binding, and seeing the same memory from both sides.

mod common;

use common::*;
use panthor_fake::{Backing, FaultKind, Prot};
use panthor_sys::*;

#[test]
fn the_gpu_and_the_cpu_see_the_same_memory() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let bo = bo(&file, 2 * PAGE);
    map(&file, vm, bo, 0, 16 * MIB, 2 * PAGE);
    let cpu =
        file.mmap(2 * PAGE as usize, Prot::READ | Prot::WRITE, mmap_offset(&file, bo)).unwrap();
    let gpu = file.gpu(vm).unwrap();

    gpu.write(16 * MIB + PAGE - 2, b"abcd").unwrap();
    let page_1 = cpu.as_ptr().wrapping_add(PAGE as usize);
    // SAFETY: inside the mapping, and no other thread writes there.
    let byte = unsafe { page_1.read_volatile() };
    assert_eq!(byte, b'c');

    // SAFETY: the byte before it is inside as well.
    unsafe { page_1.wrapping_sub(1).write_volatile(b'x') };
    let mut seen = [0; 4];
    gpu.read(16 * MIB + PAGE - 2, &mut seen).unwrap();
    assert_eq!(&seen, b"axcd");

    unmap(&file, vm, 16 * MIB, 2 * PAGE);
    let fault = gpu.read(16 * MIB, &mut seen).unwrap_err();
    assert_eq!((fault.va, fault.kind), (16 * MIB, FaultKind::Translation));

    drop((cpu, file));
    device.assert_released();
}

#[test]
fn the_100e6_bytes_of_a_sparse_resource_take_one_operation() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let size = 100_000_000_u64.next_multiple_of(PAGE);
    let (result, count) = bind(&file, vm, &[map_op(0, 0, GIB, size, SPARSE)]);
    assert_eq!((result, count), (0, 1));
    let gpu = file.gpu(vm).unwrap();
    assert_eq!(gpu.mapping_count(), 1);
    assert_eq!(gpu.mappings()[0].backing, Backing::Sparse);
    assert_eq!(device.stats().bind_ops, 1);
    assert_eq!(device.stats().ioctl_count(DRM_IOCTL_PANTHOR_VM_BIND), 1);
}

#[test]
fn the_version_is_told_with_its_texts() {
    let file = device().open();
    let mut name = [0_u8; 16];
    let mut args =
        drm_version { name_len: name.len() as _, name: name.as_mut_ptr().cast(), ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_VERSION, &mut args), 0);
    assert_eq!((args.version_major, args.version_minor, args.version_patchlevel), (1, 9, 0));
    assert_eq!((args.name_len, args.date_len, args.desc_len), (7, 1, 18));
    assert_eq!(&name[..8], b"panthor\0");
}
