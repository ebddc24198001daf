//! Raw ioctls below this crate's API.

use std::os::fd::AsFd;

use crate::device::Device;
use crate::error::{Error, Result};

impl Device {
    /// Issues any ioctl on this device and repeats the ioctl after signals.
    ///
    /// Returns the driver's nonnegative result. While the errno is EINTR or EAGAIN, the call is
    /// repeated with the original `arg`, so intermediate writes of the driver to `arg` are lost.
    /// For requests that report progress in `arg`, such as a synchronous VM_BIND, use
    /// [`ioctl_once`](Self::ioctl_once). For other files, use [`ioctl_on`](Self::ioctl_on).
    ///
    /// # Safety
    ///
    /// * `request` must take a pointer to a `T`.
    /// * Every pointer in `arg` must be valid for the driver's reads and writes.
    /// * The request must not destroy objects that this crate owns, such as the handle of a `Bo`
    ///   or the ID of a `Vm`.
    ///
    /// # Errors
    ///
    /// Errors of the driver.
    ///
    /// ```
    /// use panthor_sys::drm_panthor_dev_query;
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_DEV_QUERY, DRM_PANTHOR_DEV_QUERY_MMU_INFO as MMU_INFO};
    ///
    /// let device = panthor::Device::open_fake()?;
    /// let mut query = drm_panthor_dev_query { type_: MMU_INFO, ..Default::default() };
    /// // SAFETY: DEV_QUERY takes this struct. With a null pointer, it writes only the size.
    /// unsafe { device.ioctl(DRM_IOCTL_PANTHOR_DEV_QUERY, &mut query) }?;
    /// assert_eq!(query.size, 8);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn ioctl<T: Copy>(&self, request: u32, arg: &mut T) -> Result<i32> {
        // SAFETY: the caller guarantees the request and its struct.
        unsafe { self.transport().ioctl(request, arg) }.map_err(|errno| Error::os("ioctl", errno))
    }

    /// Issues any ioctl on this device once.
    ///
    /// EINTR and EAGAIN are ordinary errors, and `arg` keeps the driver's writes.
    ///
    /// # Safety
    ///
    /// As for [`ioctl`](Self::ioctl).
    ///
    /// # Errors
    ///
    /// Errors of the driver.
    ///
    /// ```
    /// use panthor_sys::DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP as UNMAP;
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_VM_BIND as VM_BIND, drm_panthor_obj_array};
    /// use panthor_sys::{drm_panthor_vm_bind, drm_panthor_vm_bind_op};
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
    /// let interrupted = unsafe { device.ioctl_once(VM_BIND, &mut bind) }.unwrap_err();
    /// assert_eq!((interrupted.errno(), bind.ops.count), (Some(4), 2)); // EINTR: two are done
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub unsafe fn ioctl_once<T: Copy>(&self, request: u32, arg: &mut T) -> Result<i32> {
        // SAFETY: the caller guarantees the request and its struct.
        unsafe { self.transport().ioctl_once(request, std::ptr::from_mut(arg).cast()) }
            .map_err(|errno| Error::os("ioctl", errno))
    }

    /// Issues any ioctl on a dma-buf or a sync_file and repeats the ioctl after signals, also on
    /// files of the fake.
    ///
    /// # Safety
    ///
    /// As for [`ioctl`](Self::ioctl), with the file's driver in place of the device's.
    ///
    /// # Errors
    ///
    /// Errors of the file's driver. [`Unsupported`](crate::ErrorKind::Unsupported) for an unknown
    /// request.
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
        // SAFETY: the caller guarantees the request and its struct.
        unsafe { self.transport().file_ioctl(fd.as_fd(), request, arg) }
            .map_err(|errno| Error::elsewhere("ioctl", errno))
    }
}
