//! PRIME ioctls, which export BOs as dma-bufs and import dma-bufs.

use nix::fcntl::OFlag;
use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args};
use crate::sharing::descriptors::{Object, find};

/// Answers `DRM_IOCTL_PRIME_HANDLE_TO_FD`.
pub(crate) fn handle_to_fd(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_prime_handle = args(data);
    if args.flags & !(sys::DRM_CLOEXEC | sys::DRM_RDWR) != 0 {
        return Err(Errno::INVAL);
    }
    let mut flags = OFlag::empty();
    flags.set(OFlag::O_CLOEXEC, args.flags & sys::DRM_CLOEXEC != 0);
    flags.set(OFlag::O_RDWR, args.flags & sys::DRM_RDWR != 0);
    args.fd = call.caller.give(call.file.export(args.handle, flags)?)?;
    Ok(())
}

/// Answers `DRM_IOCTL_PRIME_FD_TO_HANDLE`.
pub(crate) fn fd_to_handle(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_prime_handle = args(data);
    let Some(Object::DmaBuf(dma_buf)) = find(call.caller.identify(args.fd)?) else {
        return Err(Errno::INVAL);
    };
    args.handle = call.file.import(&dma_buf)?;
    Ok(())
}
