//! Group ioctls.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};
use crate::device::query;
use crate::file::FileInner;
use crate::group::queue::{StreamInfo, StreamWork};
use crate::group::{Group, Unfinished};
use crate::lock::lock;
use crate::sync::jobs::{Job, Queue};
use crate::sync::submission::Submission;
use crate::vm::Vm;

/// The maximum number of queues that the driver stores per group, independent of the GPU.
const QUEUES_MAX: u32 = 32;

/// The highest priority of a queue in its group.
const QUEUE_PRIORITY_MAX: u8 = 15;

/// The bits of a flush ID, and the bit that marks an absent flush ID.
const FLUSH_ID: u32 = 0x80ff_ffff;

/// Answers `DRM_IOCTL_PANTHOR_GROUP_CREATE`.
pub(crate) fn create(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    type QueueArgs = sys::drm_panthor_queue_create;

    let args: &mut sys::drm_panthor_group_create = args(data);
    if args.queues.count == 0 || args.queues.count > QUEUES_MAX {
        return Err(Errno::INVAL);
    }
    let memory = call.file.config().memory;
    let queues: Vec<QueueArgs> = call.read_array(&args.queues, size_of::<QueueArgs>(), memory)?;
    permit_priority(call, args.priority)?;
    check_group(call.file, args)?;
    let vm = call.file.vm(args.vm_id)?;
    args.group_handle = make(call.file, &vm, &queues)?;
    Ok(())
}

/// Creates a group, and checks the group and each queue in the driver's order.
fn make(file: &FileInner, vm: &Arc<Vm>, queues: &[sys::drm_panthor_queue_create]) -> Result<u32> {
    let mut group = Unfinished::new(vm, queues.len(), file.gpu_time.clone())?;
    let mut reserved = None;
    // With unique queue names the handle comes first, because the names contain it.
    if has_names_of_its_own(file) {
        reserved = Some(file.reserve_group()?);
    }
    let name = |index| match &reserved {
        Some(group) => {
            format!("panthor-queue-{}-{}-{index}", file.client_id(), group.handle())
        }
        None => "panthor-queue".into(),
    };
    for (index, queue) in (0..).zip(queues) {
        check_queue(queue)?;
        group.add_queue(queue.ringbuf_size, name(index))?;
    }
    let reserved = match reserved {
        Some(reserved) => reserved,
        None => file.reserve_group()?,
    };
    Ok(reserved.fill(group.finish()))
}

/// Returns whether each queue has a unique name.
fn has_names_of_its_own(file: &FileInner) -> bool {
    file.config().driver_minor >= 7
}

/// # Errors
/// `EINVAL` for an invalid priority, `EACCES` for one that the client may not use.
fn permit_priority(call: &Call<'_>, priority: u8) -> Result<()> {
    if priority > highest_priority(call.file.config().driver_minor) {
        return Err(Errno::INVAL);
    }
    if priority > sys::PANTHOR_GROUP_PRIORITY_MEDIUM && !call.may_have_high_priority() {
        return Err(Errno::ACCES);
    }
    Ok(())
}

/// Returns the highest priority of a driver version.
fn highest_priority(minor: u32) -> u8 {
    match minor {
        0 | 1 => sys::PANTHOR_GROUP_PRIORITY_HIGH,
        _ => sys::PANTHOR_GROUP_PRIORITY_REALTIME,
    }
}

fn check_group(file: &FileInner, args: &sys::drm_panthor_group_create) -> Result<()> {
    let gpu = file.config().gpu;
    let cores = [
        (args.compute_core_mask, args.max_compute_cores, gpu.shader_present()),
        (args.fragment_core_mask, args.max_fragment_cores, gpu.shader_present()),
        (args.tiler_core_mask, args.max_tiler_cores, query::TILER_PRESENT),
    ];
    let right = |&(mask, max, present): &(u64, u8, u64)| {
        mask & !present == 0 && mask.count_ones() >= u32::from(max)
    };
    // Old drivers accept more queues than there are slots, as observed with 1.0.
    let checks_slots = file.config().driver_minor >= 7;
    let too_many = checks_slots && args.queues.count > query::CSIF_INFO.cs_slot_count;
    if args.pad != 0 || !cores.iter().all(right) || too_many {
        return Err(Errno::INVAL);
    }
    Ok(())
}

fn check_queue(args: &sys::drm_panthor_queue_create) -> Result<()> {
    let size = args.ringbuf_size;
    let right = args.pad == [0; 3]
        && (4 << 10..=64 << 10).contains(&size)
        && size.is_power_of_two()
        && args.priority <= QUEUE_PRIORITY_MAX;
    if right { Ok(()) } else { Err(Errno::INVAL) }
}

/// Answers `DRM_IOCTL_PANTHOR_GROUP_DESTROY`.
pub(crate) fn destroy(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_group_destroy = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    call.file.destroy_group(args.group_handle)
}

/// Answers `DRM_IOCTL_PANTHOR_GROUP_GET_STATE`. The driver clears the handle in the answer.
pub(crate) fn get_state(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_group_get_state = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let (state, fatal_queues) = call.file.group(args.group_handle)?.shared.flags();
    *args = sys::drm_panthor_group_get_state { group_handle: 0, state, fatal_queues, pad: 0 };
    Ok(())
}

/// Answers `DRM_IOCTL_PANTHOR_GROUP_SUBMIT`: all jobs are queued, or none.
pub(crate) fn submit(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    type SubmitArgs = sys::drm_panthor_queue_submit;

    let args: &mut sys::drm_panthor_group_submit = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let memory = call.file.config().memory;
    let submits: Vec<SubmitArgs> =
        call.read_array(&args.queue_submits, size_of::<SubmitArgs>(), memory)?;

    let mut group: Option<Arc<Group>> = None;
    let mut jobs = Vec::with_capacity(submits.len());
    let mut queues = Vec::with_capacity(submits.len());
    let mut submission = Submission::default();
    call.for_each(&submits, |submit| {
        let stream = check_submit(submit)?;
        // The driver uses the low 16 bits of the handle, and looks the group up for each job.
        let found = call.file.group(args.group_handle & 0xffff)?;
        let queue = found.queues.get(submit.queue_index as usize);
        let queue = queue.filter(|_| found.shared.can_run()).ok_or(Errno::INVAL)?.clone();
        let device = found.shared.device();
        let measured = device.profiling.load(Ordering::Relaxed);
        let work = StreamWork { stream, measured };
        jobs.push(Job::new(device.clone(), queue.line(), work));
        queues.push(queue);
        group = Some(found);
        submission.read_syncs(call, &submit.syncs)
    })?;
    submission.collect_signals(call)?;
    let Some(group) = group else {
        return Ok(());
    };
    {
        let _in_one_piece = lock(&group.vm().submission);
        group.vm().restore()?;
        submission.attach(call, &mut jobs)?;
        // Nothing can fail from here on.
        for (queue, job) in queues.iter().zip(jobs) {
            queue.push_jobs([job]);
        }
        submission.publish();
    }
    call.file.stats.count_queue_submits(submits.len() as u64);
    for queue in queues {
        queue.run();
    }
    Ok(())
}

fn check_submit(args: &sys::drm_panthor_queue_submit) -> Result<StreamInfo> {
    let stream = StreamInfo {
        va: args.stream_addr,
        size: args.stream_size,
        latest_flush: args.latest_flush,
    };
    let right = args.pad == 0
        && (stream.size == 0) == (stream.va == 0)
        && stream.va % 64 == 0
        && stream.size % 8 == 0
        && stream.latest_flush & !FLUSH_ID == 0;
    if right { Ok(stream) } else { Err(Errno::INVAL) }
}
