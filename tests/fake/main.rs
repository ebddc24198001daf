//! The safe layer in conditions that only a fake offers: old drivers, other GPUs, large CPU pages,
//! failures on demand, and the GPU's view of memory.

mod arguments;
mod batches;
mod caches;
mod drivers;
mod failures;
mod gpu_view;
mod groups;
mod handles;
mod sharing;

use panthor::Device;
use panthor_fake::Config;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Returns a fake and a device open on it.
fn open(config: Config) -> (panthor_fake::Device, Device) {
    let fake = panthor_fake::Device::new(config).expect("a memfd");
    let device = Device::from_fake(fake.open()).expect("a Panthor");
    (fake, device)
}

/// Returns the GPU's view of a VM.
fn eyes(vm: &panthor::Vm) -> panthor_fake::GpuView {
    vm.device().fake().expect("a fake").gpu(vm.id()).expect("its VM")
}
