//! Groups, submissions, tiler heaps and the flush ID on a Panthor, real or fake: what must hold on
//! both.
//!
//! Jobs with a command stream need a microcontroller. The fake simulates one. QEMU's real driver
//! has one when it boots with a simulated microcontroller, as the variable `PANTHOR_TEST_JOBS`
//! says. Without one every group costs some 100 ms, so that tests with many groups are skipped too.

mod common;

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::device;
use panthor::{
    Bo, BoMap, BoOptions, Device, Error, ErrorKind, Features, FlushId, Group, GroupFlags,
    GroupOptions, GroupPriority, MapFlags, QueueOptions, SyncObj, TilerHeap, TilerHeapOptions,
    Timeout, UserMmioOffset, Vm, VmOptions, Wait, point,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn vm(device: &Device) -> Vm {
    device.create_vm(VmOptions::new()).expect("a VM")
}

/// Creates a group with this many queues.
fn group(vm: &Vm, queues: u32) -> Group {
    let options = GroupOptions::new();
    let options = (0..queues).fold(options, |all, _| all.queue(QueueOptions::new(4096)));
    vm.create_group(options).expect("a group")
}

fn syncobj(device: &Device) -> SyncObj {
    device.create_syncobj().expect("a syncobj")
}

/// Returns whether command streams, or the fake's stand-ins for them, run here.
fn jobs_run(device: &Device) -> bool {
    device.fake().is_some() || has_microcontroller(device)
}

/// Returns whether the real driver runs command streams instruction by instruction.
fn has_microcontroller(device: &Device) -> bool {
    device.fake().is_none() && std::env::var_os("PANTHOR_TEST_JOBS").is_some()
}

#[track_caller]
fn assert_done(syncobj: &SyncObj) {
    assert_eq!(syncobj.wait(PATIENCE).unwrap(), Wait::Ready);
}

/// Refused before it reached the driver, for this argument.
#[track_caller]
fn assert_refused(error: &Error, argument: &str) {
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert_eq!((error.argument(), error.errno()), (Some(argument), None), "{error}");
}

// Groups

#[test]
fn a_group_is_usable_until_it_is_destroyed() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 2);
    assert_ne!(group.handle(), 0);
    assert_eq!(group.queue_count(), 2);
    assert!(group.device().is_same_file(&device));
    let state = group.state().unwrap();
    assert_eq!((state.flags, state.fatal_queues), (GroupFlags::empty(), 0));
    assert!(state.is_usable());
    group.destroy().unwrap();
    vm.destroy().unwrap();
}

#[test]
fn a_group_has_as_many_queues_as_there_are_slots() {
    let device = device();
    let slots = device.csif_info().unwrap().cs_slot_count;
    assert_eq!(group(&vm(&device), slots).queue_count(), slots);
}

#[test]
fn what_a_group_may_not_have_is_refused_with_the_argument() {
    let device = device();
    let vm = vm(&device);
    let gpu = device.gpu_info().unwrap();
    let slots = device.csif_info().unwrap().cs_slot_count;
    let cores = gpu.shader_present().count_ones() as u8;
    let tilers = gpu.tiler_present().count_ones() as u8;
    let queue = QueueOptions::new(4096);
    let with = || GroupOptions::new().queue(queue);
    let cases = [
        ("queue", GroupOptions::new()),
        ("queue", (0..=slots).fold(GroupOptions::new(), |all, _| all.queue(queue))),
        ("queue", with().queue(QueueOptions::new(0))),
        ("queue", with().queue(QueueOptions::new(2048))),
        ("queue", with().queue(QueueOptions::new(12 << 10))),
        ("queue", with().queue(QueueOptions::new(128 << 10))),
        ("queue", with().queue(queue.priority(16))),
        ("compute_cores", with().compute_cores(!gpu.shader_present())),
        ("fragment_cores", with().fragment_cores(u64::MAX)),
        ("tiler_cores", with().tiler_cores(!gpu.tiler_present())),
        ("max_compute_cores", with().max_compute_cores(cores + 1)),
        ("max_fragment_cores", with().fragment_cores(0).max_fragment_cores(1)),
        ("max_tiler_cores", with().max_tiler_cores(tilers + 1)),
    ];
    for (argument, options) in cases {
        let error = vm.create_group(options).unwrap_err();
        assert_eq!(error.call(), "GROUP_CREATE");
        assert_refused(&error, argument);
    }
}

/// The driver accepts all options that the checks of the safe layer accept.
#[test]
fn what_a_group_may_have_the_driver_takes() {
    let device = device();
    let vm = vm(&device);
    let gpu = device.gpu_info().unwrap();
    let one_core = 1 << gpu.shader_present().trailing_zeros();
    let options = GroupOptions::new()
        .priority(GroupPriority::Low)
        .compute_cores(one_core)
        .fragment_cores(gpu.shader_present())
        .max_fragment_cores(1)
        .max_tiler_cores(0)
        .queue(QueueOptions::new(64 << 10).priority(15))
        .queue(QueueOptions::new(16 << 10));
    vm.create_group(options).unwrap().destroy().unwrap();
    let none = GroupOptions::new().compute_cores(0).fragment_cores(0).tiler_cores(0);
    vm.create_group(none.queue(QueueOptions::new(4096))).unwrap().destroy().unwrap();
}

#[test]
fn a_priority_is_given_as_the_driver_says_that_it_is_allowed() {
    let device = device();
    let vm = vm(&device);
    let with = |priority| {
        let options = GroupOptions::new().priority(priority).queue(QueueOptions::new(4096));
        vm.create_group(options)
    };
    if !device.features().contains(Features::GROUP_PRIORITIES) {
        let error = with(GroupPriority::Realtime).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("1.2"), "{error}");
        return;
    }
    let allowed = device.group_priorities().unwrap();
    for priority in [GroupPriority::High, GroupPriority::Realtime] {
        match with(priority) {
            Ok(_) => assert!(allowed.allows(priority), "{priority:?}"),
            Err(error) => {
                assert!(!allowed.allows(priority), "{error}");
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
                assert_eq!(error.argument(), Some("priority"));
                assert!(error.to_string().contains("CAP_SYS_NICE"), "{error}");
            }
        }
    }
}

#[test]
fn groups_and_heaps_keep_their_vm_alive() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 1);
    let heap = vm.create_tiler_heap(TilerHeapOptions::new().initial_chunks(1)).unwrap();
    let busy = vm.destroy().unwrap_err();
    assert_eq!(busy.error.kind(), ErrorKind::Busy);
    group.destroy().unwrap();
    let busy = busy.object.destroy().unwrap_err();
    assert_eq!(busy.error.kind(), ErrorKind::Busy);
    heap.destroy().unwrap();
    busy.object.destroy().unwrap();
}

#[test]
fn a_group_outlives_the_names_of_what_it_needs() {
    let group = {
        let device = device();
        let vm = vm(&device);
        group(&vm, 1)
    };
    let done = syncobj(group.device());
    group.submit().queue(0).signal(&done).submit().unwrap();
    assert_done(&done);
}

#[test]
fn a_group_that_the_driver_does_not_know_is_given_back_with_the_error() {
    let device = device();
    let vm = vm(&device);
    // SAFETY: the handle is unknown on purpose: the driver refuses both its use and its
    // destruction.
    let unknown = unsafe { Group::from_raw(&vm, 0xfff, 1) };
    assert_eq!(unknown.state().unwrap_err().call(), "GROUP_GET_STATE");
    let error = unknown.submit().queue(0).submit().unwrap_err();
    assert_eq!((error.call(), error.kind()), ("GROUP_SUBMIT", ErrorKind::InvalidArgument));
    let failed = unknown.destroy().unwrap_err();
    assert_eq!(failed.error.call(), "GROUP_DESTROY");
    assert_eq!(failed.object.handle(), 0xfff);
}

#[test]
fn a_file_has_room_for_128_groups_and_for_another_once_one_is_gone() {
    let device = device();
    if !jobs_run(&device) {
        return;
    }
    let vm = vm(&device);
    let mut groups: Vec<_> = (0..128).map(|_| group(&vm, 1)).collect();
    let one_more = GroupOptions::new().queue(QueueOptions::new(4096));
    let error = vm.create_group(one_more.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    groups.pop();
    vm.create_group(one_more).unwrap();
}

// Submissions

#[test]
fn queue_submits_without_a_stream_are_sync_points() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 2);
    let (first, second) = (syncobj(&device), syncobj(&device));
    let timeline = device.create_timeline().unwrap();
    // In one call: across queues, through a binary syncobj and through a timeline.
    group
        .submit()
        .queue(0)
        .signal(&first)
        .signal(timeline.at(point::<3>()))
        .queue(1)
        .wait(&first)
        .wait(timeline.at(point::<3>()))
        .signal(timeline.at(point::<4>()))
        .queue(0)
        .stream(0, 0)
        .latest_flush(FlushId::ALWAYS_FLUSH)
        .wait(timeline.at(point::<4>()))
        .signal(&second)
        .submit()
        .unwrap();
    assert_done(&second);
    assert_done(&first);
    assert_eq!(timeline.value().unwrap(), 4);
    assert!(group.state().unwrap().is_usable());
}

#[test]
fn a_submission_waits_for_what_is_there() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 1);
    let (done, timeline) = (syncobj(&device), device.create_timeline().unwrap());
    let ready = device.create_signaled_syncobj().unwrap();
    timeline.signal(point::<9>()).unwrap();
    group
        .submit()
        .queue(0)
        .wait(&ready)
        .wait(timeline.at(point::<5>()))
        .signal(&done)
        .submit()
        .unwrap();
    assert_done(&done);
}

#[test]
fn an_empty_submission_does_nothing() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 1);
    group.submit().submit().unwrap();
    let mut submission = group.submit();
    submission.queue(7);
    submission.clear();
    assert!(submission.is_empty());
    submission.submit().unwrap();
}

#[test]
fn a_submission_may_be_larger_than_what_it_holds_in_itself() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 2);
    let timeline = device.create_timeline().unwrap();
    let many: Vec<_> = (0..20).map(|_| syncobj(&device)).collect();
    let mut submission = group.submit();
    for step in 1..=20u64 {
        let mut queue = submission.queue((step % 2) as u32);
        if step > 1 {
            queue.wait(timeline.at(NonZeroU64::new(step - 1).expect("from 1 up")));
        }
        for sync in &many {
            queue.signal(sync);
        }
        queue.signal(timeline.at(NonZeroU64::new(step).expect("from 1 up")));
    }
    assert_eq!(submission.len(), 20);
    submission.submit().unwrap();
    assert!(submission.is_empty());
    assert_eq!(timeline.wait(point::<20>(), PATIENCE).unwrap(), Wait::Ready);
    assert_eq!(timeline.value().unwrap(), 20);
    many.iter().for_each(assert_done);
}

#[test]
fn a_broken_rule_names_the_queue_submit_and_the_argument() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 2);
    let elsewhere = common::device();
    let foreign = elsewhere.create_signaled_syncobj().unwrap();
    let end = vm.user_va_range();
    let cases = [
        ("queue", group.submit().queue(0).queue(2).submit()),
        ("queue", group.submit().queue(0).queue(u32::MAX).submit()),
        ("stream", group.submit().queue(0).queue(1).stream(32, 8).submit()),
        ("stream", group.submit().queue(0).queue(1).stream(64, 4).submit()),
        ("stream", group.submit().queue(0).queue(1).stream(64, 0).submit()),
        ("stream", group.submit().queue(0).queue(1).stream(0, 8).submit()),
        ("stream", group.submit().queue(0).queue(1).stream(end, 8).submit()),
        ("wait", group.submit().queue(0).queue(1).wait(&foreign).submit()),
        ("signal", group.submit().queue(0).queue(1).signal(&foreign).submit()),
    ];
    for (argument, result) in cases {
        let error = result.unwrap_err();
        assert_eq!(error.call(), "GROUP_SUBMIT");
        assert_refused(&error, argument);
        assert_eq!((error.op_index(), error.ops_done()), (Some(1), Some(0)), "{error}");
    }
}

#[test]
fn the_first_broken_rule_counts_and_the_next_submission_starts_anew() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 1);
    let done = syncobj(&device);
    let mut submission = group.submit();
    submission.queue(0).signal(&done).stream(1, 8).queue(5);
    let error = submission.submit().unwrap_err();
    assert_eq!((error.argument(), error.op_index()), (Some("stream"), Some(0)), "{error}");
    assert_eq!(done.wait_available(Timeout::NONE).unwrap(), Wait::TimedOut);

    let mut queue = submission.queue(0);
    queue.signal(&done).submit().unwrap();
    assert_done(&done);
    // There is no queue submit any more for this to belong to.
    let error = queue.signal(&done).submit().unwrap_err();
    assert_refused(&error, "signal");
}

#[test]
fn a_wait_without_a_fence_is_named_and_nothing_is_done() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 2);
    let (first, last, never) = (syncobj(&device), syncobj(&device), syncobj(&device));
    let error = group
        .submit()
        .queue(0)
        .signal(&first)
        .queue(1)
        .wait(&first)
        .wait(&never)
        .signal(&last)
        .submit()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(error.errno().is_some(), "{error}");
    assert_eq!((error.argument(), error.op_index()), (Some("wait"), Some(1)), "{error}");
    assert!(error.to_string().contains(&format!("syncobj {}", never.handle())), "{error}");
    for syncobj in [&first, &last] {
        assert_eq!(syncobj.wait_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    }
    let timeline = device.create_timeline().unwrap();
    timeline.signal(point::<4>()).unwrap();
    let error = group.submit().queue(0).wait(timeline.at(point::<5>())).submit().unwrap_err();
    assert!(error.to_string().contains("point 5"), "{error}");
}

/// The driver would refuse it with a warning in the kernel's log, which `suite` looks for.
#[test]
fn a_wait_that_only_the_same_submission_would_end_is_refused() {
    let device = device();
    let vm = vm(&device);
    let group = group(&vm, 2);
    let done = syncobj(&device);
    let same = group.submit().queue(0).wait(&done).signal(&done).submit().unwrap_err();
    assert_refused(&same, "wait");
    assert_eq!(same.op_index(), Some(0));
    let later =
        group.submit().queue(0).queue(0).wait(&done).queue(1).signal(&done).submit().unwrap_err();
    assert_refused(&later, "wait");
    assert_eq!(later.op_index(), Some(1));
    // With a fence from before it is that one which is waited for.
    done.signal().unwrap();
    group.submit().queue(0).wait(&done).signal(&done).submit().unwrap();
    assert_done(&done);
}

#[test]
fn threads_share_a_group() {
    let device = device();
    let vm = vm(&device);
    let group = Arc::new(group(&vm, 2));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let group = group.clone();
            std::thread::spawn(move || {
                let timeline = group.device().create_timeline().unwrap();
                for step in 1..=50 {
                    let at = timeline.at(NonZeroU64::new(step).expect("from 1 up"));
                    group.submit().queue(thread % 2).signal(at).submit().unwrap();
                }
                timeline.wait(point::<50>(), PATIENCE).unwrap()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Wait::Ready);
    }
}

// Submissions that run something

/// Jobs one at a time: a fault of one may make the driver reset the GPU for all.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A BO that both sides see: a command stream at its start, data from [`DATA`] on.
struct Memory {
    _bo: Bo,
    map: BoMap,
    va: u64,
}

/// Offset of the data in a [`Memory`].
const DATA: usize = 4096;

impl Memory {
    fn new(vm: &Vm, va: u64) -> Self {
        let bo = vm.device().create_bo(BoOptions::new(16 << 10).exclusive_to(vm)).unwrap();
        vm.bind().map(&bo, .., va, MapFlags::UNCACHED).submit().unwrap();
        Self { map: bo.map().unwrap(), _bo: bo, va }
    }

    /// Writes a command stream, and gives its address and size.
    fn stream(&self, instructions: &[u64]) -> (u64, u32) {
        for (index, &instruction) in (0..).zip(instructions) {
            self.map.store(8 * index, instruction).unwrap();
        }
        (self.va, 8 * instructions.len() as u32)
    }
}

#[test]
fn a_stream_runs_before_what_comes_after_it_in_its_queue() {
    let device = device();
    if !jobs_run(&device) {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poison| poison.into_inner());
    let vm = vm(&device);
    let group = group(&vm, 1);
    let memory = Memory::new(&vm, 1 << 30);
    let (va, size) = memory.stream(&[0; 8]); // does nothing
    let flush = device.flush_id().unwrap();
    let (ran, after) = (syncobj(&device), syncobj(&device));
    group
        .submit()
        .queue(0)
        .stream(va, size)
        .latest_flush(flush)
        .signal(&ran)
        .queue(0)
        .signal(&after)
        .submit()
        .unwrap();
    assert_done(&after);
    assert_eq!(ran.wait(Timeout::NONE).unwrap(), Wait::Ready);
    assert!(group.state().unwrap().is_usable());
}

/// Without a microcontroller the stream never ends by itself.
#[test]
fn dropping_a_group_signals_what_it_still_owes() {
    let device = device();
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poison| poison.into_inner());
    let vm = vm(&device);
    let group = group(&vm, 1);
    let memory = Memory::new(&vm, 1 << 30);
    let (va, size) = memory.stream(&[0; 8]);
    let done = syncobj(&device);
    group.submit().queue(0).stream(va, size).signal(&done).submit().unwrap();
    drop(group);
    assert_done(&done);
}

/// Returns `MOV48 pair, value`, `MOV32 register, value`, and `STORE_MULTIPLE` of one register to
/// the address in the pair.
fn store_to(va: u64, value: u32) -> [u64; 3] {
    let (address, register) = (0, 2);
    [
        1 << 56 | address << 48 | va,
        2 << 56 | register << 48 | u64::from(value),
        21 << 56 | register << 48 | address << 40 | 1 << 16,
    ]
}

#[test]
fn streams_of_two_queues_run_in_the_order_of_their_syncs() {
    let device = device();
    if !has_microcontroller(&device) {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poison| poison.into_inner());
    let vm = vm(&device);
    let group = group(&vm, 2);
    let (one, two) = (Memory::new(&vm, 1 << 30), Memory::new(&vm, 2 << 30));
    let target = one.va + DATA as u64;
    let (first, first_size) = one.stream(&store_to(target, 0x1111));
    let (second, second_size) = two.stream(&store_to(target, 0x2222));
    let timeline = device.create_timeline().unwrap();
    group
        .submit()
        .queue(1)
        .stream(first, first_size)
        .signal(timeline.at(point::<1>()))
        .queue(0)
        .stream(second, second_size)
        .wait(timeline.at(point::<1>()))
        .signal(timeline.at(point::<2>()))
        .submit()
        .unwrap();
    assert_eq!(timeline.wait(point::<2>(), PATIENCE).unwrap(), Wait::Ready);
    assert_eq!(one.map.load::<u32>(DATA).unwrap(), 0x2222);
}

#[test]
fn a_group_that_faulted_is_lost_and_its_vm_is_not() {
    let device = device();
    if !has_microcontroller(&device) {
        return;
    }
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poison| poison.into_inner());
    let vm = vm(&device);
    let lost = group(&vm, 2);
    let done = syncobj(&device);
    // Nothing is mapped there.
    lost.submit().queue(1).stream(3 << 30, 64).signal(&done).submit().unwrap();
    assert_done(&done);
    let state = lost.state().unwrap();
    assert!(state.flags.contains(GroupFlags::FATAL_FAULT), "{state:?}");
    assert!(!state.is_usable());
    assert!(state.fatal_queue_indices().any(|queue| queue == 1), "{state:?}");
    let error = lost.submit().queue(0).submit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
    assert!(error.to_string().contains("fatal fault"), "{error}");

    let next = group(&vm, 1);
    let done = syncobj(&device);
    next.submit().queue(0).signal(&done).submit().unwrap();
    assert_done(&done);
}

// Tiler heaps

#[test]
fn a_heap_has_its_addresses_in_the_kernels_part_of_the_vm() {
    let device = device();
    let vm = vm(&device);
    let options = TilerHeapOptions::new().chunk_size(128 << 10).initial_chunks(3).max_chunks(3);
    let heap = vm.create_tiler_heap(options).unwrap();
    assert_ne!(heap.handle(), 0);
    assert!(heap.device().is_same_file(&device));
    assert!(heap.context_va() >= vm.user_va_range(), "{heap:?}");
    assert!(heap.first_chunk_va() >= vm.user_va_range(), "{heap:?}");
    assert_eq!(heap.first_chunk_va() % 4096, 0, "{heap:?}");
    // A context has 32 bytes or more.
    assert_eq!(heap.context_va() % 32, 0, "{heap:?}");
    let other = vm.create_tiler_heap(TilerHeapOptions::new().initial_chunks(1)).unwrap();
    assert_ne!(heap.handle(), other.handle());
    assert_ne!(heap.context_va(), other.context_va());
    assert_ne!(heap.first_chunk_va(), other.first_chunk_va());
    heap.destroy().unwrap();
    other.destroy().unwrap();
}

#[test]
fn what_a_heap_may_not_have_is_refused_with_the_argument() {
    let device = device();
    let vm = vm(&device);
    let page = device.cpu_page_size() as u32;
    let new = TilerHeapOptions::new;
    let cases = [
        ("chunk_size", new().chunk_size(0)),
        ("chunk_size", new().chunk_size((128 << 10) - page)),
        ("chunk_size", new().chunk_size((128 << 10) + page / 2)),
        ("chunk_size", new().chunk_size((8 << 20) + page)),
        ("initial_chunks", new().initial_chunks(0)),
        ("initial_chunks", new().initial_chunks(3).max_chunks(2)),
        ("initial_chunks", new().max_chunks(0)),
    ];
    for (argument, options) in cases {
        let error = vm.create_tiler_heap(options).unwrap_err();
        assert_eq!(error.call(), "TILER_HEAP_CREATE");
        assert_refused(&error, argument);
    }
    let odd = new().chunk_size((128 << 10) + page).initial_chunks(1).target_in_flight(0);
    vm.create_tiler_heap(odd).unwrap();
    vm.create_tiler_heap(new().chunk_size(8 << 20).initial_chunks(1).max_chunks(1)).unwrap();
}

#[test]
fn a_heap_that_the_driver_does_not_know_is_given_back_with_the_error() {
    let device = device();
    let vm = vm(&device);
    // A heap of its own, so that it is the handle that the driver does not know.
    let _heap = vm.create_tiler_heap(TilerHeapOptions::new().initial_chunks(1)).unwrap();
    let handle = vm.id() << 16 | 0xff;
    // SAFETY: the handle is unknown on purpose: the driver refuses its use.
    let unknown = unsafe { TilerHeap::from_raw(&vm, handle, 0, 0) };
    let failed = unknown.destroy().unwrap_err();
    assert_eq!(failed.error.call(), "TILER_HEAP_DESTROY");
    assert_eq!(failed.object.handle(), handle);
}

#[test]
fn a_vm_has_room_for_128_heaps_and_for_another_once_one_is_gone() {
    let device = device();
    if !jobs_run(&device) {
        return;
    }
    let vm = vm(&device);
    let small = || TilerHeapOptions::new().chunk_size(128 << 10).initial_chunks(1);
    let mut heaps: Vec<_> = (0..128).map(|_| vm.create_tiler_heap(small()).unwrap()).collect();
    let error = vm.create_tiler_heap(small()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    heaps.pop();
    vm.create_tiler_heap(small()).unwrap();
}

// The flush ID

#[test]
fn the_flush_id_is_one_that_the_driver_takes() {
    let device = device();
    let id = device.flush_id().unwrap();
    assert_eq!(FlushId::from_raw(id.as_raw()), Some(id));
    let vm = vm(&device);
    let group = group(&vm, 1);
    let done = syncobj(&device);
    group.submit().queue(0).latest_flush(id).signal(&done).submit().unwrap();
    assert_done(&done);
}

#[test]
fn the_flush_id_is_found_wherever_its_page_is_moved_to() {
    for offset in [UserMmioOffset::Bits32, UserMmioOffset::Bits64] {
        let device = device();
        match device.set_user_mmio_offset(offset) {
            Ok(()) => assert!(device.features().contains(Features::USER_MMIO_OFFSET)),
            Err(error) => {
                assert!(!device.features().contains(Features::USER_MMIO_OFFSET));
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            }
        }
        device.flush_id().unwrap();
        // BOs are mapped from where they were.
        let bo = device.create_bo(BoOptions::new(4096)).unwrap();
        bo.map().unwrap().store(0, 1u32).unwrap();
    }
}
