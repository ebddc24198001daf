//! Syncobj descriptors, and sync files, which are descriptors of single fences.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{pipe2, write};
use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};
use crate::process::Process;
use crate::sharing::descriptors::{
    Identity, Object, Owner, StandIn, find, path, sweep_if_many, with_descriptors, with_table,
};
use crate::sync::fence::Fence;
use crate::sync::syncobj::Syncobj;

/// A sync object with a descriptor.
#[derive(Debug)]
pub(crate) struct SyncobjFd {
    stand_in: StandIn,
    owner: Owner,
    syncobj: Arc<Syncobj>,
}

impl SyncobjFd {
    fn export(syncobj: Arc<Syncobj>, owner: Owner) -> Result<OwnedFd> {
        let stand_in = StandIn::new(c"syncobj_file", 0)?;
        let fd = stand_in.open(OFlag::O_RDONLY | OFlag::O_CLOEXEC)?;
        let identity = stand_in.identity();
        let object = Object::Syncobj(Arc::new(Self { stand_in, owner, syncobj }));
        with_table(|table| table.insert(identity, object));
        Ok(fd)
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stand_in.is_open()
    }
}

/// A fence with a descriptor. The descriptor is the read end of a pipe, which gets a byte when the
/// fence is signaled, so that `poll(2)` works.
#[derive(Debug)]
pub(crate) struct SyncFile {
    fence: Fence,
    owner: Owner,
    /// The name of the sync file; empty to use the name of the fence.
    name: Vec<u8>,
    /// The write end of the pipe.
    pipe: OwnedFd,
    /// The process of the device. Its children inherit the pipe.
    process: Process,
}

impl SyncFile {
    /// Creates a sync file and a descriptor of it.
    pub(crate) fn export(fence: Fence, owner: Owner, name: Vec<u8>) -> Result<OwnedFd> {
        let (fd, pipe) = with_descriptors(|| pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK))?;
        let identity = Identity::of(&fd)?;
        let sync_file = Arc::new(Self { fence, owner, name, pipe, process: Process::current() });
        with_table(|table| table.insert(identity, Object::SyncFile(sync_file.clone())));
        // A weak reference, because the fence may never be signaled.
        let ready = Arc::downgrade(&sync_file);
        sync_file.fence.when_signalled(move || {
            if let Some(sync_file) = ready.upgrade() {
                sync_file.make_readable();
            }
        });
        Ok(fd)
    }

    pub(crate) fn fence(&self) -> &Fence {
        &self.fence
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(crate) fn given_name(&self) -> &[u8] {
        &self.name
    }

    fn make_readable(&self) {
        if self.process != Process::current() {
            return;
        }
        // With a reader of its own, the write raises no SIGPIPE when all others have closed.
        let reader = File::open(path(self.pipe.as_raw_fd()));
        // Without free descriptors there is no such reader, but pollers must still wake up.
        if reader.is_ok() || self.is_open() {
            // There is no caller to report a failure to.
            let _ = write(&self.pipe, &[1]);
        }
        drop(reader);
    }

    /// Returns whether any process has the read end open.
    pub(crate) fn is_open(&self) -> bool {
        let mut ends = [PollFd::new(self.pipe.as_fd(), PollFlags::empty())];
        if poll(&mut ends, PollTimeout::ZERO).is_err() {
            return true;
        }
        !ends[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
    }
}

/// Returns the status of a sync file's fence, as in `SYNC_IOC_FILE_INFO`: 0 if it is pending, 1 if
/// it succeeded, or a negative error number. `None` if the descriptor is not a sync file of the
/// fake.
///
/// [`descriptor_ioctl`](crate::descriptor_ioctl) answers the ioctl itself, with all fields.
#[doc(alias = "SYNC_IOC_FILE_INFO")]
pub fn sync_file_status(fd: impl AsFd) -> Option<i32> {
    let Some(Object::SyncFile(sync_file)) = find(Identity::of(fd).ok()?) else {
        return None;
    };
    Some(sync_file.fence.status())
}

/// Returns whether a kernel with this driver minor version exports and imports single timeline
/// points, as Linux 6.16 and later do.
fn knows_points(minor: u32) -> bool {
    minor >= 4
}

/// Returns the point that the arguments select, and whether they select a sync file.
fn check(call: &Call<'_>, args: &sys::drm_syncobj_handle) -> Result<(u64, bool)> {
    // The flag values are equal in both directions.
    const SYNC_FILE: u32 = sys::DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
    const TIMELINE: u32 = sys::DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;
    const _: () = assert!(SYNC_FILE == sys::DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE);
    const _: () = assert!(TIMELINE == sys::DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE);

    let points = knows_points(call.file.config().driver_minor);
    let known = if points { SYNC_FILE | TIMELINE } else { SYNC_FILE };
    if args.pad != 0 || args.flags & !known != 0 {
        return Err(Errno::INVAL);
    }
    let point = if args.flags & TIMELINE != 0 { args.point } else { 0 };
    let sync_file = args.flags & SYNC_FILE != 0;
    // A whole syncobj has no point, whatever the flags.
    if points && !sync_file && args.point != 0 {
        return Err(Errno::INVAL);
    }
    Ok((point, sync_file))
}

/// Answers `DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD`.
pub(crate) fn handle_to_fd(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_handle = args(data);
    let (point, sync_file) = check(call, args)?;
    sweep_if_many();
    let owner = Owner::new(call.file.device_inner());
    let syncobj = call.file.syncobj(args.handle);
    let fd = if sync_file {
        let fence = syncobj.ok_or(Errno::NOENT)?.find_fence(point)?;
        SyncFile::export(fence, owner, Vec::new())?
    } else {
        SyncobjFd::export(syncobj.ok_or(Errno::INVAL)?, owner)?
    };
    args.fd = call.caller.give(fd)?;
    Ok(())
}

/// Answers `DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE`.
pub(crate) fn fd_to_handle(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_handle = args(data);
    let (point, sync_file) = check(call, args)?;
    // A closed descriptor fails as a descriptor of another kind does.
    let object = call.caller.identify(args.fd).ok().and_then(find).ok_or(Errno::INVAL)?;
    match object {
        Object::SyncFile(source) if sync_file => {
            let target = call.file.syncobj(args.handle).ok_or(Errno::NOENT)?;
            put_fence(&target, source.fence.clone(), point);
            Ok(())
        }
        Object::Syncobj(source) if !sync_file => {
            // Leak counts and unique IDs are per device.
            if !source.syncobj.is_of(call.file.device_inner()) {
                return Err(Errno::INVAL);
            }
            args.handle = call.file.add_syncobj(source.syncobj.clone())?;
            Ok(())
        }
        _ => Err(Errno::INVAL),
    }
}

/// Replaces the fence of a syncobj with that of a sync file, or adds the fence at a point. The
/// fence itself is kept.
fn put_fence(target: &Syncobj, fence: Fence, point: u64) {
    match fence {
        fence if point == 0 => target.replace(Some(fence)),
        Fence::Leaf(leaf) => target.add_point(leaf, point),
        timeline => target.add_point(Fence::merge(&[&timeline]), point),
    }
}
