//! Formatting of a summary as tables.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::errno_names;
use super::summary::{Calls, Summary};

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.calls(f)?;
        self.binds(f)?;
        self.slowest(f)
    }
}

impl Summary {
    /// Prints the calls, most frequent first.
    fn calls(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut calls: Vec<_> = self.calls.iter().collect();
        calls.sort_by_key(|(_, calls)| std::cmp::Reverse(calls.count));
        writeln!(f, "{:>10} {:>8} {:>14} {:>12}  call", "calls", "errors", "total µs", "mean µs")?;
        for (name, calls) in calls {
            let errors: u64 = calls.errors.values().sum();
            let mean = calls.took.as_nanos() / u128::from(calls.count.max(1));
            let mean = Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX));
            let (count, took, mean) = (calls.count, micros(calls.took), micros(mean));
            write!(f, "{count:>10} {errors:>8} {took:>14} {mean:>12}  {}", short(name))?;
            writeln!(f, "{}", by_errno(calls))?;
        }
        writeln!(f, "{:>10} {:>41}", self.call_count(), "all")
    }

    fn binds(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.bind_ops.is_empty() && self.bind_ops_left_out == 0 {
            return Ok(());
        }
        writeln!(f, "\n{:>10} {:>20}  VM_BIND operation", "count", "bytes")?;
        for (name, ops) in &self.bind_ops {
            writeln!(f, "{:>10} {:>20}  {name}", ops.count, ops.bytes)?;
        }
        if self.bind_ops_left_out != 0 {
            writeln!(f, "{:>10} {:>20}  not in the trace", self.bind_ops_left_out, "?")?;
        }
        writeln!(f, "{:>10} {:>20}  mapped to BOs at most", "", self.peak_mapped)?;
        writeln!(f, "{:>10} {:>20}  sparse at most", "", self.peak_sparse)
    }

    fn slowest(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.slowest.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{:>14} {:>14} {:>10}  slowest calls", "took µs", "at s", "thread")?;
        for slow in &self.slowest {
            let (took, at) = (micros(slow.took), format!("{:.6}", slow.time.as_secs_f64()));
            let (_, tid) = slow.thread;
            write!(f, "{took:>14} {at:>14} {tid:>10}  {}", short(&slow.name))?;
            match slow.result {
                0.. => writeln!(f)?,
                error => {
                    let errno = error.wrapping_neg();
                    let name = errno_names::name(errno).unwrap_or_else(|| errno.to_string());
                    writeln!(f, " {name}")?;
                }
            }
        }
        Ok(())
    }
}

fn by_errno(calls: &Calls) -> String {
    let errors: Vec<_> =
        calls.errors.iter().map(|(name, count)| format!("{count} {name}")).collect();
    if errors.is_empty() { String::new() } else { format!(" ({})", errors.join(", ")) }
}

/// Returns a request name without the common prefix.
fn short(name: &str) -> &str {
    name.strip_prefix("DRM_IOCTL_").unwrap_or(name)
}

/// Formats a duration in microseconds, the unit of all columns.
fn micros(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    format!("{}.{:03}", nanos / 1000, nanos % 1000)
}
