//! Device nodes.
//!
//! `find` looks for Panthor's render nodes, and `numbers` for the numbers of a device's nodes.

mod find;
mod numbers;

use std::fmt;
use std::path::PathBuf;

use crate::version::Version;

pub use find::list;
pub(crate) use find::open_first;
pub(crate) use numbers::{numbers_of, own_number};

/// The major number of DRM nodes.
const DRM_MAJOR: u32 = 226;

/// A Panthor render node of this machine, as [`list`] finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The path, for [`Device::open`](crate::Device::open).
    pub path: PathBuf,
    /// The version of the driver.
    pub version: Version,
    /// The device numbers; `None` where [`Device::node_numbers`](crate::Device::node_numbers) finds none.
    pub numbers: Option<NodeNumbers>,
}

/// The number of a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeNumber {
    /// Major number; 226 for DRM.
    pub major: u32,
    /// Minor number; from 128 for render nodes.
    pub minor: u32,
}

impl NodeNumber {
    /// Returns what the number shows by itself: only the minors of a machine's first 64 devices show the kind of node.
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

/// The numbers of the nodes that one device has, as `VK_EXT_physical_device_drm` reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct NodeNumbers {
    /// The render node.
    pub render: Option<NodeNumber>,
    /// The primary node (`card0`).
    pub primary: Option<NodeNumber>,
}

impl NodeNumbers {
    /// Returns the numbers of a machine's first device, which the fake stands for.
    #[cfg(feature = "fake")]
    pub(crate) fn of_fake() -> Self {
        Self {
            render: Some(NodeNumber { major: DRM_MAJOR, minor: 128 }),
            primary: Some(NodeNumber { major: DRM_MAJOR, minor: 0 }),
        }
    }
}
