//! Names of requests.

use panthor_sys as sys;

use super::schema::{Argument, Request};
use super::{drm_calls, panthor_calls};

/// Requests without a decoder, which the fake answers or refuses: mode setting and legacy ioctls.
/// Only their types and numbers count.
static OTHERS: &[Request] = &[
    other(0x05, "DRM_IOCTL_GET_CLIENT"),
    other(0x06, "DRM_IOCTL_GET_STATS"),
    other(0x10, "DRM_IOCTL_SET_UNIQUE"),
    other(0x12, "DRM_IOCTL_BLOCK"),
    other(0x13, "DRM_IOCTL_UNBLOCK"),
    other(0x27, "DRM_IOCTL_ADD_DRAW"),
    other(0x28, "DRM_IOCTL_RM_DRAW"),
    other(0x2c, "DRM_IOCTL_FINISH"),
    other(0x3a, "DRM_IOCTL_WAIT_VBLANK"),
    other(0x3b, "DRM_IOCTL_CRTC_GET_SEQUENCE"),
    other(0x3c, "DRM_IOCTL_CRTC_QUEUE_SEQUENCE"),
    other(0x3f, "DRM_IOCTL_UPDATE_DRAW"),
    other(0xa0, "DRM_IOCTL_MODE_GETRESOURCES"),
    other(0xa1, "DRM_IOCTL_MODE_GETCRTC"),
    other(0xa2, "DRM_IOCTL_MODE_SETCRTC"),
    other(0xa3, "DRM_IOCTL_MODE_CURSOR"),
    other(0xa4, "DRM_IOCTL_MODE_GETGAMMA"),
    other(0xa5, "DRM_IOCTL_MODE_SETGAMMA"),
    other(0xa6, "DRM_IOCTL_MODE_GETENCODER"),
    other(0xa7, "DRM_IOCTL_MODE_GETCONNECTOR"),
    other(0xa8, "DRM_IOCTL_MODE_ATTACHMODE"),
    other(0xa9, "DRM_IOCTL_MODE_DETACHMODE"),
    other(0xaa, "DRM_IOCTL_MODE_GETPROPERTY"),
    other(0xab, "DRM_IOCTL_MODE_SETPROPERTY"),
    other(0xac, "DRM_IOCTL_MODE_GETPROPBLOB"),
    other(0xad, "DRM_IOCTL_MODE_GETFB"),
    other(0xae, "DRM_IOCTL_MODE_ADDFB"),
    other(0xaf, "DRM_IOCTL_MODE_RMFB"),
    other(0xb0, "DRM_IOCTL_MODE_PAGE_FLIP"),
    other(0xb1, "DRM_IOCTL_MODE_DIRTYFB"),
    other(0xb2, "DRM_IOCTL_MODE_CREATE_DUMB"),
    other(0xb3, "DRM_IOCTL_MODE_MAP_DUMB"),
    other(0xb4, "DRM_IOCTL_MODE_DESTROY_DUMB"),
    other(0xb5, "DRM_IOCTL_MODE_GETPLANERESOURCES"),
    other(0xb6, "DRM_IOCTL_MODE_GETPLANE"),
    other(0xb7, "DRM_IOCTL_MODE_SETPLANE"),
    other(0xb8, "DRM_IOCTL_MODE_ADDFB2"),
    other(0xb9, "DRM_IOCTL_MODE_OBJ_GETPROPERTIES"),
    other(0xba, "DRM_IOCTL_MODE_OBJ_SETPROPERTY"),
    other(0xbb, "DRM_IOCTL_MODE_CURSOR2"),
    other(0xbc, "DRM_IOCTL_MODE_ATOMIC"),
    other(0xbd, "DRM_IOCTL_MODE_CREATEPROPBLOB"),
    other(0xbe, "DRM_IOCTL_MODE_DESTROYPROPBLOB"),
    other(0xc6, "DRM_IOCTL_MODE_CREATE_LEASE"),
    other(0xc7, "DRM_IOCTL_MODE_LIST_LESSEES"),
    other(0xc8, "DRM_IOCTL_MODE_GET_LEASE"),
    other(0xc9, "DRM_IOCTL_MODE_REVOKE_LEASE"),
    other(0xce, "DRM_IOCTL_MODE_GETFB2"),
    other(0xd0, "DRM_IOCTL_MODE_CLOSEFB"),
    other(0xd2, "DRM_IOCTL_GEM_CHANGE_HANDLE"),
];

const fn other(nr: u8, name: &'static str) -> Request {
    Request { request: sys::io(sys::DRM_IOCTL_BASE, nr), name, argument: Argument::Opaque }
}

/// Returns all named requests.
pub(crate) fn all() -> impl Iterator<Item = &'static Request> {
    panthor_calls::REQUESTS.iter().chain(drm_calls::REQUESTS).chain(OTHERS)
}

/// Returns the type and the number of a request. Type and number identify an ioctl; the size
/// depends on the caller's structure.
fn identity(request: u32) -> (u8, u8) {
    (sys::ioc_type(request), sys::ioc_nr(request))
}

/// Returns the table entry of a request.
pub(crate) fn find(request: u32) -> Option<&'static Request> {
    let same = |known: &&Request| identity(known.request) == identity(request);
    // Two dma-buf requests differ only in their size.
    all().find(|known| known.request == request).or_else(|| all().find(same))
}

/// Returns the name of a request, such as `DRM_IOCTL_PANTHOR_VM_BIND`.
///
/// As in the driver, the size in the request is ignored. Returns `None` for an unknown request.
///
/// ```
/// use panthor_fake::trace::request_name;
///
/// let name = request_name(panthor_sys::DRM_IOCTL_PANTHOR_VM_BIND);
/// assert_eq!(name, Some("DRM_IOCTL_PANTHOR_VM_BIND"));
/// ```
pub fn request_name(request: u32) -> Option<&'static str> {
    find(request).map(|known| known.name)
}

/// Returns the request with a name, in upper or lower case. The prefix `DRM_IOCTL_` or
/// `DRM_IOCTL_PANTHOR_` may be left out.
///
/// ```
/// use panthor_fake::trace::request_by_name;
///
/// let request = Some(panthor_sys::DRM_IOCTL_PANTHOR_VM_BIND);
/// assert_eq!(request_by_name("DRM_IOCTL_PANTHOR_VM_BIND"), request);
/// assert_eq!(request_by_name("vm_bind"), request);
/// assert_eq!(request_by_name("VM_BEND"), None);
/// ```
pub fn request_by_name(name: &str) -> Option<u32> {
    let prefixes = ["", "DRM_IOCTL_", "DRM_IOCTL_PANTHOR_"];
    let is_it = |prefix: &str, known: &Request| {
        known.name.strip_prefix(prefix).is_some_and(|short| short.eq_ignore_ascii_case(name))
    };
    let found = prefixes.iter().find_map(|prefix| all().find(|known| is_it(prefix, known)));
    found.map(|known| known.request)
}

/// Formats an unknown request as `strace` does.
pub(super) fn anonymous(request: u32) -> String {
    let dir = match sys::ioc_dir(request) {
        sys::IOC_NONE => "_IOC_NONE",
        sys::IOC_WRITE => "_IOC_WRITE",
        sys::IOC_READ => "_IOC_READ",
        _ => "_IOC_READ|_IOC_WRITE",
    };
    let (of, nr, size) = (sys::ioc_type(request), sys::ioc_nr(request), sys::ioc_size(request));
    format!("_IOC({dir}, {of:#x}, {nr:#x}, {size:#x})")
}
