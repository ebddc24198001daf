//! Kinds of errors.

use rustix::io::Errno;

/// Kind of an [`Error`](crate::Error), as coarse as a `VkResult`.
///
/// | kind | in Vulkan |
/// |---|---|
/// | `DeviceLost` | `VK_ERROR_DEVICE_LOST` |
/// | `OutOfMemory` | `VK_ERROR_OUT_OF_DEVICE_MEMORY` or `VK_ERROR_OUT_OF_HOST_MEMORY` |
/// | `Unsupported` | `VK_ERROR_FEATURE_NOT_PRESENT` |
/// | `NotFound`, `NotPanthor`, `PermissionDenied` | `VK_ERROR_INITIALIZATION_FAILED` |
/// | others, of an import | `VK_ERROR_INVALID_EXTERNAL_HANDLE` |
/// | others, of a CPU mapping | `VK_ERROR_MEMORY_MAP_FAILED` |
/// | others | a bug of the caller, or `VK_ERROR_UNKNOWN` |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The device is gone, or a fault or a reset made a VM unusable. Device-loss errnos of other
    /// drivers, for example of imported memory, are `Other`.
    DeviceLost,
    /// Memory, address space, descriptors or a table of the file (32 VMs) are exhausted.
    OutOfMemory,
    /// The running driver lacks the feature. The error's text names the required version.
    Unsupported,
    /// An argument breaks a rule. The text names the argument and the rule.
    InvalidArgument,
    /// Another object still uses this object.
    Busy,
    /// The device or object does not exist.
    NotFound,
    /// The process lacks a permission or a capability.
    PermissionDenied,
    /// The node is not a Panthor device, or has an unknown major version.
    NotPanthor,
    /// Any other error. [`Error::errno`](crate::Error::errno) returns the errno.
    Other,
}

impl ErrorKind {
    /// Maps a driver errno to a kind.
    pub(super) fn of(errno: Errno) -> Self {
        match errno {
            // The driver returns ETIMEDOUT for a stuck MMU and ECANCELED for work that a reset
            // killed.
            Errno::NODEV | Errno::NXIO | Errno::IO | Errno::TIMEDOUT | Errno::CANCELED => {
                Self::DeviceLost
            }
            Errno::NOMEM | Errno::NOSPC | Errno::MFILE | Errno::NFILE => Self::OutOfMemory,
            Errno::OPNOTSUPP | Errno::NOTTY | Errno::NOSYS => Self::Unsupported,
            Errno::INVAL | Errno::TOOBIG | Errno::FAULT | Errno::OVERFLOW => Self::InvalidArgument,
            Errno::BUSY => Self::Busy,
            Errno::NOENT => Self::NotFound,
            Errno::ACCESS | Errno::PERM => Self::PermissionDenied,
            _ => Self::Other,
        }
    }
}
