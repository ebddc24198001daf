//! GPU and CPU clocks.

use std::time::Duration;

use bytemuck::Zeroable;
use panthor_sys as sys;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::version::Features;

/// CPU clock that [`Device::timestamps`] reads together with the GPU's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CpuClock {
    /// CLOCK_MONOTONIC.
    #[doc(alias = "DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC")]
    Monotonic,
    /// CLOCK_MONOTONIC_RAW.
    #[doc(alias = "DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC_RAW")]
    MonotonicRaw,
}

/// Selection of values for [`Device::timestamps`].
///
/// The default is the selection of all drivers since 1.1: GPU timestamp, offset and frequency. Any
/// other selection needs driver 1.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "drm_panthor_timestamp_info_flags")]
pub struct TimestampRequest {
    flags: u32,
}

/// Selection that a driver returns for flags of 0, and that older drivers without flags return.
const BEFORE_1_8: u32 = sys::DRM_PANTHOR_TIMESTAMP_GPU
    | sys::DRM_PANTHOR_TIMESTAMP_GPU_OFFSET
    | sys::DRM_PANTHOR_TIMESTAMP_FREQ;

impl Default for TimestampRequest {
    fn default() -> Self {
        Self { flags: BEFORE_1_8 }
    }
}

impl TimestampRequest {
    /// Returns an empty selection.
    pub const fn nothing() -> Self {
        Self { flags: 0 }
    }

    /// Adds the GPU timestamp.
    #[doc(alias = "DRM_PANTHOR_TIMESTAMP_GPU")]
    pub const fn gpu(mut self) -> Self {
        self.flags |= sys::DRM_PANTHOR_TIMESTAMP_GPU;
        self
    }

    /// Adds a CPU clock, read at nearly the same time as the GPU's.
    pub const fn cpu(mut self, clock: CpuClock) -> Self {
        self.flags &= !sys::DRM_PANTHOR_TIMESTAMP_CPU_TYPE_MASK;
        self.flags |= match clock {
            CpuClock::Monotonic => sys::DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC,
            CpuClock::MonotonicRaw => sys::DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC_RAW,
        };
        self
    }

    /// Adds the offset of the GPU timestamp.
    #[doc(alias = "DRM_PANTHOR_TIMESTAMP_GPU_OFFSET")]
    pub const fn offset(mut self) -> Self {
        self.flags |= sys::DRM_PANTHOR_TIMESTAMP_GPU_OFFSET;
        self
    }

    /// Adds the GPU's cycle counter.
    #[doc(alias = "DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT")]
    pub const fn cycle_count(mut self) -> Self {
        self.flags |= sys::DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT;
        self
    }

    /// Adds the frequency of the GPU timestamp.
    #[doc(alias = "DRM_PANTHOR_TIMESTAMP_FREQ")]
    pub const fn frequency(mut self) -> Self {
        self.flags |= sys::DRM_PANTHOR_TIMESTAMP_FREQ;
        self
    }

    /// Adds the duration of the clock reads.
    #[doc(alias = "DRM_PANTHOR_TIMESTAMP_DURATION")]
    pub const fn duration(mut self) -> Self {
        self.flags |= sys::DRM_PANTHOR_TIMESTAMP_DURATION;
        self
    }

    fn has(self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// Clock values at one moment. Values outside of the selection are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "drm_panthor_timestamp_info")]
pub struct Timestamps {
    /// GPU timestamp in ticks of [`frequency`](Self::frequency).
    pub gpu: Option<u64>,
    /// Offset to add to timestamps that command streams store, in ticks.
    pub offset: Option<u64>,
    /// Ticks per second. Also `None` if the driver does not know the frequency.
    pub frequency: Option<u64>,
    /// GPU cycle counter.
    pub cycle_count: Option<u64>,
    /// Time of the selected CPU clock.
    pub cpu: Option<Duration>,
    /// Duration of the clock reads.
    pub duration: Option<Duration>,
}

impl Device {
    /// Reads the GPU's clock and, from driver 1.8 on, other clocks (DEV_QUERY, TIMESTAMP_INFO).
    ///
    /// # Errors
    ///
    /// * [`Unsupported`](crate::ErrorKind::Unsupported) below driver 1.1, and below 1.8 for a
    ///   selection other than the default.
    /// * [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an empty selection.
    ///
    /// ```
    /// use panthor::{CpuClock, Device, TimestampRequest};
    ///
    /// let device = Device::open_fake()?;
    /// let request = TimestampRequest::nothing().gpu().cpu(CpuClock::Monotonic);
    /// let now = device.timestamps(request)?;
    /// assert!(now.gpu.is_some() && now.cpu.is_some());
    /// assert_eq!(now.cycle_count, None);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO")]
    pub fn timestamps(&self, request: TimestampRequest) -> Result<Timestamps> {
        let call = "DEV_QUERY";
        if request.flags == 0 {
            // The driver treats an empty selection as the default.
            return Err(Error::invalid(call, "request", "asks for no timestamp"));
        }
        if request.flags == BEFORE_1_8 {
            Features::TIMESTAMP_QUERY.require(self.version(), call, "the timestamp query")?;
        } else {
            let what = "a choice of timestamps other than the default";
            Features::TIMESTAMP_FLAGS.require(self.version(), call, what)?;
        }
        let mut raw = sys::drm_panthor_timestamp_info::zeroed();
        if self.features().contains(Features::TIMESTAMP_FLAGS) {
            raw.flags = request.flags;
        }
        self.transport().query(sys::DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO, &mut raw)?;
        let asked = |flag, value| request.has(flag).then_some(value);
        Ok(Timestamps {
            gpu: asked(sys::DRM_PANTHOR_TIMESTAMP_GPU, raw.current_timestamp),
            offset: asked(sys::DRM_PANTHOR_TIMESTAMP_GPU_OFFSET, raw.timestamp_offset),
            frequency: asked(sys::DRM_PANTHOR_TIMESTAMP_FREQ, raw.timestamp_frequency)
                .filter(|&frequency| frequency != 0),
            cycle_count: asked(sys::DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT, raw.cycle_count),
            cpu: request.has(sys::DRM_PANTHOR_TIMESTAMP_CPU_TYPE_MASK).then(|| {
                let nanos = Duration::from_nanos(raw.cpu_timestamp_nsec);
                Duration::from_secs(raw.cpu_timestamp_sec).saturating_add(nanos)
            }),
            duration: request
                .has(sys::DRM_PANTHOR_TIMESTAMP_DURATION)
                .then(|| Duration::from_nanos(u64::from(raw.duration_nsec))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_cpu_clock_and_the_bits_asked_for() {
        let monotonic = TimestampRequest::nothing().cpu(CpuClock::Monotonic);
        assert_eq!(monotonic.flags, sys::DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC);
        let raw = monotonic.cpu(CpuClock::MonotonicRaw);
        assert_eq!(raw.flags, sys::DRM_PANTHOR_TIMESTAMP_CPU_MONOTONIC_RAW);
        assert_eq!(
            TimestampRequest::nothing().gpu().offset().frequency(),
            TimestampRequest::default()
        );
        let others = TimestampRequest::nothing().cycle_count().duration();
        let expected =
            sys::DRM_PANTHOR_TIMESTAMP_GPU_CYCLE_COUNT | sys::DRM_PANTHOR_TIMESTAMP_DURATION;
        assert_eq!(others.flags, expected);
    }
}
