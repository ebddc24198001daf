//! Sync operations of asynchronous calls: what holds for VM_BIND and GROUP_SUBMIT alike.
//!
//! Both take a batch whose elements each wait and signal. A wait is for the fence that an earlier element
//! of the batch puts there or, without one, for what the syncobj holds when the call is made.

/// One sync operation as the driver takes it.
pub(crate) use panthor_sys::drm_panthor_sync_op as SyncOp;

use panthor_sys as sys;

use crate::device::Device;
use crate::error::{BindProgress, Error, Result};
use crate::sync::{Timeout, Wait, wait_for_fences, wait_for_point};

#[inline]
pub(crate) fn is_signal(sync: &SyncOp) -> bool {
    sync.flags & sys::DRM_PANTHOR_SYNC_OP_SIGNAL != 0
}

/// Whether they are about the same fence: the driver matches on nothing but handle and point.
#[inline]
pub(crate) fn is_same_point(a: &SyncOp, b: &SyncOp) -> bool {
    a.handle == b.handle && a.timeline_value == b.timeline_value
}

/// The waits for points that the same batch signals no earlier, with their elements: only a fence that is
/// there already can end one, and without it the driver refuses the batch with a kernel warning.
///
/// `all` gives every sync operation with the index of the element that it belongs to, in their order.
pub(crate) fn self_waits<'a>(
    all: impl Iterator<Item = (usize, &'a SyncOp)> + Clone,
) -> impl Iterator<Item = (usize, SyncOp)> {
    all.clone().filter(|(_, wait)| !is_signal(wait)).filter_map(move |(element, wait)| {
        let (first, _) =
            all.clone().find(|(_, sync)| is_signal(sync) && is_same_point(sync, wait))?;
        (first >= element).then_some((element, *wait))
    })
}

/// The first wait that the driver found nothing for: its syncobj holds no fence, and nothing in the batch
/// puts one there.
pub(crate) fn without_fence<'a>(
    device: &Device,
    all: impl Iterator<Item = (usize, &'a SyncOp)> + Clone,
) -> Option<(usize, SyncOp)> {
    let mut waits = all.clone().filter(|(_, sync)| !is_signal(sync));
    let found = waits.find(|(_, wait)| {
        let mut signals = all.clone().filter(|(_, sync)| is_signal(sync));
        !signals.any(|(_, signal)| is_same_point(signal, wait))
            && matches!(is_available(device, wait), Ok(Wait::TimedOut))
    });
    found.map(|(element, wait)| (element, *wait))
}

/// Waits until every wait of a batch has a fence to wait for, except for those that an earlier element of the
/// batch gives one.
pub(crate) fn wait_until_available<'a>(
    device: &Device,
    all: impl Iterator<Item = (usize, &'a SyncOp)> + Clone,
    timeout: Timeout,
) -> Result<Wait> {
    let given = |element: usize, wait: &SyncOp| {
        let mut earlier = all.clone().filter(|&(signaller, _)| signaller < element);
        earlier.any(|(_, sync)| is_signal(sync) && is_same_point(sync, wait))
    };
    let missing = all.clone().filter(|&(element, sync)| !is_signal(sync) && !given(element, sync));
    wait_for_fences(device, missing.map(|(_, wait)| (wait.handle, wait.timeline_value)), timeout)
}

/// The text for a wait of [`without_fence`].
pub(crate) fn describe_without_fence(wait: &SyncOp) -> String {
    format!(
        "syncobj {} has no fence at point {} yet: use wait_available before",
        wait.handle, wait.timeline_value
    )
}

/// Refuses a wait, of `element` if it is one's, that only a signal of the same batch could end.
///
/// A reset by another thread may still take the fence away before the driver looks.
#[cold]
pub(crate) fn require_fence(
    device: &Device,
    call: &'static str,
    element: Option<usize>,
    wait: &SyncOp,
) -> Result<()> {
    match is_available(device, wait)? {
        Wait::Ready => Ok(()),
        Wait::TimedOut => {
            let rule = format!(
                "syncobj {} is signalled by this very batch and holds no fence from before",
                wait.handle
            );
            let error = Error::invalid(call, "wait", rule);
            Err(error.with_bind(BindProgress::nothing_done(element)))
        }
    }
}

fn is_available(device: &Device, wait: &SyncOp) -> Result<Wait> {
    let flags = sys::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
    wait_for_point(device, wait.handle, wait.timeline_value, flags, Timeout::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(handle: u32) -> SyncOp {
        SyncOp { flags: sys::DRM_PANTHOR_SYNC_OP_WAIT, handle, timeline_value: 0 }
    }

    fn signal(handle: u32) -> SyncOp {
        SyncOp { flags: sys::DRM_PANTHOR_SYNC_OP_SIGNAL, handle, timeline_value: 0 }
    }

    fn of(all: &[(usize, SyncOp)]) -> Option<(usize, SyncOp)> {
        self_waits(all.iter().map(|(element, sync)| (*element, sync))).next()
    }

    #[test]
    fn a_wait_that_only_its_own_batch_would_end() {
        assert_eq!(of(&[(0, signal(1)), (1, wait(1))]), None);
        assert_eq!(of(&[(1, wait(1)), (1, signal(1))]), Some((1, wait(1))));
        assert_eq!(of(&[(0, wait(1)), (1, signal(1))]), Some((0, wait(1))));
        assert_eq!(of(&[(0, signal(1)), (1, wait(1)), (1, signal(1))]), None);
        assert_eq!(of(&[(0, wait(2)), (1, signal(1))]), None);
    }

    #[test]
    fn other_points_of_a_timeline_do_not_match() {
        let at = |sync, timeline_value| SyncOp { timeline_value, ..sync };
        assert_eq!(of(&[(0, at(wait(1), 3)), (0, at(signal(1), 4))]), None);
        assert_eq!(of(&[(0, at(wait(1), 4)), (0, at(signal(1), 4))]), Some((0, at(wait(1), 4))));
    }
}
