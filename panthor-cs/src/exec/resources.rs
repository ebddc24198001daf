//! Resources of RUN instructions.

use core::fmt;

/// Resources that REQ_RESOURCE requests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Resources(u8);

impl Resources {
    /// No resource.
    pub const NONE: Self = Self(0);
    /// The compute endpoint.
    pub const COMPUTE: Self = Self(1);
    /// The fragment endpoint.
    pub const FRAGMENT: Self = Self(2);
    /// The tiler.
    pub const TILER: Self = Self(4);
    /// The IDVS endpoint.
    pub const IDVS: Self = Self(8);
    /// The ray tracing unit.
    pub const RAY_TRACING: Self = Self(16);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::COMPUTE, "compute"),
        (Self::FRAGMENT, "fragment"),
        (Self::TILER, "tiler"),
        (Self::IDVS, "idvs"),
        (Self::RAY_TRACING, "ray_tracing"),
    ];

    /// Returns the set as the bits of REQ_RESOURCE and of CS_STATUS_REQ_RESOURCE.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns whether the set contains all of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the resources of either set.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the set with `other` if `condition` holds.
    pub(super) fn with(self, other: Self, condition: bool) -> Self {
        if condition { self.union(other) } else { self }
    }
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (resource, name) in Self::NAMES {
            if self.contains(resource) {
                write!(f, "{separator}{name}")?;
                separator = "|";
            }
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resources({self})")
    }
}
