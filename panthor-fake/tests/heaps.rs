//! Tiler heaps.

mod common;

use common::*;
use nix::libc::{EBUSY, EINVAL, ENOENT, ENOMEM, ENOSPC};
use panthor_fake::{Backing, Config, Device, File, PageSize};
use panthor_sys::*;

const KERNEL: u64 = 1 << 47;

fn heap_args(vm_id: u32, chunks: u32, chunk_size: u64) -> drm_panthor_tiler_heap_create {
    drm_panthor_tiler_heap_create {
        vm_id,
        initial_chunk_count: chunks,
        chunk_size: chunk_size as u32,
        max_chunks: 4,
        target_in_flight: 4,
        ..zeroed()
    }
}

/// Handle, context and first chunk, the addresses in the kernel's part; or an error number.
fn try_heap(file: &File, mut args: drm_panthor_tiler_heap_create) -> Result<(u32, u64, u64), i32> {
    match ioctl(file, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut args) {
        0 => {
            let (context, chunk) = (args.tiler_heap_ctx_gpu_va, args.first_heap_chunk_gpu_va);
            Ok((args.handle, context - KERNEL, chunk - KERNEL))
        }
        error => Err(-error),
    }
}

fn destroy_heap(file: &File, handle: u32) -> i32 {
    let mut args = drm_panthor_tiler_heap_destroy { handle, pad: 0 };
    ioctl(file, DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, &mut args)
}

#[test]
fn heaps_are_where_the_driver_has_them() {
    let device = device();
    let file = device.open();
    vm(&file);
    let vm = vm(&file);
    let make = |chunks, size| try_heap(&file, heap_args(vm, chunks, size));
    assert_eq!(make(1, 128 * KIB), Ok((0x2_0000, 0, 0x2000)));
    assert_eq!(make(1, 132 * KIB), Ok((0x2_0001, 0x40, 0x2_2000)));
    assert_eq!(make(1, MIB), Ok((0x2_0002, 0x80, 0x4_3000)));
    assert_eq!(make(1, 2 * MIB), Ok((0x2_0003, 0xc0, 0x20_0000)));
    assert_eq!(make(1, 8 * MIB), Ok((0x2_0004, 0x100, 0x40_0000)));
    // The list begins with the newest chunk.
    assert_eq!(make(3, MIB), Ok((0x2_0005, 0x140, 0xe0_0000)));
    assert_eq!((file.gpu(vm).unwrap().mapping_count(), device.leaks().heaps), (9, 6));
    // Indices are used again.
    assert_eq!((destroy_heap(&file, 0x2_0001), destroy_heap(&file, 0x2_0001)), (0, -EINVAL));
    assert_eq!(make(1, MIB).unwrap().0, 0x2_0001);
    assert_eq!(make(1, MIB).unwrap().0, 0x2_0006);
    drop(file);
    device.assert_released();
}

#[test]
fn the_newest_chunk_goes_first_and_the_newest_hole_is_taken_first() {
    let file = device().open();
    let vm = vm(&file);
    let make = |chunks| try_heap(&file, heap_args(vm, chunks, 128 * KIB)).unwrap();
    let heaps: Vec<_> = (0..7).map(|_| make(1)).collect();
    for index in [1, 3, 5] {
        assert_eq!(destroy_heap(&file, heaps[index].0), 0);
    }
    // Its chunks are in the holes at 5, 3 and 1, and are freed in the order 1, 3, 5.
    let (spread, _, first) = make(3);
    assert_eq!(first, heaps[1].2);
    assert_eq!(destroy_heap(&file, spread), 0);
    assert_eq!(make(1).2, heaps[5].2);
}

#[test]
fn chunks_are_linked_and_contexts_are_zero() {
    let file = device().open();
    let vm = vm(&file);
    let gpu = file.gpu(vm).unwrap();
    let word = |va| {
        let mut bytes = [0; 8];
        gpu.read(KERNEL + va, &mut bytes).unwrap();
        u64::from_ne_bytes(bytes)
    };
    let (handle, context, first) = try_heap(&file, heap_args(vm, 3, MIB)).unwrap();
    // The address of the next chunk with its size in pages in the low bits.
    let second = word(first);
    assert_eq!(second & 0xfff, MIB >> 12);
    let third = word((second & !0xfff) - KERNEL);
    assert_eq!((third & 0xfff, word((third & !0xfff) - KERNEL)), (MIB >> 12, 0));
    assert!(first > second - KERNEL && second > third);
    // What a heap leaves in its context is not seen by the next.
    gpu.write(KERNEL + context, &[7; 64]).unwrap();
    assert_eq!(destroy_heap(&file, handle), 0);
    assert_eq!(try_heap(&file, heap_args(vm, 1, MIB)).unwrap().1, context);
    assert_eq!(word(context), 0);
    let noexec = DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
    assert!(gpu.mappings().iter().all(|m| m.flags == noexec && m.backing == Backing::Kernel));
}

#[test]
fn what_a_heap_may_be() {
    let file = device().open();
    let vm = vm(&file);
    let size = |size| try_heap(&file, heap_args(vm, 1, size)).map(drop);
    for wrong in [0, 64 * KIB, 130 * KIB, 8 * MIB + PAGE] {
        assert_eq!(size(wrong), Err(EINVAL), "{wrong}");
    }
    assert_eq!((size(128 * KIB), size(8 * MIB)), (Ok(()), Ok(())));
    let count = |chunks| try_heap(&file, heap_args(vm, chunks, MIB)).map(drop);
    assert_eq!((count(0), count(4), count(5)), (Err(EINVAL), Ok(()), Err(EINVAL)));
    assert_eq!(try_heap(&file, heap_args(99, 1, MIB)), Err(EINVAL));
    let no_target = drm_panthor_tiler_heap_create { target_in_flight: 0, ..heap_args(vm, 1, MIB) };
    assert!(try_heap(&file, no_target).is_ok());
}

#[test]
fn chunks_are_pages_of_the_cpu() {
    let config = Config::default().page_size(PageSize::K64);
    let file = Device::new(config).unwrap().open();
    let vm = vm(&file);
    assert_eq!(try_heap(&file, heap_args(vm, 1, 132 * KIB)), Err(EINVAL));
    assert!(try_heap(&file, heap_args(vm, 1, 192 * KIB)).is_ok());
}

#[test]
fn the_first_try_makes_the_pool_even_if_it_is_wrong() {
    let file = device().open();
    let vm = vm(&file);
    let handle = vm << 16;
    assert_eq!((destroy_heap(&file, handle), destroy_heap(&file, 5)), (-ENOENT, -EINVAL));
    assert_eq!(try_heap(&file, heap_args(vm, 0, MIB)), Err(EINVAL));
    assert_eq!((destroy_heap(&file, handle), file.gpu(vm).unwrap().mapping_count()), (-EINVAL, 1));
    assert_eq!(mappings(&file, vm), [(KERNEL, 2 * PAGE, None, 0)]);
    let mut padded = drm_panthor_tiler_heap_destroy { handle, pad: 1 };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, &mut padded), -EINVAL);
    assert_eq!(destroy_heap(&file, handle | 0xffff), -EINVAL);
}

#[test]
fn a_vm_has_128_heaps_at_most() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    for index in 0..128 {
        assert_eq!(try_heap(&file, heap_args(vm, 1, 128 * KIB)).unwrap().0, vm << 16 | index);
    }
    let mut args = heap_args(vm, 1, 128 * KIB);
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut args), -EBUSY);
    // The driver returns the address of the chunk all the same.
    let next = KERNEL + 0x2000 + 128 * 128 * KIB;
    assert_eq!((args.handle, args.first_heap_chunk_gpu_va), (0, next));
    assert_eq!((device.leaks().heaps, file.gpu(vm).unwrap().mapping_count()), (128, 129));
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: vm, pad: 0 });
    assert_eq!(destroy_heap(&file, vm << 16), -EINVAL);
    assert_eq!((device.leaks().heaps, device.leaks().vms), (0, 0));
}

#[test]
fn a_heap_needs_memory() {
    let device = Device::new(Config::default().memory(3 * MIB)).unwrap();
    let file = device.open();
    let vm = vm(&file);
    assert_eq!(try_heap(&file, heap_args(vm, 4, MIB)), Err(ENOMEM));
    // What it had got by then is free again.
    assert_eq!((device.leaks().heaps, file.gpu(vm).unwrap().mapping_count()), (0, 1));
    assert!(try_heap(&file, heap_args(vm, 2, MIB)).is_ok());
}

#[test]
fn a_heap_that_cannot_fit_is_refused_before_it_is_tried() {
    // With memory without end it is the offsets for mmap that do not suffice.
    for (memory, error) in [(GIB, ENOMEM), (u64::MAX, ENOSPC)] {
        let file = Device::new(Config::default().memory(memory)).unwrap().open();
        let vm = vm(&file);
        let args = drm_panthor_tiler_heap_create {
            max_chunks: u32::MAX,
            ..heap_args(vm, u32::MAX, 128 * KIB)
        };
        let gpu = file.gpu(vm).unwrap();
        let (result, most) = std::thread::scope(|scope| {
            let maker = scope.spawn(|| try_heap(&file, args));
            let mut most = 0;
            while !maker.is_finished() {
                most = most.max(gpu.mapping_count());
            }
            (maker.join().unwrap(), most)
        });
        assert_eq!(result, Err(error));
        // The contexts and one chunk, where there would be thousands.
        assert!(most <= 2, "{most}");
        assert_eq!(gpu.mapping_count(), 1);
    }
}

#[test]
fn a_vm_is_destroyed_while_a_large_heap_is_made() {
    const CHUNKS: u32 = 20_000;

    let device = device();
    let file = device.open();
    let overtaken = |_| {
        let vm = vm(&file);
        let gpu = file.gpu(vm).unwrap();
        let args = drm_panthor_tiler_heap_create {
            max_chunks: CHUNKS,
            ..heap_args(vm, CHUNKS, 128 * KIB)
        };
        let result = std::thread::scope(|scope| {
            let maker = scope.spawn(|| try_heap(&file, args));
            while gpu.mapping_count() < 2 && !maker.is_finished() {
                std::thread::yield_now();
            }
            ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: vm, pad: 0 });
            maker.join().unwrap()
        });
        assert_eq!(device.leaks().heaps, 0);
        result == Err(EINVAL)
    };
    // Once at least this thread is quick enough.
    assert!((0..10).any(overtaken));
    drop(file);
    device.assert_released();
}
