//! How a VM shall be.

/// How a VM shall be.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VmOptions {
    pub(super) user_va_range: u64,
}

impl VmOptions {
    /// What the driver finds sensible: the lower half of the GPU's address space.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for at least this many bytes of VA for the user, from 0 up; the rest is the kernel's.
    ///
    /// The driver may grant far more (the kernel's share is a power of two), at most all but 256 MiB of the
    /// GPU's address space; [`Vm::user_va_range`](crate::Vm::user_va_range) tells.
    pub fn user_va_range(mut self, bytes: u64) -> Self {
        self.user_va_range = bytes;
        self
    }
}
