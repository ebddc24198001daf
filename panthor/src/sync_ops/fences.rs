//! Availability of fences for the waits of a batch.

use super::SyncOp;
use super::order::{FirstSignals, is_signal};
use crate::device::Device;
use crate::error::{BatchProgress, Error, Result};
use crate::sync::{Timeout, Wait, has_fence, wait_for_fences};

/// Returns the first wait without a fence: its syncobj has none, and no element of the batch adds
/// one.
pub(crate) fn without_fence<'a, E: Copy>(
    device: &Device,
    all: impl Iterator<Item = (E, &'a SyncOp)> + Clone,
) -> Option<(E, SyncOp)> {
    let signals = FirstSignals::of(all.clone());
    let mut waits = all.filter(|(_, sync)| !is_signal(sync));
    let found = waits.find(|(_, wait)| {
        signals.find(wait).is_none()
            && matches!(has_fence(device, wait.handle, wait.timeline_value), Ok(false))
    });
    found.map(|(element, wait)| (element, *wait))
}

/// Waits until every wait of a batch has a fence. Fences of earlier elements in the batch count.
pub(crate) fn wait_until_available<'a, E: Copy + Ord>(
    device: &Device,
    all: impl Iterator<Item = (E, &'a SyncOp)> + Clone,
    timeout: Timeout,
) -> Result<Wait> {
    let signals = FirstSignals::of(all.clone());
    let given = |element: E, wait| signals.find(wait).is_some_and(|signaller| signaller < element);
    let missing = all.filter(|&(element, sync)| !is_signal(sync) && !given(element, sync));
    wait_for_fences(device, missing.map(|(_, wait)| (wait.handle, wait.timeline_value)), timeout)
}

/// Refuses a wait that only a signal of the same batch could end, for `element` if given.
///
/// Another thread may still reset the syncobj before the driver's check.
#[cold]
pub(crate) fn require_fence(
    device: &Device,
    call: &'static str,
    element: Option<usize>,
    wait: &SyncOp,
) -> Result<()> {
    let has_fence = has_fence(device, wait.handle, wait.timeline_value);
    if has_fence.map_err(|error| error.within(call, "the look for a fence to wait for"))? {
        return Ok(());
    }
    let rule = format!(
        "has no fence from before the batch, which signals it itself (syncobj {}, point {})",
        wait.handle, wait.timeline_value
    );
    Err(Error::invalid(call, "wait", rule).with_progress(BatchProgress::nothing_done(element)))
}
