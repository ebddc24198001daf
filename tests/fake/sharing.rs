//! Syncobjs and PRIME in conditions that only a fake offers: errors on demand, old drivers, and a
//! report of leftover objects.

use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::time::Duration;

use panthor::sys;
use panthor::{
    Bo, BoFlags, BoOptions, CacheOp, Device, DmaBufAccess, Error, ErrorKind, Features, Result,
    SyncPoint, Timeout, Version, Wait, WaitFor, point,
};
use panthor_fake::Config;

use crate::open;

const ENOMEM: i32 = 12;
const ENODEV: i32 = 19;
const EINVAL: i32 = 22;
const EMFILE: i32 = 24;
const ETIME: i32 = 62;

/// Makes the driver refuse a request with an errno, and returns the resulting error.
#[track_caller]
fn refused<T: std::fmt::Debug>(
    device: &Device,
    request: u32,
    errno: i32,
    call: impl FnOnce() -> Result<T>,
) -> Error {
    device.fake().expect("a fake").fail_ioctl(request, errno);
    let error = call().expect_err("the driver refused");
    assert_eq!(error.errno(), Some(errno), "{error}");
    error
}

#[test]
fn errors_of_every_call_about_syncobjs_keep_their_kind_and_name_the_call() {
    let (fake, device) = open(Config::default());
    let (binary, line) =
        (device.create_signaled_syncobj().unwrap(), device.create_timeline().unwrap());
    line.signal(point::<1>()).unwrap();
    let at = line.at(point::<1>());
    let points = [SyncPoint::from(&binary), at];
    let sync_file = binary.export_sync_file().unwrap();
    let fd = binary.export().unwrap();
    let eventfd = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    type Call<'a> = &'a dyn Fn() -> Result<()>;
    let calls: [(u32, &str, Call); 15] = [
        (sys::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, "SYNCOBJ_TIMELINE_WAIT", &|| {
            device.wait_all(&points, WaitFor::Signaled, Timeout::NONE).map(drop)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, "SYNCOBJ_TIMELINE_WAIT", &|| {
            device.wait_any(&points, WaitFor::Available, Timeout::NONE).map(drop)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_SIGNAL, "SYNCOBJ_SIGNAL", &|| device.signal_all(&points)),
        (sys::DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, "SYNCOBJ_TIMELINE_SIGNAL", &|| {
            device.signal_all(&points)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_RESET, "SYNCOBJ_RESET", &|| device.reset_all(&[&binary])),
        (sys::DRM_IOCTL_SYNCOBJ_TRANSFER, "SYNCOBJ_TRANSFER", &|| at.transfer_to(&binary)),
        (sys::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, "SYNCOBJ_HANDLE_TO_FD", &|| {
            binary.export().map(drop)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, "SYNCOBJ_HANDLE_TO_FD", &|| line.export().map(drop)),
        (sys::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, "SYNCOBJ_HANDLE_TO_FD", &|| {
            binary.export_sync_file().map(drop)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, "SYNCOBJ_HANDLE_TO_FD", &|| {
            at.export_sync_file().map(drop)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, "SYNCOBJ_FD_TO_HANDLE", &|| {
            device.import_syncobj(&fd).map(drop)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, "SYNCOBJ_FD_TO_HANDLE", &|| {
            binary.import_sync_file(&sync_file)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, "SYNCOBJ_FD_TO_HANDLE", &|| {
            at.import_sync_file(&sync_file)
        }),
        (sys::DRM_IOCTL_SYNCOBJ_TRANSFER, "SYNCOBJ_TRANSFER", &|| at.import_sync_file(&sync_file)),
        (sys::DRM_IOCTL_SYNCOBJ_EVENTFD, "SYNCOBJ_EVENTFD", &|| binary.notify(&eventfd)),
    ];
    for (request, name, call) in calls {
        for (errno, kind) in [
            (ENOMEM, ErrorKind::OutOfMemory),
            (EMFILE, ErrorKind::OutOfMemory),
            (ENODEV, ErrorKind::DeviceLost),
        ] {
            let error = refused(&device, request, errno, call);
            assert_eq!((error.kind(), error.call()), (kind, name), "{error}");
            assert_eq!(error.argument(), None, "{error}");
        }
        call().unwrap_or_else(|error| panic!("{name}: {error}"));
        binary.signal().unwrap();
    }
    // A refusal that is not for want of a fence is not blamed on one.
    let transfer = sys::DRM_IOCTL_SYNCOBJ_TRANSFER;
    let error = refused(&device, transfer, EINVAL, || at.transfer_to(&binary));
    assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, None));
    drop((binary, sync_file, fd, line, device));
    fake.assert_released();
}

/// The kernel counts in ticks, and ends a wait up to one before its time.
#[test]
fn a_wait_that_the_kernel_ends_early_goes_on() {
    let (fake, device) = open(Config::default());
    let ready = device.create_signaled_syncobj().unwrap();
    let end_early = || {
        let request = sys::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT;
        device.fake().unwrap().fail_ioctl(request, ETIME);
    };
    let points = [SyncPoint::from(&ready)];
    for timeout in [Timeout::from(Duration::from_secs(30)), Timeout::FOREVER] {
        end_early();
        assert_eq!(ready.wait(timeout).unwrap(), Wait::Ready);
        end_early();
        assert_eq!(device.wait_any(&points, WaitFor::Signaled, timeout).unwrap(), Some(0));
        end_early();
        end_early();
        assert_eq!(device.wait_all(&points, WaitFor::Signaled, timeout).unwrap(), Wait::Ready);
    }
    // A look does not wait.
    end_early();
    assert_eq!(ready.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    drop((ready, device));
    fake.assert_released();
}

#[test]
fn a_timeline_fence_is_shared_by_old_kernels_as_well() {
    for minor in [0, 9] {
        let (fake, device) = open(Config::default().driver_minor(minor));
        let vm = device.create_vm(Default::default()).unwrap();
        let eyes = device.fake().unwrap().gpu(vm.id()).unwrap();
        eyes.hold();
        let line = device.create_timeline().unwrap();
        vm.bind_async().unmap(0..4096).signal(line.at(point::<2>())).submit().unwrap();
        let other_line = device.create_timeline().unwrap();
        let fence = line.at(point::<2>()).export_sync_file().unwrap();
        other_line.at(point::<5>()).import_sync_file(&fence).unwrap();
        assert_eq!(other_line.last_submitted().unwrap(), 5);
        assert_eq!(other_line.wait(point::<5>(), Timeout::NONE).unwrap(), Wait::TimedOut);
        eyes.release();
        assert_eq!(other_line.wait(point::<5>(), Timeout::FOREVER).unwrap(), Wait::Ready);
        let missing = line.at(NonZeroU64::MAX).export_sync_file().unwrap_err();
        assert_eq!(missing.argument(), Some("self"), "{missing}");
        drop((fence, line, other_line, vm, eyes, device));
        fake.assert_released();
    }
}

#[test]
fn an_import_that_fails_half_way_leaves_no_handle() {
    let (fake, device) = open(Config::default());
    let foreign = fake.foreign_dma_buf(4096).unwrap();
    let query = sys::DRM_IOCTL_PANTHOR_BO_QUERY_INFO;
    for (errno, kind) in [(ENOMEM, ErrorKind::OutOfMemory), (ENODEV, ErrorKind::DeviceLost)] {
        let error = refused(&device, query, errno, || device.import_bo(&foreign));
        assert_eq!((error.kind(), error.call()), (kind, "BO_QUERY_INFO"));
        assert_eq!(fake.leaks().bos, 0);
    }
    let bo = device.import_bo(&foreign).unwrap();
    // The second import of an object asks nothing any more.
    device.fake().unwrap().fail_ioctl(query, ENOMEM);
    let again = device.import_bo(&foreign).unwrap();
    assert_eq!(again.info().unwrap_err().kind(), ErrorKind::OutOfMemory);
    drop((bo, again, device, foreign));
    fake.assert_released();
}

#[test]
fn errors_of_prime_keep_their_kind() {
    let (fake, device) = open(Config::default());
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let dma_buf = bo.export().unwrap();
    for (errno, kind) in [
        (ENOMEM, ErrorKind::OutOfMemory),
        (EMFILE, ErrorKind::OutOfMemory),
        (ENODEV, ErrorKind::DeviceLost),
    ] {
        let to_fd = sys::DRM_IOCTL_PRIME_HANDLE_TO_FD;
        let error = refused(&device, to_fd, errno, || bo.export());
        assert_eq!((error.kind(), error.call()), (kind, "PRIME_HANDLE_TO_FD"));
        let error =
            refused(&device, to_fd, errno, || bo.export_implicit_fences(DmaBufAccess::Read));
        assert_eq!((error.kind(), error.call()), (kind, "PRIME_HANDLE_TO_FD"));
        let to_handle = sys::DRM_IOCTL_PRIME_FD_TO_HANDLE;
        let error = refused(&device, to_handle, errno, || device.import_bo(&dma_buf));
        // It may be another driver that says so; the device, which is asked, does not.
        let kind = if errno == ENODEV { ErrorKind::Other } else { kind };
        assert_eq!((error.kind(), error.call()), (kind, "PRIME_FD_TO_HANDLE"));
    }
    drop((bo, device, dma_buf));
    fake.assert_released();
}

#[test]
fn a_close_that_fails_leaves_its_owner() {
    let (fake, device) = open(Config::default());
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let dma_buf = bo.export().unwrap();
    device.fake().unwrap().fail_ioctl(sys::DRM_IOCTL_GEM_CLOSE, ENODEV);
    // Of two owners the first one to go does not close.
    device.import_bo(&dma_buf).unwrap().destroy().unwrap();
    let failed = bo.destroy().unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::DeviceLost);
    let again = device.import_bo(&dma_buf).unwrap();
    assert!(again.is_same_object(&failed.object));
    failed.object.destroy().unwrap();
    assert_eq!(again.map().unwrap().len(), 4096);
    drop((again, dma_buf, device));
    fake.assert_released();
}

#[test]
fn an_old_driver_does_not_tell_whose_memory_it_is() {
    let (fake, device) = open(Config::default().driver_minor(6));
    assert_eq!(Features::BO_QUERY_INFO.since(), Version::new(1, 7));
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let dma_buf: OwnedFd = bo.export().unwrap();
    // What this file made it knows, whatever the driver says.
    assert!(!device.import_bo(&dma_buf).unwrap().is_foreign());
    bo.sync(.., CacheOp::Flush).unwrap(); // its mappings are write-combined
    let elsewhere = Device::from_fake(fake.open()).unwrap();
    let shared = elsewhere.import_bo(&dma_buf).unwrap();
    assert!(shared.is_foreign());
    shared.sync(.., CacheOp::FlushAndInvalidate).unwrap();
    // Nor is it asked about what is taken over.
    let handle = shared.into_raw().unwrap();
    // SAFETY: that was a BO of this size without flags, of this driver, and it has no owner now.
    let shared = unsafe { Bo::from_raw(&elsewhere, handle, 4096, BoFlags::empty(), None) }.unwrap();
    assert!(!shared.is_foreign());
    drop((bo, shared, device, elsewhere, dma_buf));
    fake.assert_released();
}
