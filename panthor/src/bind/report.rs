//! What a batch cost.

/// What a batch of operations took to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct BindReport {
    /// Operations that the driver was given; more than were recorded where one had to become several.
    pub operations: usize,
    /// VM_BIND ioctls; more than one when signals interrupted the batch, 0 for an empty batch.
    pub ioctls: usize,
}
