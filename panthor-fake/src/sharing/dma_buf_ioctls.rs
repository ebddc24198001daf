//! dma-buf ioctls.

use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::sharing::descriptors::{Object, sweep_if_many};
use crate::sharing::dma_buf::DmaBuf;
use crate::sharing::ioctls::FileCall;
use crate::sharing::reservation::Usage;
use crate::sharing::sync_fd::SyncFile;
use crate::sync::events::Events;

/// Answers a dma-buf ioctl. Structure sizes are fixed here: a request with another size is another
/// request.
pub(crate) fn answer(call: &FileCall<'_>, dma_buf: &DmaBuf, request: u32, arg: u64) -> Result<()> {
    match request {
        sys::DMA_BUF_IOCTL_SYNC => sync(call, dma_buf, arg),
        sys::DMA_BUF_SET_NAME_A | sys::DMA_BUF_SET_NAME_B => set_name(call, dma_buf, arg),
        sys::DMA_BUF_IOCTL_EXPORT_SYNC_FILE => export_sync_file(call, dma_buf, arg),
        sys::DMA_BUF_IOCTL_IMPORT_SYNC_FILE => import_sync_file(call, dma_buf, arg),
        _ => Err(Errno::NOTTY),
    }
}

/// Returns whether an access writes; `EINVAL` for invalid flags.
fn writes(flags: u64, known: u64) -> Result<bool> {
    if flags & !known != 0 || flags & sys::DMA_BUF_SYNC_RW == 0 {
        return Err(Errno::INVAL);
    }
    Ok(flags & sys::DMA_BUF_SYNC_WRITE != 0)
}

/// Answers `DMA_BUF_IOCTL_SYNC`. There are no caches to maintain, but an access waits for earlier
/// fences.
fn sync(call: &FileCall<'_>, dma_buf: &DmaBuf, arg: u64) -> Result<()> {
    let args: sys::dma_buf_sync = call.read(arg)?;
    let writes = writes(args.flags, sys::DMA_BUF_SYNC_VALID_FLAGS_MASK)?;
    if args.flags & sys::DMA_BUF_SYNC_END == 0 {
        let (fences, usage) = (dma_buf.fences(), Usage::before_access(writes));
        let mut ready = || fences.pending(usage).is_empty();
        call.caller.wait(&Events::default(), None, &mut ready)?;
    }
    Ok(())
}

/// Answers `DMA_BUF_SET_NAME_A` and `DMA_BUF_SET_NAME_B`. The argument is the address of the name.
fn set_name(call: &FileCall<'_>, dma_buf: &DmaBuf, arg: u64) -> Result<()> {
    let name = call.user.read_string(arg, sys::DMA_BUF_NAME_LEN);
    dma_buf.set_name(name.map_err(|errno| match errno {
        Errno::TOO_BIG => Errno::INVAL,
        other => other,
    })?);
    Ok(())
}

/// Answers `DMA_BUF_IOCTL_EXPORT_SYNC_FILE`.
fn export_sync_file(call: &FileCall<'_>, dma_buf: &DmaBuf, arg: u64) -> Result<()> {
    let mut args: sys::dma_buf_export_sync_file = call.read(arg)?;
    let writes = writes(args.flags.into(), sys::DMA_BUF_SYNC_RW)?;
    let fence = dma_buf.fences().fence(Usage::before_access(writes));
    sweep_if_many();
    let fd = SyncFile::export(fence, dma_buf.owner().clone(), Vec::new())?;
    call.give(fd, arg, &mut args, |args| &mut args.fd)
}

/// Answers `DMA_BUF_IOCTL_IMPORT_SYNC_FILE`.
fn import_sync_file(call: &FileCall<'_>, dma_buf: &DmaBuf, arg: u64) -> Result<()> {
    let args: sys::dma_buf_import_sync_file = call.read(arg)?;
    let writes = writes(args.flags.into(), sys::DMA_BUF_SYNC_RW)?;
    let Some(Object::SyncFile(sync_file)) = call.find(args.fd) else {
        return Err(Errno::INVAL);
    };
    let usage = if writes { Usage::Write } else { Usage::Read };
    dma_buf.fences().add(sync_file.fence(), usage);
    Ok(())
}
