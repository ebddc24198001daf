//! Fields of the registers that [`drm_panthor_gpu_info`](crate::drm_panthor_gpu_info) carries.

/// `width` bits of `register` from bit `shift` on.
const fn bits(register: u32, shift: u32, width: u32) -> u32 {
    register >> shift & (u32::MAX >> (32 - width))
}

/// Major version of the architecture in a `gpu_id`: 10 and later have a command stream frontend.
#[doc(alias = "DRM_PANTHOR_ARCH_MAJOR")]
pub const fn drm_panthor_arch_major(gpu_id: u32) -> u32 {
    bits(gpu_id, 28, 4)
}

/// Minor version of the architecture in a `gpu_id`.
#[doc(alias = "DRM_PANTHOR_ARCH_MINOR")]
pub const fn drm_panthor_arch_minor(gpu_id: u32) -> u32 {
    bits(gpu_id, 24, 4)
}

/// Revision of the architecture in a `gpu_id`.
#[doc(alias = "DRM_PANTHOR_ARCH_REV")]
pub const fn drm_panthor_arch_rev(gpu_id: u32) -> u32 {
    bits(gpu_id, 20, 4)
}

/// Product within the architecture in a `gpu_id`.
#[doc(alias = "DRM_PANTHOR_PRODUCT_MAJOR")]
pub const fn drm_panthor_product_major(gpu_id: u32) -> u32 {
    bits(gpu_id, 16, 4)
}

/// Major version of the product's release in a `gpu_id` (the r of r0p1).
#[doc(alias = "DRM_PANTHOR_VERSION_MAJOR")]
pub const fn drm_panthor_version_major(gpu_id: u32) -> u32 {
    bits(gpu_id, 12, 4)
}

/// Minor version of the product's release in a `gpu_id` (the p of r0p1).
#[doc(alias = "DRM_PANTHOR_VERSION_MINOR")]
pub const fn drm_panthor_version_minor(gpu_id: u32) -> u32 {
    bits(gpu_id, 4, 8)
}

/// Status of the product's release in a `gpu_id`.
#[doc(alias = "DRM_PANTHOR_VERSION_STATUS")]
pub const fn drm_panthor_version_status(gpu_id: u32) -> u32 {
    bits(gpu_id, 0, 4)
}

/// Major version of the command stream hardware in a `csf_id`.
#[doc(alias = "DRM_PANTHOR_CSHW_MAJOR")]
pub const fn drm_panthor_cshw_major(csf_id: u32) -> u32 {
    bits(csf_id, 26, 6)
}

/// Minor version of the command stream hardware in a `csf_id`.
#[doc(alias = "DRM_PANTHOR_CSHW_MINOR")]
pub const fn drm_panthor_cshw_minor(csf_id: u32) -> u32 {
    bits(csf_id, 20, 6)
}

/// Revision of the command stream hardware in a `csf_id`.
#[doc(alias = "DRM_PANTHOR_CSHW_REV")]
pub const fn drm_panthor_cshw_rev(csf_id: u32) -> u32 {
    bits(csf_id, 16, 4)
}

/// Major version of the MCU in a `csf_id`.
#[doc(alias = "DRM_PANTHOR_MCU_MAJOR")]
pub const fn drm_panthor_mcu_major(csf_id: u32) -> u32 {
    bits(csf_id, 10, 6)
}

/// Minor version of the MCU in a `csf_id`.
#[doc(alias = "DRM_PANTHOR_MCU_MINOR")]
pub const fn drm_panthor_mcu_minor(csf_id: u32) -> u32 {
    bits(csf_id, 4, 6)
}

/// Revision of the MCU in a `csf_id`.
#[doc(alias = "DRM_PANTHOR_MCU_REV")]
pub const fn drm_panthor_mcu_rev(csf_id: u32) -> u32 {
    bits(csf_id, 0, 4)
}

/// Number of bits of a GPU virtual address in an `mmu_features`.
#[doc(alias = "DRM_PANTHOR_MMU_VA_BITS")]
pub const fn drm_panthor_mmu_va_bits(mmu_features: u32) -> u32 {
    bits(mmu_features, 0, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpu_id_of_a_g610() {
        // Mali-G610 r0p0 of the RK3588.
        let id = 0xa867_0000;
        assert_eq!(drm_panthor_arch_major(id), 10);
        assert_eq!(drm_panthor_arch_minor(id), 8);
        assert_eq!(drm_panthor_arch_rev(id), 6);
        assert_eq!(drm_panthor_product_major(id), 7);
        assert_eq!(drm_panthor_version_major(id), 0);
        assert_eq!(drm_panthor_version_minor(id), 0);
        assert_eq!(drm_panthor_version_status(id), 0);
    }

    type Decode = fn(u32) -> u32;

    /// Every bit of the register belongs to exactly the field that the table says.
    fn check_fields(fields: &[(Decode, u32, u32)]) {
        for bit in 0..32 {
            for &(decode, shift, width) in fields {
                let inside = bit >= shift && bit < shift + width;
                let expected = if inside { 1 << (bit - shift) } else { 0 };
                assert_eq!(decode(1 << bit), expected, "bit {bit}, field at {shift}");
            }
        }
    }

    #[test]
    fn gpu_id_fields() {
        check_fields(&[
            (drm_panthor_arch_major, 28, 4),
            (drm_panthor_arch_minor, 24, 4),
            (drm_panthor_arch_rev, 20, 4),
            (drm_panthor_product_major, 16, 4),
            (drm_panthor_version_major, 12, 4),
            (drm_panthor_version_minor, 4, 8),
            (drm_panthor_version_status, 0, 4),
        ]);
    }

    #[test]
    fn csf_id_fields() {
        check_fields(&[
            (drm_panthor_cshw_major, 26, 6),
            (drm_panthor_cshw_minor, 20, 6),
            (drm_panthor_cshw_rev, 16, 4),
            (drm_panthor_mcu_major, 10, 6),
            (drm_panthor_mcu_minor, 4, 6),
            (drm_panthor_mcu_rev, 0, 4),
        ]);
    }

    #[test]
    fn mmu_features_fields() {
        check_fields(&[(drm_panthor_mmu_va_bits, 0, 8)]);
        assert_eq!(drm_panthor_mmu_va_bits(0x2830), 48);
    }
}
