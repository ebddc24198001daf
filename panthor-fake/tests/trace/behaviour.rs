//! Limits of a trace: it must not change answers, hold locks, or mix lines up.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use panthor_fake::trace::{Event, TraceOptions};
use panthor_fake::{Device, File};
use panthor_sys::*;

use crate::common::*;
use crate::recorder::Recorder;

/// A writer that keeps what it gets, or fails from some call on.
#[derive(Clone, Default)]
struct Memory {
    bytes: Arc<Mutex<Vec<u8>>>,
    good: Option<usize>,
    calls: Arc<AtomicUsize>,
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.good.is_some_and(|good| call >= good) {
            return Err(io::Error::from_raw_os_error(nix::libc::ENOSPC));
        }
        self.bytes.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn threads_write_whole_lines() {
    const THREADS: usize = 4;
    const CALLS: usize = 200;
    let device = device();
    let memory = Memory::default();
    device.trace_to(memory.clone(), TraceOptions::json());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let file = device.open();
                for _ in 0..CALLS {
                    vm(&file);
                    ok(
                        &file,
                        DRM_IOCTL_PANTHOR_VM_DESTROY,
                        drm_panthor_vm_destroy { id: 1, pad: 0 },
                    );
                }
            });
        }
    });
    device.end_trace().unwrap();
    let text = memory.text();
    let events: Vec<_> = text.lines().map(|line| Event::from_json(line).unwrap()).collect();
    assert_eq!(events.len(), THREADS * (2 * CALLS + 2));
    let threads: std::collections::BTreeSet<_> =
        events.iter().filter_map(|event| event.who).map(|who| who.tid).collect();
    assert_eq!(threads.len(), THREADS);
    // Nothing comes after the end.
    vm(&device.open());
    assert_eq!(memory.text().len(), text.len());
}

#[test]
fn a_writer_that_fails_fails_no_call() {
    let device = device();
    let memory = Memory { good: Some(2), ..Memory::default() };
    device.trace_to(memory.clone(), TraceOptions::text());
    let file = device.open();
    for _ in 0..5 {
        vm(&file);
    }
    assert_eq!(memory.text().lines().count(), 2);
    // It was not asked again, and the error is kept.
    assert_eq!(memory.calls.load(Ordering::Relaxed), 3);
    let error = device.end_trace().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(nix::libc::ENOSPC));
    device.end_trace().unwrap();
}

/// Does what takes every lock that a call could hold.
fn use_everything(device: &Device, file: &File) {
    let id = vm(file);
    let handle = bo(file, PAGE);
    map(file, id, handle, 0, 0, PAGE);
    assert_eq!(file.gpu(id).unwrap().mapping_count(), 1);
    file.fail_ioctl(DRM_IOCTL_GEM_CLOSE, 5);
    assert_eq!(ioctl(file, DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle, pad: 0 }), -5);
    close(file, handle);
    let primary = device.open_primary();
    ok(&primary, DRM_IOCTL_GEM_FLINK, drm_gem_flink { handle: bo(&primary, PAGE), name: 0 });
    ok(file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id, pad: 0 });
    let _ = (device.stats(), device.leaks());
}

#[test]
fn the_callback_may_use_the_device_and_is_not_traced_then() {
    let device = device();
    let (calls, inner) = (Arc::new(AtomicUsize::new(0)), device.open());
    let counted = calls.clone();
    let own = device.clone();
    device.trace_with(TraceOptions::text(), move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        use_everything(&own, &inner);
    });
    let file = device.open();
    let id = vm(&file);
    file.gpu(id).unwrap().hold();
    let done = syncobj(&file);
    let syncs = [signal_sync(done, 0)];
    let ops = [with_syncs(map_op(0, 0, 0, PAGE, SPARSE), &syncs)];
    assert_eq!(bind_async(&file, id, &ops), 0);
    file.gpu(id).unwrap().release();
    assert_eq!(wait_any(&file, &[done], 0, 0).0, 0);
    drop(file);
    assert_eq!(calls.load(Ordering::Relaxed), 6);
    // The callback keeps the device, and a file of it.
    device.end_trace().unwrap();
    device.assert_released();
}

/// A writer that runs a function before each line.
struct Before<F>(F, Memory);

impl<F: FnMut(&[u8])> Write for Before<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes);
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn writer_uses_the_device_untraced() {
    let device = device();
    let (memory, own, inner) = (Memory::default(), device.clone(), device.open());
    let writer = Before(move |_: &[u8]| use_everything(&own, &inner), memory.clone());
    device.trace_to(writer, TraceOptions::text());
    vm(&device.open());
    device.end_trace().unwrap();
    // The open, the ioctl and the end of the file.
    assert_eq!(memory.text().lines().count(), 3, "{}", memory.text());
    device.assert_released();
}

#[test]
fn writer_waits_for_traced_calls_of_another_thread() {
    let device = device();
    let (memory, other) = (Memory::default(), device.open());
    let mut other = Some(other);
    let writer = move |_: &[u8]| {
        if let Some(file) = other.take() {
            let calls = move || {
                vm(&file);
                vm(&file);
            };
            std::thread::spawn(calls).join().unwrap();
        }
    };
    let file = device.open();
    device.trace_to(Before(writer, memory.clone()), TraceOptions::text());
    let handle = bo(&file, PAGE);
    close(&file, handle);
    device.end_trace().unwrap();
    let text = memory.text();
    let names = ["BO_CREATE", "VM_CREATE", "VM_CREATE", "release(", "GEM_CLOSE"];
    assert_eq!(text.lines().count(), names.len(), "{text}");
    for (line, name) in text.lines().zip(names) {
        assert!(line.contains(name), "{name}: {text}");
    }
}

#[test]
fn panic_of_the_writer_loses_one_line_only() {
    let device = device();
    let (memory, other) = (Memory::default(), device.open());
    let writer = move |bytes: &[u8]| {
        if String::from_utf8_lossy(bytes).contains("GEM_CLOSE") {
            // A line that is queued behind the one that is lost.
            std::thread::scope(|scope| scope.spawn(|| vm(&other)).join().unwrap());
            panic!("as expected");
        }
    };
    let file = device.open();
    device.trace_to(Before(writer, memory.clone()), TraceOptions::text());
    let call = std::panic::AssertUnwindSafe(|| {
        ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle: 9, pad: 0 })
    });
    std::panic::catch_unwind(call).unwrap_err();
    bo(&file, PAGE);
    device.end_trace().unwrap();
    let text = memory.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("VM_CREATE") && lines[1].contains("BO_CREATE"), "{text}");
}

#[test]
fn a_panic_of_the_callback_is_the_callers() {
    let device = device();
    let file = device.open();
    device.trace_with(TraceOptions::text(), |event| assert_eq!(event.result, 0, "as expected"));
    vm(&file);
    let call = std::panic::AssertUnwindSafe(|| {
        ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle: 9, pad: 0 })
    });
    std::panic::catch_unwind(call).unwrap_err();
    // And tracing goes on.
    let trace = Recorder::of(&device);
    vm(&file);
    assert_eq!(trace.take().len(), 1);
}

#[test]
fn failures_on_demand_and_lost_devices_are_in_the_trace() {
    let device = device();
    let file = device.open();
    let trace = Recorder::of(&device);
    file.fail_ioctl(DRM_IOCTL_GEM_CLOSE, 512);
    ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle: 1, pad: 0 });
    trace.expect("ioctl(renderD128, DRM_IOCTL_GEM_CLOSE, {handle=1}) = -1 ERESTARTSYS");
    file.fail_ioctl(DRM_IOCTL_GEM_CLOSE, 4000);
    ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle: 1, pad: 0 });
    trace.expect("ioctl(renderD128, DRM_IOCTL_GEM_CLOSE, {handle=1}) = -1 error 4000");
    device.unplug();
    ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle: 1, pad: 0 });
    trace.expect("ioctl(renderD128, DRM_IOCTL_GEM_CLOSE, {handle=1}) = -1 ENODEV (No such device)");
}
