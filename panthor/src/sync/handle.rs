//! Owned syncobj handles.

use bytemuck::Zeroable;
use panthor_sys as sys;
use rustix::io::Errno;

use super::timeout::{Timeout, Wait, is_to_come};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::owned::{Owned, Release};
use crate::transport::{NoCallbacks, address_of};

/// A handle in this file's table of syncobjs.
pub(super) struct Handle {
    pub(super) device: Device,
    pub(super) raw: u32,
}

impl Handle {
    #[cfg_attr(feature = "tracing", track_caller)]
    pub(super) fn create(device: &Device, flags: u32) -> Result<Owned<Self>> {
        let mut arg = sys::drm_syncobj_create::zeroed();
        arg.flags = flags;
        let until_owned = NoCallbacks::new();
        device.transport().call(&mut arg)?;
        let handle = Self::adopt(device, arg.handle);
        drop(until_owned);
        Ok(handle)
    }

    /// Takes ownership of a handle that no other code destroys.
    #[cfg_attr(feature = "tracing", track_caller)]
    pub(super) fn adopt(device: &Device, raw: u32) -> Owned<Self> {
        Owned::new(Self { device: device.clone(), raw })
    }

    /// Waits for a point (SYNCOBJ_TIMELINE_WAIT). Point 0 means a binary syncobj.
    pub(super) fn wait(&self, point: u64, flags: u32, timeout: Timeout) -> Result<Wait> {
        wait_for_point(&self.device, self.raw, point, flags, timeout)
    }
}

impl Release for Handle {
    fn release(&self) -> Result<()> {
        let mut arg = sys::drm_syncobj_destroy::zeroed();
        arg.handle = self.raw;
        self.device.transport().call(&mut arg)
    }
}

/// Waits until the deadline (SYNCOBJ_TIMELINE_WAIT).
///
/// The kernel counts in clock ticks and may end a wait up to one tick early. Such a wait is
/// repeated.
pub(super) fn wait(device: &Device, arg: &mut sys::drm_syncobj_timeline_wait) -> Result<(), Errno> {
    let original = *arg;
    loop {
        match device.transport().try_call(arg) {
            Err(Errno::TIME) if is_to_come(original.timeout_nsec) => *arg = original,
            answer => return answer,
        }
    }
}

/// Returns whether a syncobj has a fence at a point. Point 0 means a binary syncobj.
pub(crate) fn has_fence(device: &Device, handle: u32, point: u64) -> Result<bool> {
    let flags = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
    wait_for_point(device, handle, point, flags, Timeout::NONE).map(Wait::is_ready)
}

/// Advice for a missing fence.
pub(crate) const WAIT_FIRST: &str = "Call `wait_available` first.";

/// Returns the error text for a missing fence.
pub(crate) fn describe_missing(handle: u32, point: u64) -> String {
    match point {
        0 => format!("has no fence yet (syncobj {handle})"),
        _ => format!("has no fence yet (syncobj {handle}, point {point})"),
    }
}

/// Waits for one point of a syncobj. Point 0 means a binary syncobj.
fn wait_for_point(
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
