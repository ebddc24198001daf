//! The fake as the kernel.

use std::ffi::c_void;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use panthor_fake::{Config, Device, File, Mapping, Prot, descriptor_ioctl, sync_file_status};

use super::kernel::{Capability, Kernel, Linux, Mapped, Memory, Node, Trouble};

/// A fake device of its own.
pub struct Fake(Device);

impl Fake {
    /// Creates a fake with the driver of that kernel, for a client with all capabilities of root,
    /// as in the recordings.
    pub fn new(linux: Linux) -> Self {
        let config = Config::default()
            .driver_minor(linux.driver_minor())
            // Linux 7.2 says 1.8 and takes sparse operations.
            .sparse_in_1_8(true)
            .high_priority(true)
            .administrator(true);
        Self(Device::new(config).expect("a fake device"))
    }

    pub fn device(&self) -> &Device {
        &self.0
    }
}

impl Kernel for Fake {
    fn open(&self) -> io::Result<Box<dyn Node>> {
        Ok(Box::new(self.0.open()))
    }

    fn open_primary(&self) -> io::Result<Box<dyn Node>> {
        Ok(Box::new(self.0.open_primary()))
    }

    fn address_spaces(&self) -> Option<Vec<Vec<Mapped>>> {
        let mapped = |m: &panthor_fake::GpuVa| Mapped {
            va: m.va,
            size: m.size,
            object: m.object,
            offset: m.offset,
        };
        let spaces = self.0.address_spaces();
        Some(spaces.iter().map(|space| space.iter().map(mapped).collect()).collect())
    }

    fn foreign_dma_buf(&self, size: u64) -> io::Result<OwnedFd> {
        self.0.foreign_dma_buf(size)
    }

    fn allow(&self, capability: Capability, allowed: bool) -> io::Result<()> {
        match capability {
            Capability::SysAdmin => self.0.set_administrator(allowed),
            Capability::SysNice => self.0.set_high_priority(allowed),
        }
        Ok(())
    }

    fn jobs_run(&self) -> bool {
        true
    }

    fn jobs_can_be_held(&self) -> bool {
        true
    }
}

impl Node for File {
    unsafe fn ioctl(&self, request: u32, arg: *mut c_void) -> i32 {
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { self.ioctl(request, arg) }
    }

    unsafe fn descriptor_ioctl(&self, fd: i32, request: u32, arg: *mut c_void) -> i32 {
        // SAFETY: the contract has it open until then, and it is only asked what it is.
        let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
        // SAFETY: the caller keeps the contract, which is the same.
        let answer = unsafe { descriptor_ioctl(borrowed, request, arg) };
        // What the fake has nothing to do with is the kernel's.
        answer.unwrap_or_else(|| super::real::ioctl(fd, request, arg))
    }

    fn fdinfo(&self) -> String {
        self.fdinfo()
    }

    fn map(&self, len: usize, writable: bool, offset: u64) -> Result<Box<dyn Memory>, i32> {
        let prot = if writable { Prot::READ | Prot::WRITE } else { Prot::READ };
        let mapping = self.mmap(len, prot, offset);
        Ok(Box::new(mapping.map_err(|error| error.raw_os_error().expect("an error number"))?))
    }

    fn fence_status(&self, sync_file: &OwnedFd) -> i32 {
        sync_file_status(sync_file).expect("a sync file")
    }

    fn hold(&self, group: u32) {
        self.group(group).expect("the group").hold();
    }

    fn step(&self, group: u32, queue: u32) {
        let ended = self.group(group).expect("the group").step(queue);
        assert!(ended, "no stream of the queue has begun");
    }

    fn arrange(&self, group: u32, queue: u32, trouble: Trouble) {
        let group = self.group(group).expect("the group");
        let arranged = match trouble {
            Trouble::PageFault => group.page_fault_next_job(queue),
            Trouble::TimeOut => group.time_out_next_job(queue),
        };
        assert!(arranged, "no such queue");
    }

    fn jam(&self, vm: u32) {
        assert!(self.gpu(vm).expect("the VM").fail_next_job(Errno::ETIMEDOUT as i32));
    }

    fn begin(&self, vm: u32, va: u64) {
        self.gpu(vm)
            .expect("the VM")
            .write(va, &1_u32.to_ne_bytes())
            .expect("memory that is mapped");
    }

    fn reset(&self) {
        self.device().reset();
    }
}

impl Memory for Mapping {
    fn start(&self) -> *mut u8 {
        self.as_ptr()
    }
}
