//! Dumps as text: one line per object, indented below its owner.

use std::fmt;

use panthor_sys as sys;

use crate::dump::{
    BindChange, BindDump, BoDump, DeviceDump, FileDump, GroupDump, HeapDump, JobDump, QueueDump,
    Signaller, SyncobjDump, SyncobjState, VmDump,
};
use crate::vm::mapping_info::{Backing, MappingInfo};

impl fmt::Display for DeviceDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { driver_minor, memory_used, memory, .. } = self;
        write!(f, "device: driver 1.{driver_minor}, {memory_used} of {memory} bytes in use")?;
        writeln!(f, "{}", if self.unplugged { ", unplugged" } else { "" })?;
        self.files.iter().try_for_each(|file| file.fmt(f))
    }
}

impl fmt::Display for FileDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = if self.primary { "primary" } else { "render" };
        writeln!(f, "file {}: {node} node", self.client_id)?;
        let own = self.client_id;
        self.bos.iter().try_for_each(|bo| line_of_bo(f, bo))?;
        self.vms.iter().try_for_each(|vm| lines_of_vm(f, own, vm))?;
        self.syncobjs.iter().try_for_each(|syncobj| lines_of_syncobj(f, own, syncobj))?;
        self.groups.iter().try_for_each(|group| lines_of_group(f, own, group))
    }
}

/// An ID, or `(destroyed)`.
struct Id(Option<u32>);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => id.fmt(f),
            None => f.write_str("(destroyed)"),
        }
    }
}

/// Writes the words with a true condition.
fn words(f: &mut fmt::Formatter<'_>, words: &[(bool, &str)]) -> fmt::Result {
    words.iter().filter(|(holds, _)| *holds).try_for_each(|(_, word)| write!(f, ", {word}"))
}

fn line_of_bo(f: &mut fmt::Formatter<'_>, bo: &BoDump) -> fmt::Result {
    write!(f, "  BO {}: {} bytes, flags {:#x}", bo.handle, bo.size, bo.flags)?;
    if let Some(label) = &bo.label {
        write!(f, ", label {label:?}")?;
    }
    words(
        f,
        &[
            (bo.resident, "resident"),
            (!bo.resident && bo.evictions != 0, "evicted"),
            (bo.pinned, "pinned"),
            (bo.imported, "imported"),
            (bo.exported, "exported"),
        ],
    )?;
    if bo.exclusive {
        write!(f, ", exclusive to VM {}", Id(bo.exclusive_vm_id))?;
    }
    if let Some(name) = bo.name {
        write!(f, ", name {name}")?;
    }
    if bo.cpu_mappings != 0 {
        write!(f, ", mapped by the CPU")?;
    }
    writeln!(f)
}

fn lines_of_vm(f: &mut fmt::Formatter<'_>, own: u64, vm: &VmDump) -> fmt::Result {
    let state = if vm.usable { "usable" } else { "unusable" };
    write!(f, "  VM {}: user part up to {:#x}, {state}", Id(vm.id), vm.user_va_range)?;
    words(f, &[(vm.held, "held")])?;
    writeln!(f)?;
    for mapping in &vm.mappings {
        writeln!(f, "    {}", MappingText(mapping))?;
    }
    for (index, bind) in vm.pending.iter().enumerate() {
        line_of_bind(f, own, index, bind)?;
    }
    vm.heaps.iter().try_for_each(|heap| line_of_heap(f, heap))
}

/// A mapping without a line end.
struct MappingText<'a>(&'a MappingInfo);

impl fmt::Display for MappingText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MappingInfo { va, size, backing, offset, flags, .. } = self.0;
        write!(f, "{va:#x}..{:#x}: ", va.saturating_add(*size))?;
        match backing {
            Backing::Sparse => write!(f, "sparse")?,
            Backing::Kernel => write!(f, "kernel memory at {offset:#x}")?,
            Backing::Bo { handle: Some(handle) } => write!(f, "BO {handle} at {offset:#x}")?,
            Backing::Bo { handle: None } => write!(f, "BO without a handle at {offset:#x}")?,
        }
        let flag = |flag| flags & flag != 0;
        words(
            f,
            &[
                (flag(sys::DRM_PANTHOR_VM_BIND_OP_MAP_READONLY), "readonly"),
                (flag(sys::DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC), "noexec"),
                (flag(sys::DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED), "uncached"),
                (self.0.evicted, "evicted"),
            ],
        )
    }
}

fn line_of_bind(
    f: &mut fmt::Formatter<'_>,
    own: u64,
    index: usize,
    bind: &BindDump,
) -> fmt::Result {
    write!(f, "    bind {index}: ")?;
    match &bind.change {
        BindChange::Map(mapping) => write!(f, "map {}", MappingText(mapping))?,
        BindChange::Unmap { va, size } => {
            write!(f, "unmap {va:#x}..{:#x}", va.saturating_add(*size))?;
        }
        BindChange::SyncOnly => write!(f, "sync point")?,
    }
    end_of_waits(f, own, &bind.waits)
}

fn line_of_heap(f: &mut fmt::Formatter<'_>, heap: &HeapDump) -> fmt::Result {
    write!(f, "    heap {}: context at {:#x}", heap.index, heap.context_va)?;
    write!(f, ", chunks of {} bytes at", heap.chunk_size)?;
    heap.chunks.iter().try_for_each(|va| write!(f, " {va:#x}"))?;
    writeln!(f)
}

fn lines_of_syncobj(f: &mut fmt::Formatter<'_>, own: u64, syncobj: &SyncobjDump) -> fmt::Result {
    write!(f, "  syncobj {}: ", syncobj.handle)?;
    match syncobj.state {
        SyncobjState::Empty => write!(f, "no fence")?,
        SyncobjState::Pending => write!(f, "pending")?,
        SyncobjState::Signalled { error: None } => write!(f, "signalled")?,
        SyncobjState::Signalled { error: Some(errno) } => write!(f, "signalled, error {errno}")?,
        SyncobjState::Timeline { reached, last } => write!(f, "timeline at {reached} of {last}")?,
    }
    if syncobj.eventfds != 0 {
        write!(f, ", {} eventfds", syncobj.eventfds)?;
    }
    writeln!(f)?;
    for point in &syncobj.pending {
        match point.point {
            0 => write!(f, "    fence: ")?,
            point => write!(f, "    point {point}: ")?,
        }
        writeln!(f, "{}", SignallerText(own, &point.signaller))?;
    }
    Ok(())
}

fn lines_of_group(f: &mut fmt::Formatter<'_>, own: u64, group: &GroupDump) -> fmt::Result {
    write!(f, "  group {}: VM {}", Id(group.handle), Id(group.vm_id))?;
    let flag = |flag| group.state & flag != 0;
    words(
        f,
        &[
            (flag(sys::DRM_PANTHOR_GROUP_STATE_TIMEDOUT), "timed out"),
            (flag(sys::DRM_PANTHOR_GROUP_STATE_INNOCENT), "innocent"),
        ],
    )?;
    if flag(sys::DRM_PANTHOR_GROUP_STATE_FATAL_FAULT) {
        write!(f, ", fatal fault in queues {:#x}", group.fatal_queues)?;
    }
    writeln!(f)?;
    group.queues.iter().try_for_each(|queue| lines_of_queue(f, own, queue))
}

fn lines_of_queue(f: &mut fmt::Formatter<'_>, own: u64, queue: &QueueDump) -> fmt::Result {
    write!(f, "    queue {}: {} pending", queue.index, queue.pending.len())?;
    words(f, &[(queue.held, "held")])?;
    writeln!(f)?;
    for (index, job) in queue.pending.iter().enumerate() {
        let JobDump { stream, on_gpu, waits, .. } = job;
        match stream.size {
            0 => write!(f, "      job {index}: sync point")?,
            size => write!(f, "      job {index}: stream at {:#x}, {size} bytes", stream.va)?,
        }
        words(f, &[(*on_gpu, "on the GPU")])?;
        end_of_waits(f, own, waits)?;
    }
    Ok(())
}

/// The signaller of a fence, with the client ID of the dumped file.
struct SignallerText<'a>(u64, &'a Signaller);

impl fmt::Display for SignallerText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = match *self.1 {
            Signaller::Bind { client_id, vm_id, index } => {
                write!(f, "bind {index} of VM {}", Id(vm_id))?;
                client_id
            }
            Signaller::Job { client_id, group, queue, index } => {
                write!(f, "job {index} of queue {queue} of group {}", Id(group))?;
                client_id
            }
            Signaller::Other => return f.write_str("somebody else"),
        };
        if client == self.0 { Ok(()) } else { write!(f, " of file {client}") }
    }
}

/// Writes the waits and ends the line.
fn end_of_waits(f: &mut fmt::Formatter<'_>, own: u64, waits: &[Signaller]) -> fmt::Result {
    for (index, signaller) in waits.iter().enumerate() {
        let before = if index == 0 { ", waits for " } else { " and " };
        write!(f, "{before}{}", SignallerText(own, signaller))?;
    }
    writeln!(f)
}
