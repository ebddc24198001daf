//! Batches that fail or are refused, and their errors: on the fake, which fails on demand.

use panthor::{Device, ErrorKind, GroupOptions, QueueOptions, SparseMode, Timeout, Vm, Wait};
use panthor_fake::Config;

use crate::{MIB, open};

const ENOMEM: i32 = 12;

/// Returns a device on a fake, and a VM.
fn open_vm() -> (Device, Vm) {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(Default::default()).expect("a VM");
    (device, vm)
}

#[test]
fn what_was_done_before_a_signal_is_told_when_the_rest_fails_as_a_whole() {
    let (device, vm) = open_vm();
    let emulated = |count: u64| {
        let mut batch = vm.bind();
        batch.sparse_mode(SparseMode::Emulated).map_sparse(0..count * 2 * MIB).submit()
    };
    emulated(1).unwrap();
    let fake = device.fake().unwrap();
    fake.interrupt_next_bind_after(4);
    fake.fail_nth_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_VM_BIND, 2, ENOMEM);
    let error = emulated(8).unwrap_err();
    assert_eq!((error.errno(), error.op_index(), error.ops_done()), (Some(ENOMEM), None, Some(0)));
    assert_eq!(error.partial_range(), Some(0..8 * MIB), "{error}");
    assert_eq!(fake.gpu(vm.id()).unwrap().mapping_count(), 4);
}

#[test]
fn emulated_sparse_without_memory_is_a_failed_bind() {
    let (device, vm) = open_vm();
    device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_BO_CREATE, ENOMEM);
    let mut batch = vm.bind();
    let error =
        batch.sparse_mode(SparseMode::Emulated).map_sparse(0..2 * MIB).submit().unwrap_err();
    assert_eq!((error.call(), error.errno(), error.ops_done()), ("VM_BIND", Some(ENOMEM), Some(0)));
    let text = "VM_BIND: the BO behind emulated sparse ranges (BO_CREATE): Cannot allocate memory";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn queue_submits_are_no_operations() {
    let (_device, vm) = open_vm();
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let error = group.submit().queue(0).queue(1).submit().unwrap_err();
    let text = "GROUP_SUBMIT: queue submit 1: queue: is not in the group (1, below 1)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn an_operation_without_a_fence_to_wait_for_is_named() {
    let (device, vm) = open_vm();
    let missing = device.create_syncobj().unwrap();
    let mut batch = vm.bind_async();
    batch.unmap(0..4096).map_sparse(0..8 * MIB).op_wait(&missing);
    let of_an_operation = batch.submit().unwrap_err();
    batch.sparse_mode(SparseMode::Emulated);
    batch.map_sparse(0..8 * MIB).unmap(0..4096).op_wait(&missing);
    let of_one_behind_several = batch.submit().unwrap_err();
    batch.unmap(0..4096).unmap(0..4096).wait(&missing);
    let of_the_batch = batch.submit().unwrap_err();
    batch.unmap(0..4096).wait(&missing).signal(&missing);
    let of_the_batch_itself = batch.submit().unwrap_err();
    batch.unmap(0..4096).unmap(0..4096).op_wait(&missing).op_signal(&missing);
    let of_the_operation_itself = batch.submit().unwrap_err();
    for (error, op) in [
        (of_an_operation, Some(1)),
        (of_one_behind_several, Some(1)),
        (of_the_batch, None),
        (of_the_batch_itself, None),
        (of_the_operation_itself, Some(1)),
    ] {
        assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("wait")));
        assert_eq!((error.op_index(), error.ops_done()), (op, Some(0)), "{error}");
    }
}

#[test]
fn what_an_operation_signals_before_the_batch_does_is_not_waited_for() {
    let (device, vm) = open_vm();
    let point = device.create_syncobj().unwrap();
    let mut batch = vm.bind_async();
    batch.unmap(0..4096).op_signal(&point).unmap(0..4096).op_wait(&point).signal(&point);
    assert_eq!(batch.wait_until_available(Timeout::NONE).unwrap(), Wait::Ready);
    batch.submit().unwrap();
}

#[test]
fn nobody_waits_for_what_will_be_refused() {
    let (device, vm) = open_vm();
    let never = device.create_syncobj().unwrap();
    let mut batch = vm.bind_async();
    batch.unmap(100..200).wait(&never);
    let mut large = vm.bind_async();
    large.map_sparse(0..1 << 30).map_sparse(0..1 << 40).wait(&never);
    let mut idle = vm.bind_async();
    idle.unmap(0..4096).sync_point().unmap(0..4096).wait(&never);
    for (batch, argument, op) in
        [(&mut batch, "range", 0), (&mut large, "range", 1), (&mut idle, "sync_point", 1)]
    {
        // It stays what it is: `submit` says the same.
        for refused in
            [batch.wait_until_available(Timeout::FOREVER).map(drop), batch.submit().map(drop)]
        {
            let error = refused.unwrap_err();
            assert_eq!(
                (error.kind(), error.argument()),
                (ErrorKind::InvalidArgument, Some(argument))
            );
            assert_eq!((error.op_index(), error.ops_done()), (Some(op), Some(0)), "{error}");
        }
    }
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let mut submission = group.submit();
    submission.queue(0).wait(&never).queue(7);
    for refused in
        [submission.wait_until_available(Timeout::FOREVER).map(drop), submission.submit()]
    {
        let error = refused.unwrap_err();
        assert_eq!((error.op_index(), error.argument()), (Some(1), Some("queue")), "{error}");
    }
}

#[test]
fn what_one_asynchronous_batch_may_map_is_known() {
    let (device, vm) = open_vm();
    let (most, done) = (Vm::MAX_QUEUED_MAP_SIZE, device.create_syncobj().unwrap());
    let too_much =
        vm.bind_async().map_sparse(0..most).map_sparse(most..most + 4096).submit().unwrap_err();
    assert_eq!((too_much.argument(), too_much.op_index()), (Some("range"), Some(1)));
    vm.bind_async().map_sparse(0..most).submit().unwrap();
    vm.bind_async().map_sparse(most..most + 4096).signal(&done).submit().unwrap();
    assert_eq!(done.wait(Timeout::FOREVER).unwrap(), Wait::Ready);
}

#[test]
fn a_batch_that_waits_for_nothing_asks_nothing() {
    let (device, vm) = open_vm();
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let (done, later) = (device.create_syncobj().unwrap(), device.create_syncobj().unwrap());
    let mut batch = vm.bind_async();
    assert_eq!(batch.wait_until_available(Timeout::FOREVER).unwrap(), Wait::Ready);
    // What an operation of the batch signals itself is nothing to wait for either.
    batch.unmap(0..4096).op_signal(&done).unmap(0..4096).op_wait(&done).signal(&later);
    assert_eq!(batch.wait_until_available(Timeout::FOREVER).unwrap(), Wait::Ready);
    let mut submission = group.submit();
    assert_eq!(submission.wait_until_available(Timeout::FOREVER).unwrap(), Wait::Ready);
    submission.queue(0).signal(&done).queue(0).wait(&done);
    assert_eq!(submission.wait_until_available(Timeout::FOREVER).unwrap(), Wait::Ready);
    let waits = |device: &Device| {
        let request = panthor::sys::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT;
        device.fake().unwrap().device().stats().ioctl_count(request)
    };
    assert_eq!(waits(&device), 0);
    submission.queue(0).wait(&later);
    assert_eq!(submission.wait_until_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!(waits(&device), 1);
}
