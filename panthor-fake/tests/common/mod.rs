//! Raw ioctls on a fake file, as a client without any library makes them.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test program includes it and uses a part"
)]

use std::ffi::c_void;
use std::io;

use panthor_fake::{Config, Device, File, Prot};
use panthor_raw::args;
use panthor_sys::*;

pub use panthor_raw::args::{
    ASYNC, GIB, KIB, MIB, NOEXEC, PAGE, SPARSE, SYNC_ONLY, UNMAP, array, map as map_op,
    queue as queue_args, signal as signal_sync, sync_point, timeline_array, unmap as unmap_op,
    wait as wait_sync, with_syncs, zeroed,
};
pub use panthor_raw::descriptors::own;

/// Zero, or a negative error number.
pub fn ioctl<T>(file: &File, request: u32, arg: &mut T) -> i32 {
    // SAFETY: the argument is writable, and what the tests put behind its pointers is memory that
    // they expect to be written.
    unsafe { file.ioctl(request, (&raw mut *arg).cast()) }
}

/// Makes an ioctl with any pointer, valid or not.
pub fn ioctl_at(file: &File, request: u32, addr: usize) -> i32 {
    // SAFETY: the tests pass addresses where nothing of theirs is.
    unsafe { file.ioctl(request, addr as *mut c_void) }
}

#[track_caller]
pub fn ok<T>(file: &File, request: u32, mut arg: T) -> T {
    let result = ioctl(file, request, &mut arg);
    assert_eq!(result, 0, "{:?}", io::Error::from_raw_os_error(-result));
    arg
}

/// Returns the error number of a refused mapping, or `None` if the mapping succeeds.
pub fn mmap_error(file: &File, len: usize, prot: Prot, offset: u64) -> Option<i32> {
    let error = file.mmap(len, prot, offset).err()?;
    Some(error.raw_os_error().expect("an error number"))
}

pub fn device() -> Device {
    Device::new(Config::default()).unwrap()
}

pub fn version(minor: u32) -> Device {
    Device::new(Config::default().driver_minor(minor)).unwrap()
}

#[track_caller]
pub fn vm(file: &File) -> u32 {
    ok(file, DRM_IOCTL_PANTHOR_VM_CREATE, zeroed::<drm_panthor_vm_create>()).id
}

pub fn try_bo(file: &File, size: u64, flags: u32, vm: u32) -> Result<u32, i32> {
    let mut args = drm_panthor_bo_create { size, flags, exclusive_vm_id: vm, ..zeroed() };
    match ioctl(file, DRM_IOCTL_PANTHOR_BO_CREATE, &mut args) {
        0 => Ok(args.handle),
        error => Err(-error),
    }
}

#[track_caller]
pub fn bo(file: &File, size: u64) -> u32 {
    try_bo(file, size, 0, 0).unwrap()
}

#[track_caller]
pub fn close(file: &File, handle: u32) {
    ok(file, DRM_IOCTL_GEM_CLOSE, drm_gem_close { handle, pad: 0 });
}

/// Returns the result and the final `ops.count`.
pub fn bind_flags(file: &File, vm: u32, flags: u32, ops: &[drm_panthor_vm_bind_op]) -> (i32, u32) {
    let mut args = drm_panthor_vm_bind { vm_id: vm, flags, ops: array(ops) };
    let result = ioctl(file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args);
    (result, args.ops.count)
}

pub fn bind(file: &File, vm: u32, ops: &[drm_panthor_vm_bind_op]) -> (i32, u32) {
    bind_flags(file, vm, 0, ops)
}

pub fn bind_async(file: &File, vm: u32, ops: &[drm_panthor_vm_bind_op]) -> i32 {
    bind_flags(file, vm, ASYNC, ops).0
}

#[track_caller]
pub fn map(file: &File, vm: u32, bo: u32, offset: u64, va: u64, size: u64) {
    assert_eq!(bind(file, vm, &[map_op(bo, offset, va, size, 0)]), (0, 1));
}

#[track_caller]
pub fn unmap(file: &File, vm: u32, va: u64, size: u64) {
    assert_eq!(bind(file, vm, &[unmap_op(va, size)]), (0, 1));
}

#[track_caller]
pub fn mmap_offset(file: &File, handle: u32) -> u64 {
    let args = drm_panthor_bo_mmap_offset { handle, ..zeroed() };
    ok(file, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, args).offset
}

/// Returns the mappings of a VM: address, size, BO, offset.
pub fn mappings(file: &File, vm: u32) -> Vec<(u64, u64, Option<u32>, u64)> {
    let view = file.gpu(vm).unwrap();
    view.mappings().iter().map(|m| (m.va, m.size, m.bo_handle(), m.offset)).collect()
}

#[track_caller]
pub fn state(file: &File, vm_id: u32) -> u32 {
    let args = drm_panthor_vm_get_state { vm_id, ..zeroed() };
    ok(file, DRM_IOCTL_PANTHOR_VM_GET_STATE, args).state
}

#[track_caller]
pub fn syncobj(file: &File) -> u32 {
    ok(file, DRM_IOCTL_SYNCOBJ_CREATE, zeroed::<drm_syncobj_create>()).handle
}

/// Signals points of timelines from the CPU.
#[track_caller]
pub fn timeline_signal(file: &File, handle: u32, point: u64) {
    let (handles, points) = ([handle], [point]);
    let args = timeline_array(&handles, &points);
    ok(file, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, args);
}

/// Returns the point that a timeline has reached.
#[track_caller]
pub fn query_point(file: &File, handle: u32, flags: u32) -> u64 {
    let handles = [handle];
    let mut points = [u64::MAX];
    let points_at = points.as_mut_ptr() as u64;
    let args =
        drm_syncobj_timeline_array { flags, points: points_at, ..timeline_array(&handles, &[]) };
    ok(file, DRM_IOCTL_SYNCOBJ_QUERY, args);
    // SAFETY: it is the array above, which the ioctl wrote to behind the compiler's back.
    unsafe { points.as_ptr().read_volatile() }
}

/// Waits for points of sync objects; the result, and the index of the first that was signalled.
pub fn wait_points(
    file: &File,
    handles: &[u32],
    points: &[u64],
    flags: u32,
    timeout_nsec: i64,
) -> (i32, u32) {
    let mut args = args::timeline_wait(handles, points, flags, timeout_nsec);
    let result = ioctl(file, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut args);
    (result, args.first_signaled)
}

/// Waits for binary sync objects.
pub fn wait_any(file: &File, handles: &[u32], flags: u32, timeout_nsec: i64) -> (i32, u32) {
    let mut args = args::syncobj_wait(handles, flags, timeout_nsec);
    let result = ioctl(file, DRM_IOCTL_SYNCOBJ_WAIT, &mut args);
    (result, args.first_signaled)
}

/// Makes a query with a structure of the caller's size.
pub fn query<T>(file: &File, kind: u32, into: &mut T) -> i32 {
    let mut args = drm_panthor_dev_query {
        type_: kind,
        size: size_of::<T>() as u32,
        pointer: (&raw mut *into) as u64,
    };
    ioctl(file, DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args)
}

/// Returns the size of a query's structure, or a negative error number.
pub fn query_size(file: &File, kind: u32) -> i64 {
    let mut args = drm_panthor_dev_query { type_: kind, ..zeroed() };
    match ioctl(file, DRM_IOCTL_PANTHOR_DEV_QUERY, &mut args) {
        0 => i64::from(args.size),
        error => i64::from(error),
    }
}

/// Returns the arguments of a group on all cores, with those queues.
pub fn group_args(vm_id: u32, queues: &[drm_panthor_queue_create]) -> drm_panthor_group_create {
    drm_panthor_group_create {
        max_compute_cores: 4,
        max_fragment_cores: 4,
        compute_core_mask: 0x5_0005,
        fragment_core_mask: 0x5_0005,
        ..args::group(vm_id, queues)
    }
}

/// Returns the handle, or a positive error number.
pub fn try_group(file: &File, mut args: drm_panthor_group_create) -> Result<u32, i32> {
    match ioctl(file, DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut args) {
        0 => Ok(args.group_handle),
        error => Err(-error),
    }
}

/// Creates a group with that many small queues.
#[track_caller]
pub fn group(file: &File, vm: u32, queues: usize) -> u32 {
    try_group(file, group_args(vm, &vec![queue_args(4096); queues])).unwrap()
}

pub fn destroy_group(file: &File, group_handle: u32) -> i32 {
    let mut args = drm_panthor_group_destroy { group_handle, pad: 0 };
    ioctl(file, DRM_IOCTL_PANTHOR_GROUP_DESTROY, &mut args)
}

/// Flags and the mask of queues with a fatal fault.
#[track_caller]
pub fn group_state(file: &File, group_handle: u32) -> (u32, u32) {
    let args = drm_panthor_group_get_state { group_handle, ..zeroed() };
    let state = ok(file, DRM_IOCTL_PANTHOR_GROUP_GET_STATE, args);
    (state.state, state.fatal_queues)
}

/// Returns a job with a stream at 4 GiB.
pub fn stream(queue_index: u32, syncs: &[drm_panthor_sync_op]) -> drm_panthor_queue_submit {
    args::stream(queue_index, 4 * GIB, 64, syncs)
}

pub fn submit(file: &File, group_handle: u32, jobs: &[drm_panthor_queue_submit]) -> i32 {
    let mut args = drm_panthor_group_submit { group_handle, pad: 0, queue_submits: array(jobs) };
    ioctl(file, DRM_IOCTL_PANTHOR_GROUP_SUBMIT, &mut args)
}

/// Returns whether a point of a syncobj exists and is signaled.
#[track_caller]
pub fn is_signalled(file: &File, handle: u32, point: u64) -> bool {
    let for_submit = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
    match wait_points(file, &[handle], &[point], for_submit, 0).0 {
        0 => true,
        error => {
            assert_eq!(error, -nix::libc::ETIME);
            false
        }
    }
}
