//! Ioctls of buffer objects and mmap offsets.

use std::sync::Arc;

use panthor_sys as sys;

use crate::bo::Bo;
use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};

/// The maximum size of a label in bytes, including its NUL.
const LABEL_MAX: usize = 4096;

/// The maximum size of a file in the kernel.
const FILE_SIZE_MAX: u64 = i64::MAX as u64;

/// Answers `DRM_IOCTL_PANTHOR_BO_CREATE`.
pub(crate) fn create(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_bo_create = args(data);
    let config = call.file.config();
    let known = match config.driver_minor {
        0..=6 => sys::DRM_PANTHOR_BO_NO_MMAP,
        _ => sys::DRM_PANTHOR_BO_NO_MMAP | sys::DRM_PANTHOR_BO_WB_MMAP,
    };
    let exclusive = sys::DRM_PANTHOR_BO_NO_MMAP | sys::DRM_PANTHOR_BO_WB_MMAP;
    if args.size == 0 || args.pad != 0 || args.flags & !known != 0 || args.flags == exclusive {
        return Err(Errno::INVAL);
    }
    let vm = match args.exclusive_vm_id {
        0 => None,
        id => Some(call.file.vm(id)?.id()),
    };
    // The kernel rounds up in 64 bits, where sizes near the maximum wrap to zero.
    let page = config.page_size.bytes();
    let size = args.size.wrapping_add(page - 1) & !(page - 1);
    if size > FILE_SIZE_MAX {
        return Err(Errno::INVAL);
    }
    if size == 0 {
        return Err(Errno::NOSPC);
    }
    let bo = Arc::new(Bo::new(call.file.device_inner().clone(), size, args.flags, vm, true)?);
    if pins_at_creation(config.driver_minor) {
        bo.make_resident()?;
    }
    args.handle = call.file.add_bo(bo)?;
    args.size = size;
    Ok(())
}

/// Returns whether the driver allocates the pages of a BO at creation, instead of at the first map.
fn pins_at_creation(minor: u32) -> bool {
    minor < 8
}

/// Answers `DRM_IOCTL_GEM_CLOSE`.
pub(crate) fn gem_close(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_gem_close = args(data);
    call.file.close_bo(args.handle)
}

/// Answers `DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET`.
pub(crate) fn mmap_offset(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_bo_mmap_offset = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let bo = call.file.bo(args.handle)?;
    // Old drivers return an offset and refuse the mmap.
    let refuses = call.file.config().driver_minor >= 7;
    if refuses && bo.flags() & sys::DRM_PANTHOR_BO_NO_MMAP != 0 {
        return Err(Errno::PERM);
    }
    args.offset = bo.mmap_offset();
    Ok(())
}

/// Answers `DRM_IOCTL_PANTHOR_BO_SET_LABEL`.
pub(crate) fn set_label(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_bo_set_label = args(data);
    if args.pad != 0 {
        return Err(Errno::INVAL);
    }
    let bo = call.file.bo(args.handle)?;
    let label = match args.label {
        0 => None,
        pointer => Some(call.user.read_string(pointer, LABEL_MAX)?),
    };
    bo.set_label(label);
    Ok(())
}

/// Answers `DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET`.
pub(crate) fn set_user_mmio_offset(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_set_user_mmio_offset = args(data);
    match args.offset {
        sys::DRM_PANTHOR_USER_MMIO_OFFSET_32BIT | sys::DRM_PANTHOR_USER_MMIO_OFFSET_64BIT => {
            call.file.set_user_mmio_offset(args.offset);
            Ok(())
        }
        _ => Err(Errno::INVAL),
    }
}

/// Answers `DRM_IOCTL_PANTHOR_BO_SYNC`: only checks the arguments, since CPU caches are coherent
/// with the fake GPU.
pub(crate) fn sync(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_bo_sync = args(data);
    let memory = call.file.config().memory;
    let min_stride = size_of::<sys::drm_panthor_bo_sync_op>();
    let ops: Vec<sys::drm_panthor_bo_sync_op> = call.read_array(&args.ops, min_stride, memory)?;
    for op in ops {
        let bo = call.file.bo(op.handle)?;
        let inside = op.offset.checked_add(op.size).is_some_and(|end| end <= bo.size());
        let known = matches!(
            op.type_,
            sys::DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH
                | sys::DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE
        );
        if !inside || !known || bo.is_imported() {
            return Err(Errno::INVAL);
        }
    }
    Ok(())
}

/// Answers `DRM_IOCTL_PANTHOR_BO_QUERY_INFO`.
pub(crate) fn query_info(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_panthor_bo_query_info = args(data);
    let bo = call.file.bo(args.handle)?;
    args.pad = 0;
    args.create_flags = bo.flags();
    args.extra_flags = if bo.is_imported() { sys::DRM_PANTHOR_BO_IS_IMPORTED } else { 0 };
    Ok(())
}
