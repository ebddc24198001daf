//! Together with the crate `drm` (feature `drm`): one open file, both libraries.

use std::num::NonZeroU32;

use crate::bo::Bo;
use crate::device::Device;
use crate::sync::{SyncObj, Timeline};

/// What the crate `drm` does with any DRM device (its driver, capabilities, authentication) it does with ours.
///
/// The traits for mode-setting and for handles (`drm::control::Device`) are not implemented: a Panthor has no
/// modes to set, and through the latter safe code could close what a [`Bo`] or [`SyncObj`] stands for.
///
/// On the fake the descriptor is a stand-in that takes no ioctls.
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

/// The handle of something alive, as the crate `drm` has it.
fn handle<T: From<NonZeroU32>>(raw: u32) -> T {
    // An object that is not destroyed has a handle, and the kernel counts from 1.
    T::from(NonZeroU32::new(raw).expect("a live object has a handle"))
}

impl Bo {
    /// Its GEM handle for the crate `drm`, valid while it lives. Needs the feature `drm`.
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
    /// Its handle for the crate `drm`, valid while it lives. Needs the feature `drm`.
    pub fn drm_handle(&self) -> drm::control::syncobj::Handle {
        handle(self.handle())
    }

    /// Takes over a syncobj that the crate `drm` made. Needs the feature `drm`.
    ///
    /// # Safety
    ///
    /// As for [`from_raw`](Self::from_raw).
    pub unsafe fn from_drm(device: &Device, handle: drm::control::syncobj::Handle) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::from_raw(device, handle.into()) }
    }
}

impl Timeline {
    /// Its handle for the crate `drm`, valid while it lives. Needs the feature `drm`.
    pub fn drm_handle(&self) -> drm::control::syncobj::Handle {
        handle(self.handle())
    }

    /// Takes over a timeline syncobj that the crate `drm` made. Needs the feature `drm`.
    ///
    /// # Safety
    ///
    /// As for [`from_raw`](Self::from_raw).
    pub unsafe fn from_drm(device: &Device, handle: drm::control::syncobj::Handle) -> Self {
        // SAFETY: the caller's promise.
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
        // SAFETY: the handle was just given up.
        let timeline = unsafe { Timeline::from_drm(&device, handle) };
        assert_eq!(timeline.value().unwrap(), 3);
        let syncobj = device.create_signaled_syncobj().unwrap();
        assert_eq!(u32::from(syncobj.drm_handle()), syncobj.handle());
    }
}
