//! What the bindings' layout assertions are made of.

/// The size of the field that `_field` selects, which has to be plain data.
pub(crate) const fn pod_size<T, F: bytemuck::Pod>(_field: fn(&T) -> &F) -> usize {
    size_of::<F>()
}
