//! A helper of the bindings' layout assertions.

/// Returns the size of the field that `_field` selects. The field must be plain data.
pub(crate) const fn pod_size<T, F: bytemuck::Pod>(_field: fn(&T) -> &F) -> usize {
    size_of::<F>()
}
