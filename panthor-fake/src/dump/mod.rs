//! What a dump for a debugger consists of. [`collect`](crate::dump::collect) fills it in,
//! [`text`](crate::dump::text) writes it out.

pub(crate) mod collect;
pub(crate) mod text;

use crate::group::queue::StreamInfo;
use crate::vm::mapping_info::MappingInfo;

/// What a device has, see [`Device::dump`](crate::Device::dump).
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceDump {
    /// The minor version of the driver.
    pub driver_minor: u32,
    /// How many bytes of memory are in use by BOs and what the kernel allocated itself.
    pub memory_used: u64,
    /// How many bytes there are, see [`Config::memory`](crate::Config::memory).
    pub memory: u64,
    /// Whether it was unplugged.
    pub unplugged: bool,
    /// The open files.
    pub files: Vec<FileDump>,
}

/// What an open file has, see [`File::dump`](crate::File::dump).
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileDump {
    /// The `drm-client-id` of fdinfo.
    pub client_id: u64,
    /// Whether the primary node was opened, and not the render node.
    pub primary: bool,
    /// The BOs it has a handle of.
    pub bos: Vec<BoDump>,
    /// The VMs, those that were destroyed last.
    pub vms: Vec<VmDump>,
    /// The sync objects.
    pub syncobjs: Vec<SyncobjDump>,
    /// The groups, those that were destroyed last.
    pub groups: Vec<GroupDump>,
}

/// A buffer object.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoDump {
    /// The handle.
    pub handle: u32,
    /// The size in bytes.
    pub size: u64,
    /// The `DRM_PANTHOR_BO_*` flags it was created with.
    pub flags: u32,
    /// The label, as far as it is UTF-8.
    pub label: Option<String>,
    /// Whether it has pages.
    pub resident: bool,
    /// Whether something needs its pages to stay: an asynchronous map that has not run, or another
    /// device that imported it.
    pub pinned: bool,
    /// How often its pages were taken away.
    pub evictions: u32,
    /// Whether it was imported from elsewhere.
    pub imported: bool,
    /// Whether it was exported as a dma-buf that is still around.
    pub exported: bool,
    /// Whether only one VM may map it.
    pub exclusive: bool,
    /// That VM, unless it was destroyed or is none of the file.
    pub exclusive_vm_id: Option<u32>,
    /// The name by which files of primary nodes can open it.
    pub name: Option<u32>,
    /// How many mappings the CPU has.
    pub cpu_mappings: usize,
}

/// A VM.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmDump {
    /// The id; `None` if it was destroyed, and something that is pending keeps it.
    pub id: Option<u32>,
    /// Where the user's part of the address space ends.
    pub user_va_range: u64,
    /// Whether it is usable, as `DRM_IOCTL_PANTHOR_VM_GET_STATE` tells.
    pub usable: bool,
    /// Whether its queue is held, see [`GpuView::hold`](crate::GpuView::hold).
    pub held: bool,
    /// The mappings by ascending address, those of the kernel included.
    pub mappings: Vec<MappingInfo>,
    /// The asynchronous operations that have not run, in their order.
    pub pending: Vec<BindDump>,
    /// The tiler heaps.
    pub heaps: Vec<HeapDump>,
}

/// An asynchronous VM_BIND operation that has not run.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindDump {
    /// What it is to do.
    pub change: BindChange,
    /// What it waits for, besides those before it.
    pub waits: Vec<Signaller>,
}

/// What an operation does.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BindChange {
    /// Adds a mapping.
    Map(MappingInfo),
    /// Unmaps a range.
    Unmap {
        /// Where it starts.
        va: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// Nothing.
    SyncOnly,
}

/// A tiler heap.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeapDump {
    /// The number in the VM, the lower half of the handle.
    pub index: u32,
    /// The GPU virtual address of the context.
    pub context_va: u64,
    /// The size of a chunk in bytes.
    pub chunk_size: u64,
    /// The GPU virtual addresses of the chunks.
    pub chunks: Vec<u64>,
}

/// A sync object.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncobjDump {
    /// The handle.
    pub handle: u32,
    /// What it has.
    pub state: SyncobjState,
    /// Its fences that are not signalled, the first point first.
    pub pending: Vec<PointDump>,
    /// How many eventfds wait for a point to be added.
    pub eventfds: usize,
}

/// What a sync object has.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncobjState {
    /// No fence.
    Empty,
    /// A fence that is not signalled.
    Pending,
    /// A fence that is signalled.
    Signalled {
        /// The error that it carries, a positive error number.
        error: Option<i32>,
    },
    /// A timeline.
    Timeline {
        /// The last point that is signalled.
        reached: u64,
        /// The last point that was added.
        last: u64,
    },
}

/// A fence of a sync object that is not signalled.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointDump {
    /// The point of the timeline; 0 for the fence of a binary one.
    pub point: u64,
    /// Who signals it.
    pub signaller: Signaller,
}

/// Who is to signal a fence.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Signaller {
    /// An asynchronous VM_BIND operation.
    Bind {
        /// The file.
        client_id: u64,
        /// The VM, unless it was destroyed.
        vm_id: Option<u32>,
        /// The place in [`VmDump::pending`].
        index: usize,
    },
    /// A job of a group.
    Job {
        /// The file.
        client_id: u64,
        /// The group, unless it was destroyed.
        group: Option<u32>,
        /// The queue.
        queue: u32,
        /// The place in [`QueueDump::pending`].
        index: usize,
    },
    /// Somebody else: another device, or what has started or ended while the dump was taken.
    Other,
}

/// A group.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupDump {
    /// The handle; `None` if it was destroyed, and jobs keep it.
    pub handle: Option<u32>,
    /// The VM, unless it was destroyed.
    pub vm_id: Option<u32>,
    /// The `DRM_PANTHOR_GROUP_STATE_*` flags.
    pub state: u32,
    /// A bit for each queue with a fatal fault.
    pub fatal_queues: u32,
    /// The queues.
    pub queues: Vec<QueueDump>,
}

/// A queue of a group.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueDump {
    /// The index in the group.
    pub index: u32,
    /// Whether it is held, see [`GroupView::hold`](crate::GroupView::hold).
    pub held: bool,
    /// The jobs that are not done, in their order.
    pub pending: Vec<JobDump>,
}

/// A job of a group that is not done.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobDump {
    /// The stream that it calls.
    pub stream: StreamInfo,
    /// Whether the GPU has it, so that it waits for no fence any more.
    pub on_gpu: bool,
    /// What it waits for, besides those before it.
    pub waits: Vec<Signaller>,
}
