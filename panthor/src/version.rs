//! Driver versions and their features.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// Version of the running driver (DRM_IOCTL_VERSION).
///
/// ```
/// use panthor::Version;
/// assert!(Version::new(1, 9) > Version::new(1, 8));
/// assert_eq!(Version::new(1, 9).to_string(), "1.9.0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "drm_version")]
pub struct Version {
    /// Major version, for incompatible changes. Only 1 is known.
    pub major: u32,
    /// Minor version, for compatible additions: see [`Features`].
    pub minor: u32,
    /// Patch level, unused by the driver so far.
    pub patch: u32,
}

impl Version {
    /// Returns the version `major.minor.0`.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor, patch: 0 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

bitflags::bitflags! {
    /// Features of the running driver, derived from its version.
    ///
    /// ```
    /// use panthor::{Device, Features, Version};
    /// let device = Device::open_fake()?;
    /// assert!(device.features().contains(Features::SPARSE));
    /// assert_eq!(Features::SPARSE.since(), Version::new(1, 9));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Features: u64 {
        /// Timestamp query (1.1).
        const TIMESTAMP_QUERY = 1 << 0;
        /// Query of the allowed group priorities, and the real-time priority (1.2).
        const GROUP_PRIORITIES = 1 << 1;
        /// State flag of groups that another group's reset killed (1.3).
        const GROUP_INNOCENT = 1 << 2;
        /// BO labels (1.4).
        const BO_LABELS = 1 << 3;
        /// Choice of the user MMIO offset (1.5).
        const USER_MMIO_OFFSET = 1 << 4;
        /// Running GPU cycle and timestamp counters (1.6).
        const GPU_COUNTERS = 1 << 5;
        /// Write-back CPU mappings of BOs (1.7).
        const WB_MMAP = 1 << 6;
        /// CPU cache maintenance of BOs (1.7).
        const BO_SYNC = 1 << 7;
        /// Query of a BO's flags and origin (1.7).
        const BO_QUERY_INFO = 1 << 8;
        /// Selected coherency protocol in the GPU info (1.7).
        const SELECTED_COHERENCY = 1 << 9;
        /// Choice of timestamp query results (1.8).
        const TIMESTAMP_FLAGS = 1 << 10;
        /// Query of the MMU's page sizes (1.9).
        const MMU_INFO = 1 << 11;
        /// Native sparse mappings (1.9).
        const SPARSE = 1 << 12;
    }
}

/// Minor version that introduced each feature, in bit order.
const SINCE_MINOR: [u32; 13] = [1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 8, 9, 9];

impl Features {
    /// Returns the features of a driver version.
    pub fn of(version: Version) -> Self {
        Self::all().iter().filter(|feature| feature.since() <= version).collect()
    }

    /// Returns the first driver version with all of these features, or 1.0 for an empty set.
    pub fn since(self) -> Version {
        let newest = SINCE_MINOR.iter().enumerate().filter(|(bit, _)| self.bits() >> bit & 1 != 0);
        Version::new(1, newest.map(|(_, &minor)| minor).max().unwrap_or(0))
    }

    /// Returns an error with the required version if the `running` driver lacks the features.
    pub(crate) fn require(self, running: Version, call: &'static str, what: &str) -> Result<()> {
        if Self::of(running).contains(self) {
            return Ok(());
        }
        Err(Error::refused(
            ErrorKind::Unsupported,
            call,
            format!(
                "{what} needs Panthor {}.{}, this driver is {running}",
                self.since().major,
                self.since().minor
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_its_version() {
        assert_eq!(Features::all().bits(), (1 << SINCE_MINOR.len()) - 1);
    }

    #[test]
    fn features_only_grow() {
        for minor in 0..9 {
            let old = Features::of(Version::new(1, minor));
            assert!(Features::of(Version::new(1, minor + 1)).contains(old));
        }
        assert_eq!(Features::of(Version::new(1, 0)), Features::empty());
        assert_eq!(Features::of(Version::new(1, 10)), Features::all());
    }

    #[test]
    fn a_missing_feature_names_both_versions() {
        let error =
            Features::SPARSE.require(Version::new(1, 8), "VM_BIND", "a sparse map").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            error.to_string(),
            "VM_BIND: a sparse map needs Panthor 1.9, this driver is 1.8.0"
        );
    }
}
