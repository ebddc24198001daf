//! Timeouts and outcomes of waits.

use std::time::{Duration, Instant};

/// Outcome of a wait. A timeout is an outcome and not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "a wait can end without what it waited for"]
pub enum Wait {
    /// The condition is met.
    Ready,
    /// The timeout expired.
    TimedOut,
}

impl Wait {
    /// Returns whether the condition is met.
    pub fn is_ready(self) -> bool {
        self == Self::Ready
    }
}

/// Maximum duration of a wait.
///
/// A wait never ends early: a wait that a signal interrupts resumes with the same deadline. An
/// unplug of the device does not end a wait in progress. A wait for a point that is never
/// submitted lasts until its timeout, so set one.
///
/// ```
/// use std::time::Duration;
/// use panthor::Timeout;
/// let _ = [Timeout::from(Duration::from_millis(5)), Timeout::NONE, Timeout::FOREVER];
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout(Limit);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    None,
    For(Duration),
    Until(Instant),
    Forever,
}

impl Timeout {
    /// No wait: checks the condition once.
    pub const NONE: Self = Self(Limit::None);
    /// No limit.
    pub const FOREVER: Self = Self(Limit::Forever);

    /// Creates a relative timeout in nanoseconds, with Vulkan's special values.
    ///
    /// 0 is [`NONE`](Self::NONE), and `u64::MAX` is [`FOREVER`](Self::FOREVER).
    ///
    /// ```
    /// use panthor::{Timeout, Wait};
    /// # let device = panthor::Device::open_fake()?;
    /// let (done, pending) = (device.create_signaled_syncobj()?, device.create_syncobj()?);
    /// assert_eq!(done.wait(Timeout::from_nanos(u64::MAX))?, Wait::Ready);
    /// assert_eq!(pending.wait(Timeout::from_nanos(1_000_000))?, Wait::TimedOut);
    /// # Ok::<(), panthor::Error>(())
    /// ```
    #[doc(alias = "vkWaitForFences")]
    pub const fn from_nanos(nanos: u64) -> Self {
        match nanos {
            0 => Self::NONE,
            u64::MAX => Self::FOREVER,
            _ => Self(Limit::For(Duration::from_nanos(nanos))),
        }
    }

    /// Returns the uAPI's deadline: nanoseconds of CLOCK_MONOTONIC, or 0 for a single check.
    pub(super) fn deadline(self) -> i64 {
        let after = match self.0 {
            Limit::None => return 0,
            Limit::Forever => return i64::MAX,
            Limit::For(duration) => duration,
            Limit::Until(instant) => instant.saturating_duration_since(Instant::now()),
        };
        if after.is_zero() {
            return 0;
        }
        // A Duration has fewer than 2^95 nanoseconds, so the sum fits.
        let deadline = now() + after.as_nanos() as i128;
        i64::try_from(deadline).unwrap_or(i64::MAX)
    }
}

/// Returns whether a uAPI deadline lies in the future.
pub(super) fn is_to_come(deadline: i64) -> bool {
    i128::from(deadline) > now()
}

/// Returns the nanoseconds of CLOCK_MONOTONIC.
fn now() -> i128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self(Limit::For(duration))
    }
}

impl From<Instant> for Timeout {
    fn from(instant: Instant) -> Self {
        Self(Limit::Until(instant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_saturate_and_never_wrap() {
        assert_eq!(Timeout::from(Duration::ZERO).deadline(), 0);
        assert_eq!(Timeout::from(Duration::MAX).deadline(), i64::MAX);
        assert_eq!(Timeout::FOREVER.deadline(), i64::MAX);
        assert_eq!(Timeout::from_nanos(u64::MAX), Timeout::FOREVER);
        assert_eq!(Timeout::from_nanos(u64::MAX - 1).deadline(), i64::MAX);
        assert_eq!(Timeout::from_nanos(0), Timeout::NONE);
        assert_eq!(Timeout::from_nanos(1 << 40), Duration::from_nanos(1 << 40).into());
        let past = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(Timeout::from(past).deadline(), 0);
        let soon = Timeout::from(Duration::from_secs(1)).deadline();
        let later = Timeout::from(Instant::now() + Duration::from_secs(2)).deadline();
        assert!(0 < soon && soon < later && later < i64::MAX);
    }
}
