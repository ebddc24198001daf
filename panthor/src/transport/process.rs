//! Which process this is, without a system call: a child of a fork shares the open file with its parent, but
//! not all mappings, and must not destroy what its parent uses.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::system;

/// A process, told apart from its ancestors and descendants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u64);

impl Process {
    /// The calling one.
    #[inline]
    pub(crate) fn current() -> Self {
        static MARK: OnceLock<Result<&'static AtomicU64, Errno>> = OnceLock::new();
        match MARK.get_or_init(wiped_on_fork) {
            Ok(mark) => match mark.load(Ordering::Relaxed) {
                0 => Self::enter(mark),
                number => Self(number),
            },
            // A kernel without that, or an emulator.
            Err(_) => Self(std::process::id().into()),
        }
    }

    /// Numbers a process that has none yet. A child inherits the counter, so its number is higher than those
    /// of its ancestors.
    #[cold]
    fn enter(mark: &AtomicU64) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        // Another thread of this process may have been faster.
        match mark.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Self(number),
            Err(number) => Self(number),
        }
    }

    /// Another one.
    #[cfg(test)]
    pub(crate) fn other(self) -> Self {
        Self(!self.0)
    }
}

/// Memory that is zero anew in every child of a fork.
fn wiped_on_fork() -> Result<&'static AtomicU64, Errno> {
    // The kernel makes a page of it.
    let (len, prot) = (size_of::<AtomicU64>(), ProtFlags::READ | ProtFlags::WRITE);
    // SAFETY: the kernel picks the place (no MAP_FIXED), so nothing that exists is replaced.
    let page =
        unsafe { system::mmap_anonymous(std::ptr::null_mut(), len, prot, MapFlags::PRIVATE) }?;
    // SAFETY: this is the page that was just mapped, which nobody else knows; what a child finds there is
    // as valid as what is there now.
    if let Err(errno) = unsafe { system::madvise(page, len, Advice::LinuxWipeOnFork) } {
        // SAFETY: as above, and it is not used any more.
        let _ = unsafe { system::munmap(page, len) };
        return Err(errno);
    }
    // SAFETY: a page is aligned, is zeroed, is used as this atomic alone, and stays mapped
    // as long as the process lives.
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
        mark.store(0, Ordering::Relaxed); // as the kernel does in a child
        assert!(Process::enter(mark).0 > first.0);
    }
}
