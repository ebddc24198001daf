//! Dumps for a debugger.

mod common;

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use common::*;
use panthor_fake::{
    BindChange, Config, Device, DeviceDump, FileDump, PointDump, Prot, Signaller, SyncobjState,
    descriptor_ioctl,
};
use panthor_sys::*;

fn set_label(file: &panthor_fake::File, handle: u32, label: &std::ffi::CStr) {
    let args = drm_panthor_bo_set_label { handle, label: label.as_ptr() as u64, ..zeroed() };
    ok(file, DRM_IOCTL_PANTHOR_BO_SET_LABEL, args);
}

fn signallers(pending: &[PointDump]) -> Vec<(u64, Signaller)> {
    pending.iter().map(|point| (point.point, point.signaller)).collect()
}

#[test]
fn a_new_device_has_nothing() {
    let device = Device::new(Config::default().memory(4 * MIB).driver_minor(7)).unwrap();
    let dump = device.dump();
    assert_eq!((dump.driver_minor, dump.memory_used, dump.memory), (7, 0, 4 * MIB));
    assert!(dump.files.is_empty() && !dump.unplugged);
    assert_eq!(dump.to_string(), "device: driver 1.7, 0 of 4194304 bytes in use\n");
    let files = [device.open(), device.open_primary()];
    device.unplug();
    let dump = device.dump();
    assert!(dump.unplugged);
    assert_eq!(dump.files.iter().map(|file| file.primary).collect::<Vec<_>>(), [false, true]);
    assert_eq!(dump.files[1], files[1].dump());
    assert!(
        dump.to_string().starts_with("device: driver 1.7, 0 of 4194304 bytes in use, unplugged\n")
    );
    drop(files);
    assert!(device.dump().files.is_empty());
}

#[test]
fn bos_show_what_they_are() {
    let (device, other) = (device(), device());
    let (file, importer) = (device.open(), other.open());
    let vm = vm(&file);
    let plain = bo(&file, PAGE);
    let exclusive = try_bo(&file, MIB, DRM_PANTHOR_BO_NO_MMAP, vm).unwrap();
    let shared = bo(&file, PAGE);
    let foreign = device.foreign_dma_buf(PAGE).unwrap();
    let mut args = drm_prime_handle { handle: 0, flags: 0, fd: foreign.as_raw_fd() };
    args = ok(&file, DRM_IOCTL_PRIME_FD_TO_HANDLE, args);
    let imported = args.handle;
    let args = drm_prime_handle { handle: shared, flags: DRM_CLOEXEC, fd: -1 };
    let fd = own(ok(&file, DRM_IOCTL_PRIME_HANDLE_TO_FD, args).fd);
    set_label(&file, plain, c"lines\nand \"quotes\"");
    map(&file, vm, exclusive, 0, GIB, MIB);
    map(&file, vm, plain, 0, 2 * GIB, PAGE);
    let cpu = file.mmap(4096, Prot::READ, mmap_offset(&file, plain)).unwrap();
    assert!(file.evict_bo(plain));

    let bos = file.dump().bos;
    let handles: Vec<_> = bos.iter().map(|bo| bo.handle).collect();
    assert_eq!(handles, [plain, exclusive, shared, imported]);
    let [plain, exclusive, shared, imported] = bos.try_into().unwrap();
    assert_eq!(plain.label.as_deref(), Some("lines\nand \"quotes\""));
    assert_eq!((plain.resident, plain.evictions, plain.cpu_mappings), (false, 1, 1));
    assert!(!plain.exclusive && !plain.exported && !plain.imported && !plain.pinned);
    assert_eq!((exclusive.size, exclusive.flags), (MIB, DRM_PANTHOR_BO_NO_MMAP));
    assert_eq!((exclusive.exclusive, exclusive.exclusive_vm_id), (true, Some(vm)));
    assert_eq!((exclusive.resident, exclusive.evictions, exclusive.label), (true, 0, None));
    assert!(shared.exported && !shared.imported && !shared.pinned && !shared.resident);
    assert!(imported.imported && !imported.exported && imported.resident);
    let text = file.dump().to_string();
    let expected = [
        r#"  BO 1: 4096 bytes, flags 0x0, label "lines\nand \"quotes\"", evicted, mapped by the CPU"#,
        "  BO 2: 1048576 bytes, flags 0x1, resident, exclusive to VM 1",
        "  BO 3: 4096 bytes, flags 0x0, exported",
        "  BO 4: 4096 bytes, flags 0x0, resident, imported",
    ];
    assert_eq!(text.lines().skip(1).take(4).collect::<Vec<_>>(), expected);

    // Another device needs its pages. The VM goes, what is exclusive to it stays.
    let args = drm_prime_handle { handle: 0, flags: 0, fd: fd.as_raw_fd() };
    ok(&importer, DRM_IOCTL_PRIME_FD_TO_HANDLE, args);
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id: vm, pad: 0 });
    let bos = file.dump().bos;
    assert!(bos[2].pinned && bos[2].resident);
    assert_eq!((bos[1].exclusive, bos[1].exclusive_vm_id), (true, None));
    assert!(file.dump().to_string().contains("resident, exclusive to VM (destroyed)\n"));
    drop((cpu, file, importer, fd, foreign));
    device.assert_released();
}

#[test]
fn what_is_pending_tells_what_it_waits_for() {
    let device = device();
    let (file, other) = (device.open(), device.open());
    let [one, two] = [vm(&file), vm(&file)];
    let group = group(&file, one, 2);
    let a = bo(&file, PAGE);
    let (binary, timeline) = (syncobj(&file), syncobj(&file));
    file.gpu(one).unwrap().hold();

    let point = |syncs: &[_]| with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), syncs);
    let signals = [signal_sync(timeline, 3)];
    let first = [map_op(a, 0, GIB, PAGE, NOEXEC), with_syncs(unmap_op(GIB, PAGE), &signals)];
    assert_eq!(bind_async(&file, one, &first), 0);
    let (wait, signal) =
        ([wait_sync(timeline, 3)], [wait_sync(timeline, 3), signal_sync(timeline, 5)]);
    assert_eq!(
        submit(&file, group, &[stream(1, &wait), sync_point(1, &[]), stream(0, &signal)]),
        0
    );
    let both = [wait_sync(timeline, 5), signal_sync(binary, 0)];
    assert_eq!(bind_async(&file, two, &[point(&both)]), 0);

    let dump = file.dump();
    let bind =
        |vm: u32, index| Signaller::Bind { client_id: dump.client_id, vm_id: Some(vm), index };
    let job = |queue, index| Signaller::Job {
        client_id: dump.client_id,
        group: Some(group),
        queue,
        index,
    };
    let [first, second] = &dump.vms[..] else { panic!("{dump}") };
    assert_eq!((first.id, first.held, first.usable), (Some(one), true, true));
    assert_eq!((second.id, second.held), (Some(two), false));
    let BindChange::Map(mapping) = &first.pending[0].change else { panic!("{dump}") };
    assert_eq!((mapping.va, mapping.size, mapping.bo_handle()), (GIB, PAGE, Some(a)));
    assert_eq!(first.pending[1].change, BindChange::Unmap { va: GIB, size: PAGE });
    assert!(first.pending.iter().all(|pending| pending.waits.is_empty()));
    assert_eq!(second.pending[0].change, BindChange::SyncOnly);
    // A point of a timeline has those before it.
    assert_eq!(second.pending[0].waits, [job(0, 0), bind(one, 1)]);

    let shown = &dump.groups[0];
    assert_eq!((shown.handle, shown.vm_id, shown.state), (Some(group), Some(one), 0));
    let [queue, last] = &shown.queues[..] else { panic!("{dump}") };
    assert_eq!((queue.index, queue.held, queue.pending.len()), (0, false, 1));
    assert_eq!((last.pending.len(), last.pending[0].stream.va), (2, 4 * GIB));
    assert_eq!(last.pending[0].waits, [bind(one, 1)]);
    assert_eq!((last.pending[1].stream.size, last.pending[1].waits.len()), (0, 0));
    assert!(last.pending.iter().all(|job| !job.on_gpu));

    let [pending, points] = &dump.syncobjs[..] else { panic!("{dump}") };
    assert_eq!((pending.handle, pending.state), (binary, SyncobjState::Pending));
    assert_eq!(signallers(&pending.pending), [(0, bind(two, 0))]);
    assert_eq!(points.state, SyncobjState::Timeline { reached: 0, last: 5 });
    assert_eq!(signallers(&points.pending), [(3, bind(one, 1)), (5, job(0, 0))]);

    let kernel = first.mappings.iter().map(|m| {
        format!("    {:#x}..{:#x}: kernel memory at 0x0, noexec, uncached\n", m.va, m.va + m.size)
    });
    let expected = format!(
        "file {}: render node
  BO 1: 4096 bytes, flags 0x0, resident, pinned
  VM 1: user part up to 0x800000000000, usable, held
{}    bind 0: map 0x40000000..0x40001000: BO 1 at 0x0, noexec
    bind 1: unmap 0x40000000..0x40001000
  VM 2: user part up to 0x800000000000, usable
    bind 0: sync point, waits for job 0 of queue 0 of group 1 and bind 1 of VM 1
  syncobj 1: pending
    fence: bind 0 of VM 2
  syncobj 2: timeline at 0 of 5
    point 3: bind 1 of VM 1
    point 5: job 0 of queue 0 of group 1
  group 1: VM 1
    queue 0: 1 pending
      job 0: stream at 0x100000000, 64 bytes, waits for bind 1 of VM 1
    queue 1: 2 pending
      job 0: stream at 0x100000000, 64 bytes, waits for bind 1 of VM 1
      job 1: sync point
",
        dump.client_id,
        kernel.collect::<String>(),
    );
    assert_eq!(dump.to_string(), expected);
    // The same seen from the device; another file's text names the file.
    assert_eq!(device.dump().files[0], dump);
    let args = drm_syncobj_handle { handle: binary, ..zeroed() };
    let fd = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd);
    let args = drm_syncobj_handle { fd: fd.as_raw_fd(), ..zeroed() };
    ok(&other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, args);
    assert!(
        other
            .dump()
            .to_string()
            .ends_with(&format!("    fence: bind 0 of VM 2 of file {}\n", dump.client_id))
    );

    file.gpu(one).unwrap().release();
    let dump = file.dump();
    assert!(dump.vms.iter().all(|vm| vm.pending.is_empty()));
    assert_eq!(dump.syncobjs[0].state, SyncobjState::Signalled { error: None });
    assert_eq!(dump.syncobjs[1].state, SyncobjState::Timeline { reached: 5, last: 5 });
    assert!(dump.syncobjs.iter().all(|syncobj| syncobj.pending.is_empty()));
}

#[test]
fn groups_show_their_state_and_jobs_that_the_gpu_has() {
    let device = device();
    let file = device.open();
    let (vm, done) = (vm(&file), syncobj(&file));
    let handles = [group(&file, vm, 1), group(&file, vm, 2), group(&file, vm, 1)];
    let views = handles.map(|handle| file.group(handle).unwrap());
    views[0].hold();
    assert_eq!(submit(&file, handles[0], &[stream(0, &[signal_sync(done, 0)])]), 0);
    assert!(views[1].fault(1));
    assert!(views[2].time_out());
    let dump = file.dump();
    let [held, faulty, late] = &dump.groups[..] else { panic!("{dump}") };
    assert!(held.queues[0].held && held.queues[0].pending[0].on_gpu);
    assert_eq!((faulty.state, faulty.fatal_queues), (DRM_PANTHOR_GROUP_STATE_FATAL_FAULT, 2));
    assert_eq!(late.state, DRM_PANTHOR_GROUP_STATE_TIMEDOUT);
    let text = dump.to_string();
    for line in [
        "    queue 0: 1 pending, held\n      job 0: stream at 0x100000000, 64 bytes, on the GPU\n",
        "  group 2: VM 1, fatal fault in queues 0x2\n",
        "  group 3: VM 1, timed out\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    device.reset();
    let dump = file.dump();
    let innocent = DRM_PANTHOR_GROUP_STATE_TIMEDOUT | DRM_PANTHOR_GROUP_STATE_INNOCENT;
    assert_eq!(dump.groups[0].state, innocent);
    let failed = SyncobjState::Signalled { error: Some(nix::libc::ETIMEDOUT) };
    assert_eq!(dump.syncobjs[0].state, failed);
    assert!(dump.to_string().contains("  syncobj 1: signalled, error 110\n"));
    assert!(dump.to_string().contains("  group 1: VM 1, timed out, innocent\n"));
}

#[test]
fn what_was_destroyed_shows_while_jobs_keep_it() {
    let device = device();
    let file = device.open();
    let [one, two] = [vm(&file), vm(&file)];
    let group = group(&file, one, 1);
    let (start, end) = (syncobj(&file), syncobj(&file));
    file.gpu(two).unwrap().hold();
    let signal = [signal_sync(start, 0)];
    assert_eq!(bind_async(&file, two, &[with_syncs(unmap_op(0, PAGE), &signal)]), 0);
    let syncs = [wait_sync(start, 0), signal_sync(end, 0)];
    assert_eq!(submit(&file, group, &[stream(0, &syncs)]), 0);
    assert_eq!(destroy_group(&file, group), 0);
    for id in [one, two] {
        ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id, pad: 0 });
    }
    let dump = file.dump();
    let client_id = dump.client_id;
    assert_eq!(dump.vms.iter().map(|vm| vm.id).collect::<Vec<_>>(), [None, None]);
    assert_eq!((dump.groups[0].handle, dump.groups[0].vm_id), (None, None));
    let bind = Signaller::Bind { client_id, vm_id: None, index: 0 };
    assert_eq!(dump.groups[0].queues[0].pending[0].waits, [bind]);
    let job = Signaller::Job { client_id, group: None, queue: 0, index: 0 };
    assert_eq!(signallers(&dump.syncobjs[1].pending), [(0, job)]);
    let text = dump.to_string();
    assert!(text.contains("  group (destroyed): VM (destroyed)\n"), "{text}");
    assert!(text.contains("    fence: job 0 of queue 0 of group (destroyed)\n"), "{text}");
    drop(file);
    device.assert_released();
}

#[test]
fn heaps_sparse_mappings_and_memory_show() {
    let device = device();
    let file = device.open();
    let vm = vm(&file);
    let args = drm_panthor_tiler_heap_create {
        vm_id: vm,
        initial_chunk_count: 2,
        chunk_size: MIB as u32,
        max_chunks: 2,
        target_in_flight: 2,
        ..zeroed()
    };
    let made = ok(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, args);
    assert_eq!(bind(&file, vm, &[map_op(0, 0, GIB, 8 * MIB, SPARSE)]), (0, 1));
    let dump = device.dump();
    // Contexts, chunks, and what sparse mappings show.
    assert_eq!(dump.memory_used, 8 * KIB + 2 * MIB + 2 * MIB);
    let heaps = &dump.files[0].vms[0].heaps;
    assert_eq!((heaps.len(), heaps[0].index, heaps[0].chunk_size), (1, 0, MIB));
    assert_eq!(heaps[0].context_va, made.tiler_heap_ctx_gpu_va);
    assert_eq!((heaps[0].chunks.len(), heaps[0].chunks[1]), (2, made.first_heap_chunk_gpu_va));
    assert_eq!(device.reclaim(u64::MAX), 4 * MIB);
    assert_eq!(device.dump().memory_used, 8 * KIB);
    let text = file.dump().to_string();
    assert!(text.contains("    0x40000000..0x40800000: sparse, noexec, evicted\n"), "{text}");
    let heap = format!(
        "    heap 0: context at {:#x}, chunks of 1048576 bytes at {:#x} {:#x}\n",
        made.tiler_heap_ctx_gpu_va, heaps[0].chunks[0], heaps[0].chunks[1]
    );
    assert!(text.contains(&heap), "{text}");
}

#[test]
fn of_merged_fences_all_signallers_show() {
    let file = device().open();
    let vms = [vm(&file), vm(&file)];
    let files = vms.map(|vm| {
        file.gpu(vm).unwrap().hold();
        let done = syncobj(&file);
        let op = map_op(0, 0, 0, 0, SYNC_ONLY);
        assert_eq!(bind_async(&file, vm, &[with_syncs(op, &[signal_sync(done, 0)])]), 0);
        let export = drm_syncobj_handle {
            handle: done,
            flags: DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
            ..zeroed()
        };
        own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, export).fd)
    });
    let mut merge = sync_merge_data { fd2: files[1].as_raw_fd(), ..zeroed() };
    // SAFETY: the argument is ours, and has no pointers.
    let result = unsafe { descriptor_ioctl(&files[0], SYNC_IOC_MERGE, (&raw mut merge).cast()) };
    assert_eq!(result, Some(0));
    let merged = own(merge.fence);
    let both = syncobj(&file);
    let import = drm_syncobj_handle {
        handle: both,
        flags: DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
        fd: merged.as_raw_fd(),
        ..zeroed()
    };
    ok(&file, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, import);
    let waiting = vm(&file);
    let op = map_op(0, 0, 0, 0, SYNC_ONLY);
    assert_eq!(bind_async(&file, waiting, &[with_syncs(op, &[wait_sync(both, 0)])]), 0);

    let bind = |vm| {
        let client_id = file.dump().client_id;
        Signaller::Bind { client_id, vm_id: Some(vm), index: 0 }
    };
    let seen = || {
        let dump = file.dump();
        let waits = dump.vms[2].pending[0].waits.clone();
        let points: Vec<_> = waits.iter().map(|&waited| (0, waited)).collect();
        assert_eq!(signallers(&dump.syncobjs[2].pending), points);
        waits
    };
    assert_eq!(seen(), vms.map(bind));
    file.gpu(vms[0]).unwrap().release();
    assert_eq!(seen(), [bind(vms[1])]);
}

#[test]
fn sync_objects_show_eventfds_and_strangers() {
    let (device, other) = (device(), device());
    let (file, stranger) = (device.open(), other.open());
    let there = vm(&stranger);
    let (here, done) = (syncobj(&file), syncobj(&stranger));
    let empty = syncobj(&file);
    stranger.gpu(there).unwrap().hold();
    let signal = [signal_sync(done, 0)];
    let point = with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &signal);
    assert_eq!(bind_async(&stranger, there, &[point]), 0);
    let sync_file = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    let args = drm_syncobj_handle { handle: done, flags: sync_file, ..zeroed() };
    let fd = own(ok(&stranger, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd);
    let import = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE;
    let args = drm_syncobj_handle { handle: here, flags: import, fd: fd.as_raw_fd(), ..zeroed() };
    ok(&file, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, args);
    // SAFETY: it has no pointers.
    let event = own(unsafe { nix::libc::eventfd(0, nix::libc::EFD_CLOEXEC) });
    let fd = event.as_raw_fd();
    let args = drm_syncobj_eventfd { handle: empty, flags: 0, point: 1, fd, pad: 0 };
    ok(&file, DRM_IOCTL_SYNCOBJ_EVENTFD, args);
    let dump = file.dump();
    assert_eq!(signallers(&dump.syncobjs[0].pending), [(0, Signaller::Other)]);
    assert_eq!((dump.syncobjs[1].state, dump.syncobjs[1].eventfds), (SyncobjState::Empty, 1));
    let text = dump.to_string();
    assert!(text.contains("  syncobj 1: pending\n    fence: somebody else\n"), "{text}");
    assert!(text.contains("  syncobj 2: no fence, 1 eventfds\n"), "{text}");
}

#[test]
fn a_dump_may_be_taken_while_others_work() {
    fn is<T: Send + Sync + 'static>() {}
    is::<(DeviceDump, FileDump)>();

    const ROUNDS: u64 = 150;

    // A dump keeps what it looks at for a moment, so closed files may still have their memory.
    let device = Device::new(Config::default().memory(64 * MIB).swap(true)).unwrap();
    let stop = AtomicBool::new(false);
    let dumps = std::thread::scope(|scope| {
        let dumpers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut lines = 0;
                    while !stop.load(Ordering::Relaxed) {
                        lines += device.dump().to_string().lines().count();
                    }
                    lines
                })
            })
            .collect();
        let workers: Vec<_> = (0..3_u64)
            .map(|thread| {
                let device = &device;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let file = device.open();
                        let (vm, group_vm) = (vm(&file), vm(&file));
                        let group = group(&file, group_vm, 2);
                        let timeline = syncobj(&file);
                        let a = bo(&file, PAGE);
                        set_label(&file, a, c"busy");
                        file.gpu(vm).unwrap().hold();
                        let signal = [signal_sync(timeline, 1)];
                        // The driver would keep the VM forever if the test did not unmap it again.
                        let ops =
                            [with_syncs(map_op(a, 0, GIB, PAGE, 0), &signal), unmap_op(GIB, PAGE)];
                        assert_eq!(bind_async(&file, vm, &ops), 0);
                        let syncs = [wait_sync(timeline, 1), signal_sync(timeline, 2)];
                        assert_eq!(submit(&file, group, &[stream(1, &syncs)]), 0);
                        let dump = file.dump();
                        let client_id = dump.client_id;
                        let bind = Signaller::Bind { client_id, vm_id: Some(vm), index: 0 };
                        assert_eq!(dump.groups[0].queues[1].pending[0].waits, [bind]);
                        device.reclaim(round * PAGE);
                        if (thread + round) % 2 == 0 {
                            file.gpu(vm).unwrap().release();
                            assert!(is_signalled(&file, timeline, 2));
                            assert!(file.dump().groups[0].queues[1].pending.is_empty());
                        }
                    }
                })
            })
            .collect();
        let ends: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        // Before one that failed ends this thread: the dumpers would go on for ever.
        stop.store(true, Ordering::Relaxed);
        for end in ends {
            end.unwrap();
        }
        dumpers.into_iter().map(|dumper| dumper.join().unwrap()).sum::<usize>()
    });
    assert!(dumps > 100);
    device.assert_released();
}
