//! Many threads at once.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::*;
use panthor_fake::{Device, File, GpuView, Mapping, Stats};
use panthor_sys::*;

#[test]
fn everything_can_go_to_another_thread() {
    fn is<T: Send + Sync + 'static>() {}
    is::<Device>();
    is::<File>();
    is::<GpuView>();
    is::<Mapping>();
    is::<Stats>();
}

#[test]
fn threads_share_a_file() {
    const THREADS: u64 = 6;
    const ROUNDS: u64 = 200;

    let device = device();
    let file = device.open();
    let shared = vm(&file);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let gpu = file.gpu(shared).unwrap();
            let mut seen = 0;
            while !stop.load(Ordering::Relaxed) {
                for mapping in gpu.mappings() {
                    // It may be gone by now; if it is there, it shows its own address.
                    let mut word = [0; 8];
                    if gpu.read(mapping.va, &mut word).is_ok() {
                        let value = u64::from_ne_bytes(word);
                        assert!(value == 0 || value == mapping.va, "{value:#x}");
                        seen += 1;
                    }
                }
            }
            seen
        });
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let file = &file;
                scope.spawn(move || {
                    let own = vm(file);
                    for round in 0..ROUNDS {
                        let va = GIB + (thread * ROUNDS + round) * PAGE;
                        let bo = bo(file, PAGE);
                        map(file, shared, bo, 0, va, PAGE);
                        map(file, own, bo, 0, va, PAGE);
                        file.gpu(own).unwrap().write(va, &va.to_ne_bytes()).unwrap();
                        unmap(file, own, va, PAGE);
                        close(file, bo);
                        if round % 2 == 0 {
                            unmap(file, shared, va, PAGE);
                        }
                    }
                    ok(
                        file,
                        DRM_IOCTL_PANTHOR_VM_DESTROY,
                        drm_panthor_vm_destroy { id: own, pad: 0 },
                    );
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
    let left = THREADS * ROUNDS / 2;
    let leaks = device.leaks();
    assert_eq!((leaks.bos as u64, leaks.vm_mappings as u64, leaks.vms), (left, left, 1));
    let gpu = file.gpu(shared).unwrap();
    for mapping in gpu.mappings() {
        let mut word = [0; 8];
        gpu.read(mapping.va, &mut word).unwrap();
        assert_eq!(u64::from_ne_bytes(word), mapping.va);
    }
    assert_eq!(device.stats().bind_ops, THREADS * ROUNDS * 3 + left);
    drop(file);
    device.assert_released();
}

#[test]
fn two_vms_wait_for_each_other_from_two_threads() {
    const ROUNDS: u64 = 500;

    let device = device();
    let file = device.open();
    let (ping, pong) = (syncobj(&file), syncobj(&file));
    std::thread::scope(|scope| {
        for (own, other, first) in [(ping, pong, true), (pong, ping, false)] {
            let file = &file;
            scope.spawn(move || {
                let vm = vm(file);
                let available = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
                for round in 1..=ROUNDS {
                    let before = if first { round - 1 } else { round };
                    let mut syncs = vec![signal_sync(own, round)];
                    if before > 0 {
                        let wait = wait_points(file, &[other], &[before], available, i64::MAX);
                        assert_eq!(wait.0, 0);
                        syncs.push(wait_sync(other, before));
                    }
                    let op = with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs);
                    assert_eq!(bind_async(file, vm, &[op]), 0);
                }
                assert_eq!(wait_points(file, &[own], &[ROUNDS], 0, i64::MAX), (0, 0));
            });
        }
    });
    assert_eq!((query_point(&file, ping, 0), query_point(&file, pong, 0)), (ROUNDS, ROUNDS));
    drop(file);
    device.assert_released();
}

#[test]
fn counters_never_go_back_while_files_close() {
    const FILES: u64 = 2000;

    let device = device();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..FILES {
                syncobj(&device.open());
            }
            done.store(true, Ordering::Release);
        });
        let mut before = 0;
        while !done.load(Ordering::Acquire) {
            let now = device.stats().ioctls();
            assert!(now >= before, "{now} after {before}");
            before = now;
        }
    });
    assert_eq!(device.stats().ioctl_count(DRM_IOCTL_SYNCOBJ_CREATE), FILES);
    device.assert_released();
}
