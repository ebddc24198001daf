//! Sync file ioctls.

use std::ffi::c_char;
use std::sync::Arc;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::sharing::descriptors::{Object, sweep_if_many};
use crate::sharing::ioctls::FileCall;
use crate::sharing::sync_fd::SyncFile;
use crate::sync::fence::Fence;
use crate::sync::leaf::{About, Leaf};

/// The size of a name in bytes, including its NUL.
const NAME_LEN: usize = 32;

/// Answers a sync file ioctl. Structure sizes are fixed here: a request with another size is
/// another request.
pub(crate) fn answer(
    call: &FileCall<'_>,
    sync_file: &SyncFile,
    request: u32,
    arg: u64,
) -> Result<()> {
    match request {
        sys::SYNC_IOC_MERGE => merge(call, sync_file, arg),
        sys::SYNC_IOC_FILE_INFO => file_info(call, sync_file, arg),
        sys::SYNC_IOC_SET_DEADLINE => set_deadline(call, sync_file, arg),
        _ => Err(Errno::NOTTY),
    }
}

/// Answers `SYNC_IOC_MERGE`.
fn merge(call: &FileCall<'_>, sync_file: &SyncFile, arg: u64) -> Result<()> {
    let mut args: sys::sync_merge_data = call.read(arg)?;
    if args.flags != 0 || args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let Some(Object::SyncFile(other)) = call.find(args.fd2) else {
        return Err(Errno::NOENT);
    };
    // The kernel overwrites the last byte with a NUL.
    args.name[NAME_LEN - 1] = 0;
    let name = args.name.iter().take_while(|&&char| char != 0).map(|&char| char as u8).collect();
    let both = Fence::Leaf(Fence::merge(&[sync_file.fence(), other.fence()]));
    sweep_if_many();
    let fd = SyncFile::export(both, sync_file.owner().clone(), name)?;
    call.give(fd, arg, &mut args, |args| &mut args.fence)
}

/// Answers `SYNC_IOC_FILE_INFO`: returns the status of the file, and of each fence if the array is
/// large enough.
fn file_info(call: &FileCall<'_>, sync_file: &SyncFile, arg: u64) -> Result<()> {
    let mut args: sys::sync_file_info = call.read(arg)?;
    if args.flags != 0 || args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let fences = sync_file.fence().components();
    let minor = sync_file.owner().driver_minor;
    if args.num_fences == 0 {
        args.status = sync_file.fence().status();
    } else {
        if (args.num_fences as usize) < fences.len() {
            return Err(Errno::INVAL);
        }
        let bytes = fences.len() * size_of::<sys::sync_fence_info>();
        if bytes as u64 > sync_file.owner().page_size.array_max() {
            return Err(Errno::NOMEM);
        }
        let infos: Vec<_> = fences.iter().map(|fence| fence_info(fence, minor)).collect();
        // The first pending or failed fence determines the status.
        let telling = infos.iter().find(|info| info.status <= 0);
        args.status = telling.map_or(1, |info| info.status);
        call.user.write(args.sync_fence_info, bytemuck::cast_slice(&infos))?;
    }
    put_name(&mut args.name, &name(sync_file, minor));
    args.num_fences = fences.len() as u32;
    call.write(arg, &args)
}

fn fence_info(fence: &Arc<Leaf>, driver_minor: u32) -> sys::sync_fence_info {
    let mut info = sys::sync_fence_info::zeroed();
    // Before the fence can be signaled.
    let (driver, timeline) = names(&fence.about(), fence.is_signalled(), driver_minor);
    put_name(&mut info.obj_name, timeline.as_bytes());
    put_name(&mut info.driver_name, driver.as_bytes());
    info.status = fence.status();
    info.timestamp_ns = fence.signalled_at();
    info
}

/// Returns the name of a sync file: the name given at a merge, or that of its fence.
fn name(sync_file: &SyncFile, driver_minor: u32) -> Vec<u8> {
    if !sync_file.given_name().is_empty() {
        return sync_file.given_name().to_vec();
    }
    let about = sync_file.fence().about();
    let (driver, timeline) = names(&about, sync_file.fence().is_known_signalled(), driver_minor);
    format!("{driver}-{timeline}{}-{}", about.context, about.seqno).into_bytes()
}

/// Returns the driver and the timeline of a fence. Since Linux 6.17, a signaled fence has no
/// names.
fn names<'a>(about: &About<'a>, signalled: bool, driver_minor: u32) -> (&'static str, &'a str) {
    if signalled && driver_minor >= 5 {
        ("detached-driver", "signaled-timeline")
    } else {
        (about.driver, about.timeline)
    }
}

/// Copies a name, truncated to the room before a NUL. Later bytes stay unchanged.
fn put_name(into: &mut [c_char; NAME_LEN], name: &[u8]) {
    let name = &name[..name.len().min(NAME_LEN - 1)];
    for (to, &byte) in into.iter_mut().zip(name.iter().chain(&[0])) {
        *to = byte as c_char;
    }
}

/// Answers `SYNC_IOC_SET_DEADLINE`: the driver ignores deadlines.
fn set_deadline(call: &FileCall<'_>, sync_file: &SyncFile, arg: u64) -> Result<()> {
    let args: sys::sync_set_deadline = call.read(arg)?;
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    // The kernel checks the fence here, which may notice that it is signaled.
    let _ = sync_file.fence().is_signalled();
    Ok(())
}
