//! Spans and warnings of the feature `tracing`.
//!
//! `cargo test -p panthor --features fake,tracing --test tracing`

use std::fmt;
use std::sync::{Arc, Mutex};

use panthor::{BoOptions, Device, GroupOptions, QueueOptions, sys};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps every span as a line that grows with what is recorded.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Append<'a>(&'a mut String);

impl Visit for Append<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "panthor"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut lines = self.0.lock().unwrap();
        let mut line = span.metadata().name().to_owned();
        span.record(&mut Append(&mut line));
        lines.push(line);
        Id::from_u64(lines.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let line = &mut self.0.lock().unwrap()[span.into_u64() as usize - 1];
        values.record(&mut Append(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().to_string();
        event.record(&mut Append(&mut line));
        self.0.lock().unwrap().push(line);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn binds_and_submits_are_spans_that_say_how_they_ended() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        let device = Device::open_fake().unwrap();
        let vm = device.create_vm(Default::default()).unwrap();
        vm.bind().map_sparse(0..4096).unmap(0..4096).submit().unwrap();
        vm.bind_async().map_sparse(0..1 << 20).submit().unwrap();
        vm.bind().unmap(1..2).submit().unwrap_err();
        let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
        group.submit().queue(0).submit().unwrap();
    });
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert_eq!(lines[0], "VM_BIND vm=1 recorded=2 queued=false operations=2 ioctls=1");
    assert_eq!(lines[1], "VM_BIND vm=1 recorded=1 queued=true operations=1 ioctls=1");
    assert!(
        lines[2].starts_with("VM_BIND vm=1 recorded=0 queued=false error=VM_BIND"),
        "{lines:#?}"
    );
    assert_eq!(lines[3], "GROUP_SUBMIT group=1 queue_submits=1");
    // The end of a VM in which something was queued.
    assert_eq!(lines[4], lines[1]);
}

/// Returns the warnings of a run.
fn warnings(run: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), run);
    let lines = lines.0.lock().unwrap();
    lines.iter().filter(|line| line.starts_with("WARN")).cloned().collect()
}

#[test]
fn a_batch_that_is_dropped_without_submit_is_a_warning_with_its_place() {
    let device = Device::open_fake().unwrap();
    let vm = device.create_vm(Default::default()).unwrap();
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    let syncobj = device.create_signaled_syncobj().unwrap();
    let mut places = Vec::new();
    let warnings = warnings(|| {
        places.push(line!() + 1);
        vm.bind().map_sparse(0..4096).unmap(0..4096);
        places.push(line!() + 1);
        vm.bind_async().wait(&syncobj);
        places.push(line!() + 1);
        vm.bind().unmap(1..2); // breaks a rule
        places.push(line!() + 1);
        group.submit().queue(0).queue(0);
        // A batch may be older than what it records, as without the feature.
        let mut older = vm.bind();
        let bo = device.create_bo(BoOptions::new(4096)).unwrap();
        older.map(&bo, .., 0, Default::default()).submit().unwrap();
        // None of these has anything left to submit.
        let _ = vm.bind();
        vm.bind().map_sparse(0..4096).clear();
        vm.bind().map_sparse(0..4096).submit().unwrap();
        vm.bind().unmap(1..2).submit().unwrap_err();
        group.submit().queue(0).submit().unwrap();
    });
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
    let elements = [("VM_BIND", 2), ("VM_BIND", 1), ("VM_BIND", 1), ("GROUP_SUBMIT", 2)];
    for ((warning, place), (call, count)) in warnings.iter().zip(places).zip(elements) {
        for part in [
            "message=batch dropped without submit",
            &format!("call=\"{call}\""),
            &format!("elements={count}"),
            &format!("tests/tracing.rs:{place}:"),
        ] {
            assert!(warning.contains(part), "{part} is not in {warning}");
        }
    }
}

#[test]
fn a_drop_that_fails_is_a_warning_with_the_place_of_the_creation() {
    let device = Device::open_fake().unwrap();
    let fake = device.fake().unwrap();
    let vm = device.create_vm(Default::default()).unwrap();
    let mut places = Vec::new();
    let warnings = warnings(|| {
        places.push(line!() + 1);
        let bo = device.create_bo(BoOptions::new(4096)).unwrap();
        places.push(line!() + 1);
        let imported = device.import_bo(bo.export().unwrap()).unwrap();
        places.push(line!() + 1);
        let syncobj = device.create_syncobj().unwrap();
        places.push(line!() + 1);
        let heap = vm.create_tiler_heap(Default::default()).unwrap();
        places.push(line!() + 1);
        let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
        fake.fail_ioctl(sys::DRM_IOCTL_GEM_CLOSE, 5);
        // One handle for both, which the second closes.
        drop(bo);
        drop(imported);
        fake.fail_ioctl(sys::DRM_IOCTL_SYNCOBJ_DESTROY, 5);
        drop(syncobj);
        fake.fail_ioctl(sys::DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, 5);
        drop(heap);
        fake.fail_ioctl(sys::DRM_IOCTL_PANTHOR_GROUP_DESTROY, 5);
        drop(group);
        device.create_timeline().unwrap(); // without trouble
    });
    let calls = ["GEM_CLOSE", "SYNCOBJ_DESTROY", "TILER_HEAP_DESTROY", "GROUP_DESTROY"];
    assert_eq!(warnings.len(), calls.len(), "{warnings:#?}");
    for ((warning, place), call) in warnings.iter().zip(&places[1..]).zip(calls) {
        for part in [
            "message=failed drop",
            &format!("call=\"{call}\""),
            "os error 5",
            &format!("tests/tracing.rs:{place}:"),
        ] {
            assert!(warning.contains(part), "{part} is not in {warning}");
        }
    }
}

/// A subscriber that uses a device in the event of a failure.
struct Importer {
    device: Device,
    dma_buf: std::os::fd::OwnedFd,
    events: Arc<Mutex<u32>>,
}

impl Subscriber for Importer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "panthor"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, _: &Event<'_>) {
        self.device.import_bo(&self.dma_buf).unwrap();
        *self.events.lock().unwrap() += 1;
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_failed_clean_up_is_reported_under_no_lock() {
    let device = Device::open_fake().unwrap();
    let file = device.fake().unwrap().device().open();
    let other = Device::from_fake(file).unwrap();
    let dma_buf = other.create_bo(BoOptions::new(4096)).unwrap().export().unwrap();
    let events = Arc::new(Mutex::new(0));
    let subscriber = Importer {
        device: device.clone(),
        dma_buf: dma_buf.try_clone().unwrap(),
        events: events.clone(),
    };
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tracing::subscriber::with_default(subscriber, || {
            let fake = device.fake().unwrap();
            fake.fail_ioctl(sys::DRM_IOCTL_PANTHOR_BO_QUERY_INFO, 5);
            fake.fail_ioctl(sys::DRM_IOCTL_GEM_CLOSE, 5);
            let error = device.import_bo(&dma_buf).unwrap_err();
            let _ = tell.send(error.call());
        });
    });
    let call = told.recv_timeout(std::time::Duration::from_secs(20));
    assert_eq!(call, Ok("BO_QUERY_INFO"), "the subscriber waits for a lock");
    assert_eq!(*events.lock().unwrap(), 1);
}
