//! Collection of dumps.
//!
//! A dump copies the tables first and then inspects each object. Only the two locks of pending jobs
//! are held together, so dumps need no lock order of their own.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::bo::Bo;
use crate::device::DeviceInner;
use crate::dump::{
    BindChange, BindDump, BoDump, DeviceDump, FileDump, GroupDump, JobDump, PointDump, QueueDump,
    Signaller, SyncobjDump, SyncobjState, VmDump,
};
use crate::file::FileInner;
use crate::group::Shared;
use crate::group::heap;
use crate::group::queue::DumpedJob;
use crate::lock::lock;
use crate::sync::fence::Fence;
use crate::sync::jobs::{Job, Queue};
use crate::sync::leaf::Leaf;
use crate::sync::syncobj::Syncobj;
use crate::vm::bind_queue::BindWork;
use crate::vm::mapping_info::{HandleOf, MappingInfo};
use crate::vm::{Change, Vm};

pub(crate) fn dump_of_device(device: &DeviceInner) -> DeviceDump {
    let files: Vec<_> = device.files().iter().map(Found::new).collect();
    let signallers = Signallers::of(&files);
    DeviceDump {
        driver_minor: device.config.driver_minor,
        memory_used: device.pinned.bytes(),
        memory: device.config.memory,
        unplugged: device.check_plugged().is_err(),
        files: files.iter().map(|file| file.dump(&signallers)).collect(),
    }
}

pub(crate) fn dump_of_file(device: &DeviceInner, file: &Arc<FileInner>) -> FileDump {
    let file = Found::new(file);
    // Jobs may wait for fences of other files.
    let others = device.files();
    let others = others.iter().filter(|other| !Arc::ptr_eq(other, &file.file));
    let others: Vec<_> = others.map(Found::new).collect();
    let mut signallers = Signallers::of(&others);
    signallers.add(&file);
    file.dump(&signallers)
}

/// The objects of a file at one moment.
struct Found {
    file: Arc<FileInner>,
    bos: Vec<(u32, Arc<Bo>)>,
    vms: Vec<FoundVm>,
    groups: Vec<FoundGroup>,
}

struct FoundVm {
    id: Option<u32>,
    vm: Arc<Vm>,
    held: bool,
    jobs: Vec<FoundBind>,
}

struct FoundBind {
    change: BindChange,
    waits: Vec<Fence>,
    done: Arc<Leaf>,
}

struct FoundGroup {
    handle: Option<u32>,
    shared: Arc<Shared>,
    queues: Vec<(u32, bool, Vec<DumpedJob>)>,
}

impl Found {
    fn new(file: &Arc<FileInner>) -> Self {
        let bos = file.all_bos();
        let handles = bos.iter().map(|(handle, bo)| (Arc::as_ptr(bo), *handle)).collect();
        let vms = file.all_vms().into_iter().map(|(id, vm)| FoundVm::new(id, vm, &handles));
        let vms: Vec<_> = vms.collect();
        let mut groups: Vec<_> = file
            .all_groups()
            .into_iter()
            .map(|(handle, group)| FoundGroup::new(Some(handle), group.shared.clone()))
            .collect();
        let left = file.device_inner().groups().into_iter().filter(|group| {
            group.is_destroyed() && vms.iter().any(|vm| Arc::ptr_eq(&vm.vm, group.vm()))
        });
        groups.extend(left.map(|group| FoundGroup::new(None, group)));
        Self { file: file.clone(), bos, vms, groups }
    }

    fn dump(&self, signallers: &Signallers<'_>) -> FileDump {
        let handles = self.bos.iter().map(|(handle, bo)| (Arc::as_ptr(bo), *handle)).collect();
        FileDump {
            client_id: self.file.client_id(),
            primary: self.file.primary().is_some(),
            bos: self.bos.iter().map(|(handle, bo)| self.bo(*handle, bo)).collect(),
            vms: self.vms.iter().map(|vm| vm.dump(&handles, signallers)).collect(),
            syncobjs: self
                .file
                .all_syncobjs()
                .iter()
                .map(|(handle, syncobj)| syncobj_dump(*handle, syncobj, signallers))
                .collect(),
            groups: self.groups.iter().map(|group| self.group(group, signallers)).collect(),
        }
    }

    fn bo(&self, handle: u32, bo: &Arc<Bo>) -> BoDump {
        let exclusive_vm = bo.exclusive_vm();
        let only = self.vms.iter().find(|found| Some(found.vm.id()) == exclusive_vm);
        let label = bo.label().map(|label| String::from_utf8_lossy(&label).into_owned());
        let imported = bo.is_imported();
        BoDump {
            handle,
            size: bo.size(),
            flags: bo.flags(),
            label,
            resident: bo.is_resident(),
            pinned: bo.is_pinned(),
            evictions: bo.evictions(),
            imported,
            exported: !imported && bo.dma_buf().is_some(),
            exclusive: exclusive_vm.is_some(),
            exclusive_vm_id: only.and_then(|found| found.id),
            name: Some(bo.name()).filter(|&name| name != 0),
            cpu_mappings: bo.cpu_mappings(),
        }
    }

    fn group(&self, group: &FoundGroup, signallers: &Signallers<'_>) -> GroupDump {
        let (state, fatal_queues) = group.shared.flags();
        let vm = self.vms.iter().find(|found| Arc::ptr_eq(&found.vm, group.shared.vm()));
        let job = |job: &DumpedJob| JobDump {
            stream: job.stream,
            on_gpu: job.on_gpu,
            waits: signallers.of_all(&job.waits),
        };
        let queue = |(index, held, jobs): &(u32, bool, Vec<DumpedJob>)| QueueDump {
            index: *index,
            held: *held,
            pending: jobs.iter().map(job).collect(),
        };
        GroupDump {
            handle: group.handle,
            vm_id: vm.and_then(|found| found.id),
            state,
            fatal_queues,
            queues: group.queues.iter().map(queue).collect(),
        }
    }
}

impl FoundVm {
    fn new(id: Option<u32>, vm: Arc<Vm>, handles: &HandleOf) -> Self {
        let (held, jobs) = {
            let jobs = lock(vm.jobs());
            (jobs.is_held(), jobs.iter().map(|job| FoundBind::new(&vm, job, handles)).collect())
        };
        Self { id, vm, held, jobs }
    }

    fn dump(&self, handles: &HandleOf, signallers: &Signallers<'_>) -> VmDump {
        let bind = |bind: &FoundBind| BindDump {
            change: bind.change.clone(),
            waits: signallers.of_all(&bind.waits),
        };
        VmDump {
            id: self.id,
            user_va_range: self.vm.user_va_range(),
            usable: !self.vm.is_unusable(),
            held: self.held,
            mappings: MappingInfo::all(&self.vm, handles),
            pending: self.jobs.iter().map(bind).collect(),
            heaps: heap::dump(&self.vm),
        }
    }
}

impl FoundBind {
    fn new(vm: &Vm, job: &Job<BindWork>, handles: &HandleOf) -> Self {
        let change = match &job.work().change {
            Change::Map { va, mapping } => {
                BindChange::Map(MappingInfo::new(vm, *va, mapping, handles))
            }
            Change::Unmap { va, size } => BindChange::Unmap { va: *va, size: *size },
            Change::SyncOnly => BindChange::SyncOnly,
        };
        Self { change, waits: job.waits().cloned().collect(), done: job.done().clone() }
    }
}

impl FoundGroup {
    fn new(handle: Option<u32>, shared: Arc<Shared>) -> Self {
        let queues = shared.queues().map(|queue| {
            let (held, jobs) = queue.jobs_for_dump();
            (queue.index(), held, jobs)
        });
        let queues = queues.collect();
        Self { handle, shared, queues }
    }
}

fn syncobj_dump(handle: u32, syncobj: &Syncobj, signallers: &Signallers<'_>) -> SyncobjDump {
    let (fence, eventfds) = syncobj.fence_and_eventfds();
    let state = match &fence {
        None => SyncobjState::Empty,
        Some(fence) if fence.is_timeline() => SyncobjState::Timeline {
            reached: fence.reached_point(false),
            last: fence.reached_point(true),
        },
        Some(fence) => match fence.status() {
            0 => SyncobjState::Pending,
            status => SyncobjState::Signalled { error: (status < 0).then_some(-status) },
        },
    };
    let points = fence.map(|fence| fence.pending_points()).unwrap_or_default();
    let point =
        |(point, leaf): (u64, Arc<Leaf>)| PointDump { point, signaller: signallers.of_leaf(&leaf) };
    SyncobjDump { handle, state, pending: points.into_iter().map(point).collect(), eventfds }
}

/// The job that signals each fence, by address. The borrow keeps the fences alive: later fences may
/// reuse their addresses.
struct Signallers<'a>(HashMap<*const Leaf, Signaller>, PhantomData<&'a Found>);

impl<'a> Signallers<'a> {
    fn of(files: &'a [Found]) -> Self {
        let mut all = Self(HashMap::new(), PhantomData);
        for file in files {
            all.add(file);
        }
        all
    }

    fn add(&mut self, file: &'a Found) {
        let client_id = file.file.client_id();
        for vm in &file.vms {
            for (index, bind) in vm.jobs.iter().enumerate() {
                let signaller = Signaller::Bind { client_id, vm_id: vm.id, index };
                self.0.insert(Arc::as_ptr(&bind.done), signaller);
            }
        }
        for group in &file.groups {
            for (queue, _, jobs) in &group.queues {
                for (index, job) in jobs.iter().enumerate() {
                    let (group, queue) = (group.handle, *queue);
                    let signaller = Signaller::Job { client_id, group, queue, index };
                    self.0.insert(Arc::as_ptr(&job.done), signaller);
                }
            }
        }
    }

    fn of_leaf(&self, leaf: &Arc<Leaf>) -> Signaller {
        self.0.get(&Arc::as_ptr(leaf)).copied().unwrap_or(Signaller::Other)
    }

    /// Returns the signallers of all unsignaled fences among `fences`.
    fn of_all(&self, fences: &[Fence]) -> Vec<Signaller> {
        let leaves = fences.iter().flat_map(Fence::components);
        let pending = leaves.filter(|leaf| !leaf.is_signalled());
        pending.map(|leaf| self.of_leaf(&leaf)).collect()
    }
}
