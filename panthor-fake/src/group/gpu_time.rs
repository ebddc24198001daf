//! GPU time of a file's streams, as far as the driver measures it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::call::errno::Errno;
use crate::device::Device;
use crate::device::config::Config;
use crate::file::File;

/// The fixed clock of the emulated GPU in Hz.
pub(crate) const FREQUENCY: u64 = 1_000_000_000;

/// The bits of the sysfs attribute `profiling`.
pub(crate) const CYCLES: u32 = 1 << 0;
pub(crate) const TIME: u32 = 1 << 1;

/// The accumulated GPU time of a file's streams.
#[derive(Debug, Default)]
pub(crate) struct GpuTime {
    nanos: AtomicU64,
    cycles: AtomicU64,
}

impl GpuTime {
    /// Adds GPU work, in the units that are measured.
    pub(crate) fn add(&self, time: Duration, measured: u32) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if measured & TIME != 0 {
            self.nanos.fetch_add(nanos, Ordering::Relaxed);
        }
        if measured & CYCLES != 0 {
            let cycles = u128::from(nanos) * u128::from(FREQUENCY) / 1_000_000_000;
            self.cycles.fetch_add(u64::try_from(cycles).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.nanos.load(Ordering::Relaxed)
    }

    pub(crate) fn cycles(&self) -> u64 {
        self.cycles.load(Ordering::Relaxed)
    }
}

impl Config {
    /// Returns the valid bits of the attribute `profiling`. Driver 1.0 has no such attribute.
    pub(crate) fn measurable(&self) -> u32 {
        if self.driver_minor == 0 { 0 } else { CYCLES | TIME }
    }
}

impl Device {
    /// Returns the sysfs attribute `profiling`: bit 0 measures the cycles of every job, bit 1 the
    /// time. [`Config::profiling`] sets the initial value.
    ///
    /// # Errors
    /// `ENOENT` for driver 1.0, which has no such attribute, and after an unplug.
    pub fn profiling(&self) -> io::Result<u32> {
        if self.config().measurable() == 0 || self.inner().check_plugged().is_err() {
            return Err(io::Error::from_raw_os_error(Errno::NOENT.0));
        }
        Ok(self.inner().profiling.load(Ordering::Relaxed))
    }

    /// Sets the sysfs attribute `profiling`, which applies to jobs submitted later.
    ///
    /// Every stream takes the time of [`Config::stream_time`]. Cycles are those of a 1 GHz clock.
    /// [`File::fdinfo`] shows the sums.
    ///
    /// # Errors
    /// `EINVAL` for an undefined bit, otherwise as for [`profiling`](Self::profiling).
    ///
    /// ```
    /// use std::time::Duration;
    /// use panthor_fake::{Config, Device};
    ///
    /// let device = Device::new(Config::default())?;
    /// device.set_profiling(0b11)?;
    /// let file = device.open();
    /// file.add_gpu_time(Duration::from_millis(3));
    /// assert!(file.fdinfo().contains("drm-engine-panthor:\t3000000 ns\n"));
    /// assert!(file.fdinfo().contains("drm-cycles-panthor:\t3000000\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_profiling(&self, measured: u32) -> io::Result<()> {
        self.profiling()?;
        if measured & !self.config().measurable() != 0 {
            return Err(io::Error::from_raw_os_error(Errno::INVAL.0));
        }
        self.inner().profiling.store(measured, Ordering::Relaxed);
        Ok(())
    }
}

impl File {
    /// Adds GPU time and cycles to this file, as streams of that duration would, to test programs
    /// that display them. Units that are not measured stay unchanged, see
    /// [`Device::set_profiling`].
    pub fn add_gpu_time(&self, time: Duration) {
        let measured = self.device().inner().profiling.load(Ordering::Relaxed);
        self.inner().gpu_time.add(time, measured);
    }
}
