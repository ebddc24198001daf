//! The way below this crate: any ioctl.

use std::os::fd::AsFd;

use crate::device::Device;
use crate::error::{Error, Result};

impl Device {
    /// Issues any ioctl on this device, again after a signal: the way below this crate.
    ///
    /// Gives what the driver returned, zero or more. For as long as the answer is EINTR or EAGAIN the call is made
    /// again, with `arg` as it was at first: what the driver wrote to it is lost. That is wrong for a request which
    /// tells there how far it came, as a synchronous VM_BIND does: see [`ioctl_once`](Self::ioctl_once). Requests
    /// on other files are [`ioctl_on`](Self::ioctl_on)'s.
    ///
    /// # Safety
    ///
    /// `request` takes a pointer to a `T`; every pointer in `arg` is valid for what the driver reads and
    /// writes through it; and the request does not take from this crate what it owns (closing a handle or
    /// destroying a VM that a `Bo`, `Vm` or sync object stands for).
    ///
    /// # Errors
    ///
    /// What the driver answers.
    ///
    /// ```
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_DEV_QUERY, DRM_PANTHOR_DEV_QUERY_MMU_INFO, drm_panthor_dev_query};
    ///
    /// let device = panthor::Device::open_fake()?;
    /// let mut query = drm_panthor_dev_query { type_: DRM_PANTHOR_DEV_QUERY_MMU_INFO, ..Default::default() };
    /// // SAFETY: DEV_QUERY takes this struct; the null pointer in it asks for the size alone.
    /// unsafe { device.ioctl(DRM_IOCTL_PANTHOR_DEV_QUERY, &mut query) }?;
    /// assert_eq!(query.size, 8);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn ioctl<T: Copy>(&self, request: u32, arg: &mut T) -> Result<i32> {
        // SAFETY: the caller's promise covers the request and its struct.
        unsafe { self.transport().ioctl(request, arg) }.map_err(|errno| Error::os("ioctl", errno))
    }

    /// As [`ioctl`](Self::ioctl), but once: EINTR and EAGAIN are errors like others, with `arg` as the driver left
    /// it.
    ///
    /// # Safety
    ///
    /// As for [`ioctl`](Self::ioctl).
    ///
    /// # Errors
    ///
    /// What the driver answers.
    ///
    /// ```
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_VM_BIND, drm_panthor_obj_array, drm_panthor_vm_bind, drm_panthor_vm_bind_op};
    /// use panthor_sys::DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP as UNMAP;
    ///
    /// let device = panthor::Device::open_fake()?;
    /// let vm = device.create_vm(Default::default())?;
    /// let ops = [drm_panthor_vm_bind_op { flags: UNMAP, size: 4096, ..Default::default() }; 3];
    /// let mut bind = drm_panthor_vm_bind {
    ///     vm_id: vm.id(),
    ///     flags: 0,
    ///     ops: drm_panthor_obj_array::from_slice(&ops),
    /// };
    /// # device.fake().unwrap().interrupt_next_bind_after(2);
    /// // SAFETY: VM_BIND takes this struct, and only reads through the pointer in it.
    /// let interrupted = unsafe { device.ioctl_once(DRM_IOCTL_PANTHOR_VM_BIND, &mut bind) }.unwrap_err();
    /// assert_eq!((interrupted.errno(), bind.ops.count), (Some(4), 2)); // EINTR: two are done
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn ioctl_once<T: Copy>(&self, request: u32, arg: &mut T) -> Result<i32> {
        // SAFETY: the caller's promise covers the request and its struct.
        unsafe { self.transport().ioctl_once(request, std::ptr::from_mut(arg).cast()) }
            .map_err(|errno| Error::os("ioctl", errno))
    }

    /// As [`ioctl`](Self::ioctl), on another file: a dma-buf or a sync_file, also of the fake.
    ///
    /// # Safety
    ///
    /// As for [`ioctl`](Self::ioctl), with what the file is in place of the driver.
    ///
    /// # Errors
    ///
    /// What the file answers; [`Unsupported`](crate::ErrorKind::Unsupported) if it does not know the request.
    ///
    /// ```
    /// use panthor_sys::{SYNC_IOC_FILE_INFO, sync_file_info};
    /// # let device = panthor::Device::open_fake()?;
    /// let sync_file = device.create_signaled_syncobj()?.export_sync_file()?;
    /// let mut info = sync_file_info::default();
    /// // SAFETY: the request takes this struct, which has room for no fence to write to.
    /// unsafe { device.ioctl_on(&sync_file, SYNC_IOC_FILE_INFO, &mut info) }?;
    /// assert_eq!((info.status, info.num_fences), (1, 1));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "SYNC_IOC_SET_DEADLINE")]
    pub unsafe fn ioctl_on<T: Copy>(
        &self,
        fd: impl AsFd,
        request: u32,
        arg: &mut T,
    ) -> Result<i32> {
        // SAFETY: the caller's promise covers the request and its struct.
        unsafe { self.transport().file_ioctl(fd.as_fd(), request, arg) }
            .map_err(|errno| Error::elsewhere("ioctl", errno))
    }
}
