//! The types of a debug dump. [`collect`](crate::dump::collect) fills them in, and
//! [`text`](crate::dump::text) formats them.

pub(crate) mod collect;
pub(crate) mod text;

use crate::group::queue::StreamInfo;
use crate::vm::mapping_info::MappingInfo;

/// The state of a device, see [`Device::dump`](crate::Device::dump).
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceDump {
    /// The minor version of the driver.
    pub driver_minor: u32,
    /// Bytes in use by resident BOs and by the kernel's own allocations.
    pub memory_used: u64,
    /// The memory limit in bytes, see [`Config::memory`](crate::Config::memory).
    pub memory: u64,
    /// Set after an unplug.
    pub unplugged: bool,
    /// The open files.
    pub files: Vec<FileDump>,
}

/// The state of an open file, see [`File::dump`](crate::File::dump).
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileDump {
    /// The `drm-client-id` of fdinfo.
    pub client_id: u64,
    /// `true` for a file of the primary node, `false` for one of the render node.
    pub primary: bool,
    /// The BOs with a handle in the file.
    pub bos: Vec<BoDump>,
    /// The VMs; destroyed VMs come last.
    pub vms: Vec<VmDump>,
    /// The sync objects.
    pub syncobjs: Vec<SyncobjDump>,
    /// The groups; destroyed groups come last.
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
    /// The `DRM_PANTHOR_BO_*` flags given at creation.
    pub flags: u32,
    /// The label; invalid UTF-8 is replaced.
    pub label: Option<String>,
    /// Set if the BO is resident.
    pub resident: bool,
    /// Set if the BO must stay resident: an asynchronous map of it is pending, or another device
    /// imported it.
    pub pinned: bool,
    /// The number of evictions.
    pub evictions: u32,
    /// Set if the BO was imported from another device.
    pub imported: bool,
    /// Set if the BO has a live dma-buf.
    pub exported: bool,
    /// Set if only one VM may map the BO.
    pub exclusive: bool,
    /// The ID of the only VM that may map the BO; `None` if that VM was destroyed or belongs to
    /// another file.
    pub exclusive_vm_id: Option<u32>,
    /// The flink name by which primary node files open the BO.
    pub name: Option<u32>,
    /// The number of CPU mappings.
    pub cpu_mappings: usize,
}

/// A VM.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmDump {
    /// The ID; `None` for a destroyed VM that pending work keeps alive.
    pub id: Option<u32>,
    /// The end of the user part of the address space.
    pub user_va_range: u64,
    /// Set if the VM is usable, as `DRM_IOCTL_PANTHOR_VM_GET_STATE` reports.
    pub usable: bool,
    /// Set if the VM's queue is held, see [`GpuView::hold`](crate::GpuView::hold).
    pub held: bool,
    /// The mappings by ascending address, including the driver's own.
    pub mappings: Vec<MappingInfo>,
    /// The pending asynchronous operations in queue order.
    pub pending: Vec<BindDump>,
    /// The tiler heaps.
    pub heaps: Vec<HeapDump>,
}

/// A pending asynchronous VM_BIND operation.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BindDump {
    /// The change of the address space.
    pub change: BindChange,
    /// The pending fences that the operation waits for, besides earlier operations.
    pub waits: Vec<Signaller>,
}

/// The effect of an operation.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BindChange {
    /// Adds a mapping.
    Map(MappingInfo),
    /// Unmaps a range.
    Unmap {
        /// The start of the range.
        va: u64,
        /// The size in bytes.
        size: u64,
    },
    /// Only waits and signals.
    SyncOnly,
}

/// A tiler heap.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeapDump {
    /// The index in the VM, the lower half of the handle.
    pub index: u32,
    /// The GPU virtual address of the heap context.
    pub context_va: u64,
    /// The chunk size in bytes.
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
    /// The state.
    pub state: SyncobjState,
    /// The unsignaled fences by ascending point.
    pub pending: Vec<PointDump>,
    /// The number of eventfds that wait for a point to be added.
    pub eventfds: usize,
}

/// The state of a sync object.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncobjState {
    /// No fence.
    Empty,
    /// An unsignaled fence.
    Pending,
    /// A signaled fence.
    Signalled {
        /// The error of the fence, a positive error number.
        error: Option<i32>,
    },
    /// A timeline.
    Timeline {
        /// The last signaled point.
        reached: u64,
        /// The last added point.
        last: u64,
    },
}

/// An unsignaled fence of a sync object.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PointDump {
    /// The timeline point; 0 for a binary fence.
    pub point: u64,
    /// The job that signals the fence.
    pub signaller: Signaller,
}

/// The job that signals a fence.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Signaller {
    /// An asynchronous VM_BIND operation.
    Bind {
        /// The client ID of the file.
        client_id: u64,
        /// The ID of the VM; `None` if the VM was destroyed.
        vm_id: Option<u32>,
        /// The index in [`VmDump::pending`].
        index: usize,
    },
    /// A job of a group.
    Job {
        /// The client ID of the file.
        client_id: u64,
        /// The handle of the group; `None` if the group was destroyed.
        group: Option<u32>,
        /// The index of the queue.
        queue: u32,
        /// The index in [`QueueDump::pending`].
        index: usize,
    },
    /// Another device, or a job that started or ended during the dump.
    Other,
}

/// A group.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupDump {
    /// The handle; `None` for a destroyed group that jobs keep alive.
    pub handle: Option<u32>,
    /// The ID of the VM; `None` if the VM was destroyed.
    pub vm_id: Option<u32>,
    /// The `DRM_PANTHOR_GROUP_STATE_*` flags.
    pub state: u32,
    /// The mask of queues with a fatal fault.
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
    /// Set if the queue is held, see [`GroupView::hold`](crate::GroupView::hold).
    pub held: bool,
    /// The pending jobs in submission order.
    pub pending: Vec<JobDump>,
}

/// A pending job of a group.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobDump {
    /// The command stream of the job.
    pub stream: StreamInfo,
    /// Set if the job is on the GPU, so that it waits for no fence.
    pub on_gpu: bool,
    /// The pending fences that the job waits for, besides earlier jobs.
    pub waits: Vec<Signaller>,
}
