//! Syncobj ioctls.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};
use nix::time::{ClockId, clock_gettime};
use panthor_sys as sys;

use crate::call::errno::{Errno, Result, repeat};
use crate::call::ioctl::{Call, args};
use crate::process::Process;
use crate::sharing::descriptors::path;
use crate::sync::fence::Fence;
use crate::sync::leaf::Leaf;
use crate::sync::syncobj::{Awaited, EventfdWait, Syncobj};

/// The bytes that the kernel allocates for each object found, a pointer, and for each object waited
/// for.
const FOUND_BYTES: usize = 8;
const WAITED_BYTES: usize = 64;

/// The flags of both wait ioctls.
const WAIT_FLAGS: u32 = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL
    | sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT
    | sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE;

/// The time that a transfer waits for its source to be submitted.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers `DRM_IOCTL_SYNCOBJ_CREATE`.
pub(crate) fn create(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_create = args(data);
    if args.flags & !sys::DRM_SYNCOBJ_CREATE_SIGNALED != 0 {
        return Err(Errno::INVAL);
    }
    let signalled = args.flags & sys::DRM_SYNCOBJ_CREATE_SIGNALED != 0;
    let syncobj = Syncobj::new(call.file.device_inner().clone(), signalled);
    args.handle = call.file.add_syncobj(Arc::new(syncobj))?;
    Ok(())
}

/// Answers `DRM_IOCTL_SYNCOBJ_DESTROY`.
pub(crate) fn destroy(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_destroy = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    call.file.remove_syncobj(args.handle)
}

/// # Errors
/// `ENOMEM` if the kernel could not allocate an array of `count` elements of `bytes` bytes.
fn check_array(call: &Call<'_>, count: u32, bytes: usize) -> Result<()> {
    let bytes = u64::from(count) * bytes as u64;
    if bytes > call.file.config().page_size.array_max() { Err(Errno::NOMEM) } else { Ok(()) }
}

/// Copies an array of the caller, unless the kernel could not allocate it.
fn array<T: Pod>(call: &Call<'_>, pointer: u64, count: u32) -> Result<Vec<T>> {
    check_array(call, count, size_of::<T>())?;
    // Includes the objects found, and their waits.
    call.budget.charge_array(u64::from(count) * size_of::<T>().max(FOUND_BYTES) as u64)?;
    call.user.read_dense(pointer, count as usize)
}

/// Returns the objects of an array of handles.
fn find_all(call: &Call<'_>, handles: u64, count: u32) -> Result<Vec<Arc<Syncobj>>> {
    let handles: Vec<u32> = array(call, handles, count)?;
    check_array(call, count, FOUND_BYTES)?;
    let mut found = Vec::with_capacity(handles.len());
    call.for_each(handles, |handle| {
        found.push(call.file.syncobj(handle).ok_or(Errno::NOENT)?);
        Ok(())
    })?;
    Ok(found)
}

/// Returns the points of an array; all zero without an array.
fn points(call: &Call<'_>, pointer: u64, count: u32) -> Result<Vec<u64>> {
    match pointer {
        0 => Ok(vec![0; count as usize]),
        pointer => array(call, pointer, count),
    }
}

/// Answers `DRM_IOCTL_SYNCOBJ_RESET`.
pub(crate) fn reset(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    replace_all(call, args(data), || None)
}

/// Answers `DRM_IOCTL_SYNCOBJ_SIGNAL`.
pub(crate) fn signal(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    replace_all(call, args(data), || Some(Fence::Leaf(Leaf::signalled())))
}

/// Replaces the fence of each object of an array, or removes it.
fn replace_all(
    call: &Call<'_>,
    args: &mut sys::drm_syncobj_array,
    fence: impl Fn() -> Option<Fence>,
) -> Result<()> {
    if args.pad != 0 || args.count_handles == 0 {
        return Err(Errno::INVAL);
    }
    for syncobj in find_all(call, args.handles, args.count_handles)? {
        syncobj.replace(fence());
    }
    Ok(())
}

/// Answers `DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL`.
pub(crate) fn timeline_signal(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_timeline_array = args(data);
    if args.flags != 0 || args.count_handles == 0 {
        return Err(Errno::INVAL);
    }
    let syncobjs = find_all(call, args.handles, args.count_handles)?;
    let points = points(call, args.points, args.count_handles)?;
    for (syncobj, point) in syncobjs.iter().zip(points) {
        syncobj.add_point(Leaf::long_signalled(), point);
    }
    Ok(())
}

/// Answers `DRM_IOCTL_SYNCOBJ_QUERY`.
pub(crate) fn query(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_timeline_array = args(data);
    let last_added = sys::DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED;
    if args.flags & !last_added != 0 || args.count_handles == 0 {
        return Err(Errno::INVAL);
    }
    let syncobjs = find_all(call, args.handles, args.count_handles)?;
    call.for_each(syncobjs.iter().enumerate(), |(index, syncobj)| {
        let point = syncobj.reached_point(args.flags & last_added != 0);
        let at = args.points.wrapping_add(index as u64 * 8);
        call.user.write(at, &point.to_ne_bytes())
    })
}

/// Answers `DRM_IOCTL_SYNCOBJ_WAIT`: waits for point 0 of each object, without WAIT_AVAILABLE.
pub(crate) fn wait(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_wait = args(data);
    let mut at_zero = sys::drm_syncobj_timeline_wait::zeroed();
    at_zero.handles = args.handles;
    at_zero.timeout_nsec = args.timeout_nsec;
    at_zero.count_handles = args.count_handles;
    at_zero.flags = args.flags;
    at_zero.first_signaled = args.first_signaled;
    args.first_signaled = wait_for(call, &at_zero, WAIT_FLAGS)?;
    Ok(())
}

/// Answers `DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT`.
pub(crate) fn timeline_wait(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_timeline_wait = args(data);
    let known = WAIT_FLAGS | sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
    args.first_signaled = wait_for(call, args, known)?;
    Ok(())
}

/// Returns whether a wait for a point is over. Later changes of the sync object do not matter.
fn is_done(point: &Awaited, available: bool) -> bool {
    point.fence().is_some_and(|fence| available || fence.is_signalled())
}

/// Returns whether a wait is over, and otherwise records the waiter.
fn is_done_or_watched(point: &Awaited, available: bool) -> bool {
    let done = is_done(point, available);
    if let Some(fence) = point.fence().filter(|_| !done) {
        fence.watch();
    }
    done
}

/// Waits, and returns the index of the first object done; all ones if it is unknown, and the old
/// value if there is nothing to wait for.
fn wait_for(call: &Call<'_>, args: &sys::drm_syncobj_timeline_wait, known: u32) -> Result<u32> {
    if args.flags & !known != 0 {
        return Err(Errno::INVAL);
    }
    if args.count_handles == 0 {
        return Ok(args.first_signaled);
    }
    let syncobjs = find_all(call, args.handles, args.count_handles)?;
    let points = points(call, args.points, args.count_handles)?;
    let has = |flag| args.flags & flag != 0;
    let all = has(sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL);
    let available = has(sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE);
    let may_be_absent = available || has(sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT);

    check_array(call, syncobjs.len() as u32, WAITED_BYTES)?;
    let mut waited = Vec::with_capacity(syncobjs.len());
    // With WAIT_ALL, the reported index is that of an object done at the start.
    let (mut first, mut done) = (None, 0);
    call.for_each(syncobjs.iter().zip(points).enumerate(), |(index, (syncobj, point))| {
        let awaited = syncobj.await_point(point);
        if awaited.fence().is_none() && !may_be_absent {
            return Err(Errno::INVAL);
        }
        // Every object is checked, even after one that suffices.
        if is_done(&awaited, available) {
            first = first.or(Some(index as u32));
            done += 1;
        }
        waited.push(awaited);
        Ok(())
    })?;
    if done == waited.len() || (done > 0 && !all) {
        return Ok(first.unwrap_or(u32::MAX));
    }

    let ready = || {
        let is_done = |point: &Arc<Awaited>| is_done_or_watched(point, available);
        if all {
            let done = waited.iter().filter(|&point| is_done(point)).count();
            (done == waited.len()).then_some(first.unwrap_or(u32::MAX))
        } else {
            waited.iter().position(is_done).map(|index| index as u32)
        }
    };
    let deadline = deadline(args.timeout_nsec)?;
    call.wait(deadline, ready)?.ok_or(Errno::TIME)
}

/// Converts an absolute timeout on the monotonic clock; `None` if it is too far away. Zero and
/// negative values are in the past.
fn deadline(timeout_nsec: i64) -> Result<Option<Instant>> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
    let timeout = Duration::from_nanos(u64::try_from(timeout_nsec).unwrap_or(0));
    Ok(Instant::now().checked_add(timeout.saturating_sub(now)))
}

/// Answers `DRM_IOCTL_SYNCOBJ_TRANSFER`.
pub(crate) fn transfer(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_transfer = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let target = call.file.syncobj(args.dst_handle).ok_or(Errno::NOENT)?;
    let source = call.file.syncobj(args.src_handle).ok_or(Errno::NOENT)?;
    let for_submit = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
    if args.flags & !for_submit != 0 {
        return Err(Errno::INVAL);
    }
    let point = args.src_point;
    let fence = if args.flags & for_submit == 0 {
        source.find_fence(point)?
    } else {
        let deadline = Instant::now() + SUBMIT_TIMEOUT;
        let awaited = source.await_point(point);
        call.wait(Some(deadline), || awaited.fence().cloned())?.ok_or(Errno::TIME)?
    };
    match args.dst_point {
        0 => target.replace(Some(fence)),
        // A point gets the pending parts of the fence, without signaled parts or errors.
        point => target.add_point(Fence::merge(&[&fence]), point),
    }
    Ok(())
}

/// Answers `DRM_IOCTL_SYNCOBJ_EVENTFD`.
pub(crate) fn eventfd(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_syncobj_eventfd = args(data);
    let available = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
    if args.flags & !available != 0 || args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let syncobj = call.file.syncobj(args.handle).ok_or(Errno::NOENT)?;
    let fd = duplicate_eventfd(call, args.fd)?;
    let available = args.flags & available != 0;
    syncobj.add_eventfd(EventfdWait {
        fd,
        point: args.point,
        available,
        process: Process::current(),
    });
    Ok(())
}

/// Duplicates a descriptor of the caller if it is an eventfd.
fn duplicate_eventfd(call: &Call<'_>, fd: i32) -> Result<OwnedFd> {
    let fd = call.caller.duplicate(fd)?;
    let link = repeat(|| nix::fcntl::readlink(path(fd.as_raw_fd()).as_str()))?;
    if link.as_os_str() == "anon_inode:[eventfd]" { Ok(fd) } else { Err(Errno::INVAL) }
}
