//! Typed ioctls, which are safe because their struct determines all memory accesses.

use std::ffi::c_char;
use std::fmt;

use bytemuck::{Pod, Zeroable};
use panthor_sys as sys;
use rustix::io::Errno;

use super::Transport;
use crate::error::{Error, ErrorKind, Result};

/// A struct with the one request that takes it.
///
/// # Safety
///
/// `NUMBER` must take a pointer to `Self`, and the driver must write only to that struct. The
/// kernel only reads through pointers in the struct, and returns EFAULT for bad ones.
pub(crate) unsafe trait Request: Pod {
    /// Number of the request.
    const NUMBER: u32;
    /// Name of the request in errors.
    const NAME: &'static str;
}

macro_rules! requests {
    ($($ty:ident = $number:ident, $name:literal;)*) => {$(
        // SAFETY: the number belongs to this struct (panthor-sys pins both), and the driver's
        // handler writes only to the struct.
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

/// Driver description of Panthor.
const DESCRIPTION: &str = "Panthor DRM driver";

/// Driver identity (DRM_IOCTL_VERSION).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DriverIdentity {
    pub(crate) name: String,
    pub(crate) major: i32,
    pub(crate) minor: i32,
    pub(crate) patch: i32,
    description: String,
}

impl fmt::Display for DriverIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, major, minor, patch, description } = self;
        write!(f, "`{description}`, {name} {major}.{minor}.{patch}")
    }
}

impl Transport {
    /// Issues a request and repeats it after signals.
    #[inline]
    pub(crate) fn call<R: Request>(&self, arg: &mut R) -> Result<()> {
        self.try_call(arg).map_err(|errno| self.refusal::<R>(errno))
    }

    /// Returns the error of a request. DRM also returns EINVAL for requests that the driver lacks.
    #[cold]
    fn refusal<R: Request>(&self, errno: Errno) -> Error {
        let error = Error::os(R::NAME, errno);
        let identity = (errno == Errno::INVAL).then(|| self.identity());
        match identity {
            Some(Ok(identity)) if self.lacks::<R>(&identity) => error
                .with_kind(ErrorKind::Unsupported)
                .with_detail(format!("the driver lacks the request ({identity})")),
            _ => error,
        }
    }

    /// Refuses a driver with Panthor's name that lacks essential requests.
    pub(crate) fn check_uapi(&self, identity: &DriverIdentity) -> Result<()> {
        let lacking: Vec<_> = [
            (sys::drm_panthor_vm_create::NAME, self.lacks::<sys::drm_panthor_vm_create>(identity)),
            (sys::drm_panthor_vm_bind::NAME, self.lacks::<sys::drm_panthor_vm_bind>(identity)),
            (sys::drm_panthor_bo_create::NAME, self.lacks::<sys::drm_panthor_bo_create>(identity)),
        ]
        .into_iter()
        .filter_map(|(name, lacks)| lacks.then_some(name))
        .collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let detail = format!("the driver lacks {} ({identity})", lacking.join(", "));
        Err(Error::refused(ErrorKind::Unsupported, "VERSION", detail))
    }

    /// Returns whether the driver lacks a request. Panthor itself is not probed.
    fn lacks<R: Request>(&self, identity: &DriverIdentity) -> bool {
        // No program has memory at this address. DRM first looks up the request, and returns
        // EFAULT if the request exists.
        let nowhere = std::ptr::without_provenance_mut(usize::MAX & !0xfff);
        identity.description != DESCRIPTION
            // SAFETY: the kernel refuses the address first, and writes nothing.
            && unsafe { self.ioctl_once(R::NUMBER, nowhere) } == Err(Errno::INVAL)
    }

    /// Issues a request, as [`call`](Self::call), and returns the bare errno.
    #[inline]
    pub(crate) fn try_call<R: Request>(&self, arg: &mut R) -> Result<(), Errno> {
        // SAFETY: by the contract of `Request`, the number takes this struct and nothing else is
        // written.
        unsafe { self.ioctl(R::NUMBER, arg) }.map(drop)
    }

    /// Issues a request once. The caller handles interruptions and sees the driver's writes.
    #[inline]
    pub(crate) fn call_once<R: Request>(&self, arg: &mut R) -> Result<(), Errno> {
        // SAFETY: as in `try_call`.
        unsafe { self.ioctl_once(R::NUMBER, std::ptr::from_mut(arg).cast()) }.map(drop)
    }

    /// Signals or resets at least one syncobj (SYNCOBJ_SIGNAL, SYNCOBJ_RESET).
    pub(crate) fn syncobj_array(&self, request: SyncobjArray, handles: &[u32]) -> Result<()> {
        let (number, name) = match request {
            SyncobjArray::Signal => (sys::DRM_IOCTL_SYNCOBJ_SIGNAL, "SYNCOBJ_SIGNAL"),
            SyncobjArray::Reset => (sys::DRM_IOCTL_SYNCOBJ_RESET, "SYNCOBJ_RESET"),
        };
        let mut arg = sys::drm_syncobj_array::zeroed();
        arg.handles = address_of(handles);
        arg.count_handles = count(name, handles)?;
        // SAFETY: both requests take a drm_syncobj_array and read `count_handles` handles.
        unsafe { self.ioctl(number, &mut arg) }.map(drop).map_err(|errno| Error::os(name, errno))
    }

    /// Signals at least one point (SYNCOBJ_TIMELINE_SIGNAL). `points` is as long as `handles`.
    pub(crate) fn timeline_signal(&self, handles: &[u32], points: &[u64]) -> Result<()> {
        let name = "SYNCOBJ_TIMELINE_SIGNAL";
        debug_assert_eq!(handles.len(), points.len());
        let mut arg = sys::drm_syncobj_timeline_array::zeroed();
        arg.handles = address_of(handles);
        arg.points = address_of(points);
        arg.count_handles = count(name, handles)?;
        // SAFETY: this request takes a drm_syncobj_timeline_array and reads `count_handles`
        // handles and as many points.
        unsafe { self.ioctl(sys::DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut arg) }
            .map(drop)
            .map_err(|errno| Error::os(name, errno))
    }

    /// Queries one timeline (SYNCOBJ_QUERY).
    pub(crate) fn timeline_query(&self, handle: u32, flags: u32) -> Result<u64> {
        let mut point = 0u64;
        let mut arg = sys::drm_syncobj_timeline_array::zeroed();
        arg.handles = address_of(&handle);
        arg.points = std::ptr::from_mut(&mut point).expose_provenance() as u64;
        arg.count_handles = 1;
        arg.flags = flags;
        // SAFETY: this request takes a drm_syncobj_timeline_array, reads one handle and writes one
        // u64 through `points`, which points to `point`.
        unsafe { self.ioctl(sys::DRM_IOCTL_SYNCOBJ_QUERY, &mut arg) }
            .map_err(|errno| Error::os("SYNCOBJ_QUERY", errno))?;
        Ok(point)
    }

    /// Returns the size of a query's struct in the running driver, or `None` for an unknown query.
    pub(crate) fn query_size(&self, kind: u32) -> Result<Option<usize>> {
        let mut arg = sys::drm_panthor_dev_query::zeroed();
        arg.type_ = kind;
        // SAFETY: DEV_QUERY takes this struct, and with a null pointer it writes to the struct
        // alone.
        match unsafe { self.ioctl(sys::DRM_IOCTL_PANTHOR_DEV_QUERY, &mut arg) } {
            Ok(_) => Ok(Some(arg.size as usize)),
            Err(Errno::INVAL) => Ok(None),
            Err(errno) => Err(Error::os("DEV_QUERY", errno)),
        }
    }

    /// Fills the fields of `info` that the running driver knows, and zeroes the rest.
    pub(crate) fn query<T: Pod>(&self, kind: u32, info: &mut T) -> Result<()> {
        let mut arg = sys::drm_panthor_dev_query::zeroed();
        arg.type_ = kind;
        arg.size = size_of::<T>() as u32;
        arg.pointer = std::ptr::from_mut(info).expose_provenance() as u64;
        // SAFETY: DEV_QUERY takes this struct and writes at most `size` bytes through `pointer`,
        // which points to `info`. `T` is Pod, so any bytes are valid.
        unsafe { self.ioctl(sys::DRM_IOCTL_PANTHOR_DEV_QUERY, &mut arg) }
            .map(drop)
            .map_err(|errno| Error::os("DEV_QUERY", errno))
    }

    /// Returns the driver's identity (DRM_IOCTL_VERSION).
    pub(crate) fn identity(&self) -> Result<DriverIdentity> {
        let (mut name, mut description) = ([0u8; 64], [0u8; 64]);
        let mut arg = sys::drm_version {
            version_major: 0,
            version_minor: 0,
            version_patchlevel: 0,
            name_len: name.len() as _,
            name: name.as_mut_ptr().cast::<c_char>(),
            date_len: 0,
            date: std::ptr::null_mut(),
            desc_len: description.len() as _,
            desc: description.as_mut_ptr().cast::<c_char>(),
        };
        // SAFETY: VERSION takes a drm_version and writes at most `name_len` bytes through `name`
        // and `desc_len` bytes through `desc`. Both buffers are that long. Nothing is written
        // through `date`, because `date_len` is 0.
        unsafe { self.ioctl(sys::DRM_IOCTL_VERSION, &mut arg) }
            .map_err(|errno| Error::os("VERSION", errno))?;
        let text = |bytes: &[u8], len: usize| {
            String::from_utf8_lossy(&bytes[..len.min(bytes.len())]).into_owned()
        };
        Ok(DriverIdentity {
            name: text(&name, arg.name_len as usize),
            description: text(&description, arg.desc_len as usize),
            major: arg.version_major,
            minor: arg.version_minor,
            patch: arg.version_patchlevel,
        })
    }
}

/// Requests that take a plain array of syncobjs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncobjArray {
    Signal,
    Reset,
}

/// Converts an element count to the uAPI's type.
fn count<T>(call: &'static str, all: &[T]) -> Result<u32> {
    let too_many = |_| {
        let rule = format!("are too many ({}, at most {})", all.len(), u32::MAX);
        Error::invalid(call, "points", rule)
    };
    u32::try_from(all.len()).map_err(too_many)
}

/// Converts a pointer to the uAPI's type. The driver only reads through the result.
pub(crate) fn address_of<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance() as u64
}

#[cfg(all(test, feature = "fake"))]
mod tests {
    use panthor_fake::Config;

    use super::*;

    #[test]
    fn a_request_that_the_driver_lacks_is_unsupported() {
        let fake = panthor_fake::Device::new(Config::default().tyr()).unwrap();
        let transport = Transport::Fake(fake.open());
        let mut arg = sys::drm_panthor_group_destroy::zeroed();
        let error = transport.call(&mut arg).unwrap_err();
        assert_eq!((error.kind(), error.call()), (ErrorKind::Unsupported, "GROUP_DESTROY"));
        assert!(error.to_string().contains("`ARM Mali Tyr DRM driver`, panthor 1.5.0"), "{error}");
        // The driver has this request and refuses it for another reason.
        let identity = transport.identity().unwrap();
        assert!(!transport.lacks::<sys::drm_gem_close>(&identity));
        let error = transport.call(&mut sys::drm_gem_close::zeroed()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }

    #[test]
    fn panthor_itself_is_not_asked_what_it_lacks() {
        let fake = panthor_fake::Device::new(Config::default()).unwrap();
        let transport = Transport::Fake(fake.open());
        let error = transport.call(&mut sys::drm_panthor_vm_destroy::zeroed()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert_eq!(fake.stats().ioctl_count(sys::DRM_IOCTL_PANTHOR_VM_DESTROY), 1);
        transport.check_uapi(&transport.identity().unwrap()).unwrap();
        assert_eq!(fake.stats().ioctl_count(sys::DRM_IOCTL_PANTHOR_VM_CREATE), 0);
    }
}
