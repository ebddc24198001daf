//! Implicit fences of dma-bufs and the contents of sync_files, on a Panthor, real or fake: tests
//! that hold on both.

mod common;
#[path = "common/foreign.rs"]
mod foreign;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

use common::{device, second_file};
use foreign::foreign_dma_buf_of;
use panthor::sys::{SYNC_IOC_FILE_INFO, sync_fence_info, sync_file_info};
use panthor::{
    Bo, BoOptions, CacheOp, Device, DmaBufAccess, ErrorKind, FenceStatus, Group, GroupOptions,
    MapFlags, QueueOptions, SyncObj, Timeout, Version, Wait, point,
};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

const KIB: u64 = 1 << 10;
const PATIENCE: Duration = Duration::from_secs(30);

fn bo(device: &Device) -> Bo {
    device.create_bo(BoOptions::new(64 * KIB)).expect("a BO")
}

/// Creates BOs of this device and, if another device makes dma-bufs, foreign BOs.
fn bos(device: &Device) -> Vec<Bo> {
    let foreign = foreign_dma_buf_of(device, 64 * KIB);
    let foreign = foreign.map(|(dma_buf, _)| device.import_bo(dma_buf).unwrap());
    foreign.into_iter().chain([bo(device)]).collect()
}

/// Returns the info of a sync_file, with room for this many fences, at most 16.
fn file_info(device: &Device, sync_file: &OwnedFd, room: u32) -> sync_file_info {
    let mut fences = [sync_fence_info::default(); 16];
    let mut arg = sync_file_info {
        num_fences: room.min(16),
        sync_fence_info: fences.as_mut_ptr() as u64,
        ..Default::default()
    };
    // SAFETY: the struct belongs to this request, and its pointer leads to as many fences as it
    // claims.
    unsafe { device.ioctl_on(sync_file, SYNC_IOC_FILE_INFO, &mut arg) }.unwrap();
    arg
}

fn fence_count(device: &Device, sync_file: &OwnedFd) -> u32 {
    file_info(device, sync_file, 0).num_fences
}

/// A fence that is pending until [`end`](Self::end), and then failed.
struct Pending {
    group: Group,
    done: SyncObj,
    _memory: Bo,
}

impl Pending {
    /// Creates a group with an endless stream: the real driver has no GPU to run it, or the fake
    /// holds it.
    fn new(device: &Device) -> Self {
        const VA: u64 = 1 << 30;
        let vm = device.create_vm(Default::default()).unwrap();
        let memory = bo(device);
        vm.bind().map(&memory, .., VA, MapFlags::empty()).submit().unwrap();
        let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
        if let Some(file) = device.fake() {
            file.group(group.handle()).unwrap().hold();
        }
        let done = device.create_syncobj().unwrap();
        group.submit().queue(0).stream(VA, 64).signal(&done).submit().unwrap();
        Self { group, done, _memory: memory }
    }

    fn sync_file(&self) -> OwnedFd {
        self.done.export_sync_file().unwrap()
    }

    fn end(self) {
        self.group.destroy().unwrap();
        assert_eq!(self.done.wait(PATIENCE).unwrap(), Wait::Ready);
    }
}

fn is_readable(sync_file: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(sync_file, PollFlags::IN)];
    rustix::event::poll(&mut fds, Some(&Default::default())).unwrap() == 1
}

/// Returns whether a reader and whether a writer may proceed now.
fn may_go_on(shared: &Bo) -> (bool, bool) {
    let fences = |access| shared.export_implicit_fences(access).unwrap();
    (is_readable(&fences(DmaBufAccess::Read)), is_readable(&fences(DmaBufAccess::Write)))
}

#[test]
fn fences_pass_through_dma_bufs() {
    let device = device();
    for shared in &bos(&device) {
        let acquired = device.create_syncobj().unwrap();
        let line = device.create_timeline().unwrap();
        line.signal(point::<1>()).unwrap();
        let of_binary = device.create_signaled_syncobj().unwrap().export_sync_file().unwrap();
        let of_point = line.at(point::<1>()).export_sync_file().unwrap();
        for access in [DmaBufAccess::Read, DmaBufAccess::Write] {
            for done in [&of_binary, &of_point] {
                shared.import_implicit_fence(access, done).unwrap();
                let fences = shared.export_implicit_fences(access).unwrap();
                acquired.import_sync_file(fences).unwrap();
                assert_eq!(acquired.wait(PATIENCE).unwrap(), Wait::Ready);
            }
        }
        let junk = File::open("/dev/null").unwrap();
        let error = shared.import_implicit_fence(DmaBufAccess::Read, junk).unwrap_err();
        assert_eq!(error.call(), "DMA_BUF_IOCTL_IMPORT_SYNC_FILE");
        assert_eq!(error.argument(), Some("sync_file"), "{error}");
    }
}

#[test]
fn readers_wait_for_writers_and_writers_for_all() {
    let device = device();
    let other = second_file(&device);
    for shared in &bos(&device) {
        let (reader, writer) = (Pending::new(&device), Pending::new(&device));
        assert_eq!(may_go_on(shared), (true, true));
        shared.import_implicit_fence(DmaBufAccess::Read, reader.sync_file()).unwrap();
        assert_eq!(may_go_on(shared), (true, false));
        // Every importer of the memory sees its fences.
        let there = other.import_bo(shared.export().unwrap()).unwrap();
        assert_eq!(may_go_on(&there), (true, false));
        there.import_implicit_fence(DmaBufAccess::Write, writer.sync_file()).unwrap();
        assert_eq!(may_go_on(shared), (false, false));

        let (of_reader, of_writer) = (reader.sync_file(), writer.sync_file());
        let both = shared.export_implicit_fences(DmaBufAccess::Write).unwrap();
        let merged = device.merge_sync_files(&both, &of_reader).unwrap();
        assert_eq!((fence_count(&device, &both), fence_count(&device, &merged)), (2, 2));
        let acquired = other.create_syncobj().unwrap();
        acquired.import_sync_file(&both).unwrap();
        writer.end();
        assert_eq!((is_readable(&of_writer), is_readable(&both)), (true, false));
        assert_eq!(may_go_on(shared), (true, false));
        assert_eq!(acquired.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
        reader.end();
        assert_eq!(may_go_on(shared), (true, true));
        assert_eq!(acquired.wait(PATIENCE).unwrap(), Wait::Ready);
        assert!(is_readable(&both) && is_readable(&merged));
    }
}

/// The driver synchronises explicitly: its own jobs are no implicit fences.
#[test]
fn jobs_are_no_implicit_fences_of_the_memory_that_they_use() {
    let device = device();
    let shared = bo(&device);
    let dma_buf = shared.export().unwrap();
    let there = second_file(&device).import_bo(&dma_buf).unwrap();
    let vm = device.create_vm(Default::default()).unwrap();
    vm.bind().map(&shared, .., 1 << 20, MapFlags::empty()).submit().unwrap();
    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(4096))).unwrap();
    if let Some(file) = device.fake() {
        file.group(group.handle()).unwrap().hold();
    }
    let done = device.create_syncobj().unwrap();
    group.submit().queue(0).stream(1 << 20, 64).signal(&done).submit().unwrap();
    assert_eq!(done.wait(Timeout::NONE).unwrap(), Wait::TimedOut);
    assert_eq!((may_go_on(&shared), may_go_on(&there)), ((true, true), (true, true)));
    group.destroy().unwrap();
}

#[test]
fn foreign_memory_is_synchronised_after_the_fences_before_it() {
    let device = device();
    let Some((dma_buf, _memory)) = foreign_dma_buf_of(&device, 64 * KIB) else { return };
    let foreign = device.import_bo(dma_buf).unwrap();
    let reader = Pending::new(&device);
    foreign.import_implicit_fence(DmaBufAccess::Read, reader.sync_file()).unwrap();
    std::thread::scope(|threads| {
        // It may write what the CPU has in its caches, so it waits for readers.
        let syncing = threads.spawn(|| foreign.sync(.., CacheOp::Flush));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!syncing.is_finished());
        reader.end();
        syncing.join().unwrap().unwrap();
    });
}

/// Checks the error status of sync_files: a job's fence has one, a point of a timeline does not.
#[test]
fn a_sync_file_tells_how_its_fence_ended() {
    let device = device();
    let pending = Pending::new(&device);
    let line = device.create_timeline().unwrap();
    line.at(point::<1>()).import_sync_file(pending.sync_file()).unwrap();
    let (of_job, of_point) =
        (pending.sync_file(), line.at(point::<1>()).export_sync_file().unwrap());
    let (whole, one) = (file_info(&device, &of_job, 0), file_info(&device, &of_job, 1));
    assert_eq!((whole.status, whole.num_fences, one.status, one.num_fences), (0, 1, 0, 1));
    let ready = device.create_signaled_syncobj().unwrap().export_sync_file().unwrap();
    let both = device.merge_sync_files(&ready, &of_job).unwrap();
    // What the kernels of older drivers read for it may be gone.
    if device.version() < Version::new(1, 7) {
        let error = device.sync_file_status(&of_job).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Unsupported, None), "{error}");
        return;
    }
    for sync_file in [&of_job, &of_point, &both] {
        assert_eq!(device.sync_file_status(sync_file).unwrap(), FenceStatus::Pending);
    }
    pending.end();
    assert!(is_readable(&of_point));
    let status = |sync_file, count| file_info(&device, sync_file, count).status;
    let canceled = -Errno::CANCELED.raw_os_error();
    assert_eq!((status(&of_job, 0), status(&of_job, 1)), (canceled, canceled));
    assert_eq!((status(&of_point, 0), status(&of_point, 8)), (1, canceled));
    for failed in [&of_job, &of_point, &both] {
        let status = device.sync_file_status(failed).unwrap();
        assert_eq!(status, FenceStatus::Failed(Errno::CANCELED.raw_os_error()));
    }
    // These sync_files carry no error: the point is behind the timeline's last point, and a merge
    // drops signaled fences.
    line.signal(point::<2>()).unwrap();
    let of_point = line.at(point::<1>()).export_sync_file().unwrap();
    let both = device.merge_sync_files(&ready, &of_job).unwrap();
    for fine in [&of_point, &both, &ready] {
        assert_eq!(device.sync_file_status(fine).unwrap(), FenceStatus::Signaled);
    }
}

/// An asynchronous bind is a pending fence for a moment: a writer's fence is what readers wait for.
#[test]
fn a_fence_that_was_put_in_is_what_comes_out() {
    let device = device();
    let vm = device.create_vm(Default::default()).unwrap();
    let (shared, done) = (bo(&device), device.create_syncobj().unwrap());
    vm.bind_async().map(&shared, .., 0, MapFlags::NOEXEC).signal(&done).submit().unwrap();
    shared.import_implicit_fence(DmaBufAccess::Write, done.export_sync_file().unwrap()).unwrap();
    let acquired = device.create_syncobj().unwrap();
    let fences = shared.export_implicit_fences(DmaBufAccess::Read).unwrap();
    acquired.import_sync_file(fences).unwrap();
    assert_eq!(acquired.wait(PATIENCE).unwrap(), Wait::Ready);
    // It was the bind's: that is done, too.
    assert_eq!(done.wait(Timeout::NONE).unwrap(), Wait::Ready);
}
