//! VM ioctls except VM_BIND.

use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};
use crate::vm::{Vm, user_va_range};

/// Answers `DRM_IOCTL_PANTHOR_VM_CREATE`.
pub(crate) fn create(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_vm_create = args(data);
    if args.flags != 0 {
        return Err(Errno::INVAL);
    }
    let range = user_va_range(args.user_va_range)?;
    let device = call.file.device_inner().clone();
    let vm = Vm::new(device, range, call.file.sparse_object()?);
    args.id = call.file.add_vm(vm)?;
    args.user_va_range = range;
    Ok(())
}

/// Answers `DRM_IOCTL_PANTHOR_VM_DESTROY`.
pub(crate) fn destroy(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_vm_destroy = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    call.file.destroy_vm(args.id)
}

/// Answers `DRM_IOCTL_PANTHOR_VM_GET_STATE`.
pub(crate) fn get_state(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_vm_get_state = args(data);
    args.state = match call.file.vm(args.vm_id)?.is_unusable() {
        false => sys::DRM_PANTHOR_VM_STATE_USABLE,
        true => sys::DRM_PANTHOR_VM_STATE_UNUSABLE,
    };
    Ok(())
}
