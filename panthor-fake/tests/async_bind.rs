//! Asynchronous VM_BIND: order, fences, failure, and what is checked when.

mod common;

use common::*;
use nix::libc::{EINVAL, EIO, ENOENT, ENOMEM};
use panthor_fake::{Config, Device, FaultKind};
use panthor_sys::*;

#[test]
fn a_job_runs_at_once_and_signals() {
    let file = device().open();
    let (vm, a, done) = (vm(&file), bo(&file, PAGE), syncobj(&file));
    let syncs = [signal_sync(done, 0)];
    let op = with_syncs(map_op(a, 0, GIB, PAGE, 0), &syncs);
    assert_eq!(bind_async(&file, vm, &[op]), 0);
    assert_eq!(wait_any(&file, &[done], 0, 0), (0, 0));
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 1);
    assert_eq!(file.device().stats().bind_ops, 1);
}

#[test]
fn a_held_queue_runs_step_by_step_in_order() {
    let device = device();
    let file = device.open();
    let (vm, a, line) = (vm(&file), bo(&file, PAGE), syncobj(&file));
    let gpu = file.gpu(vm).unwrap();
    gpu.hold();
    for i in 1..=3 {
        let syncs = [signal_sync(line, i)];
        let op = with_syncs(map_op(a, 0, i * GIB, PAGE, 0), &syncs);
        assert_eq!(bind_async(&file, vm, &[op]), 0);
    }
    assert_eq!((gpu.pending(), gpu.mapping_count(), device.leaks().pending_jobs), (3, 0, 3));
    assert_eq!(query_point(&file, line, 0), 0);
    assert_eq!(query_point(&file, line, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED), 3);
    assert!(gpu.step());
    assert_eq!((gpu.pending(), gpu.mapping_count(), query_point(&file, line, 0)), (2, 1, 1));
    gpu.release();
    assert_eq!((gpu.pending(), gpu.mapping_count(), query_point(&file, line, 0)), (0, 3, 3));
    assert!(!gpu.step());
}

#[test]
fn a_job_waits_for_a_fence_of_another_vm() {
    let file = device().open();
    let (first, second, a, done) = (vm(&file), vm(&file), bo(&file, PAGE), syncobj(&file));
    file.gpu(first).unwrap().hold();
    let signal = [signal_sync(done, 0)];
    let wait = [wait_sync(done, 0)];
    let make = |syncs| with_syncs(map_op(a, 0, GIB, PAGE, 0), syncs);
    assert_eq!(bind_async(&file, first, &[make(&signal)]), 0);
    assert_eq!(bind_async(&file, second, &[make(&wait)]), 0);
    assert_eq!(file.gpu(second).unwrap().pending(), 1);
    assert!(!file.gpu(second).unwrap().step());
    // A synchronous bind does not queue behind it.
    map(&file, second, a, 0, 5 * GIB, PAGE);
    file.gpu(first).unwrap().release();
    assert_eq!(file.gpu(second).unwrap().pending(), 0);
    assert_eq!(file.gpu(second).unwrap().mapping_count(), 2);
}

#[test]
fn a_chain_over_ten_thousand_jobs_of_two_vms_does_not_overflow_the_stack() {
    let file = device().open();
    let (a, b) = (vm(&file), vm(&file));
    file.gpu(a).unwrap().hold();
    let fences: Vec<_> = (0..10_000).map(|_| syncobj(&file)).collect();
    for (i, &fence) in fences.iter().enumerate() {
        let mut syncs = vec![signal_sync(fence, 0)];
        if i > 0 {
            syncs.push(wait_sync(fences[i - 1], 0));
        }
        let vm = if i % 2 == 0 { a } else { b };
        let op = with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs);
        assert_eq!(bind_async(&file, vm, &[op]), 0);
    }
    assert!(!is_signalled(&file, fences[0], 0));
    file.gpu(a).unwrap().release();
    assert!(is_signalled(&file, fences[9_999], 0));
}

#[test]
fn a_batch_waits_for_what_it_signals_itself() {
    let file = device().open();
    let (vm, a, line) = (vm(&file), bo(&file, PAGE), syncobj(&file));
    let (signal, wait) = ([signal_sync(line, 1)], [wait_sync(line, 1)]);
    let ops = [
        with_syncs(map_op(a, 0, GIB, PAGE, 0), &signal),
        with_syncs(map_op(a, 0, 2 * GIB, PAGE, 0), &wait),
    ];
    assert_eq!(bind_async(&file, vm, &ops), 0);
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 2);
    // Only the identical point is matched: another one is not there yet.
    let wait = [wait_sync(line, 2)];
    let signal = [signal_sync(line, 3)];
    let ops = [
        with_syncs(map_op(a, 0, 3 * GIB, PAGE, 0), &signal),
        with_syncs(map_op(a, 0, 4 * GIB, PAGE, 0), &wait),
    ];
    assert_eq!(bind_async(&file, vm, &ops), -EINVAL);
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 2);
}

#[test]
fn a_wait_for_what_is_not_submitted_is_invalid() {
    let file = device().open();
    let (vm, empty, line) = (vm(&file), syncobj(&file), syncobj(&file));
    timeline_signal(&file, line, 5);
    let sync_only = |syncs: &[drm_panthor_sync_op]| {
        bind_async(&file, vm, &[with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), syncs)])
    };
    assert_eq!(sync_only(&[wait_sync(empty, 0)]), -EINVAL);
    assert_eq!(sync_only(&[wait_sync(line, 6)]), -EINVAL);
    assert_eq!(sync_only(&[wait_sync(line, 5)]), 0);
    assert_eq!(sync_only(&[wait_sync(line, 2)]), 0);
    assert_eq!(sync_only(&[wait_sync(99, 0)]), -ENOENT);
    assert_eq!(sync_only(&[signal_sync(99, 0)]), -EINVAL);
    // An empty one that the same operation signals and waits for.
    assert_eq!(sync_only(&[wait_sync(empty, 0), signal_sync(empty, 0)]), -EINVAL);
    assert_eq!(sync_only(&[]), -EINVAL);
}

#[test]
fn sync_operations_are_checked() {
    let file = device().open();
    let (vm, obj) = (vm(&file), syncobj(&file));
    let sync_only = |sync: drm_panthor_sync_op| {
        bind_async(&file, vm, &[with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &[sync])])
    };
    let signal = signal_sync(obj, 0);
    assert_eq!(sync_only(drm_panthor_sync_op { flags: signal.flags | 2, ..signal }), -EINVAL);
    assert_eq!(sync_only(drm_panthor_sync_op { flags: signal.flags | 0x100, ..signal }), -EINVAL);
    assert_eq!(sync_only(drm_panthor_sync_op { timeline_value: 1, ..signal }), -EINVAL);
    assert_eq!(sync_only(signal), 0);
    let bad = with_syncs(map_op(0, 0, PAGE, PAGE, SYNC_ONLY), std::slice::from_ref(&signal));
    assert_eq!(bind_async(&file, vm, &[bad]), -EINVAL);
}

#[test]
fn a_failure_leaves_nothing_done() {
    let device = device();
    let file = device.open();
    let (vm, a, done) = (vm(&file), bo(&file, PAGE), syncobj(&file));
    let syncs = [signal_sync(done, 0)];
    let ops = [with_syncs(map_op(a, 0, GIB, PAGE, 0), &syncs), map_op(a, 0, 2 * GIB, 2 * PAGE, 0)];
    assert_eq!(bind_flags(&file, vm, ASYNC, &ops), (-EINVAL, 2));
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 0);
    assert_eq!(wait_any(&file, &[done], 0, 0).0, -EINVAL);
    assert_eq!((device.leaks().pending_jobs, device.stats().bind_ops), (0, 0));
}

#[test]
fn a_job_that_fails_makes_the_vm_unusable() {
    let file = device().open();
    let (vm, a, line) = (vm(&file), bo(&file, PAGE), syncobj(&file));
    map(&file, vm, a, 0, GIB, PAGE);
    let gpu = file.gpu(vm).unwrap();
    assert!(gpu.fail_next_job(EIO));
    gpu.hold();
    for i in 1..=3 {
        let syncs = [signal_sync(line, i)];
        let op = if i < 3 { map_op(a, 0, 2 * GIB, PAGE, 0) } else { unmap_op(GIB, PAGE) };
        assert_eq!(bind_async(&file, vm, &[with_syncs(op, &syncs)]), 0);
    }
    assert_eq!(state(&file, vm), DRM_PANTHOR_VM_STATE_USABLE);
    assert!(gpu.step());
    assert_eq!(state(&file, vm), DRM_PANTHOR_VM_STATE_UNUSABLE);
    assert_eq!(gpu.read(GIB, &mut [0]).unwrap_err().kind, FaultKind::Unusable);
    // What was queued goes on: maps fail, unmaps work, fences are signalled.
    gpu.release();
    assert_eq!(query_point(&file, line, 0), 3);
    assert_eq!(gpu.mapping_count(), 0);
    // New ones: synchronous unmap only.
    assert_eq!(bind(&file, vm, &[map_op(a, 0, GIB, PAGE, 0)]), (-EINVAL, 0));
    assert_eq!(bind(&file, vm, &[unmap_op(GIB, PAGE)]), (0, 1));
    assert_eq!(bind_async(&file, vm, &[unmap_op(GIB, PAGE)]), -EINVAL);
    assert_eq!(bind_async(&file, vm, &[]), 0);
}

#[test]
fn an_asynchronous_operation_of_size_zero_is_checked_and_done() {
    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, 4 * PAGE));
    assert_eq!(bind_async(&file, vm, &[map_op(a, 0, GIB + 1, 0, 0)]), -EINVAL);
    assert_eq!(bind_async(&file, vm, &[map_op(99, 0, GIB, 0, 0)]), -EINVAL);
    map(&file, vm, a, 0, GIB, 4 * PAGE);
    assert_eq!(bind_async(&file, vm, &[map_op(a, 0, GIB + PAGE, 0, 0)]), 0);
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 3);
    // Such a map takes no page tables where no level begins, which newer drivers do not expect.
    assert_eq!(bind_async(&file, vm, &[map_op(a, 0, 1 << 39, 0, 0)]), -ENOMEM);
    assert_eq!(bind_async(&file, vm, &[unmap_op(0, 0)]), 0);
}

#[test]
fn page_tables_of_pending_jobs_count() {
    let file = Device::new(Config::default().memory(100 * MIB)).unwrap().open();
    let vm = vm(&file);
    file.gpu(vm).unwrap().hold();
    let sparse = |va| map_op(0, 0, va, 16 * GIB, SPARSE);
    // 16 GiB take 32 MiB of tables each.
    assert_eq!(
        bind_async(&file, vm, &[sparse(0), sparse(16 * GIB), sparse(32 * GIB), sparse(48 * GIB)]),
        -ENOMEM
    );
    assert_eq!(bind_async(&file, vm, &[sparse(0), sparse(16 * GIB)]), 0);
    assert_eq!(bind_async(&file, vm, &[sparse(32 * GIB), sparse(48 * GIB)]), -ENOMEM);
    file.gpu(vm).unwrap().release();
    assert_eq!(bind_async(&file, vm, &[sparse(32 * GIB), sparse(48 * GIB)]), 0);
}

#[test]
fn a_destroyed_vm_lives_until_its_jobs_have_run() {
    let device = device();
    let file = device.open();
    let (vm, a, done) = (vm(&file), bo(&file, PAGE), syncobj(&file));
    let gpu = file.gpu(vm).unwrap();
    gpu.hold();
    let syncs = [signal_sync(done, 0)];
    assert_eq!(bind_async(&file, vm, &[with_syncs(map_op(a, 0, GIB, PAGE, 0), &syncs)]), 0);
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: vm, pad: 0 });
    assert_eq!((device.leaks().vms, gpu.pending()), (1, 1));
    assert!(!is_signalled(&file, done, 0));
    gpu.release();
    assert!(is_signalled(&file, done, 0));
    assert_eq!(device.leaks().vms, 0);
    // The driver would never get rid of what this map made.
    assert_eq!(device.leaks().stuck_vms, 1);
    let stuck = device.leaks().to_string();
    assert!(
        stuck.ends_with("1 × VM that stays in the kernel since a map ran after VM_DESTROY"),
        "{stuck}"
    );
}

#[test]
fn an_unmap_behind_a_late_map_leaves_nothing() {
    let device = device();
    let file = device.open();
    let a = bo(&file, 2 * PAGE);
    for (unmapped, stuck) in [(2 * PAGE, 0), (PAGE, 1)] {
        let vm = vm(&file);
        let gpu = file.gpu(vm).unwrap();
        gpu.hold();
        let ops = [map_op(a, 0, GIB, 2 * PAGE, 0), unmap_op(GIB, unmapped)];
        assert_eq!(bind_async(&file, vm, &ops), 0);
        ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: vm, pad: 0 });
        assert_eq!((device.leaks().vms, device.leaks().stuck_vms), (1, 0));
        gpu.release();
        drop(gpu);
        assert_eq!((device.leaks().vms, device.leaks().stuck_vms), (0, stuck));
    }
}

#[test]
fn closing_the_file_lets_held_queues_go() {
    let device = device();
    let file = device.open();
    let (a, b, bo) = (vm(&file), vm(&file), bo(&file, PAGE));
    for vm in [a, b] {
        file.gpu(vm).unwrap().hold();
        let ops = [map_op(bo, 0, GIB, PAGE, 0), unmap_op(GIB, PAGE)];
        assert_eq!(bind_async(&file, vm, &ops), 0);
    }
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: a, pad: 0 });
    drop(file);
    device.assert_released();
}

#[test]
fn nobody_holds_the_queue_of_a_closed_file() {
    let device = device();
    let (file, other) = (device.open(), device.open());
    let (own, others, fence) = (vm(&file), vm(&other), syncobj(&other));
    other.gpu(others).unwrap().hold();
    let op = |syncs: &[_]| with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), syncs);
    assert_eq!(bind_async(&other, others, &[op(&[signal_sync(fence, 0)])]), 0);
    let export = drm_syncobj_handle { handle: fence, ..zeroed() };
    let fd = ok(&other, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, export).fd;
    let fence = ok(&file, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, drm_syncobj_handle { fd, ..zeroed() });
    drop(common::own(fd));
    assert_eq!(bind_async(&file, own, &[op(&[wait_sync(fence.handle, 0)])]), 0);
    let gpu = file.gpu(own).unwrap();
    drop(file);
    assert_eq!(gpu.pending(), 1);
    gpu.hold();
    other.gpu(others).unwrap().release();
    assert_eq!(gpu.pending(), 0);
    drop(other);
    device.assert_released();
}

#[test]
fn jobs_of_many_threads_all_run() {
    const THREADS: u64 = 8;
    const JOBS: u64 = 200;

    let device = device();
    let file = device.open();
    let a = bo(&file, PAGE);
    let vms: Vec<_> = (0..4).map(|_| vm(&file)).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (file, vms) = (file.clone(), &vms);
            scope.spawn(move || {
                let own = syncobj(&file);
                for i in 0..JOBS {
                    let va = (thread * JOBS + i) * PAGE + GIB;
                    let mut syncs = vec![signal_sync(own, i + 1)];
                    if i > 0 {
                        syncs.push(wait_sync(own, i));
                    }
                    let op = with_syncs(map_op(a, 0, va, PAGE, 0), &syncs);
                    let vm = vms[((thread + i) % 4) as usize];
                    assert_eq!(bind_async(&file, vm, &[op]), 0);
                }
                assert_eq!(wait_points(&file, &[own], &[JOBS], 0, i64::MAX).0, 0);
            });
        }
    });
    let mapped: usize = vms.iter().map(|&vm| file.gpu(vm).unwrap().mapping_count()).sum();
    assert_eq!(mapped as u64, THREADS * JOBS);
    drop(file);
    device.assert_released();
}

#[test]
fn sync_operations_of_a_whole_batch_need_memory() {
    let device = Device::new(Config::default().memory(MIB)).unwrap();
    let file = device.open();
    let (vm, done) = (vm(&file), syncobj(&file));
    let most = vec![signal_sync(done, 0); MIB as usize / size_of::<drm_panthor_sync_op>()];
    let op = |syncs: &[_]| with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), syncs);
    let one = [signal_sync(done, 0)];
    assert_eq!(bind_async(&file, vm, &[op(&most)]), 0);
    assert_eq!(bind_async(&file, vm, &[op(&most), op(&one)]), -ENOMEM);
    assert_eq!(bind_async(&file, vm, &[op(&most[1..]), op(&one)]), 0);
    // What one batch has does not count for the next.
    assert_eq!(bind_async(&file, vm, &[op(&most)]), 0);
}
