//! Memory limits of this process for the calls that it serves.
//!
//! A kernel that runs out of memory fails the call with `ENOMEM`. A process that reaches a limit
//! aborts in an allocation. Calls are therefore charged before they allocate much, and refused when
//! little is left.

use std::cell::Cell;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::{SysconfVar, sysconf};
use panthor_sys as sys;

use crate::call::errno::{Errno, Result};

/// The charge in bytes of a call that creates an object: more than any object needs, including its
/// table entries.
const OBJECT: u64 = 16 << 10;

/// The maximum cost of an array element, as a multiple of its size, including the operation that it
/// describes.
const PER_BYTE: u64 = 16;

/// The reserve for small allocations: a minimum in bytes, and a fraction of the limit.
const MARGIN: u64 = 32 << 20;
const MARGIN_PART: u64 = 16;

/// The charges in bytes for arrays of the calls in progress.
static IN_PROGRESS: AtomicU64 = AtomicU64::new(0);

/// The bytes that objects may use before the remaining memory is measured again.
static GRANTED: AtomicU64 = AtomicU64::new(0);

/// The maximum private memory of this process in bytes, in addition to the system limits.
static CAP: AtomicU64 = AtomicU64::new(u64::MAX);

/// Charges this process for an object that a call is about to create.
///
/// # Errors
/// `ENOMEM` if the memory does not suffice.
pub(crate) fn charge_object() -> Result<()> {
    let take = |granted: u64| granted.checked_sub(OBJECT);
    if GRANTED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        return Ok(());
    }
    let left = Left::now();
    let in_progress = IN_PROGRESS.load(Ordering::Relaxed);
    // The allocator's free memory suffices for objects, as long as there is room for their tables.
    let kept = if left.has_room && left.bytes != u64::MAX { free() } else { 0 };
    let usable = left.bytes.saturating_add(kept);
    let usable = usable.checked_sub(in_progress).filter(|&usable| usable >= OBJECT);
    // The other half is for arrays of other calls.
    GRANTED.store(usable.ok_or(Errno::NOMEM)? / 2, Ordering::Relaxed);
    Ok(())
}

/// Charges this process for the objects that an ioctl creates.
///
/// # Errors
/// The errors of [`charge_object`].
pub(crate) fn charge_ioctl(request: u32) -> Result<()> {
    if makes_objects(request) { charge_object() } else { Ok(()) }
}

/// Returns whether an ioctl creates objects that use memory.
fn makes_objects(request: u32) -> bool {
    matches!(
        request,
        sys::DRM_IOCTL_PANTHOR_VM_CREATE
            | sys::DRM_IOCTL_PANTHOR_VM_BIND
            | sys::DRM_IOCTL_PANTHOR_BO_CREATE
            | sys::DRM_IOCTL_PANTHOR_BO_SET_LABEL
            | sys::DRM_IOCTL_PANTHOR_GROUP_CREATE
            | sys::DRM_IOCTL_PANTHOR_GROUP_SUBMIT
            | sys::DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE
            | sys::DRM_IOCTL_PRIME_HANDLE_TO_FD
            | sys::DRM_IOCTL_PRIME_FD_TO_HANDLE
            | sys::DRM_IOCTL_SET_CLIENT_NAME
            | sys::DRM_IOCTL_SYNCOBJ_CREATE
            | sys::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD
            | sys::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE
            | sys::DRM_IOCTL_SYNCOBJ_TRANSFER
            | sys::DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL
            | sys::DRM_IOCTL_SYNCOBJ_EVENTFD
    )
}

/// The array charges of a call, released with it.
#[derive(Debug, Default)]
pub(crate) struct Budget(Cell<u64>);

impl Drop for Budget {
    fn drop(&mut self) {
        IN_PROGRESS.fetch_sub(self.0.get(), Ordering::Relaxed);
    }
}

impl Budget {
    /// Charges a call for an array of the caller that it is about to copy.
    ///
    /// # Errors
    /// `ENOMEM` if the memory does not suffice for the array and the operations that it describes.
    pub(crate) fn charge_array(&self, bytes: u64) -> Result<()> {
        let bytes = bytes.saturating_mul(PER_BYTE);
        if bytes <= OBJECT {
            return Ok(());
        }
        let in_progress = IN_PROGRESS.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.0.set(self.0.get() + bytes);
        if Left::now().bytes >= in_progress { Ok(()) } else { Err(Errno::NOMEM) }
    }
}

/// Limits this process to half of the machine's memory, so that the programs it serves cannot
/// exhaust it.
#[cfg(feature = "loopback")]
pub(crate) fn cap() {
    let number = |name| sysconf(name).ok().flatten().and_then(|number| u64::try_from(number).ok());
    if let (Some(pages), Some(page)) =
        (number(SysconfVar::_PHYS_PAGES), number(SysconfVar::PAGE_SIZE))
    {
        CAP.store(pages.saturating_mul(page) / 2, Ordering::Relaxed);
    }
}

/// Returns whether `bytes` are left, besides the charges of the calls in progress.
#[cfg(feature = "loopback")]
pub(crate) fn has_room(bytes: u64) -> bool {
    Left::now().bytes >= IN_PROGRESS.load(Ordering::Relaxed).saturating_add(bytes)
}

/// The remaining memory of this process.
struct Left {
    /// The bytes above the reserve.
    bytes: u64,
    /// Set if most of the reserve is left.
    has_room: bool,
}

impl Left {
    fn now() -> Self {
        let limit = |resource| getrlimit(resource).map_or(RLIM_INFINITY, |(soft, _)| soft);
        let (space, data) = (limit(Resource::RLIMIT_AS), limit(Resource::RLIMIT_DATA));
        let cap = CAP.load(Ordering::Relaxed);
        let all = Self { bytes: u64::MAX, has_room: true };
        if (space, data, cap) == (RLIM_INFINITY, RLIM_INFINITY, u64::MAX) {
            return all;
        }
        let Some(used) = Used::now() else { return all };
        let limits = [(space, used.space), (data, used.data), (cap, used.own)];
        limits.into_iter().filter(|&(limit, _)| limit != RLIM_INFINITY).fold(
            all,
            |all, (limit, used)| {
                let (margin, left) = (MARGIN.max(limit / MARGIN_PART), limit.saturating_sub(used));
                Self {
                    bytes: all.bytes.min(left.saturating_sub(margin)),
                    has_room: all.has_room && left >= margin / 2,
                }
            },
        )
    }
}

/// Returns the free bytes that the allocator keeps.
#[cfg(target_env = "gnu")]
fn free() -> u64 {
    // SAFETY: the call takes no arguments and only counts.
    let info = unsafe { nix::libc::mallinfo2() };
    info.fordblks as u64
}

#[cfg(not(target_env = "gnu"))]
fn free() -> u64 {
    0
}

/// The memory use of this process in bytes.
struct Used {
    space: u64,
    data: u64,
    /// Private memory.
    own: u64,
}

impl Used {
    fn now() -> Option<Self> {
        let statm = fs::read_to_string("/proc/self/statm").ok()?;
        let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
        let mut words = statm.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
        let [space, resident, shared] = [words.next()??, words.next()??, words.next()??];
        let data = words.nth(2)??;
        let own = resident.saturating_sub(shared);
        Some(Self { space: space * page, data: data * page, own: own * page })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_end_with_their_call() {
        let call = Budget::default();
        call.charge_array(10).unwrap();
        assert_eq!(call.0.get(), 0);
        call.charge_array(1 << 20).unwrap();
        assert_eq!(call.0.get(), PER_BYTE << 20);
        assert!(IN_PROGRESS.load(Ordering::Relaxed) >= PER_BYTE << 20);
        charge_object().unwrap();
    }

    #[test]
    fn used_memory_is_read() {
        let used = Used::now().unwrap();
        assert!(used.space >= used.data && used.space >= used.own && used.own > 0);
    }
}
