//! DRM core ioctls that use no objects.

use std::mem::offset_of;

use panthor_sys as sys;

use crate::call::errno::{Errno, Result};
use crate::call::ioctl::{Call, args, request_nr};
use crate::lock::lock;

/// `DRM_IOCTL_GEM_CHANGE_HANDLE`, which the kernel removed again.
pub(crate) const GEM_CHANGE_HANDLE: u32 = 0xc010_64d2;

/// Returns whether a kernel with this driver minor version has an ioctl of DRM core. Client names
/// came with Linux 6.13, which has driver 1.1 or later.
pub(crate) fn exists(nr: u8, minor: u32) -> bool {
    nr != request_nr(sys::DRM_IOCTL_SET_CLIENT_NAME) || minor >= 1
}

/// Returns whether DRM core has an ioctl that render nodes refuse: mode setting, authentication and
/// legacy ioctls.
pub(crate) fn not_for_render_nodes(nr: u8) -> bool {
    matches!(
        nr,
        0x01 | 0x02
            | 0x05..=0x07
            | 0x0a
            | 0x0b
            | 0x0d
            | 0x10..=0x13
            | 0x1e
            | 0x1f
            | 0x27
            | 0x28
            | 0x2c
            | 0x3a..=0x3c
            | 0x3f
            | 0xa0..=0xbe
            | 0xc6..=0xc9
            | 0xce
            | 0xd0
    )
}

/// Answers `DRM_IOCTL_VERSION`.
pub(crate) fn version(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    type Version = sys::drm_version;

    let config = call.file.config();
    let (major, minor) = config.version();
    put(data, offset_of!(Version, version_major), &major.to_ne_bytes());
    put(data, offset_of!(Version, version_minor), &minor.to_ne_bytes());
    put(data, offset_of!(Version, version_patchlevel), &0_i32.to_ne_bytes());
    let texts = [
        (offset_of!(Version, name), offset_of!(Version, name_len), config.driver_name.as_str()),
        (offset_of!(Version, date), offset_of!(Version, date_len), "0"),
        (offset_of!(Version, desc), offset_of!(Version, desc_len), config.driver_description),
    ];
    for (pointer, length, text) in texts {
        let room = word(data, length);
        put(data, length, &text.len().to_ne_bytes());
        let (pointer, copied) = (word(data, pointer), text.len().min(room));
        if pointer != 0 {
            call.user.write(pointer as u64, &text.as_bytes()[..copied])?;
        }
    }
    Ok(())
}

pub(crate) fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    data[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Reads a pointer or length of the caller.
pub(crate) fn word(data: &[u8], at: usize) -> usize {
    let mut bytes = [0; size_of::<usize>()];
    bytes.copy_from_slice(&data[at..at + size_of::<usize>()]);
    usize::from_ne_bytes(bytes)
}

/// Answers `DRM_IOCTL_GET_CAP`.
pub(crate) fn get_cap(_: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_get_cap = args(data);
    args.value = 0;
    args.value = match args.capability {
        sys::DRM_CAP_TIMESTAMP_MONOTONIC => 1,
        sys::DRM_CAP_PRIME => sys::DRM_PRIME_CAP_IMPORT | sys::DRM_PRIME_CAP_EXPORT,
        sys::DRM_CAP_SYNCOBJ | sys::DRM_CAP_SYNCOBJ_TIMELINE => 1,
        // The other capabilities concern displays.
        _ => return Err(Errno::OPNOTSUPP),
    };
    Ok(())
}

/// Answers `DRM_IOCTL_SET_CLIENT_NAME`: sets the name in fdinfo; an empty name removes it.
pub(crate) fn set_client_name(call: &Call<'_>, data: &mut [u8]) -> Result<()> {
    let args: &mut sys::drm_set_client_name = args(data);
    let length = usize::try_from(args.name_len).unwrap_or(usize::MAX);
    if length > sys::DRM_CLIENT_NAME_MAX_LEN {
        return Err(Errno::INVAL);
    }
    let mut name = vec![0; length];
    call.user.read(args.name, &mut name)?;
    // Other characters could not be printed in a line of fdinfo.
    let name = String::from_utf8(name)
        .ok()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()));
    let name = name.ok_or(Errno::INVAL)?;
    *lock(&call.file.client_name) = Some(name).filter(|name| !name.is_empty());
    Ok(())
}
