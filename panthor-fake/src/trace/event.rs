//! One call, decoded.

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

/// A call, as a trace tells it.
///
/// [`Display`](std::fmt::Display) prints it as a line of text, `Event::to_json` (feature
/// `trace-json`) as one of JSON.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When it began, counted from the beginning of the trace.
    pub time: Duration,
    /// How long it took, without what the trace itself took.
    pub took: Duration,
    /// Who called; `None` for the end of a file, which no single caller brings about.
    pub who: Option<Who>,
    /// What was called upon.
    pub on: Target,
    /// What was called.
    pub call: Call,
    /// What the caller passed in, by the fields' names; `None` if it could not be read, or if nobody knows how.
    pub args: Option<Fields>,
    /// Zero, or a negative error number.
    pub result: i32,
    /// What the driver answered in the caller's memory; `None` if it could not be read, or if nobody knows how.
    pub out: Option<Fields>,
}

/// The kind of call.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// An ioctl.
    Ioctl {
        /// The request, with the size of the caller's structure in it.
        request: u32,
        /// The third parameter, an address as a rule.
        arg: u64,
    },
    /// The open of a node.
    Open,
    /// A CPU mapping of a node.
    Mmap,
    /// The end of a CPU mapping.
    Munmap,
    /// The end of a file: its last descriptor and its last mapping are gone, and so is what it held.
    Release,
}

impl Call {
    /// Returns the name of a call that is no ioctl.
    pub(super) fn plain_name(self) -> Option<&'static str> {
        match self {
            Self::Ioctl { .. } => None,
            Self::Open => Some("open"),
            Self::Mmap => Some("mmap"),
            Self::Munmap => Some("munmap"),
            Self::Release => Some("release"),
        }
    }

    /// Returns the call of a name that [`plain_name`](Self::plain_name) returns.
    #[cfg(feature = "trace-json")]
    pub(super) fn of_plain_name(name: &str) -> Option<Self> {
        let all = [Self::Open, Self::Mmap, Self::Munmap, Self::Release];
        all.into_iter().find(|call| call.plain_name() == Some(name))
    }
}

/// Who called.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Who {
    /// The process.
    pub pid: i32,
    /// The thread; that of the same number as the process is its first.
    pub tid: i32,
    /// The descriptor that was called upon, in that process; a fake within the process has none.
    pub fd: Option<i32>,
}

impl Who {
    /// A thread of a process, which called upon a descriptor.
    pub const fn new(pid: i32, tid: i32, fd: i32) -> Self {
        Self { pid, tid, fd: Some(fd) }
    }

    /// The calling thread, without a descriptor.
    pub fn this_thread() -> Self {
        Self { pid: std::process::id() as i32, tid: gettid().as_raw(), fd: None }
    }
}

/// What is called upon.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// An open file of the render node, with a number that no other file of the program has.
    RenderNode(u64),
    /// An open file of the primary node.
    PrimaryNode(u64),
    /// A dma-buf.
    DmaBuf,
    /// A sync file.
    SyncFile,
    /// The descriptor of a sync object.
    Syncobj,
}

impl Target {
    /// The name in traces.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RenderNode(_) => "renderD128",
            Self::PrimaryNode(_) => "card0",
            Self::DmaBuf => "dma-buf",
            Self::SyncFile => "sync_file",
            Self::Syncobj => "syncobj",
        }
    }

    /// The number of an open file of a node.
    pub(super) fn file(self) -> Option<u64> {
        match self {
            Self::RenderNode(file) | Self::PrimaryNode(file) => Some(file),
            _ => None,
        }
    }
}

impl Event {
    /// The name of the ioctl, `DRM_IOCTL_PANTHOR_VM_BIND` for instance; `None` if it is none or has no name.
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

    /// The end of a file.
    pub(super) fn release(time: Duration, on: Target) -> Self {
        let (took, who, call) = (Duration::ZERO, None, Call::Release);
        Self { time, took, who, on, call, args: None, result: 0, out: None }
    }
}

/// A call that goes on.
pub(crate) struct Pending<'a> {
    reader: Reader<'a>,
    layout: Option<Known>,
    before: Vec<u8>,
    event: Event,
    began: Instant,
}

/// The structure of an argument, with who reads and writes it.
#[derive(Clone, Copy)]
struct Known {
    layout: &'static Layout,
    is_read: bool,
    is_written: bool,
}

impl<'a> Pending<'a> {
    /// Looks at an ioctl before it is answered.
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
                // Both must say so, as in the driver.
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

    /// Looks at it again after it was answered.
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
            // Nothing is written.
            (Some(_), _) => event.args.as_ref().map(|_| Fields::default()),
            (None, _) => event.args.as_ref().map(|_| Fields::default()),
        };
        event
    }
}
