//! A handle of the file's table of syncobjs.

use bytemuck::Zeroable;
use panthor_sys as sys;
use rustix::io::Errno;

use super::timeout::{Timeout, Wait, is_to_come};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::transport::address_of;

/// A handle of this file's table of syncobjs, destroyed on drop.
pub(super) struct Handle {
    pub(super) device: Device,
    /// 0 once it is destroyed: the kernel counts from 1.
    pub(super) raw: u32,
}

impl Handle {
    pub(super) fn create(device: &Device, flags: u32) -> Result<Self> {
        let mut arg = sys::drm_syncobj_create::zeroed();
        arg.flags = flags;
        device.transport().call(&mut arg)?;
        Ok(Self { device: device.clone(), raw: arg.handle })
    }

    fn release(&mut self) -> Result<()> {
        let mut arg = sys::drm_syncobj_destroy::zeroed();
        arg.handle = self.raw;
        self.device.transport().call(&mut arg)?;
        self.raw = 0;
        Ok(())
    }

    pub(super) fn destroy(mut self) -> Result<(), (Self, Error)> {
        match self.release() {
            Ok(()) => Ok(()),
            Err(error) => Err((self, error)),
        }
    }

    pub(super) fn into_raw(mut self) -> u32 {
        std::mem::take(&mut self.raw)
    }

    /// SYNCOBJ_TIMELINE_WAIT, which takes binary syncobjs as well, as point 0.
    pub(super) fn wait(&self, point: u64, flags: u32, timeout: Timeout) -> Result<Wait> {
        wait_for_point(&self.device, self.raw, point, flags, timeout)
    }
}

/// SYNCOBJ_TIMELINE_WAIT, until its deadline: the kernel counts in ticks of its clock, of which the first may be
/// over at once, and so ends a wait up to a tick before its time.
pub(super) fn wait(device: &Device, arg: &mut sys::drm_syncobj_timeline_wait) -> Result<(), Errno> {
    let original = *arg;
    loop {
        match device.transport().try_call(arg) {
            Err(Errno::TIME) if is_to_come(original.timeout_nsec) => *arg = original,
            answer => return answer,
        }
    }
}

/// Waits for one point of a syncobj, 0 being the whole of it.
pub(crate) fn wait_for_point(
    device: &Device,
    handle: u32,
    point: u64,
    flags: u32,
    timeout: Timeout,
) -> Result<Wait> {
    let mut arg = sys::drm_syncobj_timeline_wait::zeroed();
    arg.handles = address_of(&handle);
    arg.points = address_of(&point);
    arg.count_handles = 1;
    arg.flags = flags;
    arg.timeout_nsec = timeout.deadline();
    match wait(device, &mut arg) {
        Ok(()) => Ok(Wait::Ready),
        Err(Errno::TIME) => Ok(Wait::TimedOut),
        Err(errno) => Err(Error::os("SYNCOBJ_TIMELINE_WAIT", errno)),
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.raw != 0 {
            // The kernel refuses only a handle that it does not know, or a device that is gone.
            let _ = self.release();
        }
    }
}
