//! The safe layer where only a fake can put it: old drivers, other GPUs, large CPU pages, faults on demand,
//! and the GPU's eyes.

mod batches;
mod caches;
mod groups;
mod handles;
mod sharing;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use panthor::{
    Bo, BoFlags, BoOptions, Device, ErrorKind, Features, MapFlags, PageSizeSource, SparseMode,
    Timeout, TimestampRequest, Version, VmOptions, VmState, Wait, point,
};
use panthor_fake::{BindChange, Config, FaultKind, Gpu, PageSize};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A fake, and a device open on it.
fn open(config: Config) -> (panthor_fake::Device, Device) {
    let fake = panthor_fake::Device::new(config).expect("a memfd");
    let device = Device::from_fake(fake.open()).expect("a Panthor");
    (fake, device)
}

fn eyes(vm: &panthor::Vm) -> panthor_fake::GpuView {
    vm.device().fake().expect("a fake").gpu(vm.id()).expect("its VM")
}

// What it is not

#[test]
fn another_driver_is_refused_by_name() {
    let fake = panthor_fake::Device::new(Config::default().driver_name("panfrost")).unwrap();
    let error = Device::from_fake(fake.open()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotPanthor);
    assert!(error.to_string().contains("panfrost"), "{error}");
    fake.assert_released();
}

#[test]
fn majors_too_old_and_too_new_are_refused() {
    for (major, word) in [(0, "too old"), (2, "too new")] {
        let fake = panthor_fake::Device::new(Config::default().driver_major(major)).unwrap();
        let error = Device::from_fake(fake.open()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotPanthor);
        assert!(error.to_string().contains(word), "{error}");
    }
}

// Versions and models

#[test]
fn every_version_does_what_its_features_say() {
    for minor in 0..=9 {
        let (fake, device) = open(Config::default().driver_minor(minor));
        assert_eq!(device.version(), Version::new(1, minor));
        let has = |feature| device.features().contains(feature);
        let works = |result: Result<(), panthor::Error>, feature| match result {
            Ok(()) => assert!(has(feature), "1.{minor}: {feature:?}"),
            Err(error) => {
                assert!(!has(feature), "1.{minor}: {feature:?}: {error}");
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                assert_eq!(error.errno(), None, "refused before the call");
                let since = feature.since();
                assert!(error.to_string().contains(&format!("{}.{}", since.major, since.minor)));
            }
        };
        let bo = device.create_bo(BoOptions::new(4096)).unwrap();
        let vm = device.create_vm(VmOptions::new()).unwrap();
        works(device.timestamps(TimestampRequest::default()).map(drop), Features::TIMESTAMP_QUERY);
        let cycles = TimestampRequest::nothing().cycle_count();
        works(device.timestamps(cycles).map(drop), Features::TIMESTAMP_FLAGS);
        let assumed = device.group_priorities().unwrap().is_assumed();
        assert_eq!(assumed, !has(Features::GROUP_PRIORITIES));
        works(bo.set_label("label"), Features::BO_LABELS);
        works(bo.info().map(drop), Features::BO_QUERY_INFO);
        // Needed by no BO that an older driver makes.
        bo.sync(.., panthor::CacheOp::Flush).unwrap();
        works(device.create_bo(BoOptions::new(1).wb_mmap()).map(drop), Features::WB_MMAP);
        let native = vm.bind().sparse_mode(SparseMode::Native).map_sparse(0..4096).submit();
        works(native.map(drop), Features::SPARSE);
        let reported = device.page_sizes().unwrap().source() == PageSizeSource::Reported;
        assert_eq!(reported, has(Features::MMU_INFO));
        let coherency = device.gpu_info().unwrap().selected_coherency();
        assert_eq!(coherency.is_some(), has(Features::SELECTED_COHERENCY));
        drop((bo, vm, device));
        fake.assert_released();
    }
}

#[test]
fn every_model_has_its_name_and_architecture() {
    let models = [
        (Gpu::G310, "Mali-G310", 10),
        (Gpu::G510, "Mali-G510", 10),
        (Gpu::G610, "Mali-G610", 10),
        (Gpu::G710, "Mali-G710", 10),
        (Gpu::G615, "Mali-G615", 11),
        (Gpu::G715, "Mali-G715", 11),
        (Gpu::G620, "Mali-G620", 12),
        (Gpu::G720, "Mali-G720", 12),
        (Gpu::G725, "Mali-G725", 13),
    ];
    for (gpu, name, arch) in models {
        let info = open(Config::default().gpu(gpu)).1.gpu_info().unwrap();
        assert_eq!((info.model_name(), info.arch().major), (name, arch));
    }
}

#[test]
fn large_cpu_pages_round_bos_and_leave_vas_at_4_kib() {
    for (page_size, bytes) in [(PageSize::K16, 16 << 10), (PageSize::K64, 64 << 10)] {
        let (_, device) = open(Config::default().page_size(page_size));
        assert_eq!(device.cpu_page_size(), bytes);
        let bo = device.create_bo(BoOptions::new(1)).unwrap();
        assert_eq!(bo.size(), bytes);
        bo.map().unwrap().store(4096, 9u32).unwrap();
        assert!(bo.map_range(4096..8192, panthor::MapAccess::Read).is_err());
        let vm = device.create_vm(VmOptions::new()).unwrap();
        vm.bind().map(&bo, 4096..8192, 0x1000, MapFlags::NOEXEC).submit().unwrap();
        let mut seen = [0; 4];
        eyes(&vm).read(0x1000, &mut seen).unwrap();
        assert_eq!(u32::from_ne_bytes(seen), 9);
    }
}

// Through the GPU's eyes

#[test]
fn the_gpu_sees_memory_where_it_was_bound_and_faults_elsewhere() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(4 * 4096)).unwrap();
    let map = bo.map().unwrap();
    for page in 0..4u8 {
        map.fill(usize::from(page) * 4096..usize::from(page + 1) * 4096, page + 1).unwrap();
    }
    let va = GIB;
    vm.bind()
        .map(&bo, .., va, MapFlags::NOEXEC)
        .map(&bo, 0..4096, va + 4096, MapFlags::READONLY)
        .unmap(va + 2 * 4096..va + 3 * 4096)
        .submit()
        .unwrap();
    let gpu = eyes(&vm);
    let mut byte = [0];
    for (page, expected) in [(0, Some(1)), (1, Some(1)), (2, None), (3, Some(4)), (4, None)] {
        let seen = gpu.read(va + page * 4096 + 5, &mut byte).map(|()| byte[0]);
        match expected {
            Some(value) => assert_eq!(seen.unwrap(), value),
            None => assert_eq!(seen.unwrap_err().kind, FaultKind::Translation),
        }
    }
    assert_eq!(gpu.write(va + 4096, &[0]).unwrap_err().kind, FaultKind::Permission);
    gpu.write(va + 3 * 4096, &[77]).unwrap();
    assert_eq!(map.load::<u8>(3 * 4096).unwrap(), 77, "the CPU sees what the GPU writes");
    assert_eq!(gpu.fetch(va, &mut byte).unwrap_err().kind, FaultKind::Permission);
    gpu.fetch(va + 4096, &mut byte).unwrap();
}

#[test]
fn emulated_and_native_sparse_look_the_same_to_the_gpu() {
    for mode in [SparseMode::Native, SparseMode::Emulated] {
        let (_, device) = open(Config::default());
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let range = GIB + 0x5000..GIB + 9 * MIB + 0x3000;
        vm.bind().sparse_mode(mode).map_sparse(range.clone()).submit().unwrap();
        let gpu = eyes(&vm);
        // Both show one object of 2 MiB again and again, at va mod 2 MiB.
        gpu.write(range.start + 8, b"echo").unwrap();
        let mut seen = [0; 4];
        gpu.read(range.start + 8 + 4 * MIB, &mut seen).unwrap();
        assert_eq!(&seen, b"echo");
        gpu.read(range.start - 1, &mut [0]).unwrap_err();
        gpu.read(range.end, &mut [0]).unwrap_err();
        gpu.read(range.end - 1, &mut [0]).unwrap();
    }
}

#[test]
fn sparse_memory_does_not_leak_between_files() {
    let fake = panthor_fake::Device::new(Config::default()).unwrap();
    let vms = [(); 2].map(|()| {
        let vm = Device::from_fake(fake.open()).unwrap().create_vm(VmOptions::new()).unwrap();
        vm.bind().map_sparse(0..2 * MIB).submit().unwrap();
        vm
    });
    eyes(&vms[0]).write(64, b"secret").unwrap();
    let mut seen = [0; 6];
    eyes(&vms[1]).read(64, &mut seen).unwrap();
    assert_ne!(&seen, b"secret");
}

#[test]
fn old_drivers_get_48_operations_that_show_a_sparse_range() {
    for minor in [0, 8] {
        let (fake, device) = open(Config::default().driver_minor(minor));
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let range = GIB..GIB + 100_003_840;
        let report = vm.bind().map_sparse(range.clone()).submit().unwrap();
        assert_eq!((report.operations, report.ioctls), (48, 1));
        assert_eq!(eyes(&vm).mapping_count(), 48);
        eyes(&vm).read(range.end - 1, &mut [0]).unwrap();
        drop((vm, device));
        fake.assert_released();
    }
}

#[test]
fn huge_ranges_are_split_and_say_so() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let report = vm.bind().map_sparse(0..1 << 46).submit().unwrap();
    assert_eq!((report.operations, report.ioctls), (1024, 1));
    let report = vm.bind().unmap(0..1 << 46).submit().unwrap();
    assert_eq!((report.operations, report.ioctls), (1, 1));
    let too_much = vm.bind().sparse_mode(SparseMode::Emulated).map_sparse(0..1 << 47).submit();
    let error = too_much.unwrap_err();
    assert_eq!((error.kind(), error.argument()), (ErrorKind::InvalidArgument, Some("batch")));
}

// Interruption and failure

#[test]
fn an_interrupted_batch_goes_on_where_it_stopped() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(8 * 4096)).unwrap();
    for after in 0..8 {
        device.fake().unwrap().interrupt_next_bind_after(after);
        let mut batch = vm.bind();
        for page in 0..8u64 {
            batch.map(&bo, page * 4096..(page + 1) * 4096, page * MIB, MapFlags::NOEXEC);
        }
        let report = batch.submit().unwrap();
        assert_eq!((report.operations, report.ioctls), (8, 2), "after {after}");
        assert_eq!(eyes(&vm).mapping_count(), 8);
        vm.bind().unmap(0..8 * MIB).submit().unwrap();
    }
}

#[test]
fn a_failure_in_the_middle_of_an_emulated_range_says_how_far_it_came() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    vm.bind().sparse_mode(SparseMode::Emulated).map_sparse(0..4096).submit().unwrap();
    device.fake().unwrap().fail_bind_op(11, 12);
    let error = vm
        .bind()
        .sparse_mode(SparseMode::Emulated)
        .unmap(0..4096)
        .map_sparse(GIB..GIB + 100_003_840)
        .unmap(0..4096)
        .submit()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert_eq!((error.op_index(), error.ops_done()), (Some(1), Some(1)), "{error}");
    assert_eq!(error.partial_range(), Some(GIB..GIB + 20 * MIB));
    assert_eq!(eyes(&vm).mapping_count(), 10);
    assert_eq!(vm.state().unwrap(), VmState::Usable);
}

#[test]
fn a_call_that_fails_as_a_whole_blames_no_operation() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let request = panthor::sys::DRM_IOCTL_PANTHOR_VM_BIND;
    device.fake().unwrap().fail_ioctl(request, 12);
    let error = vm.bind().map_sparse(0..4096).submit().unwrap_err();
    assert_eq!((error.op_index(), error.ops_done()), (None, Some(0)));
    assert_eq!(error.errno(), Some(12));
}

#[test]
fn other_calls_are_repeated_after_a_signal() {
    let (_, device) = open(Config::default());
    for errno in [4, 11] {
        device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_BO_CREATE, errno);
        device.create_bo(BoOptions::new(100)).unwrap();
    }
}

#[test]
fn a_failed_asynchronous_bind_loses_the_vm_and_unmapping_still_works() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let done = device.create_syncobj().unwrap();
    vm.bind().map_sparse(0..MIB).submit().unwrap();
    assert!(eyes(&vm).fail_next_job(110));
    vm.bind_async().map_sparse(MIB..2 * MIB).signal(&done).submit().unwrap();
    assert!(done.wait(Timeout::FOREVER).unwrap().is_ready());
    assert_eq!(vm.state().unwrap(), VmState::Unusable);
    let errors = [
        vm.bind().map_sparse(4 * MIB..5 * MIB).submit().unwrap_err(),
        vm.bind_async().unmap(0..4096).submit().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
        assert!(error.to_string().contains("unusable"), "{error}");
    }
    vm.bind().unmap(0..2 * MIB).submit().unwrap();
    assert_eq!(eyes(&vm).mapping_count(), 0);
    drop((vm, done, device));
    fake.assert_released();
}

#[test]
fn asynchronous_batches_run_in_order_behind_what_they_wait_for() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let other = device.create_vm(VmOptions::new()).unwrap();
    let timeline = device.create_timeline().unwrap();
    eyes(&other).hold();
    other.bind_async().signal(timeline.at(point::<1>())).submit().unwrap();
    vm.bind_async()
        .map_sparse(0..MIB)
        .wait(timeline.at(point::<1>()))
        .signal(timeline.at(point::<2>()))
        .submit()
        .unwrap();
    vm.bind_async().map_sparse(MIB..2 * MIB).signal(timeline.at(point::<3>())).submit().unwrap();
    // A synchronous bind does not queue behind them.
    vm.bind().map_sparse(8 * MIB..9 * MIB).submit().unwrap();
    assert_eq!((eyes(&vm).mapping_count(), timeline.value().unwrap()), (1, 0));
    assert_eq!(timeline.last_submitted().unwrap(), 3);
    assert_eq!(timeline.wait(point::<3>(), Duration::from_millis(5)).unwrap(), Wait::TimedOut);
    eyes(&other).release();
    assert_eq!(timeline.wait(point::<3>(), Timeout::FOREVER).unwrap(), Wait::Ready);
    assert_eq!((eyes(&vm).mapping_count(), timeline.value().unwrap()), (3, 3));
    drop((vm, other, timeline, device));
    fake.assert_released();
}

#[test]
fn what_a_vm_is_yet_to_map_at_its_end_is_unmapped_behind_it() {
    let (fake, device) = open(Config::default());
    let bo = device.create_bo(BoOptions::new(MIB)).unwrap();
    let file = device.fake().unwrap();
    let end = |how: fn(panthor::Vm)| {
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let (eyes, range) = (eyes(&vm), vm.user_va_range());
        vm.bind().map_sparse(8 * MIB..9 * MIB).submit().unwrap();
        eyes.hold();
        vm.bind_async().map(&bo, .., 0, MapFlags::NOEXEC).submit().unwrap();
        how(vm);
        assert_eq!((eyes.pending(), eyes.mapping_count()), (2, 0));
        let ended = file.dump().vms;
        let BindChange::Unmap { va: 0, size } = ended[0].pending[1].change else {
            panic!("{:?}", ended[0].pending);
        };
        assert_eq!(size, range);
        assert!(eyes.step());
        assert_eq!(eyes.mapping_count(), 1);
        assert!(eyes.step());
        // The last operation kept it.
        assert_eq!(fake.leaks().vms, 0);
    };
    end(drop);
    end(|vm| vm.destroy().unwrap());
    // Without anything queued there is nothing to undo.
    let calls = || fake.stats().ioctl_count(panthor::sys::DRM_IOCTL_PANTHOR_VM_BIND);
    let vm = device.create_vm(VmOptions::new()).unwrap();
    vm.bind().map_sparse(0..MIB).submit().unwrap();
    let before = calls();
    drop(vm);
    assert_eq!(calls(), before);
    // Of one that was taken over that is not known.
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let range = vm.user_va_range();
    let id = vm.into_raw().unwrap();
    // SAFETY: it is a VM of this file with that range, which was just given up.
    drop(unsafe { panthor::Vm::from_raw(&device, id, range) });
    assert_eq!(calls(), before + 1);
    drop((bo, device));
    fake.assert_released();
}

#[test]
fn destroy_gives_the_object_back_with_the_error() {
    let (fake, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_VM_DESTROY, 19);
    let failed = vm.destroy().unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::DeviceLost);
    failed.object.bind().map_sparse(0..4096).submit().unwrap();
    failed.object.destroy().unwrap();

    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_GEM_CLOSE, 19);
    let failed = bo.destroy().unwrap_err();
    failed.object.destroy().unwrap();
    drop(device);
    fake.assert_released();
}

#[test]
fn out_of_memory_is_told_apart() {
    let (_, device) = open(Config::default().memory(64 * MIB));
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let bo = device.create_bo(BoOptions::new(GIB)).unwrap();
    let error = vm.bind().map(&bo, .., 0, MapFlags::NOEXEC).submit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert_eq!((error.op_index(), error.ops_done()), (Some(0), Some(0)));
}

#[test]
fn nothing_is_left_after_a_busy_life() {
    let (fake, device) = open(Config::default());
    let threads: Vec<_> = (0..8u64)
        .map(|seed| {
            let device = device.clone();
            std::thread::spawn(move || busy(&device, seed))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    drop(device);
    fake.assert_released();
}

fn busy(device: &Device, seed: u64) {
    let vm = Arc::new(device.create_vm(VmOptions::new()).unwrap());
    let timeline = device.create_timeline().unwrap();
    let mut bos: Vec<Bo> = Vec::new();
    for round in 1..100u64 {
        let size = (seed * 31 + round * 7) % 64 * 4096 + 4096;
        bos.push(device.create_bo(BoOptions::new(size)).unwrap());
        let bo = bos.last().unwrap();
        let va = (seed * 17 + round * 13) % 512 * MIB;
        if round % 3 == 0 {
            vm.bind_async()
                .map(bo, .., va, MapFlags::NOEXEC)
                .map_sparse(va + MIB / 2..va + MIB)
                .signal(timeline.at(NonZeroU64::new(round).expect("from 1 up")))
                .submit()
                .unwrap();
            assert!(
                timeline
                    .wait(NonZeroU64::new(round).expect("from 1 up"), Timeout::FOREVER)
                    .unwrap()
                    .is_ready()
            );
        } else {
            vm.bind().map(bo, .., va, MapFlags::NOEXEC).unmap(0..va.max(4096)).submit().unwrap();
        }
        if round % 5 == 0 {
            bos.remove(0).destroy().unwrap();
        }
    }
    assert_eq!(vm.state().unwrap(), VmState::Usable);
}

// What only shows on the other side of the call

#[test]
fn a_label_arrives() {
    let (_, device) = open(Config::default());
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let label = |bo: &Bo| device.fake().unwrap().bo_label(bo.handle());
    bo.set_label("vertices").unwrap();
    assert_eq!(label(&bo).as_deref(), Some(&b"vertices"[..]));
    bo.set_label("").unwrap();
    assert_eq!(label(&bo).as_deref(), Some(&b""[..]));
    bo.clear_label().unwrap();
    assert_eq!(label(&bo), None);
}

#[test]
fn sparse_maps_have_the_flags_asked_for_and_noexec() {
    for mode in [SparseMode::Native, SparseMode::Emulated] {
        let (_, device) = open(Config::default());
        let vm = device.create_vm(VmOptions::new()).unwrap();
        let flags = MapFlags::READONLY | MapFlags::UNCACHED;
        vm.bind()
            .sparse_mode(mode)
            .map_sparse_with(0..4096, flags)
            .map_sparse_with(4096..8192, MapFlags::empty())
            .submit()
            .unwrap();
        let gpu = eyes(&vm);
        let map_flags =
            |i: usize| MapFlags::from_bits_retain(gpu.mappings()[i].flags) & MapFlags::all();
        assert!(map_flags(0).contains(flags | MapFlags::NOEXEC));
        assert_eq!(gpu.write(0, &[0]).unwrap_err().kind, FaultKind::Permission);
        gpu.write(4096, &[0]).unwrap();
        assert_eq!(gpu.fetch(4096, &mut [0]).unwrap_err().kind, FaultKind::Permission);
    }
}

#[test]
fn a_bo_that_is_exclusive_is_so_to_the_driver() {
    let (_, device) = open(Config::default());
    let (vm, other) =
        (device.create_vm(VmOptions::new()).unwrap(), device.create_vm(VmOptions::new()).unwrap());
    let bo = device.create_bo(BoOptions::new(4096).exclusive_to(&vm)).unwrap();
    let handle = bo.into_raw().unwrap();
    // SAFETY: the handle was just given up; that it is exclusive is what the driver shall find out.
    let bo = unsafe { Bo::from_raw(&device, handle, 4096, BoFlags::empty(), None) }.unwrap();
    vm.bind().map(&bo, .., 0, MapFlags::NOEXEC).submit().unwrap();
    let error = other.bind().map(&bo, .., 0, MapFlags::NOEXEC).submit().unwrap_err();
    assert_eq!((error.errno(), error.op_index()), (Some(22), Some(0)));
}

#[test]
fn a_map_for_reading_is_mapped_for_reading() {
    let (_, device) = open(Config::default());
    let bo = device.create_bo(BoOptions::new(4096)).unwrap();
    let permissions = |map: &panthor::BoMap| {
        let start = format!("{:x}-", map.as_ptr().addr());
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.starts_with(&start)).expect("it is mapped");
        line.split(' ').nth(1).unwrap().to_owned()
    };
    let mut reading = bo.map_range(.., panthor::MapAccess::Read).unwrap();
    assert_eq!(permissions(&reading), "r--s");
    assert_eq!(permissions(&bo.map().unwrap()), "rw-s");
    // SAFETY: it is refused; and nobody else knows the BO.
    assert!(unsafe { reading.as_mut_slice() }.is_err());
}

#[test]
fn available_is_not_signalled() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let (timeline, binary) = (device.create_timeline().unwrap(), device.create_syncobj().unwrap());
    assert_eq!(timeline.wait_available(point::<1>(), Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!(binary.wait_available(Timeout::NONE).unwrap(), Wait::TimedOut);
    eyes(&vm).hold();
    vm.bind_async().signal(timeline.at(point::<1>())).signal(&binary).submit().unwrap();
    assert_eq!(timeline.wait_available(point::<1>(), Timeout::NONE).unwrap(), Wait::Ready);
    assert_eq!(timeline.wait(point::<1>(), Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!(binary.wait_available(Timeout::NONE).unwrap(), Wait::Ready);
    assert_eq!(binary.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    eyes(&vm).release();
    assert_eq!(binary.wait(Timeout::NONE).unwrap(), Wait::Ready);
}

#[test]
fn an_interrupted_asynchronous_batch_is_queued_once() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    device.fake().unwrap().fail_ioctl(panthor::sys::DRM_IOCTL_PANTHOR_VM_BIND, 4);
    let report = vm.bind_async().map_sparse(0..4096).submit().unwrap();
    assert_eq!((report.operations, report.ioctls), (1, 2));
    assert_eq!(eyes(&vm).mapping_count(), 1);
}

#[test]
fn a_stuck_mmu_and_a_cancelled_job_are_a_lost_device() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    for errno in [110, 125, 19] {
        device.fake().unwrap().fail_bind_op(0, errno);
        let error = vm.bind().map_sparse(0..4096).submit().unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::DeviceLost, Some(errno)));
    }
}

#[test]
fn an_asynchronous_batch_does_not_exhaust_the_kernel() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    let refused = [
        vm.bind_async().map_sparse(0..1 << 40).submit().unwrap_err(),
        vm.bind_async()
            .unmap(0..1 << 40)
            .map_sparse(0..40 * GIB)
            .map_sparse(0..40 * GIB)
            .submit()
            .unwrap_err(),
    ];
    for (error, op) in refused.iter().zip([0, 2]) {
        assert_eq!((error.kind(), error.op_index()), (ErrorKind::InvalidArgument, Some(op)));
        assert_eq!((error.argument(), error.ops_done()), (Some("queued_map_size"), Some(0)));
    }
    vm.bind_async().map_sparse(0..64 * GIB).unmap(0..1 << 40).submit().unwrap();
}

#[test]
fn a_synchronous_batch_overtakes_queued_ones() {
    let (_, device) = open(Config::default());
    let vm = device.create_vm(VmOptions::new()).unwrap();
    eyes(&vm).hold();
    vm.bind_async().map_sparse(0..4096).submit().unwrap();
    vm.bind().unmap(0..4096).submit().unwrap();
    eyes(&vm).release();
    assert_eq!(eyes(&vm).mapping_count(), 1);
}

// Ways down

#[test]
fn raw_handles_go_both_ways() {
    let (fake, device) = open(Config::default());
    let mut create = panthor::sys::drm_panthor_bo_create { size: 4096, ..Default::default() };
    // SAFETY: BO_CREATE takes this struct, has no pointers in it, and takes nothing from anybody.
    unsafe { device.ioctl(panthor::sys::DRM_IOCTL_PANTHOR_BO_CREATE, &mut create) }.unwrap();
    // SAFETY: the handle was just made, with this size and no flags, and this is its only owner.
    let bo = unsafe { Bo::from_raw(&device, create.handle, create.size, BoFlags::empty(), None) }
        .unwrap();
    bo.map().unwrap().store(0, 1u8).unwrap();
    drop((bo, device));
    fake.assert_released();
}
