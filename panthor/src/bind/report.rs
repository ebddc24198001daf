//! Cost of a batch.

/// Operations and ioctls that a batch needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct BindReport {
    /// Operations submitted to the driver. Splitting makes this number larger than that of
    /// recorded operations.
    pub operations: usize,
    /// VM_BIND ioctls: 0 for an empty batch, more than 1 if signals interrupted the batch.
    pub ioctls: usize,
}
