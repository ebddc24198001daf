//! The program that issued an ioctl, beyond its memory: its descriptors, what it may do, and its patience.

use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};
use std::time::Instant;

use nix::unistd::{Pid, gettid};

use crate::call::errno::{Errno, Result};
use crate::device::DeviceInner;
use crate::sharing::descriptors::{Identity, path};
use crate::sync::events::Place;

/// Capabilities that matter to the driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Capabilities {
    /// `CAP_SYS_ADMIN`.
    pub(crate) administrator: bool,
    /// `CAP_SYS_NICE`.
    pub(crate) nice: bool,
}

/// Who issued an ioctl.
pub(crate) trait Caller {
    /// Tells the file behind one of its descriptors from others.
    ///
    /// # Errors
    /// `EBADF` if it is not open.
    fn identify(&self, fd: i32) -> Result<Identity>;

    /// Duplicates one of its descriptors, for the fake.
    ///
    /// # Errors
    /// `EBADF` if it is not open.
    fn duplicate(&self, fd: i32) -> Result<OwnedFd>;

    /// Leaves it a descriptor, which is closed on exec if it is here; returns the number it has there.
    fn give(&self, fd: OwnedFd) -> Result<i32>;

    /// The process that it is, by a number that no other has.
    fn process(&self) -> i32;

    /// The number of the calling thread, as that knows it.
    fn thread(&self) -> i32;

    /// What it may do now, whatever it might when it opened the file.
    fn capabilities(&self, device: &DeviceInner) -> Capabilities;

    /// Sleeps until `ready` says so, which is asked after each change of a fence or sync object, or until
    /// the deadline has passed. Whether it was ready.
    ///
    /// # Errors
    /// `ERESTARTSYS` if a signal came.
    fn wait(
        &self,
        events: &Place,
        deadline: Option<Instant>,
        ready: &mut dyn FnMut() -> bool,
    ) -> Result<bool>;

    /// Lets the calls of others be answered before a step that takes long, in which this is called now and then.
    ///
    /// # Errors
    /// `EINTR` if the caller was killed: nothing waits for the rest.
    fn begin_long_step(&self) -> Result<()> {
        Ok(())
    }

    /// Who that is, for a trace: the calling thread, unless it is another one.
    #[cfg(feature = "trace")]
    fn who(&self) -> crate::trace::Who {
        crate::trace::Who::this_thread()
    }
}

/// A thread of the process in which the fake is.
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
        // SAFETY: should it not be open, or be closed meanwhile by another thread, the duplication fails or
        // takes what has come in its place, as the same race in the kernel does; nothing else is done with
        // the borrowed one.
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
