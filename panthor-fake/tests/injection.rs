//! Failures on demand.

mod common;

use common::*;
use nix::libc::{EACCES, EFAULT, EINTR, EINVAL, EIO, ENODEV, ENOMEM, ENOTTY};
use panthor_fake::{File, descriptor_ioctl, sync_file_status};
use panthor_raw::requests::{REQUESTS, is_drm};
use panthor_sys::*;

/// Makes an ioctl without a valid argument, which fails with `EFAULT` once the driver reads the
/// argument.
fn call(file: &panthor_fake::File, request: u32) -> i32 {
    ioctl_at(file, request, 0)
}

#[test]
fn any_ioctl_fails_the_nth_time() {
    let requests: Vec<_> =
        REQUESTS.iter().map(|&(_, request)| request).filter(|&request| is_drm(request)).collect();
    let device = device();
    let (file, other) = (device.open(), device.open());
    for &request in &requests {
        file.fail_nth_ioctl(request, 3, EIO);
    }
    for round in 0..4 {
        for &request in &requests {
            let unplanned = call(&other, request);
            assert!(matches!(-unplanned, EFAULT | EACCES), "{request:#x}: {unplanned}");
            let expected = if round == 2 { -EIO } else { unplanned };
            assert_eq!(call(&file, request), expected, "{request:#x}, round {round}");
        }
    }
}

#[test]
fn plans_are_kept_apart_and_in_their_order() {
    let file = device().open();
    let plan = |n, errno| file.fail_nth_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, n, errno);
    let calls =
        || -> Vec<_> { (0..6).map(|_| -call(&file, DRM_IOCTL_PANTHOR_VM_CREATE)).collect() };
    plan(4, ENOMEM);
    plan(2, EIO);
    plan(u64::MAX, EINVAL);
    // Those of other numbers neither count nor fail.
    assert_eq!(call(&file, DRM_IOCTL_PANTHOR_BO_CREATE), -EFAULT);
    assert_eq!(calls(), [EFAULT, EIO, EFAULT, ENOMEM, EFAULT, EFAULT]);
    // Two for the same call: one after the other.
    plan(2, ENODEV);
    plan(2, EINTR);
    plan(3, EIO);
    assert_eq!(calls(), [EFAULT, ENODEV, EINTR, EIO, EFAULT, EFAULT]);
    file.fail_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, ENOMEM);
    file.fail_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, EIO);
    assert_eq!(calls(), [ENOMEM, EIO, EFAULT, EFAULT, EFAULT, EFAULT]);
}

#[test]
fn the_size_does_not_tell_ioctls_apart() {
    let file = device().open();
    // A structure of another size, as of an older header.
    let shorter = DRM_IOCTL_PANTHOR_VM_CREATE & !(0x3fff << 16) | 8 << 16;
    file.fail_nth_ioctl(shorter, 1, EIO);
    assert_eq!(call(&file, DRM_IOCTL_PANTHOR_VM_CREATE), -EIO);
}

#[test]
fn memory_can_be_short_at_any_operation_of_an_asynchronous_bind() {
    let device = device();
    let file = device.open();
    let (vm, done) = (vm(&file), syncobj(&file));
    for failing in 0..3 {
        let bos = [(); 3].map(|()| bo(&file, PAGE));
        let signal = [signal_sync(done, 1)];
        let mut ops = [0, 1, 2].map(|i: usize| map_op(bos[i], 0, GIB * (i as u64 + 1), PAGE, 0));
        ops[0] = with_syncs(ops[0], &signal);
        let before = device.stats().bind_ops;
        file.fail_async_bind_op(failing, ENOMEM);
        // A synchronous one is not meant.
        assert_eq!(bind(&file, vm, &[unmap_op(0, PAGE)]), (0, 1));
        assert_eq!(bind_async(&file, vm, &ops), -ENOMEM);
        // Nothing is queued, done or signalled, and the VM goes on.
        assert_eq!((device.stats().bind_ops, device.leaks().pending_jobs), (before + 1, 0));
        assert_eq!(file.gpu(vm).unwrap().mapping_count(), 0);
        assert!(!is_signalled(&file, done, 1));
        assert_eq!(state(&file, vm), DRM_PANTHOR_VM_STATE_USABLE);
        // Those before it got their memory, which nothing holds.
        let resident = bos.map(|bo| file.bo_is_resident(bo).unwrap());
        assert_eq!(resident, [0, 1, 2].map(|i| i < failing));
        assert_eq!(device.reclaim(u64::MAX), u64::from(failing) * PAGE);
    }
    let a = bo(&file, PAGE);
    let ops = [map_op(a, 0, GIB, PAGE, 0)];
    file.fail_async_bind_op(1, ENOMEM);
    assert_eq!(bind_async(&file, vm, &ops), 0);
    // It had no such operation; the plan is over.
    assert_eq!(bind_async(&file, vm, &[ops[0], ops[0]]), 0);
}

#[test]
fn an_operation_can_be_interrupted_or_fail_at_any_place() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    let ops: Vec<_> = (0..5).map(|i| map_op(a, 0, GIB + i * PAGE, PAGE, 0)).collect();
    for at in 0..5 {
        file.interrupt_next_bind_after(at);
        // An asynchronous one is not meant.
        assert_eq!(bind_async(&file, vm, &[unmap_op(0, GIB)]), 0);
        assert_eq!(bind(&file, vm, &ops), (-EINTR, at));
        assert_eq!(file.gpu(vm).unwrap().mapping_count(), at as usize);
        unmap(&file, vm, GIB, GIB);
        file.fail_bind_op(at, ENOMEM);
        assert_eq!(bind(&file, vm, &ops), (-ENOMEM, at));
        assert_eq!(file.gpu(vm).unwrap().mapping_count(), at as usize);
        unmap(&file, vm, GIB, GIB);
    }
}

#[test]
fn what_is_no_error_number_fails_with_eio() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let unmap = [unmap_op(0, PAGE)];
    for errno in [i32::MIN, -EIO, 0, 4096, i32::MAX] {
        file.fail_ioctl(DRM_IOCTL_VERSION, errno);
        assert_eq!(call(&file, DRM_IOCTL_VERSION), -EIO, "{errno}");
        device.fail_nth_ioctl(DRM_IOCTL_VERSION, 1, errno);
        assert_eq!(call(&file, DRM_IOCTL_VERSION), -EIO, "{errno}");
        file.fail_bind_op(0, errno);
        assert_eq!(bind(&file, vm, &unmap), (-EIO, 0), "{errno}");
        file.fail_async_bind_op(0, errno);
        assert_eq!(bind_async(&file, vm, &unmap), -EIO, "{errno}");
    }
    file.fail_ioctl(DRM_IOCTL_VERSION, 4095);
    assert_eq!(call(&file, DRM_IOCTL_VERSION), -4095);
    // The fence of a job carries an error, too.
    let done = syncobj(&file);
    assert!(file.gpu(vm).unwrap().fail_next_job(i32::MIN));
    let signal = [signal_sync(done, 0)];
    assert_eq!(bind_async(&file, vm, &[with_syncs(unmap_op(0, PAGE), &signal)]), 0);
    let export = drm_syncobj_handle {
        handle: done,
        flags: DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
        ..zeroed()
    };
    let fd = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, export).fd);
    assert_eq!(sync_file_status(&fd), Some(-EIO));
}

#[test]
fn what_is_asked_of_dma_bufs_and_sync_files_fails_by_its_type_too() {
    let (device, other) = (device(), common::device());
    let file = device.open();
    let camera = device.foreign_dma_buf(PAGE).unwrap();
    let elsewhere = other.foreign_dma_buf(PAGE).unwrap();
    let ask = |fd: &std::os::fd::OwnedFd, request| {
        // SAFETY: the address is not part of any object, and the call does not write to it.
        unsafe { descriptor_ioctl(fd, request, std::ptr::null_mut()) }.unwrap()
    };
    // The same number as VERSION, which is another ioctl.
    device.fail_nth_ioctl(DMA_BUF_IOCTL_SYNC, 2, EIO);
    file.fail_ioctl(DMA_BUF_IOCTL_SYNC, EIO);
    assert_eq!([(); 2].map(|()| call(&file, DRM_IOCTL_VERSION)), [-EFAULT; 2]);
    assert_eq!([(); 2].map(|()| ask(&elsewhere, DMA_BUF_IOCTL_SYNC)), [-EFAULT; 2]);
    assert_eq!([(); 3].map(|()| ask(&camera, DMA_BUF_IOCTL_SYNC)), [-EFAULT, -EIO, -EFAULT]);
    // Nothing of the kind is asked of a file.
    assert_eq!(file.planned_failures(DMA_BUF_IOCTL_SYNC), [1]);

    let mut args = dma_buf_export_sync_file { flags: DMA_BUF_SYNC_READ as u32, fd: -1 };
    // SAFETY: the argument is ours, and has no pointers.
    let exported = unsafe {
        descriptor_ioctl(&camera, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, (&raw mut args).cast())
    };
    assert_eq!(exported, Some(0));
    let fences = own(args.fd);
    device.fail_nth_ioctl(SYNC_IOC_MERGE, 1, ENOMEM);
    // A request on the wrong kind of file fails with its own error.
    assert_eq!(ask(&camera, SYNC_IOC_MERGE), -ENOTTY);
    assert_eq!([(); 2].map(|()| ask(&fences, SYNC_IOC_MERGE)), [-ENOMEM, -EFAULT]);
    drop(device);
    drop(file);
    // Without its device it goes on.
    assert_eq!(ask(&camera, DMA_BUF_IOCTL_SYNC), -EFAULT);
}

#[test]
fn what_is_planned_can_be_asked_for_and_given_up() {
    let device = device();
    let (file, other) = (device.open(), device.open());
    assert!(!file.has_planned_failures() && !device.has_planned_failures());
    file.fail_nth_ioctl(DRM_IOCTL_VERSION, 3, EIO);
    file.fail_ioctl(DRM_IOCTL_VERSION, ENOMEM);
    device.fail_nth_ioctl(DRM_IOCTL_VERSION, 2, EINVAL);
    assert_eq!(call(&file, DRM_IOCTL_VERSION), -ENOMEM);
    assert_eq!(file.planned_failures(DRM_IOCTL_VERSION), [2]);
    // One that failed for the sake of a file does not count.
    assert_eq!(device.planned_failures(DRM_IOCTL_VERSION), [2]);
    assert!(other.planned_failures(DRM_IOCTL_VERSION).is_empty());
    assert!(file.planned_failures(DRM_IOCTL_GET_CAP).is_empty());
    assert!(file.has_planned_failures() && !other.has_planned_failures());
    file.clear_planned_failures();
    assert!(!file.has_planned_failures() && device.has_planned_failures());
    device.clear_planned_failures();
    assert!(!device.has_planned_failures());
    assert_eq!([(); 3].map(|()| call(&file, DRM_IOCTL_VERSION)), [-EFAULT; 3]);
    // 0 is the next one, too.
    file.fail_nth_ioctl(DRM_IOCTL_VERSION, 0, EIO);
    assert_eq!([(); 2].map(|()| call(&file, DRM_IOCTL_VERSION)), [-EIO, -EFAULT]);
    for plan in [File::fail_bind_op, File::fail_async_bind_op] {
        plan(&file, 0, EIO);
        assert!(file.has_planned_failures());
        file.clear_planned_failures();
        assert!(!file.has_planned_failures());
    }
    let (vm, unmap) = (vm(&file), [unmap_op(0, PAGE)]);
    assert_eq!((bind(&file, vm, &unmap), bind_async(&file, vm, &unmap)), ((0, 1), 0));
}

#[test]
fn failures_of_binds_and_of_their_jobs_come_one_after_the_other() {
    let file = device().open();
    let (first, second) = (vm(&file), vm(&file));
    let unmap = [unmap_op(0, PAGE)];
    file.fail_bind_op(0, ENOMEM);
    file.interrupt_next_bind_after(0);
    file.fail_async_bind_op(0, ENOMEM);
    file.fail_async_bind_op(0, EIO);
    let bound = [(); 3].map(|()| bind(&file, first, &unmap));
    assert_eq!(bound, [(-ENOMEM, 0), (-EINTR, 0), (0, 1)]);
    let bound = [(); 3].map(|()| bind_async(&file, first, &unmap));
    assert_eq!(bound, [-ENOMEM, -EIO, 0]);
    // The VM accepts no more jobs after the first failed one, but still has the jobs accepted
    // before.
    let (gpu, done) = (file.gpu(second).unwrap(), [(); 3].map(|()| syncobj(&file)));
    gpu.hold();
    for done in done {
        let signal = [signal_sync(done, 0)];
        assert_eq!(bind_async(&file, second, &[with_syncs(unmap[0], &signal)]), 0);
    }
    assert!(gpu.fail_next_job(EIO) && gpu.fail_next_job(ENOMEM));
    gpu.release();
    let ends = done.map(|done| {
        let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        let export = drm_syncobj_handle { handle: done, flags, ..zeroed() };
        let fd = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, export).fd);
        sync_file_status(&fd)
    });
    assert_eq!(ends, [Some(-EIO), Some(-ENOMEM), Some(1)]);
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: second, pad: 0 });
    assert!(!gpu.fail_next_job(EIO));
}
