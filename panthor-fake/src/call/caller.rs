//! The caller of an ioctl: its descriptors, its capabilities, and its waits.

use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};
use std::time::Instant;

use nix::unistd::{Pid, gettid};

use crate::call::arena::Arena;
use crate::call::errno::{Errno, Result};
use crate::device::DeviceInner;
use crate::sharing::descriptors::{Identity, path};
use crate::sync::events::Place;

/// The capabilities that the driver checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Capabilities {
    /// `CAP_SYS_ADMIN`.
    pub(crate) administrator: bool,
    /// `CAP_SYS_NICE`.
    pub(crate) nice: bool,
}

/// The program that issued an ioctl.
pub(crate) trait Caller {
    /// Returns the identity of the file behind one of the caller's descriptors.
    ///
    /// # Errors
    /// `EBADF` for a closed descriptor.
    fn identify(&self, fd: i32) -> Result<Identity>;

    /// Duplicates one of the caller's descriptors into this process.
    ///
    /// # Errors
    /// `EBADF` for a closed descriptor.
    fn duplicate(&self, fd: i32) -> Result<OwnedFd>;

    /// Installs a descriptor in the caller with close-on-exec, and returns its number there.
    fn give(&self, fd: OwnedFd) -> Result<i32>;

    /// Returns a number that identifies the calling process.
    fn process(&self) -> i32;

    /// Returns the thread ID, as the caller itself sees it.
    fn thread(&self) -> i32;

    /// Returns the caller's capabilities at this moment, independent of those at the open.
    fn capabilities(&self, device: &DeviceInner) -> Capabilities;

    /// Sleeps until `ready` returns `true` or the deadline has passed. `ready` is called after each
    /// change of a fence or sync object. Returns whether it was ready.
    ///
    /// # Errors
    /// `ERESTARTSYS` after a signal.
    fn wait(
        &self,
        events: &Place,
        deadline: Option<Instant>,
        ready: &mut dyn FnMut() -> bool,
    ) -> Result<bool>;

    /// Serves the calls of other threads before a long step. Called repeatedly during such steps.
    ///
    /// # Errors
    /// `EINTR` if the caller was killed, so that the rest can be skipped.
    fn begin_long_step(&self) -> Result<()> {
        Ok(())
    }

    /// Returns the caller for a trace, by default the calling thread.
    #[cfg(feature = "trace")]
    fn who(&self) -> crate::trace::Who {
        crate::trace::Who::this_thread()
    }
}

/// A thread of the process that contains the fake.
#[derive(Debug)]
pub(crate) struct ThisProcess;

impl Caller for ThisProcess {
    fn identify(&self, fd: i32) -> Result<Identity> {
        if fd < 0 {
            return Err(Errno::BADF);
        }
        Identity::at(path(fd))
    }

    fn duplicate(&self, fd: i32) -> Result<OwnedFd> {
        if fd < 0 {
            return Err(Errno::BADF);
        }
        // SAFETY: if the descriptor is closed, now or by another thread meanwhile, the duplication
        // fails or duplicates its replacement, as the same race in the kernel does. The borrow is
        // not used for anything else.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        Ok(borrowed.try_clone_to_owned()?)
    }

    fn give(&self, fd: OwnedFd) -> Result<i32> {
        Ok(fd.into_raw_fd())
    }

    fn process(&self) -> i32 {
        Pid::this().as_raw()
    }

    fn thread(&self) -> i32 {
        gettid().as_raw()
    }

    fn capabilities(&self, device: &DeviceInner) -> Capabilities {
        device.capabilities()
    }

    fn wait(
        &self,
        events: &Place,
        deadline: Option<Instant>,
        ready: &mut dyn FnMut() -> bool,
    ) -> Result<bool> {
        Ok(events.wait(deadline, || ready().then_some(())).is_some())
    }
}

/// The emulated program: a thread of this process, with descriptors of its own.
impl Caller for Arena {
    fn identify(&self, fd: i32) -> Result<Identity> {
        Identity::of(self.descriptor(fd).ok_or(Errno::BADF)?)
    }

    fn duplicate(&self, fd: i32) -> Result<OwnedFd> {
        Ok(self.descriptor(fd).ok_or(Errno::BADF)?.try_clone()?)
    }

    fn give(&self, fd: OwnedFd) -> Result<i32> {
        Ok(self.add_descriptor(fd))
    }

    fn process(&self) -> i32 {
        ThisProcess.process()
    }

    fn thread(&self) -> i32 {
        ThisProcess.thread()
    }

    fn capabilities(&self, device: &DeviceInner) -> Capabilities {
        ThisProcess.capabilities(device)
    }

    fn wait(
        &self,
        events: &Place,
        deadline: Option<Instant>,
        ready: &mut dyn FnMut() -> bool,
    ) -> Result<bool> {
        ThisProcess.wait(events, deadline, ready)
    }
}
