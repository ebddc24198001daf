//! Copies from and to user memory.
//!
//! They go through `process_vm_readv(2)` and `process_vm_writev(2)`, so that a bad pointer is
//! `EFAULT` instead of a crash, as it is in the kernel.

use bytemuck::Pod;
use nix::libc::{self, c_void, iovec};
use nix::unistd::Pid;
use panthor_sys::drm_panthor_obj_array;

use crate::call::errno::{Errno, Result};

/// The largest array that the kernel allocates in one piece, in bytes.
pub(crate) const ARRAY_MAX: usize = 4 << 20;

/// How much one step of a long copy moves.
const STEP: usize = 1 << 20;

/// Strides up to this are copied many elements at a time.
const BULK_STRIDE: usize = 4096;

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

    /// Copies an array whose elements are `array.stride` bytes apart in the caller's header.
    ///
    /// `memory` is what an allocation may take at most.
    pub(crate) fn read_array<T: Pod>(
        self,
        array: &drm_panthor_obj_array,
        min_stride: usize,
        memory: u64,
    ) -> Result<Vec<T>> {
        let count = array.count as usize;
        let stride = array.stride as usize;
        if count == 0 {
            return Ok(Vec::new());
        }
        if stride < min_stride {
            return Err(Errno::INVAL);
        }
        let bytes = (count as u64).saturating_mul(size_of::<T>() as u64);
        if bytes > i32::MAX as u64 || bytes > memory {
            return Err(Errno::NOMEM);
        }
        if stride == size_of::<T>() {
            self.read_dense(array.array, count)
        } else {
            self.read_strided(array.array, count, stride)
        }
    }

    /// Copies `count` adjacent elements.
    ///
    /// The result grows as the copy goes on, so that an absurd count with a bad pointer costs
    /// nothing.
    pub(crate) fn read_dense<T: Pod>(self, addr: u64, count: usize) -> Result<Vec<T>> {
        let step = (STEP / size_of::<T>()).max(1);
        let mut out = Vec::new();
        while out.len() < count {
            let start = out.len();
            let end = count.min(start + step);
            out.resize(end, T::zeroed());
            let from = addr.wrapping_add((start * size_of::<T>()) as u64);
            self.read(from, bytemuck::cast_slice_mut(&mut out[start..]))?;
        }
        Ok(out)
    }

    fn read_strided<T: Pod>(self, addr: u64, count: usize, stride: usize) -> Result<Vec<T>> {
        let mut out = Vec::new();
        while out.len() < count {
            let start = out.len();
            let at = addr.wrapping_add(start as u64 * stride as u64);
            let batch = (STEP / stride).clamp(1, count - start);
            if stride <= BULK_STRIDE && self.append_bulk(at, batch, stride, &mut out) {
                continue;
            }
            // Element by element: the kernel's order of checks decides which error comes first.
            let mut element = T::zeroed();
            self.read_struct(at, stride as u64, bytemuck::bytes_of_mut(&mut element))?;
            out.push(element);
        }
        Ok(out)
    }

    /// Appends `batch` elements if all of them are readable and none has an unknown part.
    fn append_bulk<T: Pod>(self, addr: u64, batch: usize, stride: usize, out: &mut Vec<T>) -> bool {
        let mut raw = vec![0; batch * stride];
        if self.read(addr, &mut raw).is_err() {
            return false;
        }
        let common = stride.min(size_of::<T>());
        if raw.chunks_exact(stride).any(|element| element[common..].iter().any(|&b| b != 0)) {
            return false;
        }
        for element in raw.chunks_exact(stride) {
            let mut value = T::zeroed();
            bytemuck::bytes_of_mut(&mut value)[..common].copy_from_slice(&element[..common]);
            out.push(value);
        }
        true
    }

    /// Copies a string of at most `max` bytes with its NUL, which the result lacks; a longer one
    /// is `E2BIG`.
    pub(crate) fn read_string(self, addr: u64, max: usize) -> Result<Vec<u8>> {
        /// Most strings are short.
        const FIRST: usize = 128;

        let mut out = Vec::new();
        while out.len() < max {
            // Up to the end of a page: what follows the string may not be readable.
            let at = addr.wrapping_add(out.len() as u64);
            let most = if out.is_empty() { FIRST } else { 4096 };
            let step = (4096 - (at % 4096) as usize).min(max - out.len()).min(most);
            let start = out.len();
            out.resize(start + step, 0);
            self.read(at, &mut out[start..])?;
            if let Some(nul) = out[start..].iter().position(|&byte| byte == 0) {
                out.truncate(start + nul);
                return Ok(out);
            }
        }
        Err(Errno::TOO_BIG)
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
