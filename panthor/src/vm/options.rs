//! VM creation options.

/// VM creation options.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VmOptions {
    pub(super) user_va_range: u64,
}

impl VmOptions {
    /// Returns the default options: the driver chooses the lower half of the GPU's address space.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the minimum size of the user VA range, in bytes from VA 0. The kernel uses the rest.
    ///
    /// The driver may grant far more, because the kernel's share is a power of two. The maximum is
    /// the GPU's address space less 256 MiB. [`Vm::user_va_range`](crate::Vm::user_va_range)
    /// returns the granted size.
    pub fn user_va_range(mut self, bytes: u64) -> Self {
        self.user_va_range = bytes;
        self
    }
}
