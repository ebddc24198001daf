//! Setup of every example: opens a device, real or fake.

use panthor::{Device, ErrorKind};

/// Opens the first Mali of this machine, else the fake, and prints the choice.
pub fn open() -> panthor::Result<Device> {
    match Device::open_any() {
        Ok(device) => {
            let node = device.node_numbers()?.render;
            let node = node.map_or(String::new(), |node| format!(" (render node {node})"));
            let name = device.gpu_info()?.model_name();
            println!("device: {name}, Panthor {}{node}", device.version());
            Ok(device)
        }
        // Only if there is none: a Mali that cannot be opened is no reason to pretend.
        Err(none) if none.kind() == ErrorKind::NotFound => {
            let device = Device::open_fake()?;
            let name = device.gpu_info()?.model_name();
            println!("device: the fake, a {name} with Panthor {}", device.version());
            println!("        ({none})");
            Ok(device)
        }
        Err(error) => Err(error),
    }
}
