//! The requests that programs are made of, and their structures.

use std::fmt;

use bytemuck::Pod;
use panthor_sys::*;

use crate::uapi::client::Client;
use crate::uapi::wire::{Field, Wire};

/// A request with its structure.
pub struct Request {
    /// Name of the constant.
    pub name: &'static str,
    /// Name of the structure.
    pub ty: &'static str,
    pub size: usize,
    pub layout: &'static [Field],
    /// The field with what the kernel makes.
    pub gives: Option<&'static str>,
    /// Issues the request on the file or on a descriptor, with the bytes of the structure. The
    /// kernel's changes are in the bytes afterwards.
    pub issue: fn(&mut Client<'_>, Option<i32>, &mut [u8]) -> i32,
}

impl Request {
    /// Returns whether the kernel creates a descriptor.
    pub fn gives_descriptor(&self) -> bool {
        self.gives.is_some_and(is_descriptor)
    }
}

/// Returns whether a field is a descriptor.
pub fn is_descriptor(field: &str) -> bool {
    ["fd", "fd2", "fence"].contains(&field)
}

/// A structure that there are arrays of.
pub struct Element {
    pub ty: &'static str,
    pub size: usize,
    pub layout: &'static [Field],
}

impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.ty == other.ty
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ty)
    }
}

fn issue<T: Wire + Pod>(
    client: &mut Client<'_>,
    number: u32,
    on: Option<i32>,
    bytes: &mut [u8],
) -> i32 {
    let mut arg: T = bytemuck::pod_read_unaligned(bytes);
    let result = match on {
        Some(fd) => client.descriptor_call(fd, number, &mut arg),
        None => client.call(number, &mut arg),
    };
    bytes.copy_from_slice(bytemuck::bytes_of(&arg));
    result
}

macro_rules! requests {
    ($($name:ident = $number:ident $ty:ident $(gives $field:ident)?;)*) => {$(
        pub static $name: Request = Request {
            name: stringify!($number),
            ty: <$ty as Wire>::NAME,
            size: size_of::<$ty>(),
            layout: <$ty as Wire>::LAYOUT,
            gives: requests!(@ $($field)?),
            issue: |client, on, bytes| issue::<$ty>(client, $number, on, bytes),
        };
    )*};
    (@) => { None };
    (@ $field:ident) => { Some(stringify!($field)) };
}

requests! {
    DEV_QUERY = DRM_IOCTL_PANTHOR_DEV_QUERY drm_panthor_dev_query;
    VM_CREATE = DRM_IOCTL_PANTHOR_VM_CREATE drm_panthor_vm_create gives id;
    VM_DESTROY = DRM_IOCTL_PANTHOR_VM_DESTROY drm_panthor_vm_destroy;
    VM_BIND = DRM_IOCTL_PANTHOR_VM_BIND drm_panthor_vm_bind;
    VM_GET_STATE = DRM_IOCTL_PANTHOR_VM_GET_STATE drm_panthor_vm_get_state;
    BO_CREATE = DRM_IOCTL_PANTHOR_BO_CREATE drm_panthor_bo_create gives handle;
    BO_MMAP_OFFSET = DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET drm_panthor_bo_mmap_offset gives offset;
    BO_SET_LABEL = DRM_IOCTL_PANTHOR_BO_SET_LABEL drm_panthor_bo_set_label;
    BO_SYNC = DRM_IOCTL_PANTHOR_BO_SYNC drm_panthor_bo_sync;
    BO_QUERY_INFO = DRM_IOCTL_PANTHOR_BO_QUERY_INFO drm_panthor_bo_query_info;
    GROUP_CREATE = DRM_IOCTL_PANTHOR_GROUP_CREATE drm_panthor_group_create gives group_handle;
    GROUP_DESTROY = DRM_IOCTL_PANTHOR_GROUP_DESTROY drm_panthor_group_destroy;
    GROUP_SUBMIT = DRM_IOCTL_PANTHOR_GROUP_SUBMIT drm_panthor_group_submit;
    GROUP_GET_STATE = DRM_IOCTL_PANTHOR_GROUP_GET_STATE drm_panthor_group_get_state;
    HEAP_CREATE = DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE drm_panthor_tiler_heap_create gives handle;
    HEAP_DESTROY = DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY drm_panthor_tiler_heap_destroy;
    SET_USER_MMIO_OFFSET = DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET drm_panthor_set_user_mmio_offset;
    GET_CAP = DRM_IOCTL_GET_CAP drm_get_cap;
    SET_CLIENT_CAP = DRM_IOCTL_SET_CLIENT_CAP drm_set_client_cap;
    SET_CLIENT_NAME = DRM_IOCTL_SET_CLIENT_NAME drm_set_client_name;
    GEM_CLOSE = DRM_IOCTL_GEM_CLOSE drm_gem_close;
    GEM_FLINK = DRM_IOCTL_GEM_FLINK drm_gem_flink gives name;
    GEM_OPEN = DRM_IOCTL_GEM_OPEN drm_gem_open gives handle;
    GET_MAGIC = DRM_IOCTL_GET_MAGIC drm_auth gives magic;
    AUTH_MAGIC = DRM_IOCTL_AUTH_MAGIC drm_auth;
    SET_VERSION = DRM_IOCTL_SET_VERSION drm_set_version;
    PRIME_HANDLE_TO_FD = DRM_IOCTL_PRIME_HANDLE_TO_FD drm_prime_handle gives fd;
    PRIME_FD_TO_HANDLE = DRM_IOCTL_PRIME_FD_TO_HANDLE drm_prime_handle gives handle;
    SYNCOBJ_CREATE = DRM_IOCTL_SYNCOBJ_CREATE drm_syncobj_create gives handle;
    SYNCOBJ_DESTROY = DRM_IOCTL_SYNCOBJ_DESTROY drm_syncobj_destroy;
    SYNCOBJ_HANDLE_TO_FD = DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD drm_syncobj_handle gives fd;
    SYNCOBJ_FD_TO_HANDLE = DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE drm_syncobj_handle gives handle;
    SYNCOBJ_WAIT = DRM_IOCTL_SYNCOBJ_WAIT drm_syncobj_wait;
    SYNCOBJ_TIMELINE_WAIT = DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT drm_syncobj_timeline_wait;
    SYNCOBJ_RESET = DRM_IOCTL_SYNCOBJ_RESET drm_syncobj_array;
    SYNCOBJ_SIGNAL = DRM_IOCTL_SYNCOBJ_SIGNAL drm_syncobj_array;
    SYNCOBJ_TIMELINE_SIGNAL = DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL drm_syncobj_timeline_array;
    SYNCOBJ_QUERY = DRM_IOCTL_SYNCOBJ_QUERY drm_syncobj_timeline_array;
    SYNCOBJ_TRANSFER = DRM_IOCTL_SYNCOBJ_TRANSFER drm_syncobj_transfer;
    SYNCOBJ_EVENTFD = DRM_IOCTL_SYNCOBJ_EVENTFD drm_syncobj_eventfd;
    DMA_BUF_SYNC = DMA_BUF_IOCTL_SYNC dma_buf_sync;
    EXPORT_FENCES = DMA_BUF_IOCTL_EXPORT_SYNC_FILE dma_buf_export_sync_file gives fd;
    IMPORT_FENCES = DMA_BUF_IOCTL_IMPORT_SYNC_FILE dma_buf_import_sync_file;
    SYNC_MERGE = SYNC_IOC_MERGE sync_merge_data gives fence;
    SYNC_FILE_INFO = SYNC_IOC_FILE_INFO sync_file_info;
    SYNC_DEADLINE = SYNC_IOC_SET_DEADLINE sync_set_deadline;
}

macro_rules! elements {
    ($($name:ident = $ty:ident;)*) => {$(
        pub static $name: Element = Element {
            ty: <$ty as Wire>::NAME,
            size: size_of::<$ty>(),
            layout: <$ty as Wire>::LAYOUT,
        };
    )*};
}

elements! {
    SYNC_OP = drm_panthor_sync_op;
    BIND_OP = drm_panthor_vm_bind_op;
    QUEUE = drm_panthor_queue_create;
    JOB = drm_panthor_queue_submit;
    BO_SYNC_OP = drm_panthor_bo_sync_op;
}
