//! Arrays of structs as the kernel takes them.

use bytemuck::Pod;

use crate::drm_panthor_obj_array;

impl drm_panthor_obj_array {
    /// Returns the address of `slice`, its length and the size of an element, for the kernel.
    ///
    /// The result keeps only the address: the slice must live until the ioctl has returned. No
    /// ioctl takes more than `u32::MAX` elements; the result of a longer slice has that many.
    ///
    /// ```
    /// use panthor_sys::{drm_panthor_obj_array, drm_panthor_sync_op};
    ///
    /// let syncs = [drm_panthor_sync_op::default(); 3];
    /// let array = drm_panthor_obj_array::from_slice(&syncs);
    /// assert_eq!((array.stride, array.count), (16, 3));
    /// ```
    #[doc(alias = "DRM_PANTHOR_OBJ_ARRAY")]
    pub fn from_slice<T: Pod>(slice: &[T]) -> Self {
        let stride = const {
            assert!(size_of::<T>() <= u32::MAX as usize, "too large an element for the uAPI");
            size_of::<T>() as u32
        };
        Self {
            stride,
            count: u32::try_from(slice.len()).unwrap_or(u32::MAX),
            array: slice.as_ptr().expose_provenance() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{drm_panthor_queue_create, drm_panthor_vm_bind_op};

    #[test]
    fn describes_a_slice() {
        let ops = [drm_panthor_vm_bind_op::default(); 5];
        let array = drm_panthor_obj_array::from_slice(&ops[1..]);
        assert_eq!(array.stride, 48);
        assert_eq!(array.count, 4);
        assert_eq!(array.array, &raw const ops[1] as usize as u64);
    }

    #[test]
    fn describes_an_empty_slice() {
        let array = drm_panthor_obj_array::from_slice::<drm_panthor_queue_create>(&[]);
        assert_eq!((array.stride, array.count), (8, 0));
    }
}
