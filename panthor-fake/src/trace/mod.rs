//! What a device is asked for, and what it answers: a line for every call.
//!
//! [`Device::trace_to`](crate::Device::trace_to) writes lines, [`Device::trace_with`](crate::Device::trace_with)
//! calls a function. A call is reported when it has been answered, so that one that waits comes after those that
//! others made meanwhile.
//!
//! # Text
//!
//! ```text
//! 4711 0.000213 ioctl(3<renderD128:1>, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=0, ops=[MAP bo=3 @0x0 0x100000..0x200000 noexec, UNMAP 0x400000..0x500000]}) = 0 <0.000012>
//! ```
//!
//! The process, and after a colon the thread if it is not the first; seconds since the trace began; the
//! descriptor, if there is one, and what it is, a node with the number of the open file; the request and its
//! argument; the result; after `=>` what the driver wrote; the seconds that it took.
//!
//! - Fields have their names in the uAPI; constants, too, without what they all begin with. Bits without a name
//!   are in hexadecimal. A field that is always zero is shown when it is not.
//! - Of long arrays and strings the beginning is shown: `... 968 more]`; see [`TraceOptions`].
//! - Where memory cannot be read it says so: `[MAP ..., ... 3 more at 0x7f1000 (EFAULT)]`. An argument of which
//!   that is true altogether is an address.
//! - An ioctl that fails shows what of its argument the driver has changed nonetheless: `=> {ops_count=2}` is
//!   the number of operations that a VM_BIND has done.
//! - A caller with a structure of another size has that beside the name, and no fields that it does not know.
//! - `open(renderD128:1) = 0` is the open of a node, `mmap(...) = 0 => {addr=0x7f...}` a mapping for the CPU, and
//!   `munmap(...)` its end. On the loopback the kernel makes and ends mappings itself: the trace has no addresses and no
//!   `munmap` there, and the descriptor of an open is seen in the calls that follow.
//! - `release(renderD128:1)` is the end of a file, with all that it still held.
//!
//! The memory of the caller is read beside the ioctl, before and after it. What other threads change meanwhile
//! may be shown as it was or as it is.
//!
//! # JSON
//!
//! With the feature `trace-json`, each line is an object:
//!
//! | key | what |
//! |---|---|
//! | `v` | 1, the version of this schema |
//! | `time_ns` | when the call began, since the beginning of the trace |
//! | `pid`, `tid` | who called |
//! | `fd` | the descriptor; missing where there is none |
//! | `on` | `renderD128`, `card0`, `dma-buf`, `sync_file` or `syncobj` |
//! | `file` | the number of the open file of a node |
//! | `call` | the name of the request, or `_IOC(...)` for a request without a name; `open`, `mmap`, `munmap`, `release` |
//! | `request`, `arg` | the second and the third parameter as numbers; of ioctls only |
//! | `args` | what the caller passed in, an object; null if it cannot be read or nobody knows how |
//! | `result` | zero, or a negative error number |
//! | `errno` | the name of that error number; missing without an error |
//! | `out` | what the driver wrote, like `args` |
//! | `took_ns` | how long it took |
//!
//! A release has no more than `v`, `time_ns`, `on`, `file` and `call`. In `args` and `out` the fields have their
//! names in the uAPI, with `flags` as arrays of names, in which bits without one are strings like `"0x10"`;
//! the type of an operation is `type`, `WAIT` or `SIGNAL` is `op`. Numbers are numbers (`jq` is exact up to
//! 2⁵³), strings are strings, a null pointer is null. Beside an array `ops` there are `ops_count` if it is not
//! all there, `ops_fault` with the address from which on it cannot be read, `ops_stride` if that is not the
//! element's size; beside a string `label_cut` and `label_fault`. Keys may be added, those that are here stay.
//!
//! What uses sparse mappings, and how much?
//!
//! ```text
//! jq -c 'select(.call == "DRM_IOCTL_PANTHOR_VM_BIND" and .result == 0) | .pid as $pid | .args.ops[]
//!        | select(.flags | index("SPARSE")) | [$pid, .va, .size]' trace.json
//! ```
//!
//! `Event::from_json` reads a line, [`Summary`] counts a whole trace.
//!
//! The command `panthor-fake` (feature `cli`) does both: `run --trace FILE`, `summary FILE`.

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
