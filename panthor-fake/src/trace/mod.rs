//! Tracing of calls: a decoded line for every call on a device.
//!
//! [`Device::trace_to`](crate::Device::trace_to) writes lines, and
//! [`Device::trace_with`](crate::Device::trace_with) calls a function. A call is reported when it
//! returns, so a blocking call comes after the calls that other threads made meanwhile.
//!
//! # Text
//!
//! ```text
//! 4711 0.000213 ioctl(3<renderD128:1>, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=0,
//!     ops=[MAP bo=3 @0x0 0x100000..0x200000 noexec, UNMAP 0x400000..0x500000]}) = 0 <0.000012>
//! ```
//!
//! The example is one line, wrapped here. A line has these parts: the process, and after a colon
//! the thread unless it is the main thread; seconds since the start of the trace; the descriptor,
//! if there is one, and its object, for a node with the number of the open file; the request and
//! its argument; the result; after `=>` the driver's output; the duration in seconds.
//!
//! - Fields and constants have their uAPI names, constants without their common prefix. Unknown
//!   bits are in hexadecimal. A field that is normally zero appears only when it is not.
//! - Long arrays and strings are cut: `... 968 more]`. [`TraceOptions`] sets the limits.
//! - Unreadable memory is marked: `[MAP ..., ... 3 more at 0x7f1000 (EFAULT)]`. An argument that is
//!   unreadable as a whole is shown as its address.
//! - A failed ioctl shows the fields that the driver changed: `=> {ops_count=2}` is the number of
//!   operations that a VM_BIND completed.
//! - If the size of the caller's structure differs, the size follows the name, and fields beyond it
//!   are left out.
//! - `open(renderD128:1) = 0` is the open of a node, `mmap(...) = 0 => {addr=0x7f...}` a CPU
//!   mapping, and `munmap(...)` its removal. On the loopback, the kernel itself maps and unmaps:
//!   the trace has no addresses and no `munmap`, and the descriptor of an open appears in later
//!   calls.
//! - `release(renderD128:1)` is the release of a file with its remaining objects.
//!
//! The trace reads the caller's memory before and after the ioctl. Memory that other threads change
//! meanwhile may appear in either state.
//!
//! # JSON
//!
//! With the feature `trace-json`, each line is an object:
//!
//! | key | value |
//! |---|---|
//! | `v` | 1, the version of this schema |
//! | `time_ns` | start of the call, since the start of the trace |
//! | `pid`, `tid` | process and thread of the caller |
//! | `fd` | descriptor; missing where there is none |
//! | `on` | `renderD128`, `card0`, `dma-buf`, `sync_file` or `syncobj` |
//! | `file` | number of the open file of a node |
//! | `call` | name of the request (`_IOC(...)` if unknown), `open`, `mmap`, `munmap`, `release` |
//! | `request`, `arg` | second and third parameter as numbers; ioctls only |
//! | `args` | the input, an object; null if unreadable or without a decoder |
//! | `result` | zero, or a negative error number |
//! | `errno` | name of the error number; missing on success |
//! | `out` | the driver's output, like `args` |
//! | `took_ns` | duration of the call |
//!
//! A release has only `v`, `time_ns`, `on`, `file` and `call`. Fields in `args` and `out` have
//! their uAPI names. `flags` are arrays of names, with unknown bits as strings such as `"0x10"`.
//! The type of an operation is `type`, and `op` is `WAIT` or `SIGNAL`. Numbers are JSON numbers
//! (`jq` is exact up to 2⁵³), and a null pointer is null. An array `ops` may come with `ops_count`
//! if it is cut, `ops_fault` with its first unreadable address, and `ops_stride` if the stride
//! differs from the element's size. A string `label` may come with `label_cut` and `label_fault`.
//! New keys may appear; the keys above stay.
//!
//! This prints the number and the bytes of sparse maps by process:
//!
//! ```text
//! jq -c 'select(.call == "DRM_IOCTL_PANTHOR_VM_BIND" and .result == 0) | .pid as $pid
//!        | .args.ops[] | select(.flags | index("SPARSE")) | [$pid, .va, .size]' trace.json
//! ```
//!
//! `Event::from_json` parses a line, and [`Summary`] counts a whole trace.
//!
//! The command `panthor-fake` (feature `cli`) does both: `run --trace FILE` and `summary FILE`.

mod decode;
mod drm_calls;
mod drm_names;
mod errno_names;
mod event;
#[cfg(feature = "trace-json")]
mod json;
mod lines;
mod mapped;
mod options;
#[cfg(test)]
mod other_descriptors_tests;
mod panthor_calls;
mod panthor_names;
#[cfg(feature = "trace-json")]
mod read;
mod reader;
mod requests;
mod schema;
mod summary;
#[cfg(feature = "trace-json")]
mod summary_read;
mod summary_table;
#[cfg(test)]
mod table_tests;
mod text;
mod tracer;
mod value;

pub use event::{Call, Event, Target, Who};
pub use options::{Format, TraceOptions};
#[cfg(feature = "trace-json")]
pub use read::ParseError;
pub use requests::{request_by_name, request_name};
pub use summary::{BindOps, Calls, SlowCall, Summary};
#[cfg(feature = "trace-json")]
pub use summary_read::ReadError;
pub(crate) use tracer::{Deferral, Slot};
pub use value::{Fields, Flags, List, Text, Value};
