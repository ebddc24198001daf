//! Descriptors of sync objects, and sync files: those of single fences.

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

/// A fence with a descriptor: the end of a pipe from which a byte can be read when the fence is
/// signalled, so that `poll(2)` works.
#[derive(Debug)]
pub(crate) struct SyncFile {
    fence: Fence,
    owner: Owner,
    /// The name that it was given; empty if it has one of its fence.
    name: Vec<u8>,
    /// The other end.
    pipe: OwnedFd,
    /// The process of the device, whose children have the pipe, too.
    process: Process,
}

impl SyncFile {
    /// Makes one, and a descriptor of it.
    pub(crate) fn export(fence: Fence, owner: Owner, name: Vec<u8>) -> Result<OwnedFd> {
        let (fd, pipe) = with_descriptors(|| pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK))?;
        let identity = Identity::of(&fd)?;
        let sync_file = Arc::new(Self { fence, owner, name, pipe, process: Process::current() });
        with_table(|table| table.insert(identity, Object::SyncFile(sync_file.clone())));
        // The fence does not keep it: somebody may never signal.
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
        // With a reader of ours a write to what others have closed is no SIGPIPE.
        let reader = File::open(path(self.pipe.as_raw_fd()));
        // Out of descriptors there is none, but who waits must wake up all the same.
        if reader.is_ok() || self.is_open() {
            // Nobody could be told of a failure.
            let _ = write(&self.pipe, &[1]);
        }
        drop(reader);
    }

    /// Whether somebody has the end that can be read.
    pub(crate) fn is_open(&self) -> bool {
        let mut ends = [PollFd::new(self.pipe.as_fd(), PollFlags::empty())];
        if poll(&mut ends, PollTimeout::ZERO).is_err() {
            return true;
        }
        !ends[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR))
    }
}

/// How the fence of a sync file ended, as `SYNC_IOC_FILE_INFO` tells: 0 if it has not, 1 if it
/// has, or a negative error number. `None` if the descriptor is no sync file of the fake.
///
/// All that it tells is what [`descriptor_ioctl`](crate::descriptor_ioctl) answers.
#[doc(alias = "SYNC_IOC_FILE_INFO")]
pub fn sync_file_status(fd: impl AsFd) -> Option<i32> {
    let Some(Object::SyncFile(sync_file)) = find(Identity::of(fd).ok()?) else {
        return None;
    };
    Some(sync_file.fence.status())
}

/// Whether a kernel with the driver of this minor version exports and imports single points of
/// timelines: that came with Linux 6.16.
fn knows_points(minor: u32) -> bool {
    minor >= 4
}

/// The point that the arguments mean, and whether they are about a sync file.
fn check(call: &Call<'_>, args: &sys::drm_syncobj_handle) -> Result<(u64, bool)> {
    // They are the same in both directions.
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
    // A whole sync object has no point, whatever the flags say.
    if points && !sync_file && args.point != 0 {
        return Err(Errno::INVAL);
    }
    Ok((point, sync_file))
}

/// `DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD`.
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

/// `DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE`.
pub(crate) fn fd_to_handle(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_handle = args(data);
    let (point, sync_file) = check(call, args)?;
    // A bad descriptor is just another one that is not right.
    let object = call.caller.identify(args.fd).ok().and_then(find).ok_or(Errno::INVAL)?;
    match object {
        Object::SyncFile(source) if sync_file => {
            let target = call.file.syncobj(args.handle).ok_or(Errno::NOENT)?;
            put_fence(&target, source.fence.clone(), point);
            Ok(())
        }
        Object::Syncobj(source) if !sync_file => {
            // Leaks are counted for each device, and it counts on its own.
            if !source.syncobj.is_of(call.file.device_inner()) {
                return Err(Errno::INVAL);
            }
            args.handle = call.file.add_syncobj(source.syncobj.clone())?;
            Ok(())
        }
        _ => Err(Errno::INVAL),
    }
}

/// Puts the fence of a sync file in the place of what a sync object has, or at a point of it, as it is.
fn put_fence(target: &Syncobj, fence: Fence, point: u64) {
    match fence {
        fence if point == 0 => target.replace(Some(fence)),
        Fence::Leaf(leaf) => target.add_point(leaf, point),
        timeline => target.add_point(Fence::merge(&[&timeline]), point),
    }
}
