//! The requests of the uAPI.

use panthor_sys::*;

macro_rules! requests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name)),*] };
}

/// Requests of the uAPI with their names: of the driver, of the DRM core, of dma-bufs and sync
/// files.
pub const REQUESTS: &[(&str, u32)] = requests![
    DRM_IOCTL_PANTHOR_DEV_QUERY,
    DRM_IOCTL_PANTHOR_VM_CREATE,
    DRM_IOCTL_PANTHOR_VM_DESTROY,
    DRM_IOCTL_PANTHOR_VM_BIND,
    DRM_IOCTL_PANTHOR_VM_GET_STATE,
    DRM_IOCTL_PANTHOR_BO_CREATE,
    DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET,
    DRM_IOCTL_PANTHOR_GROUP_CREATE,
    DRM_IOCTL_PANTHOR_GROUP_DESTROY,
    DRM_IOCTL_PANTHOR_GROUP_SUBMIT,
    DRM_IOCTL_PANTHOR_GROUP_GET_STATE,
    DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE,
    DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY,
    DRM_IOCTL_PANTHOR_BO_SET_LABEL,
    DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET,
    DRM_IOCTL_PANTHOR_BO_SYNC,
    DRM_IOCTL_PANTHOR_BO_QUERY_INFO,
    DRM_IOCTL_VERSION,
    DRM_IOCTL_GET_UNIQUE,
    DRM_IOCTL_GET_MAGIC,
    DRM_IOCTL_AUTH_MAGIC,
    DRM_IOCTL_SET_MASTER,
    DRM_IOCTL_DROP_MASTER,
    DRM_IOCTL_SET_VERSION,
    DRM_IOCTL_GET_CAP,
    DRM_IOCTL_SET_CLIENT_CAP,
    DRM_IOCTL_SET_CLIENT_NAME,
    DRM_IOCTL_GEM_CLOSE,
    DRM_IOCTL_GEM_FLINK,
    DRM_IOCTL_GEM_OPEN,
    DRM_IOCTL_PRIME_HANDLE_TO_FD,
    DRM_IOCTL_PRIME_FD_TO_HANDLE,
    DRM_IOCTL_SYNCOBJ_CREATE,
    DRM_IOCTL_SYNCOBJ_DESTROY,
    DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD,
    DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
    DRM_IOCTL_SYNCOBJ_WAIT,
    DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
    DRM_IOCTL_SYNCOBJ_RESET,
    DRM_IOCTL_SYNCOBJ_SIGNAL,
    DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL,
    DRM_IOCTL_SYNCOBJ_QUERY,
    DRM_IOCTL_SYNCOBJ_TRANSFER,
    DRM_IOCTL_SYNCOBJ_EVENTFD,
    DMA_BUF_IOCTL_SYNC,
    DMA_BUF_SET_NAME_A,
    DMA_BUF_SET_NAME_B,
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
    DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
    SYNC_IOC_MERGE,
    SYNC_IOC_FILE_INFO,
    SYNC_IOC_SET_DEADLINE,
];

/// Returns whether a request is one of a DRM file, not of a dma-buf or a sync file.
pub const fn is_drm(request: u32) -> bool {
    request >> 8 & 0xff == DRM_IOCTL_BASE as u32
}

/// Returns the size of a request's argument in bytes.
pub const fn size(request: u32) -> usize {
    (request >> 16 & 0x3fff) as usize
}

/// Returns a request of the same number and directions for an argument of another size.
pub const fn resized(request: u32, size: usize) -> u32 {
    request & !(0x3fff << 16) | (size as u32) << 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn list_has_every_request_of_the_uapi() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../panthor-sys/src");
        let mut declared = BTreeSet::new();
        for entry in std::fs::read_dir(sources).expect("the sources of panthor-sys") {
            let text = std::fs::read_to_string(entry.expect("a file").path()).expect("a source");
            let constants = text.lines().filter_map(|line| line.strip_prefix("pub const "));
            let words = constants.filter_map(|line| line.split_once(": u32 = "));
            let is_request = |name: &&str| {
                ["DRM_IOCTL_", "DMA_BUF_", "SYNC_IOC_"].iter().any(|start| name.starts_with(start))
            };
            declared.extend(words.map(|(name, _)| name).filter(is_request).map(String::from));
        }
        let listed: BTreeSet<_> = REQUESTS.iter().map(|(name, _)| String::from(*name)).collect();
        assert_eq!(declared, listed);
        assert_eq!(listed.len(), REQUESTS.len(), "a request is listed twice");
    }

    #[test]
    fn resized_request_differs_by_size_only() {
        let request = resized(DRM_IOCTL_PANTHOR_VM_CREATE, 32);
        assert_eq!((size(DRM_IOCTL_PANTHOR_VM_CREATE), size(request)), (16, 32));
        assert_eq!(request & !(0x3fff << 16), DRM_IOCTL_PANTHOR_VM_CREATE & !(0x3fff << 16));
        assert!(is_drm(request) && !is_drm(SYNC_IOC_MERGE));
    }
}
