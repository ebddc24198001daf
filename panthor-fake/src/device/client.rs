//! Capabilities of the clients in this process.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::caller::Capabilities;
use crate::device::config::Config;
use crate::device::{Device, DeviceInner};

/// The capabilities of this process on a device.
#[derive(Debug)]
pub(super) struct Client {
    administrator: AtomicBool,
    high_priority: AtomicBool,
}

impl Client {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            administrator: AtomicBool::new(config.administrator),
            high_priority: AtomicBool::new(config.high_priority),
        }
    }
}

impl Device {
    /// Grants or revokes `CAP_SYS_ADMIN` for later calls, as [`Config::administrator`] does at
    /// first.
    ///
    /// The kernel checks the capability when a file is opened, to authenticate the file, and in
    /// each privileged call. Programs on the loopback have their own capabilities.
    pub fn set_administrator(&self, administrator: bool) {
        self.inner().client.administrator.store(administrator, Ordering::Release);
    }

    /// Grants or revokes `CAP_SYS_NICE` for later calls, as [`Config::high_priority`] does at
    /// first.
    ///
    /// As in the kernel, existing groups keep their priority. Programs on the loopback have their
    /// own capabilities.
    ///
    /// ```
    /// use panthor_fake::{Config, Device};
    /// use panthor_sys::{DRM_IOCTL_PANTHOR_DEV_QUERY, DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO};
    /// use panthor_sys::drm_panthor_dev_query;
    ///
    /// let device = Device::new(Config::default().high_priority(true))?;
    /// let file = device.open();
    /// let priorities = || {
    ///     let mut mask = [0_u8; 4];
    ///     let mut query = drm_panthor_dev_query {
    ///         type_: DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO,
    ///         size: 4,
    ///         pointer: mask.as_mut_ptr() as u64,
    ///     };
    ///     // SAFETY: the argument and the array behind it are ours.
    ///     unsafe { file.ioctl(DRM_IOCTL_PANTHOR_DEV_QUERY, (&raw mut query).cast()) };
    ///     mask[0]
    /// };
    /// assert_eq!(priorities(), 0b1111);
    /// device.set_high_priority(false);
    /// assert_eq!(priorities(), 0b0011);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[doc(alias = "DRM_PANTHOR_DEV_QUERY_GROUP_PRIORITIES_INFO")]
    pub fn set_high_priority(&self, allowed: bool) {
        self.inner().client.high_priority.store(allowed, Ordering::Release);
    }
}

impl DeviceInner {
    /// Returns the current capabilities of clients in this process.
    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities {
            administrator: self.client.administrator.load(Ordering::Acquire),
            nice: self.client.high_priority.load(Ordering::Acquire),
        }
    }
}
