//! Memory that no Panthor made: dma-bufs of the fake's making, or of the kernel's maker of dma-bufs out of
//! ordinary memory, udmabuf, where there is one.

use panthor::Device;
use std::ffi::c_void;
use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, opcode};

/// A dma-buf, and its memory for those who know; none where nobody makes any.
pub fn foreign_dma_buf_of(device: &Device, size: u64) -> Option<(OwnedFd, OwnedFd)> {
    if let Some(file) = device.fake() {
        let dma_buf = file.device().foreign_dma_buf(size).expect("a dma-buf");
        let memory = dma_buf.try_clone().expect("a descriptor");
        return Some((dma_buf, memory));
    }
    let made = create(size);
    if made.is_none() {
        eprintln!("not tested: /dev/udmabuf cannot be opened, and so there is no foreign memory");
    }
    made
}

#[repr(C)]
struct Create {
    memfd: u32,
    flags: u32,
    offset: u64,
    size: u64,
}

// SAFETY: the number is that of UDMABUF_CREATE, which reads this struct and returns a descriptor.
unsafe impl Ioctl for Create {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        opcode::write::<Self>(b'u', 0x42)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<OwnedFd> {
        // SAFETY: the request succeeded, so this is a new descriptor, which nobody else knows.
        Ok(unsafe { OwnedFd::from_raw_fd(out) })
    }
}

/// A dma-buf and the memory behind it; none where the kernel has no such thing, or not for us.
fn create(size: u64) -> Option<(OwnedFd, OwnedFd)> {
    let maker = OpenOptions::new().read(true).write(true).open("/dev/udmabuf").ok()?;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = rustix::fs::memfd_create("foreign", flags).expect("a memfd");
    rustix::fs::ftruncate(&memory, size).expect("memory");
    rustix::fs::fcntl_add_seals(&memory, SealFlags::SHRINK).expect("a seal");
    let create = Create { memfd: memory.as_raw_fd() as u32, flags: 1, offset: 0, size };
    // SAFETY: the file is udmabuf's, which knows the request.
    let dma_buf = unsafe { rustix::ioctl::ioctl(&maker, create) }.expect("a dma-buf");
    Some((dma_buf, memory))
}
