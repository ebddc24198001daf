//! Devices with queues held from the start: a client that does not wait for its own work notices.

mod common;

use common::*;
use nix::libc::ETIME;
use panthor_fake::{Config, Device, FaultKind, File};
use panthor_sys::*;

fn held() -> Device {
    Device::new(Config::default().start_held(true)).unwrap()
}

/// Returns the GPU's read of an address that an asynchronous bind may have mapped.
fn seen(file: &File, vm: u32, va: u64) -> Result<u8, FaultKind> {
    let mut byte = [0];
    file.gpu(vm).unwrap().read(va, &mut byte).map_err(|fault| fault.kind)?;
    Ok(byte[0])
}

/// Maps a BO, and signals.
fn map_async(file: &File, vm: u32, bo: u32, done: u32) {
    let signal = [signal_sync(done, 0)];
    assert_eq!(bind_async(file, vm, &[with_syncs(map_op(bo, 0, GIB, PAGE, 0), &signal)]), 0);
}

#[test]
fn a_wait_that_was_forgotten_is_found() {
    /// Uses a mapping at once, without waiting for the bind.
    fn forgets(file: &File) -> Result<u8, FaultKind> {
        let (vm, done) = (vm(file), syncobj(file));
        map_async(file, vm, bo(file, PAGE), done);
        seen(file, vm, GIB)
    }
    // By default the error stays unnoticed.
    assert_eq!(forgets(&device().open()), Ok(0));
    let device = held();
    let file = device.open();
    assert_eq!(forgets(&file), Err(FaultKind::Translation));
    // Synchronous binds are not queued.
    let vm = vm(&file);
    assert_eq!(bind(&file, vm, &[map_op(bo(&file, PAGE), 0, GIB, PAGE, 0)]), (0, 1));
    assert_eq!(seen(&file, vm, GIB), Ok(0));
    // On the driver, too, a map that is pending when its file is closed keeps the VM forever.
    assert_eq!((device.leaks().pending_jobs, device.run_held()), (1, 1));
    drop(file);
    device.assert_released();
}

#[test]
fn nothing_of_a_held_device_ends_by_itself() {
    let device = held();
    assert!(device.config().starts_held());
    let file = device.open();
    let (vm, mapped, drawn) = (vm(&file), syncobj(&file), syncobj(&file));
    let group = group(&file, vm, 2);
    map_async(&file, vm, bo(&file, PAGE), mapped);
    let syncs = [wait_sync(mapped, 0), signal_sync(drawn, 0)];
    assert_eq!(submit(&file, group, &[stream(1, &syncs)]), 0);
    let pending = || (file.gpu(vm).unwrap().pending(), file.group(group).unwrap().pending(1).len());
    assert_eq!((pending(), device.leaks().pending_jobs), ((1, 1), 2));
    // The stream is ready once the map has run.
    assert_eq!((device.run_held(), pending()), (2, (0, 0)));
    assert!(is_signalled(&file, mapped, 0) && is_signalled(&file, drawn, 0));
    assert_eq!(device.run_held(), 0);
    // It is held still.
    map_async(&file, vm, bo(&file, PAGE), mapped);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(pending(), (1, 0));
    assert_eq!(file.group(group).unwrap().pending(0).len(), 1);
    device.release_all();
    assert_eq!(device.leaks().pending_jobs, 0);
    map_async(&file, vm, bo(&file, PAGE), mapped);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(device.leaks().pending_jobs, 0);
    drop(file);
    device.assert_released();
}

#[test]
fn all_queues_of_any_device_can_be_held_at_once() {
    let device = device();
    assert!(!device.config().starts_held());
    let file = device.open();
    let (early, done) = (vm(&file), syncobj(&file));
    let group = group(&file, early, 1);
    device.hold_all();
    map_async(&file, early, bo(&file, PAGE), done);
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(device.leaks().pending_jobs, 2);
    assert!(!is_signalled(&file, done, 0));
    // New ones are not.
    let late = vm(&file);
    map_async(&file, late, bo(&file, PAGE), done);
    assert_eq!(
        (seen(&file, early, GIB), seen(&file, late, GIB)),
        (Err(FaultKind::Translation), Ok(0))
    );
    device.release_all();
    assert_eq!((device.leaks().pending_jobs, seen(&file, early, GIB)), (0, Ok(0)));
}

#[test]
fn a_wait_for_what_is_held_times_out() {
    let file = held().open();
    let (vm, done) = (vm(&file), syncobj(&file));
    map_async(&file, vm, bo(&file, PAGE), done);
    let mut wait =
        drm_syncobj_wait { handles: &raw const done as u64, count_handles: 1, ..zeroed() };
    assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_WAIT, &mut wait), -ETIME);
    file.device().run_held();
    assert_eq!(ioctl(&file, DRM_IOCTL_SYNCOBJ_WAIT, &mut wait), 0);
}

/// Leaves a job of this kind queued on a held device.
fn leave_queued(file: &File, kind: &str) {
    let (vm, mapped, drawn) = (vm(file), syncobj(file), syncobj(file));
    let group = group(file, vm, 1);
    match kind {
        "bind" => map_async(file, vm, bo(file, PAGE), mapped),
        "stream" => assert_eq!(submit(file, group, &[stream(0, &[signal_sync(drawn, 0)])]), 0),
        "stream behind a bind" => {
            map_async(file, vm, bo(file, PAGE), mapped);
            let syncs = [wait_sync(mapped, 0), signal_sync(drawn, 0)];
            assert_eq!(submit(file, group, &[stream(0, &syncs)]), 0);
        }
        _ => {
            assert_eq!(submit(file, group, &[stream(0, &[signal_sync(drawn, 0)])]), 0);
            let syncs = [wait_sync(drawn, 0), signal_sync(mapped, 0)];
            let op = with_syncs(map_op(bo(file, PAGE), 0, GIB, PAGE, 0), &syncs);
            assert_eq!(bind_async(file, vm, &[op]), 0);
        }
    }
    assert_ne!(file.device().leaks().pending_jobs, 0, "{kind}");
}

#[test]
fn unplug_leaves_no_leak_that_the_client_cannot_avoid() {
    for kind in ["bind", "stream", "stream behind a bind", "bind behind a stream"] {
        let device = held();
        let file = device.open();
        leave_queued(&file, kind);
        device.unplug();
        drop(file);
        assert!(device.leaks().is_empty(), "{kind}: {}", device.leaks());
    }
}

#[test]
fn unplug_excuses_no_vm_that_was_destroyed_before() {
    let device = held();
    let file = device.open();
    let vm = vm(&file);
    map_async(&file, vm, bo(&file, PAGE), syncobj(&file));
    let mut destroy = drm_panthor_vm_destroy { id: vm, pad: 0 };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, &mut destroy), 0);
    device.unplug();
    drop(file);
    assert_eq!(device.leaks().stuck_vms, 1);
}

#[test]
fn assert_released_waits_for_a_thread_on_its_way_out() {
    let device = device();
    let file = device.open();
    let begun = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            begun.wait();
            std::thread::sleep(std::time::Duration::from_millis(30));
            drop(file);
        });
        begun.wait();
        device.assert_released();
    });
}
