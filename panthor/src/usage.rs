//! Resource usage of a device file: memory and, with profiling, GPU time.
//!
//! The driver reports the usage in `/proc/self/fdinfo`, in the text format of all DRM drivers.

use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::time::Duration;

use crate::device::Device;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::system;

/// Resource usage of a device file, with memory in bytes.
///
/// Fields that the running driver does not report are `None`: all fields for driver 1.0. All
/// descriptors of one open file description share these numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Usage {
    /// System-wide unique number of this open file.
    #[doc(alias = "drm-client-id")]
    pub client_id: Option<u64>,
    /// GPU time of this file while profiling was on.
    #[doc(alias = "drm-engine-panthor")]
    pub gpu_time: Option<Duration>,
    /// GPU cycles of this file while profiling was on.
    #[doc(alias = "drm-cycles-panthor")]
    pub gpu_cycles: Option<u64>,
    /// Maximum GPU frequency in Hz.
    #[doc(alias = "drm-maxfreq-panthor")]
    pub max_frequency: Option<u64>,
    /// Current GPU frequency in Hz.
    #[doc(alias = "drm-curfreq-panthor")]
    pub current_frequency: Option<u64>,
    /// Total size of this file's BOs.
    #[doc(alias = "drm-total-memory")]
    pub total_memory: Option<u64>,
    /// Size of BOs shared with other files or by exports.
    #[doc(alias = "drm-shared-memory")]
    pub shared_memory: Option<u64>,
    /// Size of resident BOs.
    #[doc(alias = "drm-resident-memory")]
    pub resident_memory: Option<u64>,
    /// Size of BOs that the GPU is using.
    #[doc(alias = "drm-active-memory")]
    pub active_memory: Option<u64>,
    /// Kernel memory of this file's groups and tiler heaps.
    #[doc(alias = "panthor-resident-memory")]
    pub kernel_memory: Option<u64>,
}

impl Usage {
    /// Returns the size of nonresident BOs in bytes.
    ///
    /// These are BOs evicted under memory pressure (driver 1.8), and BOs without an allocation
    /// yet. The driver distinguishes the two only in debugfs.
    ///
    /// ```
    /// use panthor::BoOptions;
    /// let device = panthor::Device::open_fake()?;
    /// let _bo = device.create_bo(BoOptions::new(1 << 20))?; // allocated at the first use
    /// assert_eq!(device.usage()?.nonresident_memory(), Some(1 << 20));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    pub fn nonresident_memory(&self) -> Option<u64> {
        // Without resident BOs the driver writes no residency line.
        let resident = self.resident_memory.unwrap_or(0);
        self.total_memory.map(|total| total.saturating_sub(resident))
    }

    /// Parses the text of fdinfo, and ignores unknown lines.
    fn parse(text: &str) -> Self {
        let mut usage = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match key {
                "drm-client-id" => usage.client_id = value.parse().ok(),
                "drm-engine-panthor" => {
                    usage.gpu_time = amount(value, "ns").map(Duration::from_nanos);
                }
                "drm-cycles-panthor" => usage.gpu_cycles = value.parse().ok(),
                "drm-maxfreq-panthor" => usage.max_frequency = amount(value, "Hz"),
                "drm-curfreq-panthor" => usage.current_frequency = amount(value, "Hz"),
                "drm-total-memory" => usage.total_memory = bytes(value),
                "drm-shared-memory" => usage.shared_memory = bytes(value),
                "drm-resident-memory" => usage.resident_memory = bytes(value),
                "drm-active-memory" => usage.active_memory = bytes(value),
                "panthor-resident-memory" => usage.kernel_memory = bytes(value),
                _ => {}
            }
        }
        usage
    }
}

/// Parses `1000 Hz`, if `value` has that unit.
fn amount(value: &str, unit: &str) -> Option<u64> {
    value.strip_suffix(unit)?.trim_end().parse().ok()
}

/// Parses `12`, `12 KiB`, `12 MiB` or `12 GiB` as bytes.
fn bytes(value: &str) -> Option<u64> {
    let (number, scale) = match value.split_once(' ') {
        None => (value, 1),
        Some((number, "KiB")) => (number, 1 << 10),
        Some((number, "MiB")) => (number, 1 << 20),
        Some((number, "GiB")) => (number, 1 << 30),
        Some(_) => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

impl Device {
    /// Returns the resource usage of this file (fdinfo).
    ///
    /// # Errors
    ///
    /// * [`DeviceLost`](crate::ErrorKind::DeviceLost) when the device was unplugged.
    /// * [`OutOfMemory`](crate::ErrorKind::OutOfMemory) without memory or a free descriptor.
    /// * [`NotFound`](crate::ErrorKind::NotFound) without `/proc`.
    ///
    /// ```
    /// use panthor::{BoOptions, MapFlags};
    ///
    /// let device = panthor::Device::open_fake()?;
    /// let vm = device.create_vm(Default::default())?;
    /// let bo = device.create_bo(BoOptions::new(1 << 20))?;
    /// vm.bind().map(&bo, .., 1 << 30, MapFlags::NOEXEC).submit()?;
    /// let usage = device.usage()?;
    /// assert_eq!(usage.total_memory, Some(1 << 20));
    /// assert_eq!(usage.resident_memory, Some(1 << 20));
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "drm-usage-stats")]
    pub fn usage(&self) -> Result<Usage> {
        let text = self.fdinfo()?;
        // The driver writes nothing for a lost device. Driver 1.0 never writes anything.
        if !text.lines().any(|line| line.starts_with("drm-driver:")) && self.is_lost()? {
            return Err(Error::refused(ErrorKind::DeviceLost, "fdinfo", "the device is gone"));
        }
        Ok(Usage::parse(&text))
    }

    fn fdinfo(&self) -> Result<String> {
        #[cfg(feature = "fake")]
        if let Some(file) = self.fake() {
            return Ok(file.fdinfo());
        }
        read(Path::new(&format!("/proc/self/fdinfo/{}", self.as_fd().as_raw_fd())))
    }
}

fn read(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&system::read(path)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_of_linux_7_3_prints() {
        let text = "pos:\t0\nflags:\t0400002\nmnt_id:\t32\nino:\t101\ndrm-driver:\tpanthor\n\
            drm-client-id:\t7\ndrm-engine-panthor:\t1500 ns\ndrm-cycles-panthor:\t12\n\
            drm-maxfreq-panthor:\t1000000000 Hz\ndrm-curfreq-panthor:\t300000000 Hz\n\
            panthor-resident-memory:\t132 KiB\npanthor-active-memory:\t0\ndrm-total-memory:\t1 MiB\n\
            drm-shared-memory:\t0\ndrm-resident-memory:\t100\n";
        let usage = Usage::parse(text);
        assert_eq!(usage.client_id, Some(7));
        assert_eq!(usage.gpu_time, Some(Duration::from_nanos(1500)));
        assert_eq!(usage.gpu_cycles, Some(12));
        assert_eq!(usage.max_frequency, Some(1_000_000_000));
        assert_eq!(usage.current_frequency, Some(300_000_000));
        assert_eq!(usage.kernel_memory, Some(132 << 10));
        assert_eq!((usage.total_memory, usage.shared_memory), (Some(1 << 20), Some(0)));
        assert_eq!((usage.resident_memory, usage.active_memory), (Some(100), None));
        assert_eq!(usage.nonresident_memory(), Some((1 << 20) - 100));
        assert_eq!(Usage::parse("drm-total-memory:\t1 MiB\n").nonresident_memory(), Some(1 << 20));
        assert_eq!(Usage::default().nonresident_memory(), None);
    }

    #[test]
    fn what_is_not_understood_is_left_out() {
        assert_eq!(Usage::parse(""), Usage::default());
        let odd = "drm-total-memory:\t1 acre\ndrm-client-id: x\ndrm-engine-panthor:\t5\nnonsense\n\
            drm-shared-memory:\t18446744073709551615 MiB\n";
        assert_eq!(Usage::parse(odd), Usage::default());
    }

    #[test]
    fn an_unplugged_device_has_no_usage() {
        for minor in [0, 9] {
            let config = crate::fake::Config::default().driver_minor(minor);
            let fake = crate::fake::Device::new(config).unwrap();
            let device = Device::from_fake(fake.open()).unwrap();
            assert_eq!(device.usage().unwrap().client_id.is_some(), minor > 0);
            fake.unplug();
            let error = device.usage().unwrap_err();
            assert_eq!((error.kind(), error.call()), (ErrorKind::DeviceLost, "fdinfo"), "{error}");
        }
    }
}
