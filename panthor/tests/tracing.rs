//! The spans of feature `tracing`: `cargo test -p panthor --features fake,tracing --test tracing`.

use std::fmt;
use std::sync::{Arc, Mutex};

use panthor::{Device, GroupOptions, QueueOptions};
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
    fn event(&self, _: &Event<'_>) {}
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
