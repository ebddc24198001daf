//! Ioctl dispatch from a request number and a user pointer to a handler.
//!
//! DRM's rules apply: structures of the caller may be shorter or longer than the driver's, and the
//! driver's answer is copied back even after an error.

use std::time::Instant;

use panthor_sys as sys;

use crate::bo::ioctls as bo_ioctls;
use crate::call::budget::{self, Budget};
use crate::call::caller::{Caller, Capabilities};
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::UserMemory;
use crate::device::inject::Planned;
use crate::device::query;
use crate::file::FileInner;
use crate::file::drm_core;
use crate::file::primary;
use crate::group::heap_ioctls;
use crate::group::ioctls as group_ioctls;
use crate::sharing::prime;
use crate::sharing::sync_fd;
use crate::sync::syncobj_ioctls;
use crate::vm::bind;
use crate::vm::ioctls as vm_ioctls;

/// The type of DRM requests.
pub(crate) const TYPE: u32 = b'd' as u32;

/// The direction bits of a request: the kernel reads, the kernel writes.
const IN: u32 = 0x4000_0000;
const OUT: u32 = 0x8000_0000;

/// The number of array elements between two checks whether the caller still waits.
pub(crate) const LONG_STEP: usize = 64;

/// The range of driver-specific request numbers.
const DRIVER_BASE: u8 = 0x40;
const DRIVER_END: u8 = 0xa0;

pub(crate) const fn request_nr(request: u32) -> u8 {
    request as u8
}

pub(crate) const fn request_type(request: u32) -> u32 {
    request >> 8 & 0xff
}

const fn request_size(request: u32) -> usize {
    (request >> 16 & 0x3fff) as usize
}

/// The context of a handler.
pub(crate) struct Call<'a> {
    pub(crate) file: &'a FileInner,
    pub(crate) user: UserMemory<'a>,
    pub(crate) caller: &'a dyn Caller,
    pub(crate) budget: Budget,
}

impl Call<'_> {
    /// Returns the caller's capabilities.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.caller.capabilities(self.file.device_inner())
    }

    /// Returns whether the caller's groups may have high priority.
    pub(crate) fn may_have_high_priority(&self) -> bool {
        self.file.is_current_master() || self.capabilities().nice
    }

    /// Copies an array of structures, which may be shorter or longer in the caller's header.
    ///
    /// # Errors
    /// `ENOMEM` if the memory does not suffice for the array and the operations that it describes;
    /// otherwise the error of [`UserMemory::read_array`].
    pub(crate) fn read_array<T: bytemuck::Pod>(
        &self,
        array: &sys::drm_panthor_obj_array,
        min_stride: usize,
        memory: u64,
    ) -> Result<Vec<T>> {
        if array.stride as usize >= min_stride {
            self.budget
                .charge_array(u64::from(array.count).saturating_mul(size_of::<T>() as u64))?;
        }
        self.user.read_array(array, min_stride, memory)
    }

    /// Calls `each` for possibly many elements, see [`Caller::begin_long_step`].
    ///
    /// # Errors
    /// The error of `each`, or `EINTR` if the caller was killed meanwhile.
    pub(crate) fn for_each<T>(
        &self,
        elements: impl IntoIterator<Item = T>,
        mut each: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        for (index, element) in elements.into_iter().enumerate() {
            if index % LONG_STEP == LONG_STEP - 1 {
                self.caller.begin_long_step()?;
            }
            each(element)?;
        }
        Ok(())
    }

    /// Calls `ready` at least once, and after each change of a fence or sync object, until it
    /// returns a value or the deadline has passed. `None` is no deadline.
    ///
    /// # Errors
    /// `ERESTARTSYS` after a signal.
    pub(crate) fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<Option<T>> {
        let mut answer = None;
        self.caller.wait(&self.file.device_inner().events, deadline, &mut || {
            answer = ready();
            answer.is_some()
        })?;
        Ok(answer)
    }
}

/// An ioctl handler, which reads and updates the arguments in kernel memory.
pub(crate) type Handler = fn(&Call<'_>, &mut [u8]) -> Result<()>;

/// An ioctl of the driver or of DRM core.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// The request of the current header, with the size of the driver's structure.
    pub(crate) request: u32,
    /// The permissions that a primary node's client needs: bits of [`primary::needs`].
    pub(crate) needs: u8,
    pub(crate) handler: Handler,
}

/// Returns the arguments as a structure.
pub(crate) fn args<T: bytemuck::Pod>(data: &mut [u8]) -> &mut T {
    bytemuck::from_bytes_mut(&mut data[..size_of::<T>()])
}

/// Returns the number of driver ioctls in a minor version.
const fn driver_ioctls(minor: u32) -> u8 {
    match minor {
        0..=3 => 13,
        4 => 14,
        5 | 6 => 15,
        _ => 17,
    }
}

/// Answers a request number that the kernel removed again.
fn withdrawn(_: &Call<'_>, _: &mut [u8]) -> Result<()> {
    Err(Errno::INVAL)
}

const fn entry(request: u32, handler: Handler) -> Entry {
    Entry { request, needs: 0, handler }
}

/// The driver ioctls in the order of their numbers.
const DRIVER: [Entry; 17] = [
    entry(sys::DRM_IOCTL_PANTHOR_DEV_QUERY, query::dev_query),
    entry(sys::DRM_IOCTL_PANTHOR_VM_CREATE, vm_ioctls::create),
    entry(sys::DRM_IOCTL_PANTHOR_VM_DESTROY, vm_ioctls::destroy),
    entry(sys::DRM_IOCTL_PANTHOR_VM_BIND, bind::vm_bind),
    entry(sys::DRM_IOCTL_PANTHOR_VM_GET_STATE, vm_ioctls::get_state),
    entry(sys::DRM_IOCTL_PANTHOR_BO_CREATE, bo_ioctls::create),
    entry(sys::DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, bo_ioctls::mmap_offset),
    entry(sys::DRM_IOCTL_PANTHOR_GROUP_CREATE, group_ioctls::create),
    entry(sys::DRM_IOCTL_PANTHOR_GROUP_DESTROY, group_ioctls::destroy),
    entry(sys::DRM_IOCTL_PANTHOR_GROUP_SUBMIT, group_ioctls::submit),
    entry(sys::DRM_IOCTL_PANTHOR_GROUP_GET_STATE, group_ioctls::get_state),
    entry(sys::DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, heap_ioctls::create),
    entry(sys::DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, heap_ioctls::destroy),
    entry(sys::DRM_IOCTL_PANTHOR_BO_SET_LABEL, bo_ioctls::set_label),
    entry(sys::DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, bo_ioctls::set_user_mmio_offset),
    entry(sys::DRM_IOCTL_PANTHOR_BO_SYNC, bo_ioctls::sync),
    entry(sys::DRM_IOCTL_PANTHOR_BO_QUERY_INFO, bo_ioctls::query_info),
];

/// The ioctls of DRM core that render nodes permit.
const CORE: [Entry; 19] = [
    entry(sys::DRM_IOCTL_VERSION, drm_core::version),
    entry(sys::DRM_IOCTL_GET_CAP, drm_core::get_cap),
    entry(sys::DRM_IOCTL_GEM_CLOSE, bo_ioctls::gem_close),
    entry(sys::DRM_IOCTL_PRIME_HANDLE_TO_FD, prime::handle_to_fd),
    entry(sys::DRM_IOCTL_PRIME_FD_TO_HANDLE, prime::fd_to_handle),
    entry(sys::DRM_IOCTL_SYNCOBJ_CREATE, syncobj_ioctls::create),
    entry(sys::DRM_IOCTL_SYNCOBJ_DESTROY, syncobj_ioctls::destroy),
    entry(sys::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, sync_fd::handle_to_fd),
    entry(sys::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, sync_fd::fd_to_handle),
    entry(sys::DRM_IOCTL_SYNCOBJ_WAIT, syncobj_ioctls::wait),
    entry(sys::DRM_IOCTL_SYNCOBJ_RESET, syncobj_ioctls::reset),
    entry(sys::DRM_IOCTL_SYNCOBJ_SIGNAL, syncobj_ioctls::signal),
    entry(sys::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, syncobj_ioctls::timeline_wait),
    entry(sys::DRM_IOCTL_SYNCOBJ_QUERY, syncobj_ioctls::query),
    entry(sys::DRM_IOCTL_SYNCOBJ_TRANSFER, syncobj_ioctls::transfer),
    entry(sys::DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, syncobj_ioctls::timeline_signal),
    entry(sys::DRM_IOCTL_SYNCOBJ_EVENTFD, syncobj_ioctls::eventfd),
    entry(sys::DRM_IOCTL_SET_CLIENT_NAME, drm_core::set_client_name),
    entry(drm_core::GEM_CHANGE_HANDLE, withdrawn),
];

/// Answers an ioctl that exists, but not on render nodes.
fn forbidden(_: &Call<'_>, _: &mut [u8]) -> Result<()> {
    Err(Errno::ACCES)
}

fn find(request: u32, file: &FileInner) -> Option<Entry> {
    let minor = file.config().driver_minor;
    let nr = request_nr(request);
    if (DRIVER_BASE..DRIVER_END).contains(&nr) {
        let index = nr - DRIVER_BASE;
        let count = if file.config().only_queries { 1 } else { driver_ioctls(minor) };
        return (index < count).then(|| DRIVER[index as usize]);
    }
    if let Some(&known) = CORE.iter().find(|entry| request_nr(entry.request) == nr) {
        return drm_core::exists(nr, minor).then_some(known);
    }
    if file.primary().is_some() {
        return primary::find(request);
    }
    drm_core::not_for_render_nodes(nr).then_some(entry(request, forbidden))
}

/// Answers an ioctl with its argument at `arg` in user memory.
pub(crate) fn dispatch(call: &Call<'_>, request: u32, arg: u64) -> Result<()> {
    call.file.device_inner().check_plugged()?;
    if request_type(request) != TYPE {
        return Err(Errno::NOTTY);
    }
    let nr = request_nr(request);
    call.file.stats.count_ioctl(nr);
    if let Some(Planned::Fail(errno)) = call.file.injections.take_ioctl(request) {
        return Err(errno);
    }
    call.file.device_inner().begin_ioctl(request)?;
    let entry = find(request, call.file).ok_or(Errno::INVAL)?;
    budget::charge_ioctl(entry.request)?;

    let user_size = request_size(request);
    let both = request & entry.request;
    let in_size = if both & IN != 0 { user_size } else { 0 };
    let out_size = if both & OUT != 0 { user_size } else { 0 };
    let size = in_size.max(out_size).max(request_size(entry.request));

    // Words, so that any structure is aligned. On the stack, unless the caller's header has a much
    // larger structure.
    let mut small = [0_u64; 32];
    let mut large = Vec::new();
    let words = size.div_ceil(8);
    let words: &mut [u64] = if words <= small.len() {
        &mut small[..words]
    } else {
        large.resize(words, 0);
        &mut large
    };
    let data: &mut [u8] = bytemuck::cast_slice_mut(words);
    call.user.read(arg, &mut data[..in_size])?;
    let permitted = match call.file.primary() {
        Some(primary) => primary::permit(call, primary, entry.needs),
        None => Ok(()),
    };
    let result = permitted.and_then(|()| (entry.handler)(call, data));
    call.user.write(arg, &data[..out_size])?;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_the_order_of_the_numbers() {
        for (index, entry) in DRIVER.iter().enumerate() {
            assert_eq!(request_nr(entry.request) as usize, DRIVER_BASE as usize + index);
        }
        for entry in CORE {
            assert_eq!(request_type(entry.request), TYPE);
            assert!(!drm_core::not_for_render_nodes(request_nr(entry.request)));
        }
    }
}
