//! A decoded call.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use nix::unistd::gettid;
use panthor_sys as sys;

use crate::call::uaccess::UserMemory;

use super::decode::{Side, fields};
use super::reader::{Limits, Reader};
use super::requests::{self, anonymous};
use super::schema::{Argument, Layout};
use super::value::{Fields, Style, Value};

/// A traced call.
///
/// [`Display`](std::fmt::Display) prints the event as a line of text, `Event::to_json` (feature
/// `trace-json`) as a line of JSON.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The start time, relative to the start of the trace.
    pub time: Duration,
    /// The duration, without the overhead of the trace.
    pub took: Duration,
    /// The caller; `None` for the release of a file, which has no single caller.
    pub who: Option<Who>,
    /// The target of the call.
    pub on: Target,
    /// The call.
    pub call: Call,
    /// The input, by field name; `None` if it is unreadable or has no decoder.
    pub args: Option<Fields>,
    /// Zero, or a negative error number.
    pub result: i32,
    /// The driver's output in the caller's memory; `None` if it is unreadable or has no decoder.
    pub out: Option<Fields>,
}

/// The kind of call.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// An ioctl.
    Ioctl {
        /// The request, including the size of the caller's structure.
        request: u32,
        /// The third parameter, usually an address.
        arg: u64,
    },
    /// The open of a node.
    Open,
    /// A CPU mapping of a node.
    Mmap,
    /// The removal of a CPU mapping.
    Munmap,
    /// The release of a file after its last descriptor and mapping are gone.
    Release,
}

impl Call {
    /// Returns the name of a call other than an ioctl.
    pub(super) fn plain_name(self) -> Option<&'static str> {
        match self {
            Self::Ioctl { .. } => None,
            Self::Open => Some("open"),
            Self::Mmap => Some("mmap"),
            Self::Munmap => Some("munmap"),
            Self::Release => Some("release"),
        }
    }

    /// Returns the call with a name that [`plain_name`](Self::plain_name) returns.
    #[cfg(feature = "trace-json")]
    pub(super) fn of_plain_name(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Mmap, Self::Munmap, Self::Release];
        all.into_iter().find(|call| call.plain_name() == Some(name))
    }
}

/// The caller of a traced call.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Who {
    /// The process ID.
    pub pid: i32,
    /// The thread ID, equal to `pid` for the main thread.
    pub tid: i32,
    /// The descriptor in that process; `None` for a fake in the same process.
    pub fd: Option<i32>,
}

impl Who {
    /// Creates a caller from a process, a thread and the descriptor of the call.
    pub const fn new(pid: i32, tid: i32, fd: i32) -> Self {
        Self { pid, tid, fd: Some(fd) }
    }

    /// Returns the calling thread, without a descriptor.
    pub fn this_thread() -> Self {
        Self { pid: std::process::id() as i32, tid: gettid().as_raw(), fd: None }
    }
}

/// The object of a call.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// An open file of the render node, by its number, which is unique in the process.
    RenderNode(u64),
    /// An open file of the primary node, by its number.
    PrimaryNode(u64),
    /// A dma-buf.
    DmaBuf,
    /// A sync file.
    SyncFile,
    /// A syncobj descriptor.
    Syncobj,
}

impl Target {
    /// Returns the name in traces.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RenderNode(_) => "renderD128",
            Self::PrimaryNode(_) => "card0",
            Self::DmaBuf => "dma-buf",
            Self::SyncFile => "sync_file",
            Self::Syncobj => "syncobj",
        }
    }

    /// Returns the number of an open file of a node.
    pub(super) fn file(self) -> Option<u64> {
        match self {
            Self::RenderNode(file) | Self::PrimaryNode(file) => Some(file),
            _ => None,
        }
    }
}

impl Event {
    /// Returns the name of the ioctl, such as `DRM_IOCTL_PANTHOR_VM_BIND`; `None` for another call
    /// or an unknown request.
    pub fn name(&self) -> Option<&'static str> {
        match self.call {
            Call::Ioctl { request, .. } => requests::request_name(request),
            _ => None,
        }
    }

    /// Returns the name of the call in traces.
    pub(super) fn call_name(&self) -> Cow<'static, str> {
        match (self.call, self.name()) {
            (_, Some(name)) => name.into(),
            (Call::Ioctl { request, .. }, None) => anonymous(request).into(),
            (call, None) => call.plain_name().unwrap_or_default().into(),
        }
    }

    /// Creates the event of a file's release.
    pub(super) fn release(time: Duration, on: Target) -> Self {
        let (took, who, call) = (Duration::ZERO, None, Call::Release);
        Self { time, took, who, on, call, args: None, result: 0, out: None }
    }
}

/// A call in progress.
pub(crate) struct Pending<'a> {
    reader: Reader<'a>,
    layout: Option<Known>,
    before: Vec<u8>,
    event: Event,
    began: Instant,
}

/// The structure of an argument, and its direction.
#[derive(Clone, Copy)]
struct Known {
    layout: &'static Layout,
    is_read: bool,
    is_written: bool,
}

impl<'a> Pending<'a> {
    /// Decodes the input of an ioctl before the call.
    pub(super) fn begin(
        start: Instant,
        limits: Limits,
        who: Who,
        on: Target,
        user: UserMemory<'a>,
        (request, arg): (u32, u64),
    ) -> Self {
        let reader = Reader::new(user, limits);
        let known = requests::find(request);
        let mut before = Vec::new();
        let mut layout = None;
        let args = match known.map(|known| &known.argument) {
            None | Some(Argument::Opaque) => None,
            Some(Argument::None) => Some(Fields::default()),
            Some(&Argument::Text(max)) => {
                let name = Value::Text(reader.text(arg, max));
                Some(Fields { entries: vec![("name".into(), name)], style: Style::Plain })
            }
            Some(&Argument::Struct(known_layout)) => {
                // As in the driver, both the caller's and the known request must have the direction
                // bit.
                let both = sys::ioc_dir(request & known.map_or(0, |known| known.request));
                let found = Known {
                    layout: known_layout,
                    is_read: both & sys::IOC_WRITE != 0,
                    is_written: both & sys::IOC_READ != 0,
                };
                layout = Some(found);
                let size = sys::ioc_size(request).min(known_layout.size);
                reader.bytes(arg, size).map(|bytes| {
                    before = bytes;
                    match found.is_read {
                        true => fields(&reader, known_layout, &before, Side::In),
                        false => Fields::default(),
                    }
                })
            }
        };
        let call = Call::Ioctl { request, arg };
        let began = Instant::now();
        let time = began.saturating_duration_since(start);
        let took = Duration::ZERO;
        let event = Event { time, took, who: Some(who), on, call, args, result: 0, out: None };
        Self { reader, layout, before, event, began }
    }

    /// Decodes the output after the call.
    pub(super) fn end(self, result: i32) -> Event {
        let took = self.began.elapsed();
        let Self { reader, layout, before, mut event, .. } = self;
        event.took = took;
        event.result = result;
        event.out = match (layout, event.call) {
            (Some(Known { layout, is_written: true, .. }), Call::Ioctl { arg, .. })
                if !before.is_empty() =>
            {
                let after = reader.bytes(arg, before.len());
                let side = Side::Out { before: &before, failed: result != 0 };
                after.map(|after| fields(&reader, layout, &after, side))
            }
            // The call writes nothing.
            (Some(_), _) => event.args.as_ref().map(|_| Fields::default()),
            (None, _) => event.args.as_ref().map(|_| Fields::default()),
        };
        event
    }
}
