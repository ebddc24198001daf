//! The DRM core's structs that hold pointers and lengths of the machine's own width.

use core::ffi::{c_char, c_int};
use core::ptr;

use crate::ioctl::{DRM_IOCTL_BASE, iowr};

/// Name and version of the driver behind a device node.
///
/// The strings are not terminated. A null pointer or a short buffer is fine: the driver writes what
/// fits, and returns the full lengths.
///
/// Argument of [`DRM_IOCTL_VERSION`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct drm_version {
    /// Returned: major version; another one is another interface.
    pub version_major: c_int,
    /// Returned: minor version, which grows with the features.
    pub version_minor: c_int,
    /// Returned: patch level.
    pub version_patchlevel: c_int,
    /// Size of the buffer at `name` in bytes. Returned: length of the name.
    pub name_len: usize,
    /// Buffer for the driver's name: `panthor`.
    pub name: *mut c_char,
    /// Size of the buffer at `date` in bytes. Returned: length of the date.
    pub date_len: usize,
    /// Buffer for the driver's date.
    pub date: *mut c_char,
    /// Size of the buffer at `desc` in bytes. Returned: length of the description.
    pub desc_len: usize,
    /// Buffer for the driver's description.
    pub desc: *mut c_char,
}

impl Default for drm_version {
    /// All zero, with null pointers: asks for the versions and the lengths.
    fn default() -> Self {
        Self {
            version_major: 0,
            version_minor: 0,
            version_patchlevel: 0,
            name_len: 0,
            name: ptr::null_mut(),
            date_len: 0,
            date: ptr::null_mut(),
            desc_len: 0,
            desc: ptr::null_mut(),
        }
    }
}

/// The bus address of a device.
///
/// Argument of [`DRM_IOCTL_GET_UNIQUE`].
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct drm_unique {
    /// Size of the buffer at `unique` in bytes. Returned: length of the name.
    pub unique_len: usize,
    /// Buffer for the name, which is not terminated.
    pub unique: *mut c_char,
}

impl Default for drm_unique {
    /// All zero, with a null pointer: asks for the length.
    fn default() -> Self {
        Self { unique_len: 0, unique: ptr::null_mut() }
    }
}

// SAFETY: integers and raw pointers, for which all bits zero is a value.
unsafe impl bytemuck::Zeroable for drm_version {}

// SAFETY: as above.
unsafe impl bytemuck::Zeroable for drm_unique {}

/// Returns the driver's name and version.
///
/// Argument: [`drm_version`]. The number depends on the width of a pointer.
pub const DRM_IOCTL_VERSION: u32 = iowr::<drm_version>(DRM_IOCTL_BASE, 0x00);

/// Returns the device's bus address.
///
/// Argument: [`drm_unique`]. The number depends on the width of a pointer.
pub const DRM_IOCTL_GET_UNIQUE: u32 = iowr::<drm_unique>(DRM_IOCTL_BASE, 0x01);

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(DRM_IOCTL_VERSION == 0xc040_6400);
    assert!(DRM_IOCTL_GET_UNIQUE == 0xc010_6401);
};

#[cfg(target_pointer_width = "32")]
const _: () = {
    assert!(DRM_IOCTL_VERSION == 0xc024_6400);
    assert!(DRM_IOCTL_GET_UNIQUE == 0xc008_6401);
};
