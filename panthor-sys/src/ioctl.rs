//! Construction and fields of ioctl request numbers.
//!
//! From the low end, a request number has 8 bits of number, 8 of type, 14 of argument size and 2 of
//! direction. All architectures that Panthor or its clients run on share this layout.

#[cfg(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "sparc",
    target_arch = "sparc64",
))]
compile_error!("ioctl request numbers are laid out differently on this architecture");

/// Direction of an ioctl without argument.
#[doc(alias = "_IOC_NONE")]
pub const IOC_NONE: u32 = 0;

/// Direction of an ioctl with an argument that the kernel reads.
#[doc(alias = "_IOC_WRITE")]
pub const IOC_WRITE: u32 = 1;

/// Direction of an ioctl with an argument that the kernel fills in.
#[doc(alias = "_IOC_READ")]
pub const IOC_READ: u32 = 2;

/// Type byte of all DRM ioctls.
pub const DRM_IOCTL_BASE: u8 = b'd';

/// Type byte of the dma-buf ioctls.
pub const DMA_BUF_BASE: u8 = b'b';

/// Type byte of the sync_file ioctls.
pub const SYNC_IOC_MAGIC: u8 = b'>';

/// Largest argument in bytes that a request number can express.
const SIZE_MAX: usize = (1 << 14) - 1;

/// Returns the request number of direction `dir` (`IOC_*`), type `ty`, number `nr` and an argument
/// of `size` bytes.
///
/// The low 14 bits of `size` count.
#[doc(alias = "_IOC")]
pub const fn ioc(dir: u32, ty: u8, nr: u8, size: usize) -> u32 {
    (dir & 3) << 30 | ((size & SIZE_MAX) as u32) << 16 | (ty as u32) << 8 | nr as u32
}

/// Returns the request number of an ioctl without argument.
#[doc(alias = "_IO")]
pub const fn io(ty: u8, nr: u8) -> u32 {
    ioc(IOC_NONE, ty, nr, 0)
}

/// Returns the request number of an ioctl that fills in a `T`.
#[doc(alias = "_IOR")]
pub const fn ior<T>(ty: u8, nr: u8) -> u32 {
    ioc(IOC_READ, ty, nr, argument_size::<T>())
}

/// Returns the request number of an ioctl that reads a `T`.
#[doc(alias = "_IOW")]
pub const fn iow<T>(ty: u8, nr: u8) -> u32 {
    ioc(IOC_WRITE, ty, nr, argument_size::<T>())
}

/// Returns the request number of an ioctl that reads a `T` and writes the `T` back.
#[doc(alias = "_IOWR")]
pub const fn iowr<T>(ty: u8, nr: u8) -> u32 {
    ioc(IOC_READ | IOC_WRITE, ty, nr, argument_size::<T>())
}

/// Returns the direction of a request number: [`IOC_READ`], [`IOC_WRITE`], both or [`IOC_NONE`].
#[doc(alias = "_IOC_DIR")]
pub const fn ioc_dir(request: u32) -> u32 {
    request >> 30
}

/// Returns the type byte of a request number.
#[doc(alias = "_IOC_TYPE")]
pub const fn ioc_type(request: u32) -> u8 {
    (request >> 8) as u8
}

/// Returns the number of a request number inside its type.
#[doc(alias = "_IOC_NR")]
pub const fn ioc_nr(request: u32) -> u8 {
    request as u8
}

/// Returns the size of a request number's argument in bytes.
#[doc(alias = "_IOC_SIZE")]
pub const fn ioc_size(request: u32) -> usize {
    (request >> 16) as usize & SIZE_MAX
}

/// Returns the size of `T`. The compiler checks the limit of a request number.
const fn argument_size<T>() -> usize {
    const {
        assert!(size_of::<T>() <= SIZE_MAX, "too large for an ioctl argument");
        size_of::<T>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Request numbers of block devices and file systems, which are laid out alike.
    const BLKGETSIZE64: u32 = 0x8008_1272;
    const FS_IOC_FIEMAP: u32 = 0xc020_660b;
    const FS_IOC_SETFLAGS: u32 = 0x4008_6602;

    #[test]
    fn composes_known_requests() {
        assert_eq!(ior::<u64>(0x12, 114), BLKGETSIZE64);
        assert_eq!(iowr::<[u64; 4]>(b'f', 11), FS_IOC_FIEMAP);
        assert_eq!(iow::<u64>(b'f', 2), FS_IOC_SETFLAGS);
        assert_eq!(io(b'd', 0x1e), 0x641e);
    }

    #[test]
    fn takes_apart_what_it_composed() {
        for dir in 0..4 {
            for size in [0, 1, 8, 48, SIZE_MAX] {
                let request = ioc(dir, b'd', 0x43, size);
                assert_eq!(ioc_dir(request), dir);
                assert_eq!(ioc_type(request), b'd');
                assert_eq!(ioc_nr(request), 0x43);
                assert_eq!(ioc_size(request), size);
            }
        }
    }

    #[test]
    fn fields_do_not_spill() {
        assert_eq!(ioc(0, 0, 0, SIZE_MAX + 1), 0);
        assert_eq!(ioc(4, 0, 0, 0), 0);
        assert_eq!(ioc(3, 0xff, 0xff, SIZE_MAX), u32::MAX);
    }
}
