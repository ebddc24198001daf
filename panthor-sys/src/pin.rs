//! A second derivation of the ioctl numbers, from direction, type, number and argument.
//!
//! The generated numbers come from a C compiler. The numbers here come from the table and from the
//! sizes of the Rust structs.

use crate::*;

/// Asserts that constants are what direction, type byte, number and argument type make of them.
macro_rules! pin {
    ($($name:ident = $dir:ident $ty:literal $nr:literal $arg:ty;)*) => {
        const _: () = { $(assert!($name == request($dir, $ty, $nr, size_of::<$arg>()));)* };

        /// The constants in the table.
        #[cfg(test)]
        const PINNED: &[&str] = &[$(stringify!($name)),*];
    };
}

const NONE: u32 = 0;
const TAKES: u32 = 1;
const GIVES: u32 = 2;
const BOTH: u32 = TAKES | GIVES;

const fn request(dir: u32, ty: char, nr: u32, size: usize) -> u32 {
    dir * 0x4000_0000 + size as u32 * 0x1_0000 + ty as u32 * 0x100 + nr
}

pin! {
    DRM_IOCTL_VERSION = BOTH 'd' 0x00 drm_version;
    DRM_IOCTL_GET_UNIQUE = BOTH 'd' 0x01 drm_unique;
    DRM_IOCTL_GET_MAGIC = GIVES 'd' 0x02 drm_auth;
    DRM_IOCTL_SET_VERSION = BOTH 'd' 0x07 drm_set_version;
    DRM_IOCTL_GEM_CLOSE = TAKES 'd' 0x09 drm_gem_close;
    DRM_IOCTL_GEM_FLINK = BOTH 'd' 0x0a drm_gem_flink;
    DRM_IOCTL_GEM_OPEN = BOTH 'd' 0x0b drm_gem_open;
    DRM_IOCTL_GET_CAP = BOTH 'd' 0x0c drm_get_cap;
    DRM_IOCTL_SET_CLIENT_CAP = TAKES 'd' 0x0d drm_set_client_cap;
    DRM_IOCTL_AUTH_MAGIC = TAKES 'd' 0x11 drm_auth;
    DRM_IOCTL_SET_MASTER = NONE 'd' 0x1e ();
    DRM_IOCTL_DROP_MASTER = NONE 'd' 0x1f ();
    DRM_IOCTL_PRIME_HANDLE_TO_FD = BOTH 'd' 0x2d drm_prime_handle;
    DRM_IOCTL_PRIME_FD_TO_HANDLE = BOTH 'd' 0x2e drm_prime_handle;
    DRM_IOCTL_SYNCOBJ_CREATE = BOTH 'd' 0xbf drm_syncobj_create;
    DRM_IOCTL_SYNCOBJ_DESTROY = BOTH 'd' 0xc0 drm_syncobj_destroy;
    DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD = BOTH 'd' 0xc1 drm_syncobj_handle;
    DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE = BOTH 'd' 0xc2 drm_syncobj_handle;
    DRM_IOCTL_SYNCOBJ_WAIT = BOTH 'd' 0xc3 drm_syncobj_wait;
    DRM_IOCTL_SYNCOBJ_RESET = BOTH 'd' 0xc4 drm_syncobj_array;
    DRM_IOCTL_SYNCOBJ_SIGNAL = BOTH 'd' 0xc5 drm_syncobj_array;
    DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT = BOTH 'd' 0xca drm_syncobj_timeline_wait;
    DRM_IOCTL_SYNCOBJ_QUERY = BOTH 'd' 0xcb drm_syncobj_timeline_array;
    DRM_IOCTL_SYNCOBJ_TRANSFER = BOTH 'd' 0xcc drm_syncobj_transfer;
    DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL = BOTH 'd' 0xcd drm_syncobj_timeline_array;
    DRM_IOCTL_SYNCOBJ_EVENTFD = BOTH 'd' 0xcf drm_syncobj_eventfd;
    DRM_IOCTL_SET_CLIENT_NAME = BOTH 'd' 0xd1 drm_set_client_name;

    DRM_IOCTL_PANTHOR_DEV_QUERY = BOTH 'd' 0x40 drm_panthor_dev_query;
    DRM_IOCTL_PANTHOR_VM_CREATE = BOTH 'd' 0x41 drm_panthor_vm_create;
    DRM_IOCTL_PANTHOR_VM_DESTROY = BOTH 'd' 0x42 drm_panthor_vm_destroy;
    DRM_IOCTL_PANTHOR_VM_BIND = BOTH 'd' 0x43 drm_panthor_vm_bind;
    DRM_IOCTL_PANTHOR_VM_GET_STATE = BOTH 'd' 0x44 drm_panthor_vm_get_state;
    DRM_IOCTL_PANTHOR_BO_CREATE = BOTH 'd' 0x45 drm_panthor_bo_create;
    DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET = BOTH 'd' 0x46 drm_panthor_bo_mmap_offset;
    DRM_IOCTL_PANTHOR_GROUP_CREATE = BOTH 'd' 0x47 drm_panthor_group_create;
    DRM_IOCTL_PANTHOR_GROUP_DESTROY = BOTH 'd' 0x48 drm_panthor_group_destroy;
    DRM_IOCTL_PANTHOR_GROUP_SUBMIT = BOTH 'd' 0x49 drm_panthor_group_submit;
    DRM_IOCTL_PANTHOR_GROUP_GET_STATE = BOTH 'd' 0x4a drm_panthor_group_get_state;
    DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE = BOTH 'd' 0x4b drm_panthor_tiler_heap_create;
    DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY = BOTH 'd' 0x4c drm_panthor_tiler_heap_destroy;
    DRM_IOCTL_PANTHOR_BO_SET_LABEL = BOTH 'd' 0x4d drm_panthor_bo_set_label;
    DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET = BOTH 'd' 0x4e drm_panthor_set_user_mmio_offset;
    DRM_IOCTL_PANTHOR_BO_SYNC = BOTH 'd' 0x4f drm_panthor_bo_sync;
    DRM_IOCTL_PANTHOR_BO_QUERY_INFO = BOTH 'd' 0x50 drm_panthor_bo_query_info;

    DMA_BUF_IOCTL_SYNC = TAKES 'b' 0 dma_buf_sync;
    DMA_BUF_SET_NAME_A = TAKES 'b' 1 u32;
    DMA_BUF_SET_NAME_B = TAKES 'b' 1 u64;
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE = BOTH 'b' 2 dma_buf_export_sync_file;
    DMA_BUF_IOCTL_IMPORT_SYNC_FILE = TAKES 'b' 3 dma_buf_import_sync_file;

    SYNC_IOC_MERGE = BOTH '>' 3 sync_merge_data;
    SYNC_IOC_FILE_INFO = BOTH '>' 4 sync_file_info;
    SYNC_IOC_SET_DEADLINE = TAKES '>' 5 sync_set_deadline;
}

#[cfg(test)]
mod tests {
    use super::PINNED;

    /// Checks that the table has every number of the generated file.
    #[test]
    fn all_ioctls_are_pinned() {
        let sources = [include_str!("bindings.rs"), include_str!("drm_core.rs")];
        let constants = sources
            .iter()
            .flat_map(|source| source.lines())
            .filter_map(|line| line.strip_prefix("pub const "))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name);
        let mut found = 0;
        for name in constants {
            let prefixes = ["DRM_IOCTL_", "DMA_BUF_IOCTL_", "DMA_BUF_SET_NAME_", "SYNC_IOC_"];
            if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                assert!(PINNED.contains(&name), "{name} is not in the table");
                found += 1;
            }
        }
        assert_eq!(found, PINNED.len());
    }
}
