//! Interoperation with the crate `drm` (feature `drm`) on one open file.

use std::num::NonZeroU32;

use crate::bo::Bo;
use crate::device::Device;
use crate::sync::{SyncObj, Timeline};

/// Generic DRM calls of the crate `drm`: driver, capabilities, authentication.
///
/// `drm::control::Device`, with mode-setting and handles, is not implemented. Panthor has no modes
/// to set, and safe code could close the handle of a [`Bo`] or [`SyncObj`] through that trait.
///
/// The fake's descriptor is a substitute that takes no ioctls.
///
/// ```no_run
/// // A real device: the fake's descriptor takes no ioctls.
/// use drm::Device as _;
///
/// let device = panthor::Device::open_any()?;
/// assert_eq!(device.get_driver()?.name(), "panthor");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl drm::Device for Device {}

/// Converts the handle of a live object to a type of the crate `drm`.
fn handle<T: From<NonZeroU32>>(raw: u32) -> T {
    // Handles of live objects are never 0: the kernel counts from 1.
    T::from(NonZeroU32::new(raw).expect("a live object has a handle"))
}

impl Bo {
    /// Returns the GEM handle for the crate `drm`, valid while the BO lives. Needs the feature
    /// `drm`.
    ///
    /// ```
    /// # let device = panthor::Device::open_fake()?;
    /// let bo = device.create_bo(panthor::BoOptions::new(4096))?;
    /// assert_eq!(u32::from(bo.drm_handle()), bo.handle());
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub fn drm_handle(&self) -> drm::buffer::Handle {
        handle(self.handle())
    }
}

impl SyncObj {
    /// Returns the handle for the crate `drm`, valid while the syncobj lives. Needs the feature
    /// `drm`.
    pub fn drm_handle(&self) -> drm::control::syncobj::Handle {
        handle(self.handle())
    }

    /// Creates a syncobj from a handle of the crate `drm`. Needs the feature `drm`.
    ///
    /// # Safety
    ///
    /// As for [`from_raw`](Self::from_raw).
    pub unsafe fn from_drm(device: &Device, handle: drm::control::syncobj::Handle) -> Self {
        // SAFETY: guaranteed by the caller.
        unsafe { Self::from_raw(device, handle.into()) }
    }
}

impl Timeline {
    /// Returns the handle for the crate `drm`, valid while the timeline lives. Needs the feature
    /// `drm`.
    pub fn drm_handle(&self) -> drm::control::syncobj::Handle {
        handle(self.handle())
    }

    /// Creates a timeline from a syncobj handle of the crate `drm`. Needs the feature `drm`.
    ///
    /// # Safety
    ///
    /// As for [`from_raw`](Self::from_raw).
    pub unsafe fn from_drm(device: &Device, handle: drm::control::syncobj::Handle) -> Self {
        // SAFETY: guaranteed by the caller.
        unsafe { Self::from_raw(device, handle.into()) }
    }
}

#[cfg(all(test, feature = "fake"))]
mod tests {
    use super::*;

    #[test]
    fn handles_are_the_same_on_both_sides() {
        let device = Device::open_fake().unwrap();
        let timeline = device.create_timeline().unwrap();
        timeline.signal(crate::point::<3>()).unwrap();
        let handle = timeline.drm_handle();
        assert_eq!(u32::from(handle), timeline.into_raw());
        // SAFETY: `into_raw` has just released the handle.
        let timeline = unsafe { Timeline::from_drm(&device, handle) };
        assert_eq!(timeline.value().unwrap(), 3);
        let syncobj = device.create_signaled_syncobj().unwrap();
        assert_eq!(u32::from(syncobj.drm_handle()), syncobj.handle());
    }
}
