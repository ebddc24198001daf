//! Statistics of a trace.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::errno_names;
use super::event::{Call, Event};
use super::mapped::{Bytes, Mapped};
use super::value::{Fields, Value};

/// The number of slowest calls kept.
const SLOWEST: usize = 10;

/// Statistics of a trace. [`Display`](std::fmt::Display) prints tables.
///
/// Fill a summary while a program runs, or from a file of JSON lines with `Summary::read` (feature
/// `trace-json`). Lines of text cannot be read.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use panthor_fake::trace::{Summary, TraceOptions};
/// use panthor_fake::{Arena, Config, Device};
/// use panthor_sys::DRM_IOCTL_PANTHOR_VM_CREATE;
///
/// let device = Device::new(Config::default())?;
/// let summary = Arc::new(Mutex::new(Summary::default()));
/// let shared = summary.clone();
/// device.trace_with(TraceOptions::text().all(), move |event| shared.lock().unwrap().add(event));
///
/// let file = device.open();
/// file.ioctl_in(DRM_IOCTL_PANTHOR_VM_CREATE, 0x10000, &Arena::new(0x10000, 4096));
///
/// let summary = summary.lock().unwrap();
/// assert_eq!(summary.calls["DRM_IOCTL_PANTHOR_VM_CREATE"].count, 1);
/// println!("{summary}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Calls by request name; other calls as `open`, `mmap` and `munmap`.
    pub calls: BTreeMap<String, Calls>,
    /// Completed or queued VM_BIND operations by type; sparse maps are `MAP sparse`.
    pub bind_ops: BTreeMap<String, BindOps>,
    /// Operations missing from the trace because arrays were cut or unreadable. No other field
    /// counts them.
    pub bind_ops_left_out: u64,
    /// Peak bytes mapped to BOs, over all VMs.
    pub peak_mapped: u64,
    /// Peak bytes mapped sparsely, over all VMs.
    pub peak_sparse: u64,
    /// The slowest calls in descending order.
    pub slowest: Vec<SlowCall>,
    /// The VMs by file and ID.
    vms: HashMap<(u64, u64), Mapped>,
    mapped: Bytes,
}

/// Statistics of the calls of one name.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Calls {
    /// The number of calls, including failed calls.
    pub count: u64,
    /// The number of failed calls by error name.
    pub errors: BTreeMap<String, u64>,
    /// The total duration.
    pub took: Duration,
}

/// Statistics of the operations of one type.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BindOps {
    /// The number of operations.
    pub count: u64,
    /// The sum of the sizes in bytes; for `UNMAP`, only the bytes that were mapped before, as far
    /// as the trace shows.
    pub bytes: u64,
}

/// A slow call.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlowCall {
    /// The name of the request.
    pub name: String,
    /// The duration.
    pub took: Duration,
    /// The start time, relative to the start of the trace.
    pub time: Duration,
    /// The process and thread IDs.
    pub thread: (i32, i32),
    /// Zero, or a negative error number.
    pub result: i32,
}

impl Summary {
    /// Adds a call to the statistics.
    pub fn add(&mut self, event: &Event) {
        if event.call == Call::Release {
            self.forget(event.on.file(), None);
            return;
        }
        let name = event.call_name().into_owned();
        let calls = self.calls.entry(name.clone()).or_default();
        calls.count += 1;
        calls.took += event.took;
        if event.result < 0 {
            let errno = event.result.wrapping_neg();
            let errno = errno_names::name(errno).unwrap_or_else(|| errno.to_string());
            *calls.errors.entry(errno).or_default() += 1;
        }
        self.add_slow(name, event);
        let (Some(args), Some(file)) = (&event.args, event.on.file()) else { return };
        match event.name() {
            Some("DRM_IOCTL_PANTHOR_VM_BIND") => self.add_bind(event, args, file),
            Some("DRM_IOCTL_PANTHOR_VM_DESTROY") if event.result == 0 => {
                self.forget(Some(file), args.number("id"));
            }
            _ => {}
        }
    }

    fn add_slow(&mut self, name: String, event: &Event) {
        let at = self.slowest.partition_point(|slow| slow.took >= event.took);
        if at < SLOWEST {
            let thread = event.who.map_or((0, 0), |who| (who.pid, who.tid));
            let (took, time, result) = (event.took, event.time, event.result);
            self.slowest.insert(at, SlowCall { name, took, time, thread, result });
            self.slowest.truncate(SLOWEST);
        }
    }

    fn add_bind(&mut self, event: &Event, args: &Fields, file: u64) {
        let (Some(vm), Some(ops)) =
            (args.number("vm_id"), args.get("ops").and_then(Value::as_list))
        else {
            return;
        };
        let is_async = args.has_flag("flags", "ASYNC");
        // A failed synchronous VM_BIND reports the number of completed operations in `ops_count`;
        // without it, none completed.
        let done = match event.result {
            0 => ops.count,
            _ if is_async => 0,
            _ => event.out.as_ref().and_then(|out| out.number("ops_count")).unwrap_or(0),
        };
        let shown = ops.items.iter().filter_map(Value::as_fields).take(done as usize);
        let mut counted = 0;
        for op in shown {
            counted += 1;
            self.add_op(op, (file, vm));
        }
        self.bind_ops_left_out += done.saturating_sub(counted);
    }

    fn add_op(&mut self, op: &Fields, vm: (u64, u64)) {
        let kind = match op.get("type") {
            Some(Value::Name(name)) => name.to_string(),
            Some(other) => other.to_string(),
            None => return,
        };
        let sparse = op.has_flag("flags", "SPARSE");
        let (va, size) = (op.number("va").unwrap_or(0), op.number("size").unwrap_or(0));
        let mapped = self.vms.entry(vm).or_default();
        let before = mapped.bytes;
        match &*kind {
            "MAP" => mapped.map(va, size, sparse),
            "UNMAP" => mapped.unmap(va, size),
            _ => {}
        }
        let after = mapped.bytes;
        self.change(before, after);
        let bytes = match &*kind {
            "UNMAP" => before.sum() - after.sum(),
            _ => size,
        };
        let name = if kind == "MAP" && sparse { "MAP sparse".to_owned() } else { kind };
        let ops = self.bind_ops.entry(name).or_default();
        ops.count += 1;
        ops.bytes = ops.bytes.saturating_add(bytes);
    }

    fn change(&mut self, before: Bytes, after: Bytes) {
        let sum = |all: u64, before, after| all.saturating_sub(before).saturating_add(after);
        self.mapped.real = sum(self.mapped.real, before.real, after.real);
        self.mapped.sparse = sum(self.mapped.sparse, before.sparse, after.sparse);
        self.peak_mapped = self.peak_mapped.max(self.mapped.real);
        self.peak_sparse = self.peak_sparse.max(self.mapped.sparse);
    }

    /// Removes a VM, or all VMs of a file.
    fn forget(&mut self, file: Option<u64>, vm: Option<u64>) {
        let Some(file) = file else { return };
        let is_it = |&(of, id): &(u64, u64)| of == file && vm.is_none_or(|vm| id == vm);
        let gone: Vec<_> = self.vms.keys().copied().filter(is_it).collect();
        for key in gone {
            if let Some(mapped) = self.vms.remove(&key) {
                self.change(mapped.bytes, Bytes::default());
            }
        }
    }

    /// Returns the number of calls.
    pub fn call_count(&self) -> u64 {
        self.calls.values().map(|calls| calls.count).sum()
    }

    /// Returns the number and the total bytes of sparse maps.
    pub fn sparse(&self) -> BindOps {
        self.bind_ops.get("MAP sparse").copied().unwrap_or_default()
    }

    /// Returns the total bytes of all maps of BOs.
    pub fn bytes_mapped(&self) -> u64 {
        self.bind_ops.get("MAP").map_or(0, |ops| ops.bytes)
    }
}
