//! The requests by type: what makes an ioctl safe to issue is that its struct says all.

use std::ffi::c_char;

use bytemuck::{Pod, Zeroable};
use panthor_sys as sys;
use rustix::io::Errno;

use super::Transport;
use crate::error::{Error, Result};

/// A struct with the one request that takes it.
///
/// # Safety
///
/// `NUMBER` takes a pointer to `Self`, and the driver writes nothing but that struct: pointers in it are
/// only read through, by the kernel, for which a bad pointer is EFAULT.
pub(crate) unsafe trait Request: Pod {
    /// The request's number.
    const NUMBER: u32;
    /// The request's name in errors.
    const NAME: &'static str;
}

macro_rules! requests {
    ($($ty:ident = $number:ident, $name:literal;)*) => {$(
        // SAFETY: the number is the one of this struct (panthor-sys pins both), and the driver's handler
        // writes to the struct alone.
        unsafe impl Request for sys::$ty {
            const NUMBER: u32 = sys::$number;
            const NAME: &'static str = $name;
        }
    )*};
}

requests! {
    drm_gem_close = DRM_IOCTL_GEM_CLOSE, "GEM_CLOSE";
    drm_syncobj_create = DRM_IOCTL_SYNCOBJ_CREATE, "SYNCOBJ_CREATE";
    drm_syncobj_destroy = DRM_IOCTL_SYNCOBJ_DESTROY, "SYNCOBJ_DESTROY";
    drm_syncobj_timeline_wait = DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, "SYNCOBJ_TIMELINE_WAIT";
    drm_syncobj_transfer = DRM_IOCTL_SYNCOBJ_TRANSFER, "SYNCOBJ_TRANSFER";
    drm_syncobj_eventfd = DRM_IOCTL_SYNCOBJ_EVENTFD, "SYNCOBJ_EVENTFD";
    drm_panthor_vm_create = DRM_IOCTL_PANTHOR_VM_CREATE, "VM_CREATE";
    drm_panthor_vm_destroy = DRM_IOCTL_PANTHOR_VM_DESTROY, "VM_DESTROY";
    drm_panthor_vm_bind = DRM_IOCTL_PANTHOR_VM_BIND, "VM_BIND";
    drm_panthor_vm_get_state = DRM_IOCTL_PANTHOR_VM_GET_STATE, "VM_GET_STATE";
    drm_panthor_bo_create = DRM_IOCTL_PANTHOR_BO_CREATE, "BO_CREATE";
    drm_panthor_bo_mmap_offset = DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, "BO_MMAP_OFFSET";
    drm_panthor_bo_set_label = DRM_IOCTL_PANTHOR_BO_SET_LABEL, "BO_SET_LABEL";
    drm_panthor_bo_sync = DRM_IOCTL_PANTHOR_BO_SYNC, "BO_SYNC";
    drm_panthor_bo_query_info = DRM_IOCTL_PANTHOR_BO_QUERY_INFO, "BO_QUERY_INFO";
    drm_panthor_group_create = DRM_IOCTL_PANTHOR_GROUP_CREATE, "GROUP_CREATE";
    drm_panthor_group_destroy = DRM_IOCTL_PANTHOR_GROUP_DESTROY, "GROUP_DESTROY";
    drm_panthor_group_submit = DRM_IOCTL_PANTHOR_GROUP_SUBMIT, "GROUP_SUBMIT";
    drm_panthor_group_get_state = DRM_IOCTL_PANTHOR_GROUP_GET_STATE, "GROUP_GET_STATE";
    drm_panthor_tiler_heap_create = DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, "TILER_HEAP_CREATE";
    drm_panthor_tiler_heap_destroy = DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, "TILER_HEAP_DESTROY";
    drm_panthor_set_user_mmio_offset = DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, "SET_USER_MMIO_OFFSET";
}

/// What DRM_IOCTL_VERSION tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DriverIdentity {
    pub(crate) name: String,
    pub(crate) major: i32,
    pub(crate) minor: i32,
    pub(crate) patch: i32,
}

impl Transport {
    /// Issues a request, again after a signal.
    #[inline]
    pub(crate) fn call<R: Request>(&self, arg: &mut R) -> Result<()> {
        self.try_call(arg).map_err(|errno| Error::os(R::NAME, errno))
    }

    /// As [`call`](Self::call), with the bare errno.
    #[inline]
    pub(crate) fn try_call<R: Request>(&self, arg: &mut R) -> Result<(), Errno> {
        // SAFETY: `Request` says that the number takes this struct and that nothing else is written.
        unsafe { self.ioctl(R::NUMBER, arg) }.map(drop)
    }

    /// Issues a request once: the caller handles interruption, and sees what the driver wrote back.
    #[inline]
    pub(crate) fn call_once<R: Request>(&self, arg: &mut R) -> Result<(), Errno> {
        // SAFETY: as in `try_call`.
        unsafe { self.ioctl_once(R::NUMBER, std::ptr::from_mut(arg).cast()) }.map(drop)
    }

    /// SYNCOBJ_SIGNAL or SYNCOBJ_RESET of several syncobjs, at least one.
    pub(crate) fn syncobj_array(&self, request: SyncobjArray, handles: &[u32]) -> Result<()> {
        let (number, name) = match request {
            SyncobjArray::Signal => (sys::DRM_IOCTL_SYNCOBJ_SIGNAL, "SYNCOBJ_SIGNAL"),
            SyncobjArray::Reset => (sys::DRM_IOCTL_SYNCOBJ_RESET, "SYNCOBJ_RESET"),
        };
        let mut arg = sys::drm_syncobj_array::zeroed();
        arg.handles = address_of(handles);
        arg.count_handles = count(name, handles)?;
        // SAFETY: both requests take a drm_syncobj_array and read `count_handles` handles, no more.
        unsafe { self.ioctl(number, &mut arg) }.map(drop).map_err(|errno| Error::os(name, errno))
    }

    /// SYNCOBJ_TIMELINE_SIGNAL of several points, at least one; `points` is as long as `handles`.
    pub(crate) fn timeline_signal(&self, handles: &[u32], points: &[u64]) -> Result<()> {
        let name = "SYNCOBJ_TIMELINE_SIGNAL";
        debug_assert_eq!(handles.len(), points.len());
        let mut arg = sys::drm_syncobj_timeline_array::zeroed();
        arg.handles = address_of(handles);
        arg.points = address_of(points);
        arg.count_handles = count(name, handles)?;
        // SAFETY: this request takes a drm_syncobj_timeline_array and reads `count_handles` handles and as
        // many points.
        unsafe { self.ioctl(sys::DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut arg) }
            .map(drop)
            .map_err(|errno| Error::os(name, errno))
    }

    /// SYNCOBJ_QUERY of one timeline.
    pub(crate) fn timeline_query(&self, handle: u32, flags: u32) -> Result<u64> {
        let mut point = 0u64;
        let mut arg = sys::drm_syncobj_timeline_array::zeroed();
        arg.handles = address_of(&handle);
        arg.points = std::ptr::from_mut(&mut point).expose_provenance() as u64;
        arg.count_handles = 1;
        arg.flags = flags;
        // SAFETY: this request takes a drm_syncobj_timeline_array, reads one handle and writes one u64
        // through `points`, which is `point`.
        unsafe { self.ioctl(sys::DRM_IOCTL_SYNCOBJ_QUERY, &mut arg) }
            .map_err(|errno| Error::os("SYNCOBJ_QUERY", errno))?;
        Ok(point)
    }

    /// The size of a query's struct in the running driver; `None` when it does not know the query.
    pub(crate) fn query_size(&self, kind: u32) -> Result<Option<usize>> {
        let mut arg = sys::drm_panthor_dev_query::zeroed();
        arg.type_ = kind;
        // SAFETY: DEV_QUERY takes this struct, and with a null pointer it writes to the struct alone.
        match unsafe { self.ioctl(sys::DRM_IOCTL_PANTHOR_DEV_QUERY, &mut arg) } {
            Ok(_) => Ok(Some(arg.size as usize)),
            Err(Errno::INVAL) => Ok(None),
            Err(errno) => Err(Error::os("DEV_QUERY", errno)),
        }
    }

    /// Fills `info` as far as the running driver knows its fields; the rest becomes zero.
    pub(crate) fn query<T: Pod>(&self, kind: u32, info: &mut T) -> Result<()> {
        let mut arg = sys::drm_panthor_dev_query::zeroed();
        arg.type_ = kind;
        arg.size = size_of::<T>() as u32;
        arg.pointer = std::ptr::from_mut(info).expose_provenance() as u64;
        // SAFETY: DEV_QUERY takes this struct and writes at most `size` bytes through `pointer`, which
        // is `info`; any bytes make a valid `T`, since it is Pod.
        unsafe { self.ioctl(sys::DRM_IOCTL_PANTHOR_DEV_QUERY, &mut arg) }
            .map(drop)
            .map_err(|errno| Error::os("DEV_QUERY", errno))
    }

    /// DRM_IOCTL_VERSION: which driver is this?
    pub(crate) fn identity(&self) -> Result<DriverIdentity> {
        let mut name = [0u8; 64];
        let mut arg = sys::drm_version {
            version_major: 0,
            version_minor: 0,
            version_patchlevel: 0,
            name_len: name.len() as _,
            name: name.as_mut_ptr().cast::<c_char>(),
            date_len: 0,
            date: std::ptr::null_mut(),
            desc_len: 0,
            desc: std::ptr::null_mut(),
        };
        // SAFETY: VERSION takes a drm_version and writes at most `name_len` bytes through `name`, which
        // is that long, and nothing through the other two pointers, whose lengths are 0.
        unsafe { self.ioctl(sys::DRM_IOCTL_VERSION, &mut arg) }
            .map_err(|errno| Error::os("VERSION", errno))?;
        let len = (arg.name_len as usize).min(name.len());
        Ok(DriverIdentity {
            name: String::from_utf8_lossy(&name[..len]).into_owned(),
            major: arg.version_major,
            minor: arg.version_minor,
            patch: arg.version_patchlevel,
        })
    }
}

/// Which of the requests that take a plain array of syncobjs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncobjArray {
    Signal,
    Reset,
}

/// A number of elements as the uAPI wants it.
fn count<T>(call: &'static str, all: &[T]) -> Result<u32> {
    let too_many = |_| {
        let rule = format!("are too many ({}, at most {})", all.len(), u32::MAX);
        Error::invalid(call, "points", rule)
    };
    u32::try_from(all.len()).map_err(too_many)
}

/// A pointer as the uAPI wants it, for the driver to read through.
pub(crate) fn address_of<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance() as u64
}
