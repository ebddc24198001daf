//! The device that driver-independent tests run on.

use panthor::Device;

/// The real driver where there is one, else the fake. `PANTHOR_TEST_DEVICE` names a node, or `fake`.
pub fn device() -> Device {
    match std::env::var("PANTHOR_TEST_DEVICE") {
        Ok(name) if name == "fake" => Device::open_fake().expect("a fake"),
        Ok(path) => Device::open(&path).unwrap_or_else(|error| panic!("{path}: {error}")),
        Err(_) => {
            Device::open_any().or_else(|_| Device::open_fake()).expect("a real or a fake Panthor")
        }
    }
}
