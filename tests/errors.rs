//! Every call of the safe layer that can fail, failed by the driver. The error names the call and
//! keeps the error number. Nothing is left behind, and the same call works once the driver does.

#[path = "errors/api.rs"]
mod api;
#[path = "errors/calls.rs"]
mod calls;

use panthor::fake::{self, Config};
use panthor::sys::DRM_IOCTL_PRIME_FD_TO_HANDLE;
use panthor::{Device, ErrorKind};

const EINTR: i32 = 4;
const EIO: i32 = 5;
const EAGAIN: i32 = 11;
const ENOMEM: i32 = 12;
const ENODEV: i32 = 19;
const EMFILE: i32 = 24;

fn open() -> (fake::Device, Device) {
    let fake = fake::Device::new(Config::default()).expect("a memfd");
    let device = Device::from_fake(fake.open()).expect("a Panthor");
    (fake, device)
}

#[test]
fn what_the_driver_refuses_is_reported_and_leaves_nothing() {
    for call in calls::ALL {
        for (errno, kind) in [
            (ENOMEM, ErrorKind::OutOfMemory),
            (EMFILE, ErrorKind::OutOfMemory),
            (ENODEV, ErrorKind::DeviceLost),
            (EIO, ErrorKind::DeviceLost),
        ] {
            // Here it may be another driver that says so, which is not lost with that.
            let others = call.request == DRM_IOCTL_PRIME_FD_TO_HANDLE;
            let kind =
                if others && kind == ErrorKind::DeviceLost { ErrorKind::Other } else { kind };
            let (fake, device) = open();
            let what = format!("{} with errno {errno}", call.item);
            let calls_before = |fake: &fake::Device| fake.stats().ioctl_count(call.request);
            (call.run)(&device, &mut || {
                device.fake().expect("a fake").fail_ioctl(call.request, errno);
            })
            .map(|()| panic!("{what} succeeded"))
            .unwrap_or_else(|error| {
                assert_eq!(error.errno(), Some(errno), "{what}: {error}");
                assert_eq!(error.kind(), kind, "{what}: {error}");
                assert_eq!(error.call(), call.name, "{what}: {error}");
                assert!(error.to_string().starts_with(call.name), "{what}: {error}");
            });
            assert!(calls_before(&fake) > 0, "{what}: it was called");
            // The device is as good as before.
            (call.run)(&device, &mut || ()).unwrap_or_else(|error| panic!("{what}, then: {error}"));
            drop(device);
            fake.assert_released();
        }
    }
}

#[test]
fn what_a_signal_interrupts_is_called_again() {
    for call in calls::ALL {
        for errno in [EINTR, EAGAIN] {
            let (fake, device) = open();
            (call.run)(&device, &mut || {
                device.fake().expect("a fake").fail_ioctl(call.request, errno);
            })
            .unwrap_or_else(|error| panic!("{} with errno {errno}: {error}", call.item));
            drop(device);
            fake.assert_released();
        }
    }
}

#[test]
fn a_device_that_is_gone_says_so() {
    for call in calls::ALL {
        let (fake, device) = open();
        let result = (call.run)(&device, &mut || fake.unplug());
        let error = result.expect_err(call.item);
        assert_eq!(error.kind(), ErrorKind::DeviceLost, "{}: {error}", call.item);
        drop(device);
        fake.assert_released();
    }
}

#[test]
fn no_call_is_forgotten() {
    let fallible = api::fallible();
    assert!(fallible.len() > 80, "{fallible:?}");
    let known = |item: &str| {
        calls::ALL.iter().any(|call| call.item == item)
            || api::WITHOUT_THE_DRIVER.iter().any(|(known, _)| *known == item)
    };
    let missing: Vec<_> = fallible.iter().filter(|item| !known(item)).collect();
    assert!(missing.is_empty(), "neither in tests/errors/calls.rs nor api.rs: {missing:?}");
    let all = calls::ALL.iter().map(|call| call.item);
    for item in all.chain(api::WITHOUT_THE_DRIVER.iter().map(|(item, _)| *item)) {
        assert!(fallible.contains(item), "{item} is not there any more");
    }
}
