//! The names of ioctls, as in the headers but without what they share.

use panthor_sys::*;

/// The ioctls that a render node has, by name.
const IOCTLS: &[(&str, u32)] = &[
    ("VERSION", DRM_IOCTL_VERSION),
    ("GET_CAP", DRM_IOCTL_GET_CAP),
    ("SET_CLIENT_NAME", DRM_IOCTL_SET_CLIENT_NAME),
    ("GEM_CLOSE", DRM_IOCTL_GEM_CLOSE),
    ("PRIME_HANDLE_TO_FD", DRM_IOCTL_PRIME_HANDLE_TO_FD),
    ("PRIME_FD_TO_HANDLE", DRM_IOCTL_PRIME_FD_TO_HANDLE),
    ("SYNCOBJ_CREATE", DRM_IOCTL_SYNCOBJ_CREATE),
    ("SYNCOBJ_DESTROY", DRM_IOCTL_SYNCOBJ_DESTROY),
    ("SYNCOBJ_HANDLE_TO_FD", DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD),
    ("SYNCOBJ_FD_TO_HANDLE", DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE),
    ("SYNCOBJ_WAIT", DRM_IOCTL_SYNCOBJ_WAIT),
    ("SYNCOBJ_RESET", DRM_IOCTL_SYNCOBJ_RESET),
    ("SYNCOBJ_SIGNAL", DRM_IOCTL_SYNCOBJ_SIGNAL),
    ("SYNCOBJ_TIMELINE_WAIT", DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT),
    ("SYNCOBJ_QUERY", DRM_IOCTL_SYNCOBJ_QUERY),
    ("SYNCOBJ_TRANSFER", DRM_IOCTL_SYNCOBJ_TRANSFER),
    ("SYNCOBJ_TIMELINE_SIGNAL", DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL),
    ("SYNCOBJ_EVENTFD", DRM_IOCTL_SYNCOBJ_EVENTFD),
    ("DEV_QUERY", DRM_IOCTL_PANTHOR_DEV_QUERY),
    ("VM_CREATE", DRM_IOCTL_PANTHOR_VM_CREATE),
    ("VM_DESTROY", DRM_IOCTL_PANTHOR_VM_DESTROY),
    ("VM_BIND", DRM_IOCTL_PANTHOR_VM_BIND),
    ("VM_GET_STATE", DRM_IOCTL_PANTHOR_VM_GET_STATE),
    ("BO_CREATE", DRM_IOCTL_PANTHOR_BO_CREATE),
    ("BO_MMAP_OFFSET", DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET),
    ("GROUP_CREATE", DRM_IOCTL_PANTHOR_GROUP_CREATE),
    ("GROUP_DESTROY", DRM_IOCTL_PANTHOR_GROUP_DESTROY),
    ("GROUP_SUBMIT", DRM_IOCTL_PANTHOR_GROUP_SUBMIT),
    ("GROUP_GET_STATE", DRM_IOCTL_PANTHOR_GROUP_GET_STATE),
    ("TILER_HEAP_CREATE", DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE),
    ("TILER_HEAP_DESTROY", DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY),
    ("BO_SET_LABEL", DRM_IOCTL_PANTHOR_BO_SET_LABEL),
    ("SET_USER_MMIO_OFFSET", DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET),
    ("BO_SYNC", DRM_IOCTL_PANTHOR_BO_SYNC),
    ("BO_QUERY_INFO", DRM_IOCTL_PANTHOR_BO_QUERY_INFO),
];

/// The request of an ioctl by its name, such as `VM_BIND` or `DRM_IOCTL_PANTHOR_VM_BIND`.
pub fn ioctl_by_name(name: &str) -> Option<u32> {
    let name = name.strip_prefix("DRM_IOCTL_").unwrap_or(name);
    let name = name.strip_prefix("PANTHOR_").unwrap_or(name);
    IOCTLS.iter().find_map(|&(known, request)| (known == name).then_some(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ioctl_of_a_render_node_has_a_name() {
        use crate::ioctl::{known_requests, request_nr};

        for request in known_requests() {
            let named = IOCTLS.iter().any(|&(_, known)| known == request);
            // That one was withdrawn before it had a use.
            assert!(named || request_nr(request) == 0xd2, "{request:#x}");
        }
        assert_eq!(ioctl_by_name("VM_BIND"), Some(DRM_IOCTL_PANTHOR_VM_BIND));
        assert_eq!(ioctl_by_name("DRM_IOCTL_GEM_CLOSE"), Some(DRM_IOCTL_GEM_CLOSE));
        assert_eq!(ioctl_by_name("vm_bind"), None);
    }
}
