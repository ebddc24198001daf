//! Identity of the current process without a system call.
//!
//! A child of `fork` shares the open file with its parent, but not all mappings, and must not
//! destroy its parent's objects.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::system;

/// A process, distinct from its ancestors and descendants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u64);

impl Process {
    /// Returns the calling process.
    #[inline]
    pub(crate) fn current() -> Self {
        static MARK: OnceLock<Result<&'static AtomicU64, Errno>> = OnceLock::new();
        match MARK.get_or_init(wiped_on_fork) {
            Ok(mark) => match mark.load(Ordering::Relaxed) {
                0 => Self::enter(mark),
                number => Self(number),
            },
            // The kernel or an emulator lacks MADV_WIPEONFORK.
            Err(_) => Self(std::process::id().into()),
        }
    }

    /// Numbers a process without a number. A child inherits the counter, so its number is higher
    /// than those of its ancestors.
    #[cold]
    fn enter(mark: &AtomicU64) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        // Another thread of this process may have set the number first.
        match mark.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Self(number),
            Err(number) => Self(number),
        }
    }

    /// Returns a different process.
    #[cfg(test)]
    pub(crate) fn other(self) -> Self {
        Self(!self.0)
    }
}

/// Returns memory that is zeroed in every child of `fork`.
fn wiped_on_fork() -> Result<&'static AtomicU64, Errno> {
    // The kernel rounds the size up to a page.
    let (len, prot) = (size_of::<AtomicU64>(), ProtFlags::READ | ProtFlags::WRITE);
    // SAFETY: without MAP_FIXED the kernel picks a free address, so the call replaces no mapping.
    let page =
        unsafe { system::mmap_anonymous(std::ptr::null_mut(), len, prot, MapFlags::PRIVATE) }?;
    // SAFETY: the page was just mapped and has no other user. The zeros that a child finds there
    // are as valid as the current contents.
    if let Err(errno) = unsafe { system::madvise(page, len, Advice::LinuxWipeOnFork) } {
        // SAFETY: as above, and the page is not used afterwards.
        let _ = unsafe { system::munmap(page, len) };
        return Err(errno);
    }
    // SAFETY: a page is aligned and zeroed, is used only as this atomic, and stays mapped until
    // the process ends.
    Ok(unsafe { AtomicU64::from_ptr(page.cast()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_stays_what_it_is() {
        let this = Process::current();
        assert_eq!(std::thread::spawn(Process::current).join().unwrap(), this);
        assert_eq!(this, Process::current());
        assert_ne!(this, this.other());
    }

    #[test]
    fn what_is_wiped_gets_a_higher_number() {
        let mark = wiped_on_fork().expect("memory that is wiped on fork");
        let first = Process::enter(mark);
        assert_eq!(Process::enter(mark), first);
        mark.store(0, Ordering::Relaxed); // The kernel zeroes it in a child.
        assert!(Process::enter(mark).0 > first.0);
    }
}
