//! The ioctls of DRM core, dma-bufs and sync files.

use std::mem::offset_of;

use panthor_sys as sys;

use super::drm_names as names;
use super::panthor_names::NONE;
use super::schema::Kind::{self, *};
use super::schema::{Argument, Layout, Request, layout, request};

const PAD: Kind = Zero(u64::MAX);

/// A string with its length in another field of the structure.
macro_rules! counted {
    ($of:ident, $len:ident) => {
        Counted {
            len_at: offset_of!(sys::$of, $len),
            len_size: super::schema::size_of_field(|it: &sys::$of| &it.$len),
        }
    };
}

/// An array of numbers of `$size` bytes each.
macro_rules! array {
    ($size:literal, $of:ident, $count:ident) => {
        Array { size: $size, count_at: offset_of!(sys::$of, $count) }
    };
}

static VERSION: Layout = layout!(drm_version, Plain, [
    Out version_major: Signed,
    Out version_minor: Signed,
    Out version_patchlevel: Signed,
    InOut name_len: Number,
    Out name: counted!(drm_version, name_len),
    InOut date_len: Number,
    Out date: counted!(drm_version, date_len),
    InOut desc_len: Number,
    Out desc: counted!(drm_version, desc_len),
]);

static UNIQUE: Layout = layout!(drm_unique, Plain, [
    InOut unique_len: Number,
    Out unique: counted!(drm_unique, unique_len),
]);

static GET_MAGIC: Layout = layout!(drm_auth, Plain, [Out magic: Number]);

static AUTH_MAGIC: Layout = layout!(drm_auth, Plain, [In magic: Number]);

static SET_VERSION: Layout = layout!(drm_set_version, Plain, [
    InOut drm_di_major: Signed,
    InOut drm_di_minor: Signed,
    InOut drm_dd_major: Signed,
    InOut drm_dd_minor: Signed,
]);

static GEM_CLOSE: Layout = layout!(drm_gem_close, Plain, [In handle: Number, In pad: PAD]);

static GEM_FLINK: Layout = layout!(drm_gem_flink, Plain, [In handle: Number, Out name: Number]);

static GEM_OPEN: Layout =
    layout!(drm_gem_open, Plain, [In name: Number, Out handle: Number, Out size: Number]);

static GET_CAP: Layout = layout!(drm_get_cap, Plain, [
    In capability: Name(&names::CAPABILITY),
    Out value: Capability,
]);

static SET_CLIENT_CAP: Layout = layout!(drm_set_client_cap, Plain, [
    In capability: Name(&names::CLIENT_CAP),
    In value: Number,
]);

static HANDLE_TO_DMA_BUF: Layout = layout!(drm_prime_handle, Plain, [
    In handle: Number,
    In flags: Flags(&names::PRIME),
    Out fd: Signed,
]);

static DMA_BUF_TO_HANDLE: Layout = layout!(drm_prime_handle, Plain, [
    In fd: Signed,
    In flags: Flags(&names::PRIME),
    Out handle: Number,
]);

static SYNCOBJ_CREATE: Layout = layout!(drm_syncobj_create, Plain, [
    In flags: Flags(&names::SYNCOBJ_CREATE),
    Out handle: Number,
]);

static SYNCOBJ_DESTROY: Layout =
    layout!(drm_syncobj_destroy, Plain, [In handle: Number, In pad: PAD]);

static SYNCOBJ_TO_FD: Layout = layout!(drm_syncobj_handle, Plain, [
    In handle: Number,
    In flags: Flags(&names::HANDLE_TO_FD),
    In pad: PAD,
    In point: Number,
    Out fd: Signed,
]);

static FD_TO_SYNCOBJ: Layout = layout!(drm_syncobj_handle, Plain, [
    In fd: Signed,
    In flags: Flags(&names::FD_TO_HANDLE),
    In pad: PAD,
    In point: Number,
    InOut handle: Number,
]);

static SYNCOBJ_WAIT: Layout = layout!(drm_syncobj_wait, Plain, [
    In handles: array!(4, drm_syncobj_wait, count_handles),
    In timeout_nsec: Signed,
    In flags: Flags(&names::WAIT),
    In pad: PAD,
    In deadline_nsec: Zero(u64::MAX),
    Out first_signaled: Number,
]);

static TIMELINE_WAIT: Layout = layout!(drm_syncobj_timeline_wait, Plain, [
    In handles: array!(4, drm_syncobj_timeline_wait, count_handles),
    In points: array!(8, drm_syncobj_timeline_wait, count_handles),
    In timeout_nsec: Signed,
    In flags: Flags(&names::WAIT),
    In pad: PAD,
    In deadline_nsec: Zero(u64::MAX),
    Out first_signaled: Number,
]);

static SYNCOBJ_ARRAY: Layout = layout!(drm_syncobj_array, Plain, [
    In handles: array!(4, drm_syncobj_array, count_handles),
    In pad: PAD,
]);

static SYNCOBJ_QUERY: Layout = layout!(drm_syncobj_timeline_array, Plain, [
    In handles: array!(4, drm_syncobj_timeline_array, count_handles),
    In flags: Flags(&names::SYNCOBJ_QUERY),
    Out points: array!(8, drm_syncobj_timeline_array, count_handles),
]);

static TIMELINE_SIGNAL: Layout = layout!(drm_syncobj_timeline_array, Plain, [
    In handles: array!(4, drm_syncobj_timeline_array, count_handles),
    In points: array!(8, drm_syncobj_timeline_array, count_handles),
    In flags: Flags(&NONE),
]);

static TRANSFER: Layout = layout!(drm_syncobj_transfer, Plain, [
    In src_handle: Number,
    In src_point: Number,
    In dst_handle: Number,
    In dst_point: Number,
    In flags: Flags(&names::WAIT),
    In pad: PAD,
]);

static EVENTFD: Layout = layout!(drm_syncobj_eventfd, Plain, [
    In handle: Number,
    In flags: Flags(&names::WAIT),
    In point: Number,
    In fd: Signed,
    In pad: PAD,
]);

static CLIENT_NAME: Layout =
    layout!(drm_set_client_name, Plain, [In name: counted!(drm_set_client_name, name_len)]);

static DMA_BUF_SYNC: Layout = layout!(dma_buf_sync, Plain, [In flags: Flags(&names::DMA_BUF_SYNC)]);

static EXPORT_SYNC_FILE: Layout = layout!(dma_buf_export_sync_file, Plain, [
    In flags: Flags(&names::DMA_BUF_ACCESS),
    Out fd: Signed,
]);

static IMPORT_SYNC_FILE: Layout = layout!(dma_buf_import_sync_file, Plain, [
    In flags: Flags(&names::DMA_BUF_ACCESS),
    In fd: Signed,
]);

static MERGE: Layout = layout!(sync_merge_data, Plain, [
    In name: Inline,
    In fd2: Signed,
    In flags: Flags(&NONE),
    In pad: PAD,
    Out fence: Signed,
]);

static FENCE_INFO: Layout = layout!(sync_fence_info, Plain, [
    Out obj_name: Inline,
    Out driver_name: Inline,
    Out status: Signed,
    Out flags: Flags(&NONE),
    Out timestamp_ns: Number,
]);

static FILE_INFO: Layout = layout!(sync_file_info, Plain, [
    In flags: Flags(&NONE),
    In pad: PAD,
    InOut num_fences: Number,
    Out name: Inline,
    Out status: Signed,
    Out sync_fence_info: Structs {
        layout: &FENCE_INFO,
        count_at: offset_of!(sys::sync_file_info, num_fences),
    },
]);

static SET_DEADLINE: Layout =
    layout!(sync_set_deadline, Plain, [In deadline_ns: Number, In pad: PAD]);

/// All requests of this module.
pub(crate) static REQUESTS: &[Request] = &[
    request!(DRM_IOCTL_VERSION, Argument::Struct(&VERSION)),
    request!(DRM_IOCTL_GET_UNIQUE, Argument::Struct(&UNIQUE)),
    request!(DRM_IOCTL_GET_MAGIC, Argument::Struct(&GET_MAGIC)),
    request!(DRM_IOCTL_SET_VERSION, Argument::Struct(&SET_VERSION)),
    request!(DRM_IOCTL_GEM_CLOSE, Argument::Struct(&GEM_CLOSE)),
    request!(DRM_IOCTL_GEM_FLINK, Argument::Struct(&GEM_FLINK)),
    request!(DRM_IOCTL_GEM_OPEN, Argument::Struct(&GEM_OPEN)),
    request!(DRM_IOCTL_GET_CAP, Argument::Struct(&GET_CAP)),
    request!(DRM_IOCTL_SET_CLIENT_CAP, Argument::Struct(&SET_CLIENT_CAP)),
    request!(DRM_IOCTL_AUTH_MAGIC, Argument::Struct(&AUTH_MAGIC)),
    request!(DRM_IOCTL_SET_MASTER, Argument::None),
    request!(DRM_IOCTL_DROP_MASTER, Argument::None),
    request!(DRM_IOCTL_PRIME_HANDLE_TO_FD, Argument::Struct(&HANDLE_TO_DMA_BUF)),
    request!(DRM_IOCTL_PRIME_FD_TO_HANDLE, Argument::Struct(&DMA_BUF_TO_HANDLE)),
    request!(DRM_IOCTL_SYNCOBJ_CREATE, Argument::Struct(&SYNCOBJ_CREATE)),
    request!(DRM_IOCTL_SYNCOBJ_DESTROY, Argument::Struct(&SYNCOBJ_DESTROY)),
    request!(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, Argument::Struct(&SYNCOBJ_TO_FD)),
    request!(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, Argument::Struct(&FD_TO_SYNCOBJ)),
    request!(DRM_IOCTL_SYNCOBJ_WAIT, Argument::Struct(&SYNCOBJ_WAIT)),
    request!(DRM_IOCTL_SYNCOBJ_RESET, Argument::Struct(&SYNCOBJ_ARRAY)),
    request!(DRM_IOCTL_SYNCOBJ_SIGNAL, Argument::Struct(&SYNCOBJ_ARRAY)),
    request!(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, Argument::Struct(&TIMELINE_WAIT)),
    request!(DRM_IOCTL_SYNCOBJ_QUERY, Argument::Struct(&SYNCOBJ_QUERY)),
    request!(DRM_IOCTL_SYNCOBJ_TRANSFER, Argument::Struct(&TRANSFER)),
    request!(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, Argument::Struct(&TIMELINE_SIGNAL)),
    request!(DRM_IOCTL_SYNCOBJ_EVENTFD, Argument::Struct(&EVENTFD)),
    request!(DRM_IOCTL_SET_CLIENT_NAME, Argument::Struct(&CLIENT_NAME)),
    request!(DMA_BUF_IOCTL_SYNC, Argument::Struct(&DMA_BUF_SYNC)),
    request!(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, Argument::Struct(&EXPORT_SYNC_FILE)),
    request!(DMA_BUF_IOCTL_IMPORT_SYNC_FILE, Argument::Struct(&IMPORT_SYNC_FILE)),
    request!(DMA_BUF_SET_NAME_A, Argument::Text(sys::DMA_BUF_NAME_LEN)),
    request!(DMA_BUF_SET_NAME_B, Argument::Text(sys::DMA_BUF_NAME_LEN)),
    request!(SYNC_IOC_MERGE, Argument::Struct(&MERGE)),
    request!(SYNC_IOC_FILE_INFO, Argument::Struct(&FILE_INFO)),
    request!(SYNC_IOC_SET_DEADLINE, Argument::Struct(&SET_DEADLINE)),
];
