//! Ioctls on dma-bufs and sync files themselves: `descriptor_ioctl`.

mod common;

use std::ffi::{c_char, c_void};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use common::*;
use nix::libc::{ECANCELED, EFAULT, EINVAL, EIO, ENOENT, ENOTTY, ETIMEDOUT};
use panthor_fake::{Device, File, GroupView, descriptor_ioctl, dma_buf_name};
use panthor_sys::*;

const READ: u32 = DMA_BUF_SYNC_READ as u32;
const WRITE: u32 = DMA_BUF_SYNC_WRITE as u32;

/// Zero, or a negative error number.
#[track_caller]
fn ask<T>(fd: impl AsFd, request: u32, arg: &mut T) -> i32 {
    // SAFETY: the argument is writable, and what the tests put behind its pointers is memory that
    // they expect to be written.
    unsafe { descriptor_ioctl(fd, request, (&raw mut *arg).cast()) }
        .expect("a descriptor of the fake")
}

/// Makes an ioctl with any pointer, valid or not.
fn ask_at(fd: impl AsFd, request: u32, addr: usize) -> Option<i32> {
    // SAFETY: the tests pass addresses where nothing of theirs is that may not be written.
    unsafe { descriptor_ioctl(fd, request, addr as *mut c_void) }
}

fn foreign(device: &Device) -> OwnedFd {
    device.foreign_dma_buf(PAGE).unwrap()
}

fn sync_file(file: &File, handle: u32, point: u64) -> OwnedFd {
    let timeline = if point == 0 { 0 } else { DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE };
    let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE | timeline;
    let args = drm_syncobj_handle { handle, flags, fd: -1, pad: 0, point };
    own(ok(file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd)
}

fn dma_buf_of(file: &File, handle: u32) -> OwnedFd {
    let args = drm_prime_handle { handle, flags: DRM_CLOEXEC | DRM_RDWR, fd: -1 };
    own(ok(file, DRM_IOCTL_PRIME_HANDLE_TO_FD, args).fd)
}

fn add(dma_buf: &OwnedFd, flags: u32, sync_file: &OwnedFd) {
    let mut args = dma_buf_import_sync_file { flags, fd: sync_file.as_raw_fd() };
    assert_eq!(ask(dma_buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &mut args), 0);
}

fn fences(dma_buf: &OwnedFd, flags: u32) -> OwnedFd {
    let mut args = dma_buf_export_sync_file { flags, fd: -7 };
    assert_eq!(ask(dma_buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &mut args), 0);
    own(args.fd)
}

fn try_merge(name: &str, first: &OwnedFd, second: i32) -> Result<OwnedFd, i32> {
    let mut args = sync_merge_data { fd2: second, fence: -7, ..zeroed() };
    for (to, byte) in args.name.iter_mut().zip(name.bytes()) {
        *to = byte as c_char;
    }
    match ask(first, SYNC_IOC_MERGE, &mut args) {
        0 => Ok(own(args.fence)),
        error => {
            assert_eq!(args.fence, -7);
            Err(-error)
        }
    }
}

fn merge(first: &OwnedFd, second: &OwnedFd) -> OwnedFd {
    try_merge("", first, second.as_raw_fd()).unwrap()
}

fn text(chars: &[c_char]) -> String {
    chars.iter().take_while(|&&char| char != 0).map(|&char| char as u8 as char).collect()
}

/// Returns the info of a sync file, and of each of at most eight fences.
fn info(sync_file: &OwnedFd) -> (sync_file_info, Vec<sync_fence_info>) {
    let mut whole = zeroed::<sync_file_info>();
    assert_eq!(ask(sync_file, SYNC_IOC_FILE_INFO, &mut whole), 0);
    let mut each = [zeroed::<sync_fence_info>(); 8];
    let pointer = each.as_mut_ptr() as u64;
    let mut all = sync_file_info { num_fences: 8, sync_fence_info: pointer, ..zeroed() };
    assert_eq!(ask(sync_file, SYNC_IOC_FILE_INFO, &mut all), 0);
    assert_eq!((all.num_fences, text(&all.name)), (whole.num_fences, text(&whole.name)));
    // SAFETY: it is the array above, which the ioctl wrote to behind the compiler's back.
    let each = unsafe { each.as_ptr().cast::<[sync_fence_info; 8]>().read_volatile() };
    (whole, each[..whole.num_fences as usize].to_vec())
}

fn status(sync_file: &OwnedFd) -> i32 {
    info(sync_file).0.status
}

fn count(sync_file: &OwnedFd) -> usize {
    info(sync_file).1.len()
}

/// A group that does its streams step by step, and the sync files of one on each of its queues.
struct Pending {
    view: GroupView,
    sync_files: Vec<OwnedFd>,
    handle: u32,
}

impl Pending {
    fn end(&self) {
        self.view.release();
        self.view.hold();
    }

    fn new(file: &File, queues: &[u32]) -> Self {
        let handle = group(file, vm(file), 3);
        let view = file.group(handle).unwrap();
        view.hold();
        let sync_files = queues.iter().map(|&queue| {
            let done = syncobj(file);
            assert_eq!(submit(file, handle, &[stream(queue, &[signal_sync(done, 0)])]), 0);
            sync_file(file, done, 0)
        });
        Self { sync_files: sync_files.collect(), view, handle }
    }
}

// Which descriptors answer

#[test]
fn only_what_the_fake_gave_away_answers_and_only_to_its_own_requests() {
    let device = device();
    let file = device.open();
    let (done, dma_buf) = (syncobj(&file), foreign(&device));
    timeline_signal(&file, done, 1);
    let fence = sync_file(&file, done, 0);
    let null = std::fs::File::open("/dev/null").unwrap();
    let requests = [DMA_BUF_IOCTL_SYNC, SYNC_IOC_FILE_INFO, DMA_BUF_SET_NAME_A];
    assert_eq!(requests.map(|request| ask_at(&null, request, 0)), [None; 3]);
    assert_eq!(requests.map(|request| ask_at(&file, request, 0)), [None; 3]);
    let expected = [Some(-EFAULT), Some(-ENOTTY), Some(-EFAULT)];
    assert_eq!(requests.map(|request| ask_at(&dma_buf, request, 0)), expected);
    let expected = [Some(-ENOTTY), Some(-EFAULT), Some(-ENOTTY)];
    assert_eq!(requests.map(|request| ask_at(&fence, request, 0)), expected);
    // A sync object has none.
    let args = drm_syncobj_handle { handle: done, fd: -1, ..zeroed() };
    let object = own(ok(&file, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd);
    assert_eq!(requests.map(|request| ask_at(&object, request, 0)), [Some(-ENOTTY); 3]);
    // FIOCLEX, and an unknown number.
    assert_eq!((ask_at(&dma_buf, 0x5451, 0), ask_at(&fence, 0x3e7f, 0)), (None, Some(-ENOTTY)));
    // Another size is another request.
    for request in [DMA_BUF_IOCTL_SYNC, DMA_BUF_IOCTL_EXPORT_SYNC_FILE] {
        assert_eq!(ask_at(&dma_buf, request ^ 16 << 16, 0), Some(-ENOTTY));
    }
    assert_eq!(ask_at(&fence, SYNC_IOC_MERGE ^ 16 << 16, 0), Some(-ENOTTY));
}

// dma-bufs

#[test]
fn an_access_by_the_cpu_begins_and_ends() {
    let device = device();
    let file = device.open();
    for dma_buf in [foreign(&device), dma_buf_of(&file, bo(&file, PAGE))] {
        let sync = |flags| ask(&dma_buf, DMA_BUF_IOCTL_SYNC, &mut dma_buf_sync { flags });
        for access in [DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW] {
            assert_eq!((sync(access), sync(access | DMA_BUF_SYNC_END)), (0, 0));
        }
        let wrong = [0, DMA_BUF_SYNC_END, 8 | DMA_BUF_SYNC_READ, 1 << 32 | DMA_BUF_SYNC_READ];
        assert_eq!(wrong.map(sync), [-EINVAL; 4]);
    }
}

#[test]
fn an_access_by_the_cpu_waits_for_those_before_it() {
    let device = device();
    let file = device.open();
    let sync =
        |dma_buf: &OwnedFd, flags| ask(dma_buf, DMA_BUF_IOCTL_SYNC, &mut dma_buf_sync { flags });
    for (of, access) in [
        (WRITE, DMA_BUF_SYNC_READ),
        (WRITE, DMA_BUF_SYNC_WRITE),
        (READ, DMA_BUF_SYNC_WRITE),
        (READ, DMA_BUF_SYNC_RW),
    ] {
        let (dma_buf, pending) = (foreign(&device), Pending::new(&file, &[0]));
        let dma_buf = &dma_buf;
        add(dma_buf, of, &pending.sync_files[0]);
        // Ending an access does not wait, and neither does reading beside other readers.
        assert_eq!(sync(dma_buf, access | DMA_BUF_SYNC_END), 0);
        if of == READ {
            assert_eq!(sync(dma_buf, DMA_BUF_SYNC_READ), 0);
        }
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || sync(dma_buf, access));
            std::thread::sleep(std::time::Duration::from_millis(30));
            assert!(!waiting.is_finished());
            pending.view.release();
            assert_eq!(waiting.join().unwrap(), 0);
        });
    }
}

#[test]
fn a_dma_buf_has_a_name() {
    let device = device();
    let dma_buf = foreign(&device);
    assert_eq!(dma_buf_name(&dma_buf), None);
    for request in [DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B] {
        let mut longest = *b"0123456789abcdef0123456789abcde\0";
        assert_eq!(ask(&dma_buf, request, &mut longest), 0);
        assert_eq!(dma_buf_name(&dma_buf).unwrap(), longest[..31]);
        let mut longer = *b"0123456789abcdef0123456789abcdef\0";
        assert_eq!(ask(&dma_buf, request, &mut longer), -EINVAL);
        assert_eq!(ask_at(&dma_buf, request, 8), Some(-EFAULT));
        assert_eq!(dma_buf_name(&dma_buf).unwrap(), longest[..31]);
        assert_eq!(ask(&dma_buf, request, &mut [0_u8]), 0);
        assert_eq!(dma_buf_name(&dma_buf).unwrap(), b"");
    }
    assert_eq!(dma_buf_name(std::fs::File::open("/dev/null").unwrap()), None);
}

#[test]
fn readers_wait_for_writers_and_writers_for_all() {
    let device = device();
    let file = device.open();
    let own = bo(&file, PAGE);
    for dma_buf in [foreign(&device), dma_buf_of(&file, own)] {
        let pending = Pending::new(&file, &[0, 1]);
        let waits = || {
            let [read, write, both] = [READ, WRITE, READ | WRITE].map(|access| {
                let fences = fences(&dma_buf, access);
                (status(&fences), count(&fences))
            });
            assert_eq!(write, both);
            (read, write)
        };
        // Without any, there is one that is done.
        assert_eq!(waits(), ((1, 1), (1, 1)));
        add(&dma_buf, READ, &pending.sync_files[0]);
        assert_eq!(waits(), ((1, 1), (0, 1)));
        add(&dma_buf, WRITE, &pending.sync_files[1]);
        let (reader, writer) = (fences(&dma_buf, READ), fences(&dma_buf, WRITE));
        assert_eq!(waits(), ((0, 1), (0, 2)));
        assert_eq!((status(&reader), status(&writer)), (0, 0));
        pending.end();
        assert_eq!(waits(), ((1, 1), (1, 1)));
        assert_eq!((status(&reader), status(&writer)), (1, 1));
    }
}

#[test]
fn a_fence_is_in_a_dma_buf_whoever_has_a_descriptor_of_it() {
    let (one, two) = (device(), device());
    let (file, other) = (one.open(), two.open());
    let handle = bo(&file, PAGE);
    let pending = Pending::new(&file, &[0]);
    add(&dma_buf_of(&file, handle), WRITE, &pending.sync_files[0]);
    let again = dma_buf_of(&file, handle);
    assert_eq!(status(&fences(&again, READ)), 0);
    let args = drm_prime_handle { handle: 0, flags: 0, fd: again.as_raw_fd() };
    let import = ok(&other, DRM_IOCTL_PRIME_FD_TO_HANDLE, args).handle;
    assert_eq!(status(&fences(&dma_buf_of(&other, import), READ)), 0);
    drop((again, file, pending));
    // The file is gone, and took its jobs with it.
    let left = dma_buf_of(&other, import);
    assert_eq!(status(&fences(&left, READ)), 1);
    drop((left, other));
    one.assert_released();
    two.assert_released();
}

#[test]
fn the_jobs_of_the_driver_leave_no_fences_for_others() {
    let device = device();
    let file = device.open();
    let (handle, vm, done) = (bo(&file, PAGE), vm(&file), syncobj(&file));
    let dma_buf = dma_buf_of(&file, handle);
    let gpu = file.gpu(vm).unwrap();
    gpu.hold();
    let op = with_syncs(map_op(handle, 0, GIB, PAGE, 0), &[signal_sync(done, 0)]);
    assert_eq!(bind_async(&file, vm, &[op]), 0);
    assert_eq!(status(&fences(&dma_buf, WRITE)), 1);
    gpu.release();
    let group = group(&file, vm, 1);
    file.group(group).unwrap().hold();
    assert_eq!(submit(&file, group, &[stream(0, &[])]), 0);
    assert_eq!(status(&fences(&dma_buf, WRITE)), 1);
}

#[test]
fn what_a_dma_buf_does_not_take() {
    let device = device();
    let file = device.open();
    let (dma_buf, done) = (foreign(&device), syncobj(&file));
    timeline_signal(&file, done, 1);
    let fence = sync_file(&file, done, 0);
    let null = std::fs::File::open("/dev/null").unwrap();
    let import = |flags, fd: i32| {
        let mut args = dma_buf_import_sync_file { flags, fd };
        ask(&dma_buf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &mut args)
    };
    let own = fence.as_raw_fd();
    assert_eq!([0, 4, 4 | READ].map(|flags| import(flags, own)), [-EINVAL; 3]);
    let wrong = [-1, 99_999, null.as_raw_fd(), dma_buf.as_raw_fd()];
    assert_eq!(wrong.map(|fd| import(READ, fd)), [-EINVAL; 4]);
    assert_eq!(import(READ | WRITE, own), 0);
    for flags in [0, 4, 4 | WRITE] {
        let mut args = dma_buf_export_sync_file { flags, fd: -7 };
        assert_eq!(ask(&dma_buf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &mut args), -EINVAL);
        assert_eq!(args.fd, -7);
    }
    for request in [DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE] {
        assert_eq!(ask_at(&dma_buf, request, 8), Some(-EFAULT));
    }
}

// Sync files

#[test]
fn merged_fences_are_signalled_when_all_are() {
    let device = device();
    let file = device.open();
    let pending = Pending::new(&file, &[0, 1]);
    let [first, second] = [0, 1].map(|index| &pending.sync_files[index]);
    let both = merge(first, second);
    assert_eq!((count(&both), status(&both)), (2, 0));
    // What is in it already comes in once.
    assert_eq!((count(&merge(&both, first)), count(&merge(second, second))), (2, 1));
    pending.end();
    assert_eq!([&both, first, second].map(status), [1; 3]);
    // What is done is left out.
    assert_eq!(count(&merge(&both, second)), 1);
    let new = Pending::new(&file, &[0]);
    assert_eq!(count(&merge(&both, &new.sync_files[0])), 1);
    drop((file, pending, new, both));
    device.assert_released();
}

#[test]
fn of_a_queue_the_last_fence_says_all() {
    let file = device().open();
    let pending = Pending::new(&file, &[0, 0, 1]);
    let [first, last, other] = [0, 1, 2].map(|index| &pending.sync_files[index]);
    let all = merge(&merge(first, last), other);
    let names = |sync_file| info(sync_file).1.iter().map(|info| text(&info.obj_name)).collect();
    let (found, expected): (Vec<_>, Vec<_>) = (names(&all), names(&merge(last, other)));
    assert_eq!((count(&all), found), (2, expected));
    pending.view.step(0);
    assert_eq!((status(first), status(&merge(last, first))), (1, 0));
    pending.end();
    assert_eq!(status(&all), 1);
}

#[test]
fn what_does_not_merge() {
    let device = device();
    let file = device.open();
    let done = syncobj(&file);
    timeline_signal(&file, done, 1);
    let (fence, dma_buf) = (sync_file(&file, done, 0), foreign(&device));
    for fd in [-1, 99_999, dma_buf.as_raw_fd()] {
        assert_eq!(try_merge("", &fence, fd).unwrap_err(), ENOENT);
    }
    let fd2 = fence.as_raw_fd();
    for mut args in
        [sync_merge_data { fd2, flags: 1, ..zeroed() }, sync_merge_data { fd2, pad: 1, ..zeroed() }]
    {
        assert_eq!(ask(&fence, SYNC_IOC_MERGE, &mut args), -EINVAL);
    }
    assert_eq!(ask_at(&fence, SYNC_IOC_MERGE, 8), Some(-EFAULT));
}

#[test]
fn a_sync_file_tells_of_its_fences() {
    let device = device();
    let file = device.open();
    let pending = Pending::new(&file, &[0, 1]);
    let both = merge(&pending.sync_files[0], &pending.sync_files[1]);
    let (whole, each) = info(&both);
    assert_eq!((whole.status, whole.flags, whole.pad), (0, 0, 0));
    assert!(text(&whole.name).starts_with("dma_fence_array-unbound"), "{}", text(&whole.name));
    for (queue, fence) in (0..).zip(&each) {
        assert_eq!((fence.status, fence.flags, fence.timestamp_ns), (0, 0, 0));
        assert_eq!(text(&fence.driver_name), "drm_sched");
        let name = text(&fence.obj_name);
        assert!(name.starts_with("panthor-queue-"), "{name}");
        assert!(name.ends_with(&format!("-{}-{queue}", pending.handle)), "{name}");
    }
    let before = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    pending.view.step(1);
    let (whole, each) = info(&both);
    assert_eq!((whole.status, each[0].status, each[1].status), (0, 0, 1));
    assert!(each[1].timestamp_ns >= before.tv_sec() as u64 * 1_000_000_000);
    // The kernel has forgotten the fence's driver.
    assert_eq!(text(&each[1].driver_name), "detached-driver");
    assert_eq!(text(&each[1].obj_name), "signaled-timeline");
    pending.end();
    assert_eq!(text(&info(&both).0.name), "detached-driver-signaled-timeli");
}

#[test]
fn old_kernels_remember_whose_a_fence_was() {
    let file = version(0).open();
    let pending = Pending::new(&file, &[0]);
    pending.end();
    let (whole, each) = info(&pending.sync_files[0]);
    assert_eq!(text(&each[0].driver_name), "drm_sched");
    assert_eq!(text(&each[0].obj_name), "panthor-queue");
    assert!(text(&whole.name).starts_with("drm_sched-panthor-queue"));
    let done = syncobj(&file);
    timeline_signal(&file, done, 1);
    let dma_buf = foreign(&file.device().clone());
    let (whole, each) = info(&fences(&dma_buf, READ));
    assert_eq!((text(&whole.name), each.len()), ("stub-stub0-0".into(), 1));
}

#[test]
fn a_merged_sync_file_has_a_name_if_it_was_given_one() {
    let file = device().open();
    let done = syncobj(&file);
    timeline_signal(&file, done, 1);
    let fence = sync_file(&file, done, 0);
    let long = "0123456789abcdef0123456789abcdef";
    for (given, kept) in [("both", "both"), (long, &long[..31])] {
        let merged = try_merge(given, &fence, fence.as_raw_fd()).unwrap();
        assert_eq!(text(&info(&merged).0.name), kept);
    }
    assert_eq!(text(&info(&merge(&fence, &fence)).0.name), "detached-driver-signaled-timeli");
}

#[test]
fn room_for_fences_is_for_all_or_none() {
    let file = device().open();
    let pending = Pending::new(&file, &[0, 1]);
    let both = merge(&pending.sync_files[0], &pending.sync_files[1]);
    let mut each = [zeroed::<sync_fence_info>(); 2];
    let pointer = each.as_mut_ptr() as u64;
    let ask = |args: sync_file_info| {
        let mut args = args;
        (ask(&both, SYNC_IOC_FILE_INFO, &mut args), args.num_fences)
    };
    let with = |num_fences| sync_file_info { num_fences, sync_fence_info: pointer, ..zeroed() };
    assert_eq!((ask(with(1)), ask(with(2)), ask(with(0))), ((-EINVAL, 1), (0, 2), (0, 2)));
    assert_eq!(ask(sync_file_info { sync_fence_info: 8, ..with(2) }), (-EFAULT, 2));
    assert_eq!(ask(sync_file_info { flags: 1, ..with(2) }).0, -EINVAL);
    assert_eq!(ask(sync_file_info { pad: 1, ..with(0) }).0, -EINVAL);
}

#[test]
fn errors_are_told_by_fences_and_by_what_was_merged() {
    for errno in [ETIMEDOUT, EINVAL] {
        let file = device().open();
        let pending = Pending::new(&file, &[0, 1]);
        let both = merge(&pending.sync_files[0], &pending.sync_files[1]);
        let other = if errno == EINVAL {
            assert!(pending.view.fault(0));
            ECANCELED
        } else {
            assert!(pending.view.time_out());
            errno
        };
        let (whole, each) = info(&both);
        assert_eq!((whole.status, each[0].status, each[1].status), (-errno, -errno, -other));
    }
}

#[test]
fn a_point_of_a_timeline_is_all_that_is_not_done_up_to_it() {
    let file = device().open();
    let (line, vm) = (syncobj(&file), vm(&file));
    let gpu = file.gpu(vm).unwrap();
    gpu.hold();
    assert!(gpu.fail_next_job(EIO));
    for point in [1, 2, 3] {
        let change = map_op(0, 0, point * GIB, PAGE, SPARSE);
        let op = with_syncs(change, &[signal_sync(line, point)]);
        assert_eq!(bind_async(&file, vm, &[op]), 0);
    }
    let [first, point] = [1, 2].map(|point| sync_file(&file, line, point));
    let (whole, each) = info(&point);
    assert_eq!((whole.status, each.len()), (0, 2));
    assert!(text(&whole.name).starts_with("dma_fence_chain-unbound"));
    assert_eq!(text(&each[0].obj_name), "panthor-vm-bind");
    // In a dma-buf they are one by one, and of one queue: the later stays.
    let dma_buf = foreign(file.device());
    add(&dma_buf, WRITE, &point);
    assert_eq!(count(&fences(&dma_buf, READ)), 2);
    add(&dma_buf, WRITE, &sync_file(&file, line, 3));
    assert_eq!(count(&merge(&point, &point)), 1);
    gpu.release();
    // The point says nothing of the error of the job; the job's own fence does.
    let (whole, each) = info(&first);
    assert_eq!((whole.status, each.len(), each[0].status), (1, 1, -EIO));
    assert_eq!(status(&fences(&dma_buf, WRITE)), 1);
}

#[test]
fn a_deadline_is_taken() {
    let file = device().open();
    let done = syncobj(&file);
    timeline_signal(&file, done, 1);
    let fence = sync_file(&file, done, 0);
    let set = |pad| {
        let mut args = sync_set_deadline { deadline_ns: u64::MAX, pad };
        ask(&fence, SYNC_IOC_SET_DEADLINE, &mut args)
    };
    assert_eq!((set(0), set(1)), (0, -EINVAL));
    assert_eq!(ask_at(&fence, SYNC_IOC_SET_DEADLINE, 8), Some(-EFAULT));
}
