//! Interrupted, failing and lost calls.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use panthor::{
    Bo, BoOptions, Device, ErrorKind, MapFlags, SparseMode, Timeout, VmOptions, VmState, Wait,
    point,
};
use panthor_fake::{BindChange, Config};

use crate::{GIB, MIB, eyes, open};

#[test]
fn an_interrupted_batch_goes_on_where_it_stopped() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(8 * 4096)).unwrap();
    for after in 0..8 {
        device.fake().unwrap().interrupt_next_bind_after(after);
        let mut batch = vm.bind();
        for page in 0..8u64 {
            batch.map(&bo, page * 4096..(page + 1) * 4096, page * MIB, MapFlags::NOEXEC);
        }
        let report = batch.submit().unwrap();
        assert_eq!((report.operations, report.ioctls), (8, 2), "after {after}");
        assert_eq!(eyes(&vm).mapping_count(), 8);
        vm.bind().unmap(0..8 * MIB).submit().unwrap();
    }
}

#[test]
fn a_failure_in_the_middle_of_an_emulated_range_says_how_far_it_came() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    vm.bind().sparse_mode(SparseMode::Emulated).map_sparse(0..4096).submit().unwrap();
    device.fake().unwrap().fail_bind_op(11, 12);
    let error = vm
        .bind()
        .sparse_mode(SparseMode::Emulated)
        .unmap(0..4096)
        .map_sparse(GIB..GIB + 100_003_840)
        .unmap(0..4096)
        .submit()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert_eq!((error.op_index(), error.ops_done()), (Some(1), Some(1)), "{error}");
    assert_eq!(error.partial_range(), Some(GIB..GIB + 20 * MIB));
    assert_eq!(eyes(&vm).mapping_count(), 10);
    assert_eq!(vm.state().unwrap(), VmState::Usable);
}

#[test]
fn a_call_that_fails_as_a_whole_blames_no_operation() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let request = panthor::sys::DRM_IOCTL_PANTHOR_VM_BIND;
    device.fake().unwrap().fail_ioctl(request, 12);
    let error = vm.bind().map_sparse(0..4096).submit().unwrap_err();
    assert_eq!((error.op_index(), error.ops_done()), (None, Some(0)));
    assert_eq!(error.errno(), Some(12));
}

#[test]
fn other_calls_are_repeated_after_a_signal() {
    let (_, device) = open(Config::default());
    for errno in [4, 11] {
        device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_BO_CREATE, errno);
        device.create_bo(BoOptions::new(100)).unwrap();
    }
}

#[test]
fn a_failed_asynchronous_bind_loses_the_vm_and_unmapping_still_works() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let done = device.create_syncobj().unwrap();
    vm.bind().map_sparse(0..MIB).submit().unwrap();
    assert!(eyes(&vm).fail_next_job(110));
    vm.bind_async().map_sparse(MIB..2 * MIB).signal(&done).submit().unwrap();
    assert!(done.wait(Timeout::FOREVER).unwrap().is_ready());
    assert_eq!(vm.state().unwrap(), VmState::Unusable);
    let errors = [
        vm.bind().map_sparse(4 * MIB..5 * MIB).submit().unwrap_err(),
        vm.bind_async().unmap(0..4096).submit().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
        assert!(error.to_string().contains("unusable"), "{error}");
    }
    vm.bind().unmap(0..2 * MIB).submit().unwrap();
    assert_eq!(eyes(&vm).mapping_count(), 0);
    drop((vm, done, device));
    fake.assert_released();
}

#[test]
fn asynchronous_batches_run_in_order_behind_what_they_wait_for() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let other = device.create_vm(VmOptions::new()).unwrap();
    let timeline = device.create_timeline().unwrap();
    eyes(&other).hold();
    other.bind_async().signal(timeline.at(point::<1>())).submit().unwrap();
    vm.bind_async()
        .map_sparse(0..MIB)
        .wait(timeline.at(point::<1>()))
        .signal(timeline.at(point::<2>()))
        .submit()
        .unwrap();
    vm.bind_async().map_sparse(MIB..2 * MIB).signal(timeline.at(point::<3>())).submit().unwrap();
    // A synchronous bind does not queue behind them.
    vm.bind().map_sparse(8 * MIB..9 * MIB).submit().unwrap();
    assert_eq!((eyes(&vm).mapping_count(), timeline.value().unwrap()), (1, 0));
    assert_eq!(timeline.last_submitted().unwrap(), 3);
    assert_eq!(timeline.wait(point::<3>(), Duration::from_millis(5)).unwrap(), Wait::TimedOut);
    eyes(&other).release();
    assert_eq!(timeline.wait(point::<3>(), Timeout::FOREVER).unwrap(), Wait::Ready);
    assert_eq!((eyes(&vm).mapping_count(), timeline.value().unwrap()), (3, 3));
    drop((vm, other, timeline, device));
    fake.assert_released();
}

#[test]
fn what_a_vm_is_yet_to_map_at_its_end_is_unmapped_behind_it() {
    let (fake, device) = open(Config::default());
    let bo = device.create_bo(BoOptions::new(MIB)).unwrap();
    let file = device.fake().unwrap();
    let end = |how: fn(panthor::Vm)| {
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let (eyes, range) = (eyes(&vm), vm.user_va_range());
        vm.bind().map_sparse(8 * MIB..9 * MIB).submit().unwrap();
        eyes.hold();
        vm.bind_async().map(&bo, .., 0, MapFlags::NOEXEC).submit().unwrap();
        how(vm);
        assert_eq!((eyes.pending(), eyes.mapping_count()), (2, 0));
        let ended = file.dump().vms;
        let BindChange::Unmap { va: 0, size } = ended[0].pending[1].change else {
            panic!("{:?}", ended[0].pending);
        };
        assert_eq!(size, range);
        assert!(eyes.step());
        assert_eq!(eyes.mapping_count(), 1);
        assert!(eyes.step());
        // The last operation kept it.
        assert_eq!(fake.leaks().vms, 0);
    };
    end(drop);
    end(|vm| vm.destroy().unwrap());
    // Without anything queued there is nothing to undo.
    let calls = || fake.stats().ioctl_count(panthor::sys::DRM_IOCTL_PANTHOR_VM_BIND);
    let vm = device.create_vm(VmOptions::new()).unwrap();
    vm.bind().map_sparse(0..MIB).submit().unwrap();
    let before = calls();
    drop(vm);
    assert_eq!(calls(), before);
    // Of one that was taken over that is not known.
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let range = vm.user_va_range();
    let id = vm.into_raw().unwrap();
    // SAFETY: it is a VM of this file with that range, which was just given up.
    drop(unsafe { panthor::Vm::from_raw(&device, id, range) });
    assert_eq!(calls(), before + 1);
    drop((bo, device));
    fake.assert_released();
}

#[test]
fn destroy_gives_the_object_back_with_the_error() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_VM_DESTROY, 19);
    let failed = vm.destroy().unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::DeviceLost);
    failed.object.bind().map_sparse(0..4096).submit().unwrap();
    failed.object.destroy().unwrap();

    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_GEM_CLOSE, 19);
    let failed = bo.destroy().unwrap_err();
    failed.object.destroy().unwrap();
    drop(device);
    fake.assert_released();
}

#[test]
fn out_of_memory_is_told_apart() {
    let (_, device) = open(Config::default().memory(64 * MIB));
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(GIB)).unwrap();
    let error = vm.bind().map(&bo, .., 0, MapFlags::NOEXEC).submit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert_eq!((error.op_index(), error.ops_done()), (Some(0), Some(0)));
}

#[test]
fn nothing_is_left_after_a_busy_life() {
    let (fake, device) = open(Config::default());
    let threads: Vec<_> = (0..8u64)
        .map(|seed| {
            let device = device.clone();
            std::thread::spawn(move || busy(&device, seed))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    drop(device);
    fake.assert_released();
}

fn busy(device: &Device, seed: u64) {
    let vm = Arc::new(device.create_vm(VmOptions::new()).unwrap());
    let timeline = device.create_timeline().unwrap();
    let mut bos: Vec<Bo> = Vec::new();
    for round in 1..100u64 {
        let size = (seed * 31 + round * 7) % 64 * 4096 + 4096;
        bos.push(device.create_bo(BoOptions::new(size)).unwrap());
        let bo = bos.last().unwrap();
        let va = (seed * 17 + round * 13) % 512 * MIB;
        if round % 3 == 0 {
            vm.bind_async()
                .map(bo, .., va, MapFlags::NOEXEC)
                .map_sparse(va + MIB / 2..va + MIB)
                .signal(timeline.at(NonZeroU64::new(round).expect("from 1 up")))
                .submit()
                .unwrap();
            assert!(
                timeline
                    .wait(NonZeroU64::new(round).expect("from 1 up"), Timeout::FOREVER)
                    .unwrap()
                    .is_ready()
            );
        } else {
            vm.bind().map(bo, .., va, MapFlags::NOEXEC).unmap(0..va.max(4096)).submit().unwrap();
        }
        if round % 5 == 0 {
            bos.remove(0).destroy().unwrap();
        }
    }
    assert_eq!(vm.state().unwrap(), VmState::Usable);
}
