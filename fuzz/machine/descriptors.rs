//! The descriptors that a program has, by numbers of its own.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What a program can have at most.
const SLOTS: usize = 16;

/// The number of no descriptor.
pub const NONE: i32 = -1;

#[derive(Default)]
pub struct Descriptors([Option<OwnedFd>; SLOTS]);

impl Descriptors {
    /// Keeps one; its number, or [`NONE`] if there is no room: then it is closed.
    pub fn add(&mut self, fd: OwnedFd) -> i32 {
        let Some(free) = self.0.iter().position(Option::is_none) else {
            return NONE;
        };
        self.0[free] = Some(fd);
        free as i32
    }

    /// Keeps one that the fake has left to its caller.
    pub fn add_given(&mut self, fd: i32) -> i32 {
        // SAFETY: an ioctl that gives descriptors away has just returned it: nobody else has it.
        self.add(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// The real number of one; [`NONE`] if there is none of that number.
    pub fn real(&self, number: u32) -> i32 {
        self.get(number).map_or(NONE, |fd| fd.as_raw_fd())
    }

    pub fn get(&self, number: u32) -> Option<BorrowedFd<'_>> {
        Some(self.0.get(number as usize)?.as_ref()?.as_fd())
    }

    pub fn close(&mut self, number: u32) {
        if let Some(slot) = self.0.get_mut(number as usize) {
            *slot = None;
        }
    }
}
