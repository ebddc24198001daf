//! The classes of errors.

use rustix::io::Errno;

/// The class of an [`Error`](crate::Error), as coarse as a `VkResult` needs it.
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
    /// The device is gone, or a VM became unusable through a fault or a reset. What the device says of itself: the
    /// same number from somebody else, as another driver whose memory is imported or mapped, is `Other`.
    DeviceLost,
    /// Memory, address space, descriptors or a per-file table (32 VMs) is exhausted.
    OutOfMemory,
    /// The running driver does not have the feature; the error's text says which one has.
    Unsupported,
    /// An argument breaks a rule; the text names the argument and the rule.
    InvalidArgument,
    /// The object is still needed by another one.
    Busy,
    /// There is no such device or object.
    NotFound,
    /// The caller lacks a permission or a capability.
    PermissionDenied,
    /// The node is not a Panthor device, or one of an unknown major version.
    NotPanthor,
    /// Anything else; [`Error::errno`](crate::Error::errno) has the number.
    Other,
}

impl ErrorKind {
    /// What it means when the device says so.
    pub(super) fn of(errno: Errno) -> Self {
        match errno {
            // Of a stuck MMU the driver says that time is out; what a reset kills is cancelled.
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
