//! Rules with reasons: every call that no program may send to a kernel.
//!
//! The guest fails when the kernel's log has a warning, and a crash would end it. The rules check
//! each call with the real handles just before the program sends it, so that they also hold for
//! shrunk programs. No rule covers a partial unmap of foreign memory, which crashes Linux 7.2 and
//! 7.3: no program has such memory.

mod handles;
mod syncs;

use std::collections::{HashMap, HashSet};

use panthor_sys::*;

use crate::uapi::kernel::Linux;
use crate::uapi::ops::{ASYNC, GIB, MAP, MIB};

use super::program::{Arg, Call, FileId};
use super::requests::*;
use super::values::View;
use handles::Handles;
use syncs::Syncs;

/// Address of streams without effect.
pub const CODE: u64 = 1 << 46;
pub const CODE_SIZE: u64 = 4096;

/// Limit of the bytes that all maps in a VM have together. Page tables take memory, and from 1 TiB
/// on the kernel warns.
const MAPPED: u64 = 4 * GIB;
/// Limit of a BO's size, and of all BOs of a program.
const BO_SIZE: u64 = 16 * MIB;
const ALL_BOS: u64 = 256 * MIB;
/// Limit of the elements of an array: the kernel warns of arrays that are too large to allocate.
const ELEMENTS: u64 = 64;
/// Size of the memory behind a pointer to free-form space or to text.
pub const ROOM: usize = 8192;

/// State that the rules depend on.
pub struct Watch {
    linux: Linux,
    mapped: HashMap<(FileId, u64), u64>,
    bo_bytes: u64,
    syncs: Syncs,
    handles: Handles,
    /// VMs with streams, by file and id.
    with_code: HashSet<(FileId, u64)>,
    /// The VMs of groups.
    groups: HashMap<(FileId, u64), u64>,
    /// Set once VMs or groups are destroyed, together with the queues of their fence contexts.
    lines_gone: bool,
}

type Refusal = Result<(), &'static str>;

fn refuse_if(forbidden: bool, reason: &'static str) -> Refusal {
    if forbidden { Err(reason) } else { Ok(()) }
}

impl Watch {
    pub fn new(linux: Linux) -> Self {
        Self {
            linux,
            mapped: HashMap::new(),
            bo_bytes: 0,
            syncs: Syncs::default(),
            handles: Handles::default(),
            with_code: HashSet::new(),
            groups: HashMap::new(),
            lines_gone: false,
        }
    }

    /// Returns the reason to refuse a call, if a rule forbids the call.
    pub fn check(&self, call: &Call, args: &View<'_>) -> Refusal {
        let request = call.request;
        arrays_are_small(args)?;
        if *request == VM_BIND {
            self.bind(call.file, args)
        } else if *request == GROUP_SUBMIT {
            let jobs: Vec<_> = args.items("queue_submits").collect();
            let group = self.groups.get(&(call.file, args.number("group_handle")));
            let runs = group.is_some_and(|&vm| self.with_code.contains(&(call.file, vm)));
            let faults = |job| !runs && has_stream(job) || leaves_code(job);
            refuse_if(
                jobs.iter().any(faults),
                "the fake does not read streams, so it does not know of faults and hangs",
            )?;
            self.syncs.check_batch(call.file, &jobs)
        } else if *request == GROUP_CREATE {
            self.group(args)
        } else if *request == BO_CREATE {
            self.bo(args.number("size"))
        } else if *request == SYNCOBJ_WAIT || *request == SYNCOBJ_TIMELINE_WAIT {
            let until = args.number("timeout_nsec") as i64;
            refuse_if(until > 1, "a wait for what may never come does not end")
        } else if *request == SYNCOBJ_FD_TO_HANDLE {
            self.syncs.check_import(args)
        } else if *request == PRIME_HANDLE_TO_FD {
            self.handles.check_export(call.file, args)
        } else if *request == SYNC_FILE_INFO {
            refuse_if(
                self.linux == Linux::V6_12
                    && self.lines_gone
                    && self.syncs.may_name_a_line(call.on),
                "Linux 6.12 reads the name of a fence's queue where the queue was, though it is gone",
            )
        } else if *request == DEV_QUERY {
            let into = matches!(args.arg("pointer"), Some(Arg::Room));
            let size = args.number("size");
            refuse_if(into && size > ROOM as u64, "the answer is larger than the space for it")
        } else if *request == SET_CLIENT_NAME {
            refuse_if(args.number("name_len") > ROOM as u64, "the name ends behind its memory")
        } else {
            Ok(())
        }
    }

    fn bind(&self, file: FileId, args: &View<'_>) -> Refusal {
        let is_async = args.number("flags") & u64::from(ASYNC) != 0;
        let ops: Vec<_> = args.items("ops").collect();
        let mut mapped = self.mapped.get(&(file, args.number("vm_id"))).copied().unwrap_or(0);
        for op in &ops {
            if !is_map(op) {
                continue;
            }
            let size = op.number("size");
            refuse_if(
                is_async && size == 0,
                "an asynchronous map of nothing leaves an empty mapping behind, which gets in the way",
            )?;
            mapped = mapped.saturating_add(size);
            // No BO is as large as what is refused for its size alone.
            let sparse = op.number("flags") & u64::from(DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE) != 0;
            refuse_if(
                sparse && mapped > MAPPED,
                "page tables of more than 4 GiB take too much memory, and 1 TiB makes the kernel warn",
            )?;
        }
        if is_async { self.syncs.check_batch(file, &ops) } else { Ok(()) }
    }

    fn group(&self, args: &View<'_>) -> Refusal {
        refuse_if(
            self.linux == Linux::V6_12 && args.items("queues").count() > 8,
            "Linux 6.12 takes groups with more queues than the GPU has, and crashes",
        )
    }

    fn bo(&self, size: u64) -> Refusal {
        // What is refused needs no memory.
        let is_refused = size == 0 || size > u64::MAX - 4095;
        refuse_if(
            !is_refused && (size > BO_SIZE || self.bo_bytes + size > ALL_BOS),
            "the guest has not enough memory",
        )
    }

    /// Remembers what a call that succeeded has done.
    pub fn done(&mut self, call: &Call, args: &View<'_>, given: Option<u64>) {
        let (file, request) = (call.file, call.request);
        let given = given.unwrap_or(0);
        if *request == VM_CREATE {
            self.mapped.insert((file, given), 0);
        } else if *request == BO_CREATE {
            self.bo_bytes += args.number("size");
        }
        self.lines_gone |= [&VM_DESTROY, &GROUP_DESTROY].contains(&request);
        self.syncs.done(call, args, given);
        self.handles.done(call, args, given);
        self.submitted(call, args);
        let vm = (file, args.number("vm_id"));
        if *request == GROUP_CREATE {
            self.groups.insert((file, given), vm.1);
        } else if *request == VM_DESTROY {
            self.with_code.remove(&(file, args.number("id")));
        } else if *request == VM_BIND && is_code(args) {
            self.with_code.insert(vm);
        }
    }

    /// Remembers that a file is closed.
    pub fn closed_file(&mut self) {
        self.lines_gone = true;
    }

    /// Remembers what a submission has done, or a part of it.
    pub fn submitted(&mut self, call: &Call, args: &View<'_>) {
        let file = call.file;
        let jobs = if *call.request == VM_BIND {
            let vm = (file, args.number("vm_id"));
            if args.items("ops").any(|op| touches_code(&op)) {
                self.with_code.remove(&vm);
            }
            let ops = args.items("ops").filter(is_map);
            let mapped = ops.fold(0, |sum: u64, op| sum.saturating_add(op.number("size")));
            if let Some(total) = self.mapped.get_mut(&vm) {
                *total = total.saturating_add(mapped);
            }
            "ops"
        } else if *call.request == GROUP_SUBMIT {
            "queue_submits"
        } else {
            return;
        };
        for job in args.items(jobs) {
            self.syncs.submitted(file, &job);
        }
    }
}

fn is_map(op: &View<'_>) -> bool {
    op.number("flags") & u64::from(DRM_PANTHOR_VM_BIND_OP_TYPE_MASK) == u64::from(MAP)
}

/// Returns whether a bind only maps streams.
fn is_code(args: &View<'_>) -> bool {
    let mut ops = args.items("ops");
    let first = ops
        .next()
        .is_some_and(|op| is_map(&op) && op.number("va") == CODE && op.number("size") == CODE_SIZE);
    first && ops.next().is_none() && args.number("flags") == 0
}

fn touches_code(op: &View<'_>) -> bool {
    let (va, size) = (op.number("va"), op.number("size"));
    va < CODE + CODE_SIZE && va.saturating_add(size) > CODE
}

fn has_stream(job: &View<'_>) -> bool {
    job.number("stream_size") != 0 || job.number("stream_addr") != 0
}

/// Returns whether a stream has more than no-operations.
fn leaves_code(job: &View<'_>) -> bool {
    let (va, size) = (job.number("stream_addr"), job.number("stream_size"));
    has_stream(job) && !(va >= CODE && va.saturating_add(size) <= CODE + CODE_SIZE)
}

/// Looks at the counts of all arrays, whatever they are called.
fn arrays_are_small(args: &View<'_>) -> Refusal {
    for &(name, ref arg) in args.fields {
        let count = match arg {
            Arg::Array(array) => array.items.len() as u64,
            _ if name.starts_with("count") => args.number(name),
            _ => continue,
        };
        refuse_if(count > ELEMENTS, "the kernel warns of arrays that it cannot allocate")?;
    }
    Ok(())
}
