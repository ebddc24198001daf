//! The device that driver-independent tests run on.

use panthor::{Device, ErrorKind};

/// Opens the real driver if present, else the fake. `PANTHOR_TEST_DEVICE` names a node, or `fake`.
pub fn device() -> Device {
    match std::env::var("PANTHOR_TEST_DEVICE") {
        Ok(name) if name == "fake" => Device::open_fake().expect("a fake"),
        Ok(path) => Device::open(&path).unwrap_or_else(|error| panic!("{path}: {error}")),
        Err(_) => match Device::open_any() {
            Err(none) if none.kind() == ErrorKind::NotFound => Device::open_fake().expect("a fake"),
            device => device.expect("a Panthor that can be opened"),
        },
    }
}

/// Another open file of the same device, of which it knows nothing.
#[allow(dead_code)] // not every test needs one
pub fn second_file(device: &Device) -> Device {
    match device.fake() {
        Some(file) => Device::from_fake(file.device().open()).expect("a fake"),
        None => self::device(),
    }
}
