//! Copies from and to user memory.
//!
//! They go through `process_vm_readv(2)` and `process_vm_writev(2)`, so that a bad pointer is
//! `EFAULT` instead of a crash, as it is in the kernel.

use nix::libc::{self, c_void, iovec};
use nix::unistd::Pid;

use crate::call::errno::{Errno, Result};

/// The memory of the program that issued an ioctl.
#[derive(Clone, Copy)]
pub(crate) struct UserMemory<'a>(Whose<'a>);

#[derive(Clone, Copy)]
enum Whose<'a> {
    /// That of this process, as it is.
    Own,
    Window(Window),
    #[cfg_attr(not(feature = "loopback"), expect(dead_code, reason = "only the loopback has it"))]
    Process(&'a dyn Foreign),
}

/// A thread of another process, which waits for an answer.
pub(crate) trait Foreign {
    /// Its number.
    fn thread(&self) -> Pid;

    /// Whether it still waits. If not, its number may mean another thread by now.
    fn is_waiting(&self) -> bool;

    /// Whether it waited a moment ago, so that its number can mean no other thread yet.
    fn has_just_waited(&self) -> bool;
}

/// A part of this process that is all that a pretended program has.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// The address that the program knows.
    base: u64,
    len: u64,
    /// Where that is in this process.
    real: u64,
}

/// Copies from a process; how much, `None` with the error in `errno`. Unlike nix's function it allocates nothing.
fn copy_from(process: Pid, remote: usize, buf: &mut [u8]) -> Option<usize> {
    let local = iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    let remote = iovec { iov_base: remote_pointer(remote), iov_len: buf.len() };
    // SAFETY: it writes to the buffer at most; the other address is one of the process, and is checked there.
    let copied = unsafe {
        libc::process_vm_readv(process.as_raw(), &raw const local, 1, &raw const remote, 1, 0)
    };
    usize::try_from(copied).ok()
}

/// Copies to a process, like [`copy_from`]. Whoever passes an address in this process must have leave to change
/// what is there.
fn copy_to(process: Pid, remote: usize, buf: &[u8]) -> Option<usize> {
    let local = iovec { iov_base: buf.as_ptr().cast_mut().cast(), iov_len: buf.len() };
    let remote = iovec { iov_base: remote_pointer(remote), iov_len: buf.len() };
    // SAFETY: it only reads from the buffer; what it writes to is the caller's concern, and need not exist.
    let copied = unsafe {
        libc::process_vm_writev(process.as_raw(), &raw const local, 1, &raw const remote, 1, 0)
    };
    usize::try_from(copied).ok()
}

/// An address of a process as the kernel takes it.
fn remote_pointer(addr: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(addr)
}

impl<'a> UserMemory<'a> {
    /// The memory of the calling process.
    pub(crate) const OWN: Self = Self(Whose::Own);

    /// The memory of another process.
    #[cfg(feature = "loopback")]
    pub(crate) const fn of(thread: &'a dyn Foreign) -> Self {
        Self(Whose::Process(thread))
    }

    /// `len` bytes at `real`, which the program has at `base`, and nothing else.
    pub(crate) const fn window(base: u64, len: u64, real: u64) -> Self {
        Self(Whose::Window(Window { base, len, real }))
    }

    /// Where `len` bytes at an address of the program are in the process that has them.
    fn locate(self, addr: u64, len: usize) -> Result<usize> {
        let real = match self.0 {
            Whose::Window(window) => {
                let offset = addr.checked_sub(window.base).ok_or(Errno::FAULT)?;
                let end = offset.checked_add(len as u64).ok_or(Errno::FAULT)?;
                if end > window.len {
                    return Err(Errno::FAULT);
                }
                window.real + offset
            }
            _ => addr,
        };
        usize::try_from(real).map_err(|_| Errno::FAULT)
    }

    /// The process that has it. Asked for anew each time: a fork changes the answer.
    fn process(self) -> Pid {
        match self.0 {
            Whose::Process(thread) => thread.thread(),
            _ => Pid::this(),
        }
    }

    /// Whether that was and is the process that was meant.
    fn is_current(self) -> bool {
        match self.0 {
            Whose::Process(thread) => thread.is_waiting(),
            _ => true,
        }
    }

    /// Copies from user memory at `addr`.
    pub(crate) fn read(self, addr: u64, buf: &mut [u8]) -> Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let len = buf.len();
        let remote = self.locate(addr, len)?;
        let done = copy_from(self.process(), remote, buf) == Some(len) && self.is_current();
        if done { Ok(()) } else { Err(Errno::FAULT) }
    }

    /// Copies to user memory at `addr`.
    pub(crate) fn write(self, addr: u64, buf: &[u8]) -> Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let remote = self.locate(addr, buf.len())?;
        let is_known = match self.0 {
            Whose::Process(thread) => thread.has_just_waited(),
            _ => true,
        };
        if !is_known {
            return Err(Errno::FAULT);
        }
        let done = copy_to(self.process(), remote, buf) == Some(buf.len());
        if done { Ok(()) } else { Err(Errno::FAULT) }
    }

    /// Zeroes `len` bytes of user memory.
    pub(crate) fn clear(self, addr: u64, len: u64) -> Result<()> {
        let zeros = [0; 4096];
        let mut done = 0;
        while done < len {
            let step = (len - done).min(zeros.len() as u64);
            self.write(addr.wrapping_add(done), &zeros[..step as usize])?;
            done += step;
        }
        Ok(())
    }

    /// Checks that `len` bytes of user memory are zero, else it is `E2BIG`: the caller knows a
    /// newer structure and uses it. The first byte that is not zero, or not there, decides.
    fn check_zeroed(self, addr: u64, len: u64) -> Result<()> {
        let mut buf = [0; 4096];
        let mut done = 0;
        while done < len {
            // Up to the end of a page: what follows may not be readable.
            let at = addr.wrapping_add(done);
            let step = &mut buf[..(len - done).min(4096 - at % 4096) as usize];
            self.read(at, step)?;
            if step.iter().any(|&byte| byte != 0) {
                return Err(Errno::TOO_BIG);
            }
            done += step.len() as u64;
        }
        Ok(())
    }

    /// Copies a structure whose size in the caller's header, `user_size`, may differ from that of
    /// `into`: what the caller lacks becomes zero, what it has beyond must be zero.
    pub(crate) fn read_struct(self, addr: u64, user_size: u64, into: &mut [u8]) -> Result<()> {
        let known = into.len() as u64;
        if user_size > known {
            self.check_zeroed(addr.wrapping_add(known), user_size - known)?;
        }
        let common = user_size.min(known) as usize;
        into[common..].fill(0);
        self.read(addr, &mut into[..common])
    }

    /// Copies a structure of the driver into one of the caller whose size may differ: a caller
    /// that knows less gets less, one that knows more gets zeros there.
    ///
    /// `min_size` is the size that the structure had when it was introduced.
    pub(crate) fn write_struct(
        self,
        addr: u64,
        user_size: u32,
        min_size: u32,
        from: &[u8],
    ) -> Result<()> {
        if user_size < min_size {
            return Err(Errno::INVAL);
        }
        let common = from.len().min(user_size as usize);
        self.write(addr, &from[..common])?;
        self.clear(addr.wrapping_add(common as u64), u64::from(user_size) - common as u64)
    }

    /// Whether copies work here at all: a sandbox may forbid the system calls.
    pub(crate) fn probe() -> std::io::Result<()> {
        let source = 0x5a_u8;
        let mut copy = [0_u8];
        let addr = std::ptr::from_ref(&source).expose_provenance();
        if copy_from(Pid::this(), addr, &mut copy).is_none() {
            return Err(std::io::Error::last_os_error());
        }
        if copy == [source] { Ok(()) } else { Err(std::io::Error::other("process_vm_readv lies")) }
    }
}
