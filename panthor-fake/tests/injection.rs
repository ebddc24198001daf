//! Failures on demand.

mod common;

use common::*;
use nix::libc::{EFAULT, EINTR, EINVAL, EIO, ENODEV, ENOMEM};
use panthor_sys::*;

/// An ioctl without a valid argument: it fails with `EFAULT` when it looks at that.
fn call(file: &panthor_fake::File, request: u32) -> i32 {
    ioctl_at(file, request, 0)
}

#[test]
fn any_ioctl_fails_the_nth_time() {
    let requests = [
        DRM_IOCTL_VERSION,
        DRM_IOCTL_GET_CAP,
        DRM_IOCTL_SET_CLIENT_NAME,
        DRM_IOCTL_GEM_CLOSE,
        DRM_IOCTL_PRIME_HANDLE_TO_FD,
        DRM_IOCTL_PRIME_FD_TO_HANDLE,
        DRM_IOCTL_SYNCOBJ_CREATE,
        DRM_IOCTL_SYNCOBJ_DESTROY,
        DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD,
        DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
        DRM_IOCTL_SYNCOBJ_WAIT,
        DRM_IOCTL_SYNCOBJ_RESET,
        DRM_IOCTL_SYNCOBJ_SIGNAL,
        DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
        DRM_IOCTL_SYNCOBJ_QUERY,
        DRM_IOCTL_SYNCOBJ_TRANSFER,
        DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL,
        DRM_IOCTL_SYNCOBJ_EVENTFD,
        DRM_IOCTL_PANTHOR_DEV_QUERY,
        DRM_IOCTL_PANTHOR_VM_CREATE,
        DRM_IOCTL_PANTHOR_VM_DESTROY,
        DRM_IOCTL_PANTHOR_VM_BIND,
        DRM_IOCTL_PANTHOR_VM_GET_STATE,
        DRM_IOCTL_PANTHOR_BO_CREATE,
        DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET,
        DRM_IOCTL_PANTHOR_GROUP_CREATE,
        DRM_IOCTL_PANTHOR_GROUP_DESTROY,
        DRM_IOCTL_PANTHOR_GROUP_SUBMIT,
        DRM_IOCTL_PANTHOR_GROUP_GET_STATE,
        DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE,
        DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY,
        DRM_IOCTL_PANTHOR_BO_SET_LABEL,
        DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET,
        DRM_IOCTL_PANTHOR_BO_SYNC,
        DRM_IOCTL_PANTHOR_BO_QUERY_INFO,
    ];
    let device = device();
    let (file, other) = (device.open(), device.open());
    for &request in &requests {
        file.fail_nth_ioctl(request, 2, EIO);
    }
    for round in 0..4 {
        for &request in &requests {
            let expected = if round == 2 { -EIO } else { -EFAULT };
            assert_eq!(call(&file, request), expected, "{request:#x}, round {round}");
            assert_eq!(call(&other, request), -EFAULT);
        }
    }
}

#[test]
fn plans_are_kept_apart_and_in_their_order() {
    let file = device().open();
    let plan = |n, errno| file.fail_nth_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, n, errno);
    let calls =
        || -> Vec<_> { (0..6).map(|_| -call(&file, DRM_IOCTL_PANTHOR_VM_CREATE)).collect() };
    plan(3, ENOMEM);
    plan(1, EIO);
    plan(u64::MAX, EINVAL);
    // Those of other numbers neither count nor fail.
    assert_eq!(call(&file, DRM_IOCTL_PANTHOR_BO_CREATE), -EFAULT);
    assert_eq!(calls(), [EFAULT, EIO, EFAULT, ENOMEM, EFAULT, EFAULT]);
    // Two for the same call: one after the other.
    plan(1, ENODEV);
    plan(1, EINTR);
    plan(2, EIO);
    assert_eq!(calls(), [EFAULT, ENODEV, EINTR, EIO, EFAULT, EFAULT]);
    file.fail_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, ENOMEM);
    file.fail_ioctl(DRM_IOCTL_PANTHOR_VM_CREATE, EIO);
    assert_eq!(calls(), [ENOMEM, EIO, EFAULT, EFAULT, EFAULT, EFAULT]);
}

#[test]
fn the_number_alone_tells_ioctls_apart() {
    let file = device().open();
    // A structure of another size, as of an older header.
    let shorter = DRM_IOCTL_PANTHOR_VM_CREATE & !(0x3fff << 16) | 8 << 16;
    file.fail_nth_ioctl(shorter, 0, EIO);
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
        device.fail_nth_ioctl(DRM_IOCTL_VERSION, 0, errno);
        assert_eq!(call(&file, DRM_IOCTL_VERSION), -EIO, "{errno}");
        file.fail_bind_op(0, errno);
        assert_eq!(bind(&file, vm, &unmap), (-EIO, 0), "{errno}");
        file.fail_async_bind_op(0, errno);
        assert_eq!(bind_async(&file, vm, &unmap), -EIO, "{errno}");
    }
    file.fail_ioctl(DRM_IOCTL_VERSION, 4095);
    assert_eq!(call(&file, DRM_IOCTL_VERSION), -4095);
    // The fence of a job tells of an error, too.
    let done = syncobj(&file);
    file.gpu(vm).unwrap().fail_next_job(i32::MIN);
    let signal = [signal_sync(done, 0)];
    assert_eq!(bind_async(&file, vm, &[with_syncs(unmap_op(0, PAGE), &signal)]), 0);
    let export = drm_syncobj_handle {
        handle: done,
        flags: DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
        ..zeroed()
    };
    let fd = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, export).fd);
    assert_eq!(device.sync_file_status(&fd), Some(-EIO));
}
