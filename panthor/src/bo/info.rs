//! Labels and creation information of BOs.

use std::ffi::CString;

use bytemuck::Zeroable;
use panthor_sys as sys;

use super::{Bo, BoFlags};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::transport::address_of;
use crate::version::Features;

/// Maximum length of a label in bytes: the driver takes 4096 including the NUL.
const LABEL_MAX: usize = 4095;

/// Driver information about a BO (driver 1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_bo_query_info")]
pub struct BoInfo {
    /// Creation flags, empty for a BO of another driver.
    pub create_flags: BoFlags,
    /// `true` for a BO of another driver.
    #[doc(alias = "DRM_PANTHOR_BO_IS_IMPORTED")]
    pub imported: bool,
}

impl Bo {
    /// Sets the BO's debug label (BO_SET_LABEL, driver 1.4).
    ///
    /// # Errors
    ///
    /// * [`Unsupported`](crate::ErrorKind::Unsupported) below driver 1.4.
    /// * [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a label of more than 4095
    ///   bytes or with a NUL.
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_SET_LABEL")]
    pub fn set_label(&self, label: &str) -> Result<()> {
        let call = "BO_SET_LABEL";
        if label.len() > LABEL_MAX {
            let rule = format!("is too long ({} bytes, at most {LABEL_MAX})", label.len());
            return Err(Error::invalid(call, "label", rule));
        }
        let label = CString::new(label).map_err(|_| Error::invalid(call, "label", "has a NUL"))?;
        self.label_at(address_of(label.as_c_str()))
    }

    /// Removes the BO's label (BO_SET_LABEL, driver 1.4).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) below driver 1.4.
    pub fn clear_label(&self) -> Result<()> {
        self.label_at(0)
    }

    fn label_at(&self, address: u64) -> Result<()> {
        Features::BO_LABELS.require(self.inner.device.version(), "BO_SET_LABEL", "a BO label")?;
        let mut arg = sys::drm_panthor_bo_set_label::zeroed();
        arg.handle = self.inner.handle;
        arg.label = address;
        self.inner.device.transport().call(&mut arg)
    }

    /// Returns the BO's creation flags and origin (BO_QUERY_INFO, driver 1.7).
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) below driver 1.7.
    ///
    /// ```
    /// use panthor::{BoFlags, BoOptions};
    /// # let device = panthor::Device::open_fake()?;
    /// let info = device.create_bo(BoOptions::new(4096).no_mmap())?.info()?;
    /// assert_eq!(info.create_flags, BoFlags::NO_MMAP);
    /// assert!(!info.imported);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_IOCTL_PANTHOR_BO_QUERY_INFO")]
    pub fn info(&self) -> Result<BoInfo> {
        let call = "BO_QUERY_INFO";
        Features::BO_QUERY_INFO.require(self.inner.device.version(), call, "the query of a BO")?;
        BoInfo::of(&self.inner.device, self.inner.handle)
    }
}

impl BoInfo {
    /// Queries a handle. The driver must support the ioctl.
    fn of(device: &Device, handle: u32) -> Result<Self> {
        let mut arg = sys::drm_panthor_bo_query_info::zeroed();
        arg.handle = handle;
        device.transport().call(&mut arg)?;
        Ok(Self {
            create_flags: BoFlags::from_bits_retain(arg.create_flags),
            imported: arg.extra_flags & sys::DRM_PANTHOR_BO_IS_IMPORTED != 0,
        })
    }

    /// Queries a handle, or returns `None` if the driver does not support the ioctl.
    pub(super) fn if_told(device: &Device, handle: u32) -> Result<Option<Self>> {
        let can_tell = device.features().contains(Features::BO_QUERY_INFO);
        can_tell.then(|| Self::of(device, handle)).transpose()
    }
}
