//! The constants in fields of DRM core, dma-buf and sync file structures.

use super::schema::{Names, names};

const ALL: u64 = u64::MAX;

pub(crate) static CAPABILITY: Names = names!(
    "DRM_CAP_",
    ALL,
    [
        DRM_CAP_DUMB_BUFFER,
        DRM_CAP_VBLANK_HIGH_CRTC,
        DRM_CAP_DUMB_PREFERRED_DEPTH,
        DRM_CAP_DUMB_PREFER_SHADOW,
        DRM_CAP_PRIME,
        DRM_CAP_TIMESTAMP_MONOTONIC,
        DRM_CAP_ASYNC_PAGE_FLIP,
        DRM_CAP_CURSOR_WIDTH,
        DRM_CAP_CURSOR_HEIGHT,
        DRM_CAP_ADDFB2_MODIFIERS,
        DRM_CAP_PAGE_FLIP_TARGET,
        DRM_CAP_CRTC_IN_VBLANK_EVENT,
        DRM_CAP_SYNCOBJ,
        DRM_CAP_SYNCOBJ_TIMELINE,
        DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP,
    ]
);

pub(crate) static PRIME_CAP: Names =
    names!("DRM_PRIME_CAP_", ALL, [DRM_PRIME_CAP_IMPORT, DRM_PRIME_CAP_EXPORT]);

pub(crate) static CLIENT_CAP: Names = names!(
    "DRM_CLIENT_CAP_",
    ALL,
    [
        DRM_CLIENT_CAP_STEREO_3D,
        DRM_CLIENT_CAP_UNIVERSAL_PLANES,
        DRM_CLIENT_CAP_ATOMIC,
        DRM_CLIENT_CAP_ASPECT_RATIO,
        DRM_CLIENT_CAP_WRITEBACK_CONNECTORS,
        DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT,
        DRM_CLIENT_CAP_PLANE_COLOR_PIPELINE,
    ]
);

pub(crate) static PRIME: Names = names!("DRM_", ALL, [DRM_RDWR, DRM_CLOEXEC]);

pub(crate) static SYNCOBJ_CREATE: Names =
    names!("DRM_SYNCOBJ_CREATE_", ALL, [DRM_SYNCOBJ_CREATE_SIGNALED]);

pub(crate) static FD_TO_HANDLE: Names = names!(
    "DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_",
    ALL,
    [DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE,]
);

pub(crate) static HANDLE_TO_FD: Names = names!(
    "DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_",
    ALL,
    [DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE, DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE,]
);

pub(crate) static WAIT: Names = names!(
    "DRM_SYNCOBJ_WAIT_FLAGS_",
    ALL,
    [
        DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL,
        DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
        DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE,
        DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE,
    ]
);

pub(crate) static SYNCOBJ_QUERY: Names =
    names!("DRM_SYNCOBJ_QUERY_FLAGS_", ALL, [DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED]);

pub(crate) static DMA_BUF_SYNC: Names = names!(
    "DMA_BUF_SYNC_",
    ALL,
    [
        DMA_BUF_SYNC_START in DMA_BUF_SYNC_END,
        DMA_BUF_SYNC_END,
        DMA_BUF_SYNC_READ,
        DMA_BUF_SYNC_WRITE,
    ]
);

/// The access flags in the structures for dma-buf fences.
pub(crate) static DMA_BUF_ACCESS: Names =
    names!("DMA_BUF_SYNC_", ALL, [DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE]);
