//! What becomes of batches that fail or are refused, and what their errors say: on the fake, which fails on demand.

use panthor::{Device, SparseMode, Vm};
use panthor_fake::Config;

const MIB: u64 = 1 << 20;
const ENOMEM: i32 = 12;

fn open() -> (Device, Vm) {
    let fake = panthor_fake::Device::new(Config::default()).expect("a memfd");
    let device = Device::from_fake(fake.open()).expect("a Panthor");
    let vm = device.create_vm(Default::default()).expect("a VM");
    (device, vm)
}

#[test]
fn what_was_done_before_a_signal_is_told_when_the_rest_fails_as_a_whole() {
    let (device, vm) = open();
    let emulated = |count: u64| {
        let mut batch = vm.bind();
        batch.sparse_mode(SparseMode::Emulated).map_sparse(0..count * 2 * MIB).submit()
    };
    emulated(1).unwrap();
    let fake = device.fake().unwrap();
    fake.interrupt_next_bind_after(4);
    fake.fail_nth_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_VM_BIND, 1, ENOMEM);
    let error = emulated(8).unwrap_err();
    assert_eq!((error.errno(), error.op_index(), error.ops_done()), (Some(ENOMEM), None, Some(0)));
    assert_eq!(error.partial_range(), Some(0..8 * MIB), "{error}");
    assert_eq!(fake.gpu(vm.id()).unwrap().mapping_count(), 4);
}
