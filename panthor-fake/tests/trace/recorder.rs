//! Keeps the lines of a device's trace.

use std::sync::{Arc, Mutex};

use panthor_fake::Device;
use panthor_fake::trace::{Event, TraceOptions};

/// Traced events that the test has not checked yet.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Event>>>);

impl Recorder {
    pub fn of(device: &Device) -> Self {
        Self::with(device, TraceOptions::text())
    }

    pub fn with(device: &Device, options: TraceOptions) -> Self {
        let recorder = Self::default();
        let events = recorder.0.clone();
        device.trace_with(options, move |event| events.lock().unwrap().push(event.clone()));
        recorder
    }

    /// Returns all events since the last call.
    #[track_caller]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub fn skip(&self) {
        self.take();
    }

    /// Returns the only line since the last call, without the parts that differ from run to run.
    #[track_caller]
    pub fn last(&self) -> String {
        let events = self.take();
        let [event] = events.as_slice() else { panic!("not one event: {events:#?}") };
        check_json(event);
        constant_part(event)
    }

    #[track_caller]
    pub fn expect(&self, line: &str) {
        assert_eq!(self.last(), line);
    }

    /// Checks the line, with `PTR0` and so on for addresses.
    #[track_caller]
    pub fn expect_with(&self, addresses: &[u64], line: &str) {
        let mut last = self.last();
        for (index, address) in addresses.iter().enumerate() {
            last = last.replace(&format!("{address:#x}"), &format!("PTR{index}"));
        }
        assert_eq!(last, line);
    }
}

/// Returns a line without the process, the times and the number of the file.
fn constant_part(event: &Event) -> String {
    let line = event.to_string();
    let start = ["ioctl(", "open(", "mmap(", "munmap(", "release("]
        .iter()
        .find_map(|call| line.find(call))
        .unwrap();
    let end = line.rfind(" <").unwrap_or(line.len());
    let mut line = line[start..end].to_owned();
    for node in ["renderD128", "card0"] {
        if let Some(at) = line.find(&format!("{node}:")) {
            let from = at + node.len();
            let digits = line[from + 1..].bytes().take_while(u8::is_ascii_digit).count();
            line.replace_range(from..from + 1 + digits, "");
        }
    }
    line
}

/// Checks that a line of JSON stays the same when it is parsed and written again.
#[track_caller]
fn check_json(event: &Event) {
    let line = event.to_json();
    let again = Event::from_json(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    assert_eq!(parse(&again.to_json()), parse(&line));
    let name = event.name().unwrap_or_default();
    assert!(parse(&line)["call"].as_str().unwrap().ends_with(name), "{line}");
}
