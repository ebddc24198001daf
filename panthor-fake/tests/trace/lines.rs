//! A golden line for every ioctl.

use panthor_fake::{Config, Device, File};
use panthor_sys::*;

use crate::common::*;
use crate::recorder::Recorder;

const EXEC: u32 = 0;

/// Creates a traced device, and opens a file of it.
fn traced() -> (Device, File, Recorder) {
    let device = Device::new(Config::default()).unwrap();
    let file = device.open();
    let recorder = Recorder::of(&device);
    (device, file, recorder)
}

#[test]
fn vms() {
    let (_device, file, trace) = traced();
    let id = vm(&file);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_CREATE, {flags=0, user_va_range=0x0}) \
         = 0 => {id=1, user_va_range=0x800000000000}",
    );
    ioctl(
        &file,
        DRM_IOCTL_PANTHOR_VM_CREATE,
        &mut drm_panthor_vm_create { flags: 6, user_va_range: 1 << 32, ..zeroed() },
    );
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_CREATE, {flags=0x6, user_va_range=0x100000000}) \
         = -1 EINVAL (Invalid argument)",
    );
    state(&file, id);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_GET_STATE, {vm_id=1}) = 0 => {state=USABLE}",
    );
    ioctl(
        &file,
        DRM_IOCTL_PANTHOR_VM_GET_STATE,
        &mut drm_panthor_vm_get_state { vm_id: 9, state: 0 },
    );
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_GET_STATE, {vm_id=9}) = -1 EINVAL (Invalid argument)",
    );
    ok(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, drm_panthor_vm_destroy { id, pad: 0 });
    trace.expect("ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_DESTROY, {id=1}) = 0");
    ioctl(&file, DRM_IOCTL_PANTHOR_VM_DESTROY, &mut drm_panthor_vm_destroy { id, pad: 7 });
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_DESTROY, {id=1, pad=0x7}) \
         = -1 EINVAL (Invalid argument)",
    );
}

#[test]
fn binds() {
    let (_device, file, trace) = traced();
    let (id, bo) = (vm(&file), bo(&file, MIB));
    trace.skip();
    let ops = [
        map_op(bo, 0, 0x10_0000, MIB, NOEXEC),
        map_op(0, 0, 1 << 32, 100_003_840, SPARSE),
        unmap_op(0x10_0000, 0x1000),
        map_op(bo, 0x2000, 0x10_0000, 0x1000, EXEC),
    ];
    assert_eq!(bind(&file, id, &ops), (0, 4));
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=0, ops=[\
         MAP bo=1 @0x0 0x100000..0x200000 noexec, \
         MAP 0x100000000..0x105f5f000 noexec sparse, \
         UNMAP 0x100000..0x101000, \
         MAP bo=1 @0x2000 0x100000..0x101000]}) = 0",
    );
    // The second fails: one is done.
    let ops = [
        unmap_op(0x20_0000, 0x1000),
        map_op(9, 0x1000, u64::MAX - 0xfff, 0x2000, 0x10 | DRM_PANTHOR_VM_BIND_OP_MAP_READONLY),
        map_op(0, 0, 0, 0, 0xf000_0000),
    ];
    assert_eq!(bind(&file, id, &ops), (-22, 1));
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=0, ops=[\
         UNMAP 0x200000..0x201000, \
         MAP bo=9 @0x1000 0xfffffffffffff000+0x2000 readonly 0x10, \
         0xf0000000 0x0..0x0]}) = -1 EINVAL (Invalid argument) => {ops_count=1}",
    );
    let (binary, timeline) = (syncobj(&file), syncobj(&file));
    trace.skip();
    let syncs = [signal_sync(binary, 0), signal_sync(timeline, 7)];
    let mut strange = wait_sync(binary, 0);
    (strange.flags, strange.timeline_value) = (0x4000_0005, 3);
    let bad = [strange];
    let ops = [with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &syncs)];
    assert_eq!(bind_async(&file, id, &ops), 0);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=ASYNC, ops=[\
         SYNC_ONLY syncs=[SIGNAL syncobj=1, SIGNAL timeline=2@7]]}) = 0",
    );
    let ops = [with_syncs(map_op(0, 0, 0, 0, SYNC_ONLY), &bad)];
    assert_eq!(bind_async(&file, id, &ops), -22);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_VM_BIND, {vm_id=1, flags=ASYNC, ops=[\
         SYNC_ONLY syncs=[WAIT 0x5=1@3 0x40000000]]}) = -1 EINVAL (Invalid argument)",
    );
}

#[test]
fn buffer_objects() {
    let (_device, file, trace) = traced();
    let handle = try_bo(&file, 5000, DRM_PANTHOR_BO_WB_MMAP, 0).unwrap();
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_CREATE, {size=5000, flags=WB_MMAP, \
         exclusive_vm_id=0}) = 0 => {size=8192, handle=1}",
    );
    try_bo(&file, 4096, 0x13, 4).unwrap_err();
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_CREATE, {size=4096, flags=NO_MMAP|WB_MMAP|0x10, \
         exclusive_vm_id=4}) = -1 EINVAL (Invalid argument)",
    );
    mmap_offset(&file, handle);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, {handle=1}) = 0 \
         => {offset=0x10000200000}",
    );
    let mut args = drm_panthor_bo_mmap_offset { handle: 5, pad: 0, offset: 0 };
    ioctl(&file, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, {handle=5}) \
         = -1 ENOENT (No such file or directory)",
    );
    let label = c"a \"label\"\n";
    let mut args = drm_panthor_bo_set_label { handle, pad: 0, label: label.as_ptr() as u64 };
    args = ok(&file, DRM_IOCTL_PANTHOR_BO_SET_LABEL, args);
    trace.expect(
        r#"ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_SET_LABEL, {handle=1, label="a \"label\"\n"}) = 0"#,
    );
    (args.handle, args.label) = (5, 0);
    ioctl(&file, DRM_IOCTL_PANTHOR_BO_SET_LABEL, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_SET_LABEL, {handle=5, label=NULL}) \
         = -1 ENOENT (No such file or directory)",
    );
    let op = |type_, handle| drm_panthor_bo_sync_op { handle, type_, offset: 0, size: 4096 };
    let ops = [op(DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH, handle)];
    ok(&file, DRM_IOCTL_PANTHOR_BO_SYNC, drm_panthor_bo_sync { ops: array(&ops) });
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_SYNC, {ops=[\
         {type=CPU_CACHE_FLUSH, handle=1, offset=0x0, size=0x1000}]}) = 0",
    );
    let ops = [op(DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE, 5), op(9, 5)];
    ioctl(&file, DRM_IOCTL_PANTHOR_BO_SYNC, &mut drm_panthor_bo_sync { ops: array(&ops) });
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_SYNC, {ops=[\
         {type=CPU_CACHE_FLUSH_AND_INVALIDATE, handle=5, offset=0x0, size=0x1000}, \
         {type=0x9, handle=5, offset=0x0, size=0x1000}]}) = -1 ENOENT (No such file or directory)",
    );
    let mut args: drm_panthor_bo_query_info = zeroed();
    args.handle = handle;
    args = ok(&file, DRM_IOCTL_PANTHOR_BO_QUERY_INFO, args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_QUERY_INFO, {handle=1}) = 0 \
         => {extra_flags=0, create_flags=WB_MMAP}",
    );
    args.handle = 5;
    ioctl(&file, DRM_IOCTL_PANTHOR_BO_QUERY_INFO, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_BO_QUERY_INFO, {handle=5}) \
         = -1 ENOENT (No such file or directory)",
    );
    close(&file, handle);
    trace.expect("ioctl(renderD128, DRM_IOCTL_GEM_CLOSE, {handle=1}) = 0");
    ioctl(&file, DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle, pad: 0 });
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_GEM_CLOSE, {handle=1}) = -1 EINVAL (Invalid argument)",
    );
    let mut args = drm_panthor_set_user_mmio_offset { offset: DRM_PANTHOR_USER_MMIO_OFFSET_32BIT };
    ok(&file, DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, {offset=USER_MMIO_OFFSET_32BIT}) \
         = 0",
    );
    args.offset = 0x1234;
    ioctl(&file, DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, {offset=0x1234}) \
         = -1 EINVAL (Invalid argument)",
    );
}

#[test]
fn groups_and_heaps() {
    let (_device, file, trace) = traced();
    let id = vm(&file);
    trace.skip();
    let queues = [drm_panthor_queue_create { priority: 1, pad: [0; 3], ringbuf_size: 4096 }];
    let mut args = drm_panthor_group_create {
        queues: array(&queues),
        max_compute_cores: 4,
        max_fragment_cores: 4,
        max_tiler_cores: 1,
        priority: PANTHOR_GROUP_PRIORITY_MEDIUM,
        compute_core_mask: 0x50005,
        fragment_core_mask: 0x50005,
        tiler_core_mask: 1,
        vm_id: id,
        ..zeroed()
    };
    let group = ok(&file, DRM_IOCTL_PANTHOR_GROUP_CREATE, args).group_handle;
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_GROUP_CREATE, {\
         queues=[{priority=1, ringbuf_size=4096}], max_compute_cores=4, max_fragment_cores=4, \
         max_tiler_cores=1, priority=MEDIUM, compute_core_mask=0x50005, \
         fragment_core_mask=0x50005, tiler_core_mask=0x1, vm_id=1}) = 0 => {group_handle=1}",
    );
    (args.priority, args.queues.count) = (9, 0);
    ioctl(&file, DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_GROUP_CREATE, {queues=[], max_compute_cores=4, \
         max_fragment_cores=4, max_tiler_cores=1, priority=0x9, compute_core_mask=0x50005, \
         fragment_core_mask=0x50005, tiler_core_mask=0x1, vm_id=1}) \
         = -1 EINVAL (Invalid argument)",
    );
    let done = syncobj(&file);
    trace.skip();
    let syncs = [signal_sync(done, 0)];
    let submits = [drm_panthor_queue_submit {
        stream_size: 64,
        stream_addr: 0x10000,
        latest_flush: 3,
        syncs: array(&syncs),
        ..zeroed()
    }];
    let mut args =
        drm_panthor_group_submit { group_handle: group, queue_submits: array(&submits), pad: 0 };
    ok(&file, DRM_IOCTL_PANTHOR_GROUP_SUBMIT, args);
    let submit = "queue_submits=[{queue_index=0, stream_size=64, stream_addr=0x10000, \
                  latest_flush=3, syncs=[SIGNAL syncobj=1]}]";
    trace.expect(&format!(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_GROUP_SUBMIT, {{group_handle=1, {submit}}}) = 0"
    ));
    args.group_handle = 8;
    ioctl(&file, DRM_IOCTL_PANTHOR_GROUP_SUBMIT, &mut args);
    trace.expect(&format!(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_GROUP_SUBMIT, {{group_handle=8, {submit}}}) \
         = -1 EINVAL (Invalid argument)"
    ));
    file.group(group).unwrap().hold();
    ok(
        &file,
        DRM_IOCTL_PANTHOR_GROUP_SUBMIT,
        drm_panthor_group_submit { group_handle: group, ..args },
    );
    assert!(file.group(group).unwrap().time_out());
    trace.skip();
    let mut args: drm_panthor_group_get_state = zeroed();
    args.group_handle = group;
    args = ok(&file, DRM_IOCTL_PANTHOR_GROUP_GET_STATE, args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_GROUP_GET_STATE, {group_handle=1}) = 0 \
         => {state=TIMEDOUT, fatal_queues=0x0}",
    );
    args.group_handle = 8;
    ioctl(&file, DRM_IOCTL_PANTHOR_GROUP_GET_STATE, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_GROUP_GET_STATE, {group_handle=8}) \
         = -1 EINVAL (Invalid argument)",
    );
    let mut args = drm_panthor_group_destroy { group_handle: group, pad: 0 };
    ok(&file, DRM_IOCTL_PANTHOR_GROUP_DESTROY, args);
    trace.expect("ioctl(renderD128, DRM_IOCTL_PANTHOR_GROUP_DESTROY, {group_handle=1}) = 0");
    ioctl(&file, DRM_IOCTL_PANTHOR_GROUP_DESTROY, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_GROUP_DESTROY, {group_handle=1}) \
         = -1 EINVAL (Invalid argument)",
    );
    let mut args = drm_panthor_tiler_heap_create {
        vm_id: id,
        initial_chunk_count: 1,
        chunk_size: 2 << 20,
        max_chunks: 4,
        target_in_flight: 65535,
        ..zeroed()
    };
    let heap = ok(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, args);
    trace.expect(&format!(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, {{vm_id=1, initial_chunk_count=1, \
         chunk_size=2097152, max_chunks=4, target_in_flight=65535}}) = 0 => {{handle=0x10000, \
         tiler_heap_ctx_gpu_va={:#x}, first_heap_chunk_gpu_va={:#x}}}",
        heap.tiler_heap_ctx_gpu_va, heap.first_heap_chunk_gpu_va
    ));
    args.chunk_size = 1;
    ioctl(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, {vm_id=1, initial_chunk_count=1, \
         chunk_size=1, max_chunks=4, target_in_flight=65535}) = -1 EINVAL (Invalid argument)",
    );
    let mut args = drm_panthor_tiler_heap_destroy { handle: heap.handle, pad: 0 };
    ok(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, args);
    trace.expect("ioctl(renderD128, DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, {handle=0x10000}) = 0");
    ioctl(&file, DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, &mut args);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, {handle=0x10000}) \
         = -1 EINVAL (Invalid argument)",
    );
}

#[test]
fn queries() {
    let (_device, file, trace) = traced();
    fn query<T>(file: &File, type_: u32, size: usize, info: *mut T) -> i32 {
        let mut args = drm_panthor_dev_query { type_, size: size as u32, pointer: info as u64 };
        ioctl(file, DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args)
    }
    const NULL: *mut u8 = std::ptr::null_mut();
    query(&file, DRM_PANTHOR_DEV_QUERY_CSIF_INFO, 0, NULL);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_DEV_QUERY, {type=CSIF_INFO, size=0, pointer=0x0}) = 0 \
         => {size=24}",
    );
    let mut info: drm_panthor_csif_info = zeroed();
    query(&file, DRM_PANTHOR_DEV_QUERY_CSIF_INFO, 24, &raw mut info);
    trace.expect_with(
        &[&raw const info as u64],
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_DEV_QUERY, {type=CSIF_INFO, size=24, pointer=PTR0}) = 0 \
         => {info={csg_slot_count=8, cs_slot_count=8, cs_reg_count=96, scoreboard_slot_count=8, \
         unpreserved_cs_reg_count=4}}",
    );
    let mut info: drm_panthor_gpu_info = zeroed();
    // A program with an older header.
    query(&file, DRM_PANTHOR_DEV_QUERY_GPU_INFO, 8, &raw mut info);
    trace.expect_with(
        &[&raw const info as u64],
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_DEV_QUERY, {type=GPU_INFO, size=8, pointer=PTR0}) \
         = -1 EINVAL (Invalid argument)",
    );
    query(&file, DRM_PANTHOR_DEV_QUERY_GPU_INFO, 96, &raw mut info);
    let line = trace.last();
    let inner = "texture_features=[0xc1ffff9e, 0x0, 0x0, 0x0], as_present=0xff, selected_coherency=NONE, \
                 shader_present=0x50005, l2_present=0x1, tiler_present=0x1}}";
    assert!(line.ends_with(inner), "{line}");
    let mut info: drm_panthor_timestamp_info = zeroed();
    info.flags = DRM_PANTHOR_TIMESTAMP_FREQ | 0x100;
    query(&file, DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO, 56, &raw mut info);
    trace.expect_with(
        &[&raw const info as u64],
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_DEV_QUERY, {type=TIMESTAMP_INFO, size=56, pointer=PTR0, \
         info={flags=CPU_NONE|FREQ|0x100}}) = -1 EINVAL (Invalid argument)",
    );
    info.flags = DRM_PANTHOR_TIMESTAMP_FREQ;
    query(&file, DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO, 56, &raw mut info);
    trace.expect_with(
        &[&raw const info as u64],
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_DEV_QUERY, {type=TIMESTAMP_INFO, size=56, pointer=PTR0, \
         info={flags=CPU_NONE|FREQ}}) = 0 => {info={timestamp_frequency=24000000, \
         current_timestamp=0, timestamp_offset=0, flags=CPU_NONE|FREQ, duration_nsec=0, \
         cycle_count=0, cpu_timestamp_sec=0, cpu_timestamp_nsec=0}}",
    );
    let mut info: drm_panthor_group_priorities_info = zeroed();
    query(&file, DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO, 4, &raw mut info);
    trace.expect_with(
        &[&raw const info as u64],
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_DEV_QUERY, {type=GROUP_PRIORITIES_INFO, size=4, \
         pointer=PTR0}) = 0 => {info={allowed_mask=0x3}}",
    );
    let mut info: drm_panthor_mmu_info = zeroed();
    query(&file, DRM_PANTHOR_DEV_QUERY_MMU_INFO, 8, &raw mut info);
    trace.expect_with(
        &[&raw const info as u64],
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_DEV_QUERY, {type=MMU_INFO, size=8, pointer=PTR0}) = 0 \
         => {info={page_size_bitmap=0x201000}}",
    );
    query(&file, 77, 8, NULL);
    trace.expect(
        "ioctl(renderD128, DRM_IOCTL_PANTHOR_DEV_QUERY, {type=0x4d, size=8, pointer=0x0}) \
         = -1 EINVAL (Invalid argument)",
    );
}
