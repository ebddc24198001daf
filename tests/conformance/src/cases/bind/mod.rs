//! VM_BIND.

mod arguments;
mod asynchronous;
mod batches;
mod destroyed;
mod flags;
mod held;
mod map;
mod objects;
mod overlap;
mod range;
mod sides;
mod sparse;
mod sparse_overlap;
mod sync_arguments;
mod syncs;
mod unmap;

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::MIB;

/// Address of most maps, at a 2 MiB boundary.
const AT: u64 = 64 * MIB;

pub fn add(cases: &mut Cases) {
    arguments::add(cases);
    flags::add(cases);
    map::add(cases);
    range::add(cases);
    objects::add(cases);
    overlap::add(cases);
    unmap::add(cases);
    sparse::add(cases);
    sparse_overlap::add(cases);
    batches::add(cases);
    asynchronous::add(cases);
    syncs::add(cases);
    sync_arguments::add(cases);
    held::add(cases);
    destroyed::add(cases);
}

/// Binds with an array of any kind.
fn bind_array(c: &mut Client<'_>, vm_id: u32, flags: u32, ops: drm_panthor_obj_array) -> i32 {
    c.call(DRM_IOCTL_PANTHOR_VM_BIND, &mut drm_panthor_vm_bind { vm_id, flags, ops })
}

/// Creates a VM with at least this much user VA range.
fn vm_with_range(c: &mut Client<'_>, user_va_range: u64) -> drm_panthor_vm_create {
    let args = drm_panthor_vm_create { user_va_range, ..crate::uapi::ops::zeroed() };
    c.must(DRM_IOCTL_PANTHOR_VM_CREATE, args)
}
