//! Groups: what they may be, submission, order, and how they end.

mod common;

use common::*;
use nix::libc::{E2BIG, EACCES, EBUSY, EFAULT, EINVAL, ENOENT, ENOMEM, ENOSPC};
use panthor_fake::{Backing, Config, Device, FaultKind, File};
use panthor_sys::*;

const KERNEL: u64 = 1 << 47;
const TIMED_OUT: u32 = DRM_PANTHOR_GROUP_STATE_TIMEDOUT;
const FATAL: u32 = DRM_PANTHOR_GROUP_STATE_FATAL_FAULT;
const INNOCENT: u32 = DRM_PANTHOR_GROUP_STATE_INNOCENT;

/// A change of the arguments.
type Change = fn(&mut drm_panthor_group_create);

fn privileged() -> File {
    Device::new(Config::default().high_priority(true)).unwrap().open()
}

#[test]
fn handles_are_the_lowest_free_ones_up_to_128() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    for handle in 1..=128 {
        assert_eq!(group(&file, vm, 1), handle);
    }
    let queues = [queue_args(4096)];
    assert_eq!(try_group(&file, group_args(vm, &queues)), Err(EBUSY));
    assert_eq!(destroy_group(&file, 5), 0);
    assert_eq!(destroy_group(&file, 5), -EINVAL);
    assert_eq!(group(&file, vm, 1), 5);
    assert_eq!(destroy_group(&file, 0), -EINVAL);
    let mut padded = drm_panthor_group_destroy { group_handle: 5, pad: 1 };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_GROUP_DESTROY, &mut padded), -EINVAL);
    // Another file has groups of its own.
    let other = device.open();
    assert_eq!(destroy_group(&other, 5), -EINVAL);
    assert_eq!(device.leaks().groups, 128);
    drop((file, other));
    device.assert_released();
}

#[test]
fn the_memory_of_a_group_is_mapped_in_the_kernels_part() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let sizes = |queues: &[drm_panthor_queue_create]| {
        let handle = try_group(&file, group_args(vm, queues)).unwrap();
        let view = file.gpu(vm).unwrap();
        let mappings = view.mappings();
        let flags = DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC | DRM_PANTHOR_VM_BIND_OP_MAP_UNCACHED;
        assert!(mappings.iter().all(|m| m.flags == flags && m.backing == Backing::Kernel));
        view.write(mappings[0].va, &[1]).unwrap();
        let fetch = view.fetch(mappings[0].va, &mut [0]).unwrap_err();
        assert_eq!(fetch.kind, FaultKind::Permission);
        assert_eq!(destroy_group(&file, handle), 0);
        assert_eq!(view.mapping_count(), 0);
        mappings.iter().map(|m| (m.va - KERNEL, m.size)).collect::<Vec<_>>()
    };
    // Sync objects, then for each queue the ring buffer and the statistics.
    let page = PAGE;
    assert_eq!(sizes(&[queue_args(4096)]), [(0, page), (page, page), (2 * page, page)]);
    let large = [(0, page), (page, 16 * page), (17 * page, 4 * page)];
    assert_eq!(sizes(&[queue_args(65536)]), large);
    let eight: Vec<_> = (0..17).map(|i| (i * page, page)).collect();
    assert_eq!(sizes(&[queue_args(4096); 8]), eight);
    drop(file);
    device.assert_released();
}

#[test]
fn what_a_group_may_be() {
    let file = device().open();
    let vm = vm(&file);
    let queues = [queue_args(4096); 9];
    let good = group_args(vm, &queues[..1]);
    let refused: [(Change, i32); 14] = [
        (|args| args.pad = 1, EINVAL),
        (|args| args.priority = PANTHOR_GROUP_PRIORITY_HIGH, EACCES),
        (|args| args.priority = PANTHOR_GROUP_PRIORITY_REALTIME, EACCES),
        (|args| args.priority = 4, EINVAL),
        (|args| args.priority = 255, EINVAL),
        (|args| args.compute_core_mask = 2, EINVAL),
        (|args| args.fragment_core_mask |= 2, EINVAL),
        (|args| args.tiler_core_mask = 2, EINVAL),
        (|args| args.max_compute_cores = 5, EINVAL),
        (|args| args.max_tiler_cores = 2, EINVAL),
        (|args| args.queues.count = 0, EINVAL),
        (|args| args.queues.count = 9, EINVAL),
        (|args| args.vm_id = 99, EINVAL),
        (|args| args.vm_id = 0, EINVAL),
    ];
    for (index, (change, error)) in refused.into_iter().enumerate() {
        let mut args = good;
        change(&mut args);
        assert_eq!(try_group(&file, args), Err(error), "{index}");
    }
    let no_cores = drm_panthor_group_create { queues: good.queues, vm_id: vm, ..zeroed() };
    assert_eq!(try_group(&file, no_cores), Ok(1));
    assert_eq!(try_group(&file, group_args(vm, &queues[..8])), Ok(2));
    assert_eq!(file.device().leaks().groups, 2);
}

#[test]
fn what_a_queue_may_be() {
    let file = device().open();
    let vm = vm(&file);
    let make = |queue| {
        let made = try_group(&file, group_args(vm, &[queue_args(4096), queue]));
        made.map(|handle| assert_eq!((handle, destroy_group(&file, handle)), (1, 0)))
    };
    for size in [4096, 8192, 32768, 65536] {
        assert_eq!(make(queue_args(size)), Ok(()), "{size}");
    }
    for size in [0, 2048, 6144, 131_072, 1 << 31] {
        assert_eq!(make(queue_args(size)), Err(EINVAL), "{size}");
    }
    let priority = |priority| drm_panthor_queue_create { priority, ..queue_args(4096) };
    assert_eq!([0, 15, 16, 255].map(|p| make(priority(p)).is_ok()), [true, true, false, false]);
    assert_eq!(make(drm_panthor_queue_create { pad: [0, 1, 0], ..queue_args(4096) }), Err(EINVAL));
    assert_eq!(file.gpu(vm).unwrap().mapping_count(), 0);
}

#[test]
fn the_queues_are_an_array_of_the_caller() {
    let file = device().open();
    let vm = vm(&file);
    let queues = [queue_args(4096); 4];
    let good = group_args(vm, &queues[..1]);
    let with = |count, stride, at| {
        let queues = drm_panthor_obj_array { count, stride, array: at };
        try_group(&file, drm_panthor_group_create { queues, ..good })
    };
    let at = queues.as_ptr() as u64;
    assert_eq!(with(1, 8, 8), Err(EFAULT));
    assert_eq!(with(1, 4, at), Err(EINVAL));
    assert_eq!(with(1, 16, at), Err(E2BIG));
    // The count is looked at before the array, other arguments after it.
    assert_eq!(with(33, 8, 8), Err(EINVAL));
    assert_eq!(with(9, 8, 8), Err(EFAULT));
}

#[test]
fn a_privileged_client_may_have_any_priority() {
    let file = privileged();
    let vm = vm(&file);
    let queues = [queue_args(4096)];
    for (index, priority) in (0..=PANTHOR_GROUP_PRIORITY_REALTIME).enumerate() {
        let args = drm_panthor_group_create { priority, ..group_args(vm, &queues) };
        assert_eq!(try_group(&file, args), Ok(index as u32 + 1));
    }
    let args = drm_panthor_group_create { priority: 4, ..group_args(vm, &queues) };
    assert_eq!(try_group(&file, args), Err(EINVAL));
}

#[test]
fn the_driver_1_0_takes_32_queues_and_has_no_realtime() {
    let config = Config::default().driver_minor(0).high_priority(true);
    let file = Device::new(config).unwrap().open();
    let vm = vm(&file);
    let queues = [queue_args(4096); 33];
    for (count, answer) in [(9, Ok(1)), (32, Ok(2)), (33, Err(EINVAL))] {
        assert_eq!(try_group(&file, group_args(vm, &queues[..count])), answer);
    }
    let priority = |priority| {
        try_group(&file, drm_panthor_group_create { priority, ..group_args(vm, &queues[..1]) })
    };
    assert_eq!(priority(PANTHOR_GROUP_PRIORITY_REALTIME), Err(EINVAL));
    assert_eq!(priority(PANTHOR_GROUP_PRIORITY_HIGH), Ok(3));
}

#[test]
fn a_group_needs_memory_and_a_usable_vm() {
    let tiny = Device::new(Config::default().memory(64 * KIB)).unwrap().open();
    let args = group_args(vm(&tiny), &[queue_args(65536)]);
    assert_eq!(try_group(&tiny, args), Err(ENOMEM));
    assert_eq!((tiny.device().leaks().groups, tiny.gpu(1).unwrap().mapping_count()), (0, 0));

    let file = device().open();
    let (vm, a) = (vm(&file), bo(&file, PAGE));
    assert!(file.gpu(vm).unwrap().fail_next_job(5));
    assert_eq!(bind_async(&file, vm, &[map_op(a, 0, GIB, PAGE, 0)]), 0);
    assert_eq!(state(&file, vm), DRM_PANTHOR_VM_STATE_UNUSABLE);
    assert_eq!(try_group(&file, group_args(vm, &[queue_args(4096)])), Err(EINVAL));
}

#[test]
fn the_kernels_part_can_be_full() {
    let file = device().open();
    // The least that the kernel keeps is 256 MiB, which is less than 40 chunks of 8 MiB.
    let args = drm_panthor_vm_create { user_va_range: (1 << 48) - (256 << 20), ..zeroed() };
    let vm_id = ok(&file, DRM_IOCTL_PANTHOR_VM_CREATE, args).id;
    let mut heap = drm_panthor_tiler_heap_create {
        vm_id,
        initial_chunk_count: 40,
        chunk_size: 8 << 20,
        max_chunks: 40,
        ..zeroed()
    };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut heap), -ENOSPC);
    // The contexts of the pool stay.
    assert_eq!(file.gpu(vm_id).unwrap().mapping_count(), 1);
    heap.initial_chunk_count = 30;
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut heap), 0);
}

#[test]
fn the_state_comes_without_the_handle() {
    let file = device().open();
    let group_handle = group(&file, vm(&file), 1);
    let asked = drm_panthor_group_get_state { group_handle, state: 77, fatal_queues: 5, pad: 0 };
    assert_eq!(ok(&file, DRM_IOCTL_PANTHOR_GROUP_GET_STATE, asked), zeroed());
    for wrong in [
        drm_panthor_group_get_state { pad: 1, ..asked },
        drm_panthor_group_get_state { group_handle: 500, ..asked },
        drm_panthor_group_get_state { group_handle: 0x1_0001, ..asked },
    ] {
        let mut args = wrong;
        assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_GROUP_GET_STATE, &mut args), -EINVAL);
        assert_eq!(args, wrong);
    }
}

#[test]
fn what_may_be_submitted() {
    let file = device().open();
    let group = group(&file, vm(&file), 2);
    let job = stream(0, &[]);
    let address = |stream_addr, stream_size| {
        submit(&file, group, &[drm_panthor_queue_submit { stream_addr, stream_size, ..job }])
    };
    assert_eq!((address(64, 8), address(0, 0)), (0, 0));
    assert_eq!((address(64, 0), address(0, 8)), (-EINVAL, -EINVAL));
    assert_eq!((address(32, 8), address(64, 12)), (-EINVAL, -EINVAL));
    for bit in 0..32 {
        let flush = drm_panthor_queue_submit { latest_flush: 1 << bit, ..job };
        let answer = if (24..31).contains(&bit) { -EINVAL } else { 0 };
        assert_eq!(submit(&file, group, &[flush]), answer, "{bit}");
    }
    assert_eq!(submit(&file, group, &[drm_panthor_queue_submit { pad: 1, ..job }]), -EINVAL);
    assert_eq!((submit(&file, group, &[stream(1, &[])]), submit(&file, group, &[])), (0, 0));
    assert_eq!(submit(&file, group, &[stream(2, &[])]), -EINVAL);
    // The driver looks at 16 bits of the handle, and only if there is a job.
    assert_eq!(submit(&file, 0x1_0000 | group, &[job]), 0);
    assert_eq!((submit(&file, 500, &[job]), submit(&file, 500, &[])), (-EINVAL, 0));
    let mut padded =
        drm_panthor_group_submit { group_handle: group, pad: 1, queue_submits: array(&[job]) };
    assert_eq!(ioctl(&file, DRM_IOCTL_PANTHOR_GROUP_SUBMIT, &mut padded), -EINVAL);
    assert_eq!(file.device().leaks().pending_jobs, 0);
}

#[test]
fn jobs_are_done_in_order_when_their_fences_are_signalled() {
    let file = device().open();
    let (vm, line, first) = (vm(&file), syncobj(&file), syncobj(&file));
    let (group, other) = (group(&file, vm, 2), group(&file, vm, 1));
    let blocker = file.group(other).unwrap();
    blocker.hold();
    assert_eq!(submit(&file, other, &[stream(0, &[signal_sync(first, 0)])]), 0);
    let jobs = [
        stream(0, &[wait_sync(first, 0), signal_sync(line, 1)]),
        stream(0, &[signal_sync(line, 2)]),
        sync_point(1, &[wait_sync(line, 2), signal_sync(line, 3)]),
    ];
    assert_eq!(submit(&file, group, &jobs), 0);
    let view = file.group(group).unwrap();
    assert_eq!((view.pending(0).len(), view.pending(1).len(), view.queue_count()), (2, 1, 2));
    assert_eq!((view.pending(0)[0].va, view.pending(1)[0].size), (4 * GIB, 0));
    assert_eq!(query_point(&file, line, 0), 0);
    assert_eq!(query_point(&file, line, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED), 3);
    assert!(blocker.step(0));
    assert!(!blocker.step(0));
    assert_eq!((query_point(&file, line, 0), view.pending(0).len()), (3, 0));
    assert_eq!(file.device().stats().queue_submits, 4);
}

#[test]
fn a_job_without_a_stream_waits_for_those_before_it() {
    let file = device().open();
    let (vm, line) = (vm(&file), syncobj(&file));
    let group = group(&file, vm, 1);
    let view = file.group(group).unwrap();
    view.hold();
    // Nothing is before this one.
    assert_eq!(submit(&file, group, &[sync_point(0, &[signal_sync(line, 1)])]), 0);
    assert_eq!(query_point(&file, line, 0), 1);
    let jobs = [
        stream(0, &[signal_sync(line, 2)]),
        sync_point(0, &[signal_sync(line, 3)]),
        stream(0, &[signal_sync(line, 4)]),
    ];
    assert_eq!(submit(&file, group, &jobs), 0);
    assert_eq!(query_point(&file, line, 0), 1);
    assert!(view.step(0));
    assert_eq!((query_point(&file, line, 0), view.pending(0).len()), (3, 1));
    view.release();
    assert_eq!(query_point(&file, line, 0), 4);
}

#[test]
fn more_jobs_than_the_ring_buffer_holds_are_done_in_order() {
    let file = device().open();
    let (vm, line) = (vm(&file), syncobj(&file));
    let group = group(&file, vm, 1);
    let view = file.group(group).unwrap();
    view.hold();
    for point in 1..=100 {
        assert_eq!(submit(&file, group, &[stream(0, &[signal_sync(line, point)])]), 0);
    }
    assert_eq!(view.pending(0).len(), 100);
    for point in 1..=40 {
        assert!(view.step(0));
        assert_eq!(query_point(&file, line, 0), point);
    }
    view.release();
    assert_eq!((query_point(&file, line, 0), view.pending(0).len()), (100, 0));
    // The GPU counts in memory, too.
    let mut seqno = [0; 8];
    file.gpu(vm).unwrap().read(KERNEL, &mut seqno).unwrap();
    assert_eq!(u64::from_ne_bytes(seqno), 100);
}

#[test]
fn a_submission_is_all_or_nothing() {
    let device = device();
    let file = device.open();
    let (vm, done, empty) = (vm(&file), syncobj(&file), syncobj(&file));
    let group = group(&file, vm, 1);
    let good = stream(0, &[signal_sync(done, 0)]);
    let wrong = |sync| submit(&file, group, &[good, stream(0, &[sync])]);
    assert_eq!(wrong(wait_sync(empty, 0)), -EINVAL);
    assert_eq!(wrong(wait_sync(99, 0)), -ENOENT);
    assert_eq!(wrong(signal_sync(99, 0)), -EINVAL);
    assert_eq!(wrong(drm_panthor_sync_op { timeline_value: 1, ..signal_sync(done, 0) }), -EINVAL);
    assert_eq!(submit(&file, group, &[good, stream(7, &[])]), -EINVAL);
    assert_eq!(wait_any(&file, &[done], 0, 0).0, -EINVAL);
    assert_eq!((device.leaks().pending_jobs, device.stats().queue_submits), (0, 0));
    // Within one submission a job may wait for another.
    assert_eq!(wrong(wait_sync(done, 0)), 0);
    assert!(is_signalled(&file, done, 0));
}

#[test]
fn jobs_and_binds_wait_for_each_other() {
    let file = device().open();
    let (vm, a, line) = (vm(&file), bo(&file, PAGE), syncobj(&file));
    let group = group(&file, vm, 1);
    let gpu = file.gpu(vm).unwrap();
    gpu.hold();
    let bind = |wait: &[drm_panthor_sync_op]| {
        assert_eq!(bind_async(&file, vm, &[with_syncs(map_op(a, 0, GIB, PAGE, 0), wait)]), 0);
    };
    bind(&[signal_sync(line, 1)]);
    let job = stream(0, &[wait_sync(line, 1), signal_sync(line, 2)]);
    assert_eq!(submit(&file, group, &[job]), 0);
    bind(&[wait_sync(line, 2), signal_sync(line, 3)]);
    assert!(gpu.step());
    assert_eq!(query_point(&file, line, 0), 2);
    gpu.release();
    assert_eq!(query_point(&file, line, 0), 3);
}

#[test]
fn a_chain_over_ten_thousand_jobs_of_two_groups_does_not_overflow_the_stack() {
    let file = device().open();
    let vm = vm(&file);
    let groups = [group(&file, vm, 1), group(&file, vm, 1)];
    file.group(groups[0]).unwrap().hold();
    let fences: Vec<_> = (0..10_000).map(|_| syncobj(&file)).collect();
    for (i, &fence) in fences.iter().enumerate() {
        let mut syncs = vec![signal_sync(fence, 0)];
        if i > 0 {
            syncs.push(wait_sync(fences[i - 1], 0));
        }
        assert_eq!(submit(&file, groups[i % 2], &[stream(0, &syncs)]), 0);
    }
    assert!(!is_signalled(&file, fences[0], 0));
    file.group(groups[0]).unwrap().release();
    assert!(is_signalled(&file, fences[9_999], 0));
}

/// Creates a group with two streams of its first queue and one stream of its second queue on the
/// GPU.
fn busy(file: &File) -> (u32, [u32; 3]) {
    let group = group(file, vm(file), 2);
    file.group(group).unwrap().hold();
    let done = [0; 3].map(|_| syncobj(file));
    let jobs = [
        stream(0, &[signal_sync(done[0], 0)]),
        sync_point(0, &[signal_sync(done[1], 0)]),
        stream(1, &[signal_sync(done[2], 0)]),
    ];
    assert_eq!(submit(file, group, &jobs), 0);
    (group, done)
}

#[track_caller]
fn assert_dead(file: &File, group: u32, done: [u32; 3], state: (u32, u32)) {
    assert_eq!(group_state(file, group), state);
    assert!(done.into_iter().all(|done| is_signalled(file, done, 0)));
    assert_eq!(submit(file, group, &[stream(0, &[])]), -EINVAL);
    assert_eq!(submit(file, group, &[sync_point(1, &[])]), -EINVAL);
    assert_eq!(destroy_group(file, group), 0);
    assert_eq!(file.device().leaks().pending_jobs, 0);
}

#[test]
fn a_group_that_times_out_takes_no_more_jobs() {
    let file = device().open();
    let (group, done) = busy(&file);
    assert!(!is_signalled(&file, done[0], 0) && !is_signalled(&file, done[1], 0));
    assert!(file.group(group).unwrap().time_out());
    // The driver marks what counts the jobs of a queue in memory.
    let mut status = [0; 4];
    file.gpu(1).unwrap().read(KERNEL + 8, &mut status).unwrap();
    assert_eq!(status, [0xff; 4]);
    assert_dead(&file, group, done, (TIMED_OUT, 0));
}

#[test]
fn a_fault_of_a_queue_is_the_end_of_its_group() {
    let file = device().open();
    let (group, done) = busy(&file);
    let view = file.group(group).unwrap();
    // There is no such queue.
    assert!(!view.fault(2));
    assert_eq!(group_state(&file, group), (0, 0));
    assert!(view.fault(1));
    assert_dead(&file, group, done, (FATAL, 2));
}

#[test]
fn a_page_fault_is_blamed_on_all_queues() {
    let file = device().open();
    let (group, done) = busy(&file);
    assert!(file.group(group).unwrap().page_fault());
    assert_dead(&file, group, done, (FATAL, 3));
    // 32 of them, which only old drivers take.
    let old = version(0).open();
    let queues = [queue_args(4096); 32];
    let group = try_group(&old, group_args(vm(&old), &queues)).unwrap();
    assert!(old.group(group).unwrap().page_fault());
    assert_eq!(group_state(&old, group), (FATAL, u32::MAX));
}

#[test]
fn the_next_job_can_be_made_to_fail() {
    for (fault, state) in [(false, (TIMED_OUT, 0)), (true, (FATAL, 1))] {
        let file = device().open();
        let (group, done) = busy(&file);
        let view = file.group(group).unwrap();
        if fault {
            assert!(view.fault_next_job(0));
        } else {
            assert!(view.time_out_next_job(0));
        }
        assert_eq!(group_state(&file, group), (0, 0));
        view.release();
        assert_dead(&file, group, done, state);
    }
}

#[test]
fn a_reset_takes_the_innocent_who_are_on_the_gpu() {
    for (minor, flags) in [(9, TIMED_OUT | INNOCENT), (3, TIMED_OUT | INNOCENT), (2, TIMED_OUT)] {
        let file = version(minor).open();
        let (hit, done) = busy(&file);
        // A group keeps its slot without a job. It gets the slot by the next submission of a group
        // without one.
        let seated = group(&file, 1, 1);
        let (guilty, other_done) = busy(&file);
        let idle = group(&file, 1, 1);
        assert!(file.group(guilty).unwrap().time_out());
        file.device().reset();
        assert_eq!(group_state(&file, seated), (flags, 0));
        assert_eq!(submit(&file, seated, &[stream(0, &[])]), -EINVAL);
        assert_dead(&file, hit, done, (flags, 0));
        assert_dead(&file, guilty, other_done, (TIMED_OUT, 0));
        assert_eq!((group_state(&file, idle), submit(&file, idle, &[stream(0, &[])])), ((0, 0), 0));
    }
}

#[test]
fn a_reset_takes_as_many_groups_as_there_are_slots() {
    let file = device().open();
    let vm = vm(&file);
    let idle: Vec<_> = (0..10).map(|_| group(&file, vm, 1)).collect();
    let (hit, done) = busy(&file);
    file.device().reset();
    assert_dead(&file, hit, done, (TIMED_OUT | INNOCENT, 0));
    let lost = |&&group: &&u32| group_state(&file, group) != (0, 0);
    assert_eq!(idle.iter().filter(lost).count(), 7);
    // They have no slots any more.
    file.device().reset();
    assert_eq!(idle.iter().filter(lost).count(), 7);
}

#[test]
fn what_waits_for_a_job_of_a_lost_group_is_lost_with_it() {
    let file = device().open();
    let vm = vm(&file);
    let (blocker, waiting) = (group(&file, vm, 1), group(&file, vm, 1));
    let (first, done) = (syncobj(&file), syncobj(&file));
    file.group(blocker).unwrap().hold();
    assert_eq!(submit(&file, blocker, &[stream(0, &[signal_sync(first, 0)])]), 0);
    let job = stream(0, &[wait_sync(first, 0), signal_sync(done, 0)]);
    assert_eq!(submit(&file, waiting, &[job]), 0);
    file.device().reset();
    assert_eq!(
        (group_state(&file, blocker), is_signalled(&file, first, 0)),
        ((TIMED_OUT | INNOCENT, 0), true)
    );
    assert_eq!(
        (group_state(&file, waiting), is_signalled(&file, done, 0)),
        ((TIMED_OUT | INNOCENT, 0), true)
    );
}

#[test]
fn a_job_that_waits_when_its_group_ends_is_cancelled_in_its_time() {
    let device = device();
    let file = device.open();
    let (vm, first, done) = (vm(&file), syncobj(&file), syncobj(&file));
    let (blocker, group) = (group(&file, vm, 1), group(&file, vm, 1));
    file.group(blocker).unwrap().hold();
    assert_eq!(submit(&file, blocker, &[stream(0, &[signal_sync(first, 0)])]), 0);
    let job = stream(0, &[wait_sync(first, 0), signal_sync(done, 0)]);
    assert_eq!(submit(&file, group, &[job]), 0);
    assert_eq!(destroy_group(&file, group), 0);
    assert!(file.group(group).is_none());
    // The job keeps what the group is made of.
    assert!(!is_signalled(&file, done, 0));
    assert_eq!((device.leaks().groups, file.gpu(vm).unwrap().mapping_count()), (2, 6));
    file.group(blocker).unwrap().release();
    assert!(is_signalled(&file, done, 0));
    assert_eq!((device.leaks().groups, file.gpu(vm).unwrap().mapping_count()), (1, 3));
}

#[test]
fn a_group_outlives_its_vm() {
    let device = device();
    let file = device.open();
    let (vm, done) = (vm(&file), syncobj(&file));
    let (group, gpu) = (group(&file, vm, 1), file.gpu(vm).unwrap());
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: vm, pad: 0 });
    assert_eq!((device.leaks().vms, gpu.mapping_count()), (1, 0));
    assert_eq!(submit(&file, group, &[sync_point(0, &[signal_sync(done, 0)])]), 0);
    assert!(is_signalled(&file, done, 0));
    assert_eq!(try_group(&file, group_args(vm, &[queue_args(4096)])), Err(EINVAL));
    assert_eq!(destroy_group(&file, group), 0);
    assert_eq!(device.leaks().vms, 0);
}

#[test]
fn closing_the_file_ends_its_groups() {
    let device = device();
    let file = device.open();
    let (_, done) = busy(&file);
    let view = file.group(1).unwrap();
    assert!(!is_signalled(&file, done[0], 0));
    drop(file);
    device.assert_released();
    assert_eq!((view.queue_count(), view.step(0), view.pending(0).len()), (0, false, 0));
}

#[test]
fn jobs_of_many_threads_are_all_done() {
    const THREADS: u32 = 8;
    const JOBS: u64 = 200;

    let device = device();
    let file = device.open();
    let groups: Vec<_> = (0..2).map(|_| group(&file, vm(&file), 4)).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (file, groups) = (file.clone(), &groups);
            scope.spawn(move || {
                let own = syncobj(&file);
                for point in 1..=JOBS {
                    let syncs = [signal_sync(own, point), wait_sync(own, point - 1)];
                    let syncs = if point == 1 { &syncs[..1] } else { &syncs };
                    let queue = (thread + point as u32) % 4;
                    let job = if point % 5 == 0 { sync_point } else { stream };
                    let group = groups[(point % 2) as usize];
                    assert_eq!(submit(&file, group, &[job(queue, syncs)]), 0);
                }
                assert_eq!(wait_points(&file, &[own], &[JOBS], 0, i64::MAX).0, 0);
            });
        }
        // What is held meanwhile goes on later.
        for round in 0..50 {
            let view = file.group(groups[round % 2]).unwrap();
            view.hold();
            view.step(round as u32 % 4);
            view.release();
        }
    });
    drop(file);
    device.assert_released();
}

#[test]
fn ring_buffer_has_room_for_a_job_every_128_bytes() {
    let file = device().open();
    let vm = vm(&file);
    for (index, (ring, room)) in [(4 << 10, 32), (8 << 10, 64)].into_iter().enumerate() {
        let group = try_group(&file, group_args(vm, &[queue_args(ring)])).unwrap();
        file.group(group).unwrap().hold();
        for _ in 0..room + 3 {
            assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
        }
        let on_gpu = || {
            let dump = file.dump();
            let jobs = &dump.groups[index].queues[0].pending;
            (jobs.iter().filter(|job| job.on_gpu).count(), jobs.len())
        };
        assert_eq!(on_gpu(), (room, room + 3));
        assert!(file.group(group).unwrap().step(0));
        assert_eq!(on_gpu(), (room, room + 2));
    }
}
