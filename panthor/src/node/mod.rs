//! Device nodes.
//!
//! `find` searches for Panthor render nodes, and `numbers` reads device numbers.

mod find;
mod numbers;

use std::fmt;
use std::path::PathBuf;

use crate::version::Version;

pub use find::list;
pub(crate) use find::open_first;
pub(crate) use numbers::{numbers_of, own_number};

/// Major number of DRM nodes.
const DRM_MAJOR: u32 = 226;

/// A Panthor render node of this machine, as [`list`] returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Path for [`Device::open`](crate::Device::open).
    pub path: PathBuf,
    /// Driver version.
    pub version: Version,
    /// Device numbers, or `None` if [`Device::node_numbers`](crate::Device::node_numbers) finds
    /// none.
    pub numbers: Option<NodeNumbers>,
}

/// Number of a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeNumber {
    /// Major number, 226 for DRM.
    pub major: u32,
    /// Minor number, 128 or more for render nodes.
    pub minor: u32,
}

impl NodeNumber {
    /// Returns the kind of node that the number implies: only minors of the first 64 devices do.
    fn alone(self) -> Option<NodeNumbers> {
        match (self.major, self.minor) {
            (DRM_MAJOR, 0..64) => Some(NodeNumbers { render: None, primary: Some(self) }),
            (DRM_MAJOR, 128..192) => Some(NodeNumbers { render: Some(self), primary: None }),
            _ => None,
        }
    }
}

impl fmt::Display for NodeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// Numbers of a device's nodes, as in `VK_EXT_physical_device_drm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct NodeNumbers {
    /// Render node.
    pub render: Option<NodeNumber>,
    /// Primary node (`card0`).
    pub primary: Option<NodeNumber>,
}

impl NodeNumbers {
    /// Returns the numbers of a machine's first device, which the fake uses.
    #[cfg(feature = "fake")]
    pub(crate) fn of_fake() -> Self {
        Self {
            render: Some(NodeNumber { major: DRM_MAJOR, minor: 128 }),
            primary: Some(NodeNumber { major: DRM_MAJOR, minor: 0 }),
        }
    }
}
