//! Callbacks of a trace run under no lock of the crates: they use the device, and they panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use panthor::fake::trace::{Call, TraceOptions};
use panthor::fake::{self, Config};
use panthor::sys::*;
use panthor::{
    Bo, BoFlags, BoOptions, Device, GroupOptions, QueueOptions, UserMmioOffset, VmOptions, point,
};

fn device() -> (fake::Device, Device) {
    let fake = fake::Device::new(Config::default()).expect("a memfd");
    let device = Device::from_fake(fake.open()).unwrap();
    (fake, device)
}

/// Fails, instead of a hang, if something takes too long.
#[track_caller]
fn in_time(run: impl FnOnce() + Send + 'static) {
    let (tell, told) = channel();
    let runner = std::thread::spawn(move || {
        run();
        let _ = tell.send(());
    });
    match told.recv_timeout(Duration::from_secs(30)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => runner.join().unwrap(),
    }
}

/// Uses a device as a program may.
fn use_device(device: &Device) {
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let dma_buf = bo.export().unwrap();
    let same = device.import_bo(&dma_buf).unwrap();
    let handle = device.create_bo(BoOptions::new(4096)).unwrap().into_raw().unwrap();
    // SAFETY: the handle is a BO of this size without flags, and has no owner.
    drop(unsafe { Bo::from_raw(device, handle, 4096, BoFlags::empty(), None) }.unwrap());
    drop((same, bo));
    device.flush_id().unwrap();
    device.set_user_mmio_offset(UserMmioOffset::Bits64).unwrap();
    let vm = device.create_vm(VmOptions::new()).unwrap();
    vm.bind().map_sparse(0..4096).submit().unwrap();
    let timeline = device.create_timeline().unwrap();
    vm.bind_async().unmap(0..4096).signal(timeline.at(point::<1>())).submit().unwrap();
    timeline.signal(point::<2>()).unwrap();
    drop(timeline.at(point::<1>()).export_sync_file().unwrap());
}

#[test]
fn a_callback_uses_the_device_whatever_the_call() {
    in_time(|| {
        let (fake, device) = device();
        let (events, user) = (Arc::new(AtomicUsize::new(0)), device.clone());
        let count = events.clone();
        fake.trace_with(TraceOptions::text(), move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            use_device(&user);
        });
        use_device(&device);
        assert!(events.load(Ordering::Relaxed) > 15);
        fake.end_trace().unwrap();
        drop(device);
        fake.assert_released();
    });
}

/// Another thread that the callback waits for needs the same locks.
#[test]
fn a_callback_waits_for_a_thread_that_uses_the_device() {
    in_time(|| {
        let (fake, device) = device();
        let (user, is_inner) = (device.clone(), AtomicBool::new(false));
        fake.trace_with(TraceOptions::text(), move |_| {
            // Calls of the other thread are reported, too.
            if !is_inner.swap(true, Ordering::Relaxed) {
                std::thread::scope(|scope| drop(scope.spawn(|| use_device(&user))));
                is_inner.store(false, Ordering::Relaxed);
            }
        });
        use_device(&device);
        fake.end_trace().unwrap();
    });
}

/// Whatever call a callback panics in, no handle stays without an owner, and none is closed twice.
#[test]
fn a_callback_that_panics_leaves_no_stale_handle() {
    let (fake, device) = device();
    let (other, panics) = (Device::from_fake(fake.open()).unwrap(), Arc::new(AtomicUsize::new(0)));
    let dma_buf = other.create_bo(BoOptions::new(4096)).unwrap().export().unwrap();
    let big = other.create_bo(BoOptions::new(2 << 20)).unwrap().export().unwrap();
    let requests = [DRM_IOCTL_PRIME_FD_TO_HANDLE, DRM_IOCTL_GEM_CLOSE, DRM_IOCTL_SYNCOBJ_DESTROY];
    // The number of what was just destroyed is another's by the time of the panic.
    let successor = Arc::new(Mutex::new(None));
    let (left, user, new) = (panics.clone(), device.clone(), successor.clone());
    fake.trace_with(TraceOptions::text(), move |event| {
        let named =
            matches!(event.call, Call::Ioctl { request, .. } if requests.contains(&request));
        let one_less = |left: usize| left.checked_sub(1);
        if named && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            *new.lock().unwrap() = Some(user.create_syncobj().unwrap());
            panic!("as the assertion of a test may");
        }
    });
    let panic_in = |run: &mut dyn FnMut()| {
        panics.store(1, Ordering::Relaxed);
        catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(panics.load(Ordering::Relaxed), 0);
    };

    panic_in(&mut || drop(device.import_bo(&dma_buf)));
    // The import has ended with the panic: this one is new, and closes its handle.
    let bo = device.import_bo(&dma_buf).unwrap();
    assert!(bo.map().unwrap().load::<u32>(0).is_ok());
    drop(bo);
    assert!(device.fake().unwrap().dump().bos.is_empty());

    let mut closed = Some(device.import_bo(&dma_buf).unwrap());
    let handle = closed.as_ref().unwrap().handle();
    panic_in(&mut || drop(closed.take().unwrap().destroy()));
    // Another object has the handle now, and nothing of what was known of the one before.
    let bo = device.import_bo(&big).unwrap();
    assert_eq!((bo.handle(), bo.size()), (handle, 2 << 20));
    drop(bo);
    assert!(device.fake().unwrap().dump().bos.is_empty());

    let mut syncobj = Some(device.create_syncobj().unwrap());
    let handle = syncobj.as_ref().unwrap().handle();
    panic_in(&mut || drop(syncobj.take().unwrap().destroy()));
    let next = successor.lock().unwrap().take().unwrap();
    assert_eq!(next.handle(), handle);
    next.signal().expect("what a second destruction would have taken");
    fake.end_trace().unwrap();
}

/// Whatever creates an object, a panic behind the driver's answer destroys the object.
#[test]
fn callback_that_panics_behind_a_creation_leaves_no_object() {
    let (fake, device) = device();
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let syncobj = device.create_syncobj().unwrap();
    let shared = syncobj.export().unwrap();
    syncobj.signal().unwrap();
    let group = GroupOptions::new().queue(QueueOptions::new(4096));
    type Creation<'a> = (u32, Box<dyn Fn() + 'a>);
    let creations: [Creation<'_>; 8] = [
        (DRM_IOCTL_PANTHOR_BO_CREATE, Box::new(|| drop(device.create_bo(BoOptions::new(4096))))),
        (DRM_IOCTL_PANTHOR_VM_CREATE, Box::new(|| drop(device.create_vm(VmOptions::new())))),
        (DRM_IOCTL_PANTHOR_GROUP_CREATE, Box::new(|| drop(vm.create_group(group.clone())))),
        (
            DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE,
            Box::new(|| drop(vm.create_tiler_heap(Default::default()))),
        ),
        (DRM_IOCTL_SYNCOBJ_CREATE, Box::new(|| drop(device.create_syncobj()))),
        (DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, Box::new(|| drop(device.import_syncobj(&shared)))),
        (DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, Box::new(|| drop(syncobj.export_sync_file()))),
        (DRM_IOCTL_PRIME_HANDLE_TO_FD, Box::new(|| drop(bo.export()))),
    ];
    for (request, create) in &creations {
        // A VM keeps the memory of heap contexts from its first heap on.
        create();
        let (before, request) = (fake.leaks(), *request);
        let panics = AtomicBool::new(true);
        fake.trace_with(TraceOptions::text(), move |event| {
            let is_it = matches!(event.call, Call::Ioctl { request: of, .. } if of == request);
            assert!(!is_it || !panics.swap(false, Ordering::Relaxed), "as that of a test may");
        });
        catch_unwind(AssertUnwindSafe(create)).unwrap_err();
        fake.end_trace().unwrap();
        assert_eq!(fake.leaks().to_string(), before.to_string(), "{request:#x}");
    }
}

#[test]
fn a_callback_that_panics_at_an_unmapping_leaves_nothing_mapped() {
    let (fake, device) = device();
    let map = device.create_bo(BoOptions::new(4096)).unwrap().map().unwrap();
    fake.trace_with(TraceOptions::text(), |event| {
        assert!(!matches!(event.call, Call::Munmap), "as the assertion of a test may");
    });
    catch_unwind(AssertUnwindSafe(|| drop(map))).unwrap_err();
    fake.end_trace().unwrap();
    drop(device);
    fake.assert_released();
}
