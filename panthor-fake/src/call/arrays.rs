//! Copies of arrays and strings from user memory.

use bytemuck::Pod;
use panthor_sys::drm_panthor_obj_array;

use crate::call::errno::{Errno, Result};
use crate::call::uaccess::UserMemory;

/// The bytes per step of a long copy.
const STEP: usize = 1 << 20;

/// The largest stride at which one copy reads many elements.
const BULK_STRIDE: usize = 4096;

/// Reserves space for more elements.
fn reserve<T>(out: &mut Vec<T>, more: usize) -> Result<()> {
    out.try_reserve(more).map_err(|_| Errno::NOMEM)
}

impl UserMemory<'_> {
    /// Copies an array with a stride of `array.stride` bytes, the element size in the caller's
    /// header.
    ///
    /// `memory` is the maximum size of an allocation in bytes.
    pub(crate) fn read_array<T: Pod>(
        self,
        array: &drm_panthor_obj_array,
        min_stride: usize,
        memory: u64,
    ) -> Result<Vec<T>> {
        let count = array.count as usize;
        let stride = array.stride as usize;
        if count == 0 {
            return Ok(Vec::new());
        }
        if stride < min_stride {
            return Err(Errno::INVAL);
        }
        let bytes = (count as u64).saturating_mul(size_of::<T>() as u64);
        if bytes > i32::MAX as u64 || bytes > memory {
            return Err(Errno::NOMEM);
        }
        if stride == size_of::<T>() {
            self.read_dense(array.array, count)
        } else {
            self.read_strided(array.array, count, stride)
        }
    }

    /// Copies `count` adjacent elements.
    ///
    /// The result grows during the copy, so that a huge count with a bad pointer costs nothing.
    pub(crate) fn read_dense<T: Pod>(self, addr: u64, count: usize) -> Result<Vec<T>> {
        let step = (STEP / size_of::<T>()).max(1);
        let mut out = Vec::new();
        while out.len() < count {
            let start = out.len();
            let end = count.min(start + step);
            reserve(&mut out, end - start)?;
            out.resize(end, T::zeroed());
            let from = addr.wrapping_add((start * size_of::<T>()) as u64);
            self.read(from, bytemuck::cast_slice_mut(&mut out[start..]))?;
        }
        Ok(out)
    }

    fn read_strided<T: Pod>(self, addr: u64, count: usize, stride: usize) -> Result<Vec<T>> {
        let mut out = Vec::new();
        while out.len() < count {
            let start = out.len();
            let at = addr.wrapping_add(start as u64 * stride as u64);
            let batch = (STEP / stride).clamp(1, count - start);
            reserve(&mut out, batch)?;
            if stride <= BULK_STRIDE && self.append_bulk(at, batch, stride, &mut out) {
                continue;
            }
            // One element at a time: the kernel's order of checks decides which error comes first.
            let mut element = T::zeroed();
            self.read_struct(at, stride as u64, bytemuck::bytes_of_mut(&mut element))?;
            out.push(element);
        }
        Ok(out)
    }

    /// Appends `batch` elements if all are readable and none has a nonzero unknown part.
    fn append_bulk<T: Pod>(self, addr: u64, batch: usize, stride: usize, out: &mut Vec<T>) -> bool {
        let mut raw = vec![0; batch * stride];
        if self.read(addr, &mut raw).is_err() {
            return false;
        }
        let common = stride.min(size_of::<T>());
        if raw.chunks_exact(stride).any(|element| element[common..].iter().any(|&b| b != 0)) {
            return false;
        }
        for element in raw.chunks_exact(stride) {
            let mut value = T::zeroed();
            bytemuck::bytes_of_mut(&mut value)[..common].copy_from_slice(&element[..common]);
            out.push(value);
        }
        true
    }

    /// Copies a string of at most `max` bytes including its NUL, and returns it without the NUL. A
    /// longer string is `E2BIG`.
    pub(crate) fn read_string(self, addr: u64, max: usize) -> Result<Vec<u8>> {
        /// The size of the first copy, enough for most strings.
        const FIRST: usize = 128;

        let mut out = Vec::new();
        while out.len() < max {
            // Up to the end of a page: the next page may be unreadable.
            let at = addr.wrapping_add(out.len() as u64);
            let most = if out.is_empty() { FIRST } else { 4096 };
            let step = (4096 - (at % 4096) as usize).min(max - out.len()).min(most);
            let start = out.len();
            out.resize(start + step, 0);
            self.read(at, &mut out[start..])?;
            if let Some(nul) = out[start..].iter().position(|&byte| byte == 0) {
                out.truncate(start + nul);
                return Ok(out);
            }
        }
        Err(Errno::TOO_BIG)
    }
}
