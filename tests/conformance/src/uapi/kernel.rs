//! Kernel with a Panthor device, real or fake, that answers the calls.

use std::ffi::c_void;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// The recorded kernels, oldest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Linux {
    /// Driver 1.0.
    V6_12,
    /// Driver 1.8, which already takes sparse maps.
    V7_2,
    /// Driver 1.9.
    V7_3,
}

impl Linux {
    pub const ALL: [Self; 3] = [Self::V6_12, Self::V7_2, Self::V7_3];

    /// Returns the name on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::V6_12 => "6.12",
            Self::V7_2 => "7.2",
            Self::V7_3 => "7.3",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|linux| linux.name() == name)
    }

    /// Returns the kernel with this minor version of the driver, if any.
    pub fn from_driver_minor(minor: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|linux| linux.driver_minor() == minor)
    }

    /// Returns the minor version of the kernel's driver.
    pub fn driver_minor(self) -> u32 {
        match self {
            Self::V6_12 => 0,
            Self::V7_2 => 8,
            Self::V7_3 => 9,
        }
    }
}

impl fmt::Display for Linux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mapping of a VM. Objects are any numbers that tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapped {
    pub va: u64,
    pub size: u64,
    pub object: u64,
    pub offset: u64,
}

/// Failures of the next job of a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The address of the stream is unmapped.
    PageFault,
    /// The job times out.
    TimeOut,
}

/// Privileges of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capability {
    SysAdmin,
    SysNice,
}

impl Capability {
    pub fn name(self) -> &'static str {
        match self {
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysNice => "CAP_SYS_NICE",
        }
    }
}

/// Kernel with a device that no other process uses.
pub trait Kernel {
    /// Opens the render node: a new open file.
    fn open(&self) -> io::Result<Box<dyn Node>>;

    /// Opens the primary node.
    fn open_primary(&self) -> io::Result<Box<dyn Node>>;

    /// Returns the mappings of all VMs, oldest VM first, or `None` if the kernel does not report
    /// mappings.
    fn address_spaces(&self) -> Option<Vec<Vec<Mapped>>>;

    /// Makes a dma-buf of a driver that is not Panthor, of whole pages.
    fn foreign_dma_buf(&self, size: u64) -> io::Result<OwnedFd>;

    /// Takes a capability away from the calling thread, or gives it back if it could ever have it.
    fn allow(&self, capability: Capability, allowed: bool) -> io::Result<()>;

    /// Returns whether jobs of groups complete.
    fn jobs_run(&self) -> bool;

    /// Returns whether streams can wait for the CPU to write to memory.
    fn jobs_can_be_held(&self) -> bool;
}

/// An open file of a node. It closes when it is dropped.
pub trait Node: Send + Sync {
    /// Zero or more, or a negative error number.
    ///
    /// # Safety
    /// As that of `ioctl(2)` on the node.
    unsafe fn ioctl(&self, request: u32, arg: *mut c_void) -> i32;

    /// Makes an ioctl on a dma-buf or a sync file of the node.
    ///
    /// # Safety
    /// The rules of `ioctl(2)` apply, and the descriptor must be open.
    unsafe fn descriptor_ioctl(&self, fd: i32, request: u32, arg: *mut c_void) -> i32;

    /// Returns the driver's part of the file's fdinfo.
    fn fdinfo(&self) -> String;

    /// Returns the status of a sync file's fence: 0 if pending, 1 if signaled, or a negative error
    /// number.
    fn fence_status(&self, sync_file: &OwnedFd) -> i32;

    /// Maps the node, shared; a positive error number when it cannot.
    fn map(&self, len: usize, writable: bool, offset: u64) -> Result<Box<dyn Memory>, i32>;

    /// Makes streams of a group wait for [`Node::step`], if the kernel does not run streams.
    fn hold(&self, group: u32);

    /// Ends the next stream of a queue, if the kernel does not run streams.
    fn step(&self, group: u32, queue: u32);

    /// Makes the next job of a queue fail, on devices where jobs do not fail by themselves.
    fn arrange(&self, group: u32, queue: u32, trouble: Trouble);

    /// Makes the next queued map or unmap of a VM fail, on devices without an MMU that hangs.
    fn jam(&self, vm: u32);

    /// Writes to the memory of a VM that a stream has begun, if the kernel does not run streams.
    fn begin(&self, vm: u32, va: u64);

    /// Resets the GPU where it does not hang by itself.
    fn reset(&self);
}

/// Memory of a node that is mapped. It is unmapped when it is dropped.
pub trait Memory {
    fn start(&self) -> *mut u8;
}
