//! GPU models that the fake can emulate.

/// A GPU model.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Gpu {
    /// Mali-G310, architecture 10, 1 core.
    G310,
    /// Mali-G510, architecture 10, 4 cores.
    G510,
    /// Mali-G610 of the RK3588, architecture 10, 4 cores.
    #[default]
    G610,
    /// Mali-G710, architecture 10, 10 cores.
    G710,
    /// Mali-G615, architecture 11, 6 cores.
    G615,
    /// Mali-G715, architecture 11, 7 cores.
    G715,
    /// Mali-G620, architecture 12, 4 cores.
    G620,
    /// Mali-G720, architecture 12, 6 cores.
    G720,
    /// Mali-G725, architecture 13, 6 cores.
    G725,
}

/// The fields of `GPU_ID` that identify a product.
struct Identity {
    arch: (u32, u32, u32),
    product: u32,
    /// Version major, minor and status: bits 0 to 15 as they are in the register.
    version: u32,
    /// Mask of the shader cores. The core count is part of the identity: it distinguishes the G715,
    /// G720 and G725 from smaller models with the same product number.
    shader_present: u64,
}

impl Gpu {
    /// Every supported model.
    pub const ALL: &'static [Self] = &[
        Self::G310,
        Self::G510,
        Self::G610,
        Self::G710,
        Self::G615,
        Self::G715,
        Self::G620,
        Self::G720,
        Self::G725,
    ];

    /// Returns the product name, as the driver logs it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::G310 => "Mali-G310",
            Self::G510 => "Mali-G510",
            Self::G610 => "Mali-G610",
            Self::G710 => "Mali-G710",
            Self::G615 => "Mali-G615",
            Self::G715 => "Mali-G715",
            Self::G620 => "Mali-G620",
            Self::G720 => "Mali-G720",
            Self::G725 => "Mali-G725",
        }
    }

    const fn identity(self) -> Identity {
        // Only the core count of each mask matters, except for the G610, which has the mask of the
        // RK3588.
        let (arch, product, version, shader_present) = match self {
            Self::G310 => ((10, 12, 7), 4, 0x0000, 0x1),
            Self::G510 => ((10, 10, 7), 3, 0x0000, 0x1111),
            Self::G610 => ((10, 8, 6), 7, 0x0005, 0x5_0005),
            Self::G710 => ((10, 8, 6), 2, 0x0000, 0x0011_1111_1111),
            Self::G615 => ((11, 8, 0), 3, 0x0000, 0x11_1111),
            Self::G715 => ((11, 8, 0), 2, 0x0000, 0x111_1111),
            Self::G620 => ((12, 8, 0), 1, 0x0000, 0x1111),
            Self::G720 => ((12, 8, 7), 0, 0x0000, 0x11_1111),
            Self::G725 => ((13, 8, 3), 0, 0x0000, 0x11_1111),
        };
        Identity { arch, product, version, shader_present }
    }

    /// Returns the value of the `GPU_ID` register.
    pub const fn gpu_id(self) -> u32 {
        let Identity { arch: (major, minor, rev), product, version, .. } = self.identity();
        major << 28 | minor << 24 | rev << 20 | product << 16 | version
    }

    /// Returns the mask of the present shader cores.
    pub const fn shader_present(self) -> u64 {
        self.identity().shader_present
    }

    /// Returns `CORE_FEATURES`, the variant of the shader core.
    pub(crate) const fn core_features(self) -> u32 {
        match self {
            Self::G720 | Self::G725 => 4,
            _ => 0,
        }
    }

    /// The number of bits of a GPU virtual address.
    pub(crate) const VA_BITS: u32 = 48;

    /// Returns `GPU_FEATURES`, a register of architecture 11 and later, with the ray intersection
    /// bit.
    pub(crate) const fn gpu_features(self) -> u64 {
        const RAY_INTERSECTION: u64 = 1 << 2;
        match self {
            Self::G715 | Self::G720 | Self::G725 => RAY_INTERSECTION,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the driver's product name for the fields of `GPU_ID` and the core count.
    fn name_by_driver(gpu: Gpu) -> &'static str {
        let (arch, product) = (gpu.gpu_id() >> 28, gpu.gpu_id() >> 16 & 0xf);
        let cores = gpu.shader_present().count_ones();
        match (arch, product) {
            (10, 2) => "Mali-G710",
            (10, 3) => "Mali-G510",
            (10, 4) => "Mali-G310",
            (10, 7) => "Mali-G610",
            (11, 2) if (7..10).contains(&cores) => "Mali-G715",
            (11, 2 | 3) => "Mali-G615",
            (12, 0) if (6..10).contains(&cores) => "Mali-G720",
            (12, 0 | 1) => "Mali-G620",
            (13, 0) if (6..10).contains(&cores) => "Mali-G725",
            _ => "another GPU",
        }
    }

    #[test]
    fn every_model_is_recognised_by_the_rule_of_the_driver() {
        for &gpu in Gpu::ALL {
            assert_eq!(name_by_driver(gpu), gpu.name());
        }
    }

    #[test]
    fn the_g610_is_the_one_of_the_rk3588() {
        assert_eq!(Gpu::G610.gpu_id(), 0xa867_0005);
        assert_eq!(Gpu::G610.shader_present(), 0x5_0005);
    }
}
