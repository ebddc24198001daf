//! Calls on a file of the fake.

use panthor_fake::File;
use panthor_sys::*;

use super::objects::Op;

pub const PAGE: u64 = 4096;

/// Makes an ioctl; returns the result.
pub fn call<T>(file: &File, request: u32, args: &mut T) -> i32 {
    // SAFETY: the arguments are ours, and the arrays behind their pointers live during the call.
    unsafe { file.ioctl(request, (&raw mut *args).cast()) }
}

/// Makes an ioctl that returns a number in its arguments.
pub fn create<T>(
    file: &File,
    request: u32,
    mut args: T,
    made: impl Fn(&T) -> u32,
) -> Result<u32, i32> {
    match call(file, request, &mut args) {
        0 => Ok(made(&args)),
        error => Err(error),
    }
}

fn array<T>(items: &[T]) -> drm_panthor_obj_array {
    let (stride, count) = (size_of::<T>() as u32, items.len() as u32);
    drm_panthor_obj_array { stride, count, array: items.as_ptr() as u64 }
}

/// Binds; returns the result and the number of operations that comes back.
pub fn bind(file: &File, vm_id: u32, flags: u32, ops: &[Op]) -> (i32, usize) {
    let sync =
        |handle: &u32, flags| drm_panthor_sync_op { flags, handle: *handle, timeline_value: 0 };
    let syncs: Vec<Vec<_>> = ops
        .iter()
        .map(|op| {
            let waits = op.waits.iter().map(|handle| sync(handle, 0));
            let signals = op.signals.iter().map(|handle| sync(handle, DRM_PANTHOR_SYNC_OP_SIGNAL));
            waits.chain(signals).collect()
        })
        .collect();
    let raw: Vec<_> = ops
        .iter()
        .zip(&syncs)
        .map(|(op, syncs)| drm_panthor_vm_bind_op {
            flags: op.kind | op.flags,
            bo_handle: op.bo,
            bo_offset: op.offset * PAGE,
            va: op.va.wrapping_mul(PAGE),
            size: op.pages * PAGE,
            syncs: array(syncs),
        })
        .collect();
    let mut args = drm_panthor_vm_bind { vm_id, flags, ops: array(&raw) };
    let result = call(file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args);
    (result, args.ops.count as usize)
}

/// Looks whether syncobjs are signaled, all or any of them; returns the first that is.
pub fn wait(file: &File, handles: &[u32], all: bool) -> Result<u32, i32> {
    let args = drm_syncobj_wait {
        handles: handles.as_ptr() as u64,
        timeout_nsec: 0,
        count_handles: handles.len() as u32,
        flags: if all { DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL } else { 0 },
        first_signaled: u32::MAX,
        pad: 0,
        deadline_nsec: 0,
    };
    create(file, DRM_IOCTL_SYNCOBJ_WAIT, args, |args| args.first_signaled)
}

/// Resets or signals a syncobj.
pub fn change(file: &File, request: u32, handle: u32) -> i32 {
    let handles = &raw const handle as u64;
    call(file, request, &mut drm_syncobj_array { handles, count_handles: 1, pad: 0 })
}
