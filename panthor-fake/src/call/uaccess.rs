//! Copies from and to user memory.
//!
//! Copies use `process_vm_readv(2)` and `process_vm_writev(2)`, so that a bad pointer is `EFAULT`
//! instead of a crash, as in the kernel.

use nix::errno::Errno as OsError;
use nix::libc::{self, c_void, iovec};
use nix::unistd::Pid;

use crate::call::errno::{Errno, Result};

/// The memory of the program that issued an ioctl.
#[derive(Clone, Copy)]
pub(crate) struct UserMemory<'a>(Whose<'a>);

#[derive(Clone, Copy)]
enum Whose<'a> {
    /// The memory of this process.
    Own,
    Window(Window),
    #[cfg_attr(not(feature = "loopback"), expect(dead_code, reason = "only the loopback has it"))]
    Process(&'a dyn Foreign),
}

/// A thread of another process that waits for an answer.
pub(crate) trait Foreign {
    /// Returns the thread ID.
    fn thread(&self) -> Pid;

    /// Returns whether the thread still waits. If not, its ID may belong to another thread.
    fn is_waiting(&self) -> bool;

    /// Returns whether the thread waited a moment ago, so that its ID cannot belong to another
    /// thread yet.
    fn has_just_waited(&self) -> bool;
}

/// A range of this process that is the whole memory of an emulated program.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// The address in the emulated program.
    base: u64,
    len: u64,
    /// The address in this process.
    real: u64,
}

/// Copies from a process and returns the number of bytes.
/// Unlike nix's function, this allocates nothing.
fn copy_from(process: Pid, remote: usize, buf: &mut [u8]) -> nix::Result<usize> {
    let local = iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    let remote = iovec { iov_base: remote_pointer(remote), iov_len: buf.len() };
    // SAFETY: the call writes at most to the buffer. The other address belongs to the process, and
    // the kernel checks it.
    let copied = unsafe {
        libc::process_vm_readv(process.as_raw(), &raw const local, 1, &raw const remote, 1, 0)
    };
    // An error is negative, and there is no other negative result.
    OsError::result(copied).map(|copied| copied as usize)
}

/// Copies to a process, like [`copy_from`]. For an address in this process, the caller must be
/// allowed to change the memory there.
fn copy_to(process: Pid, remote: usize, buf: &[u8]) -> nix::Result<usize> {
    let local = iovec { iov_base: buf.as_ptr().cast_mut().cast(), iov_len: buf.len() };
    let remote = iovec { iov_base: remote_pointer(remote), iov_len: buf.len() };
    // SAFETY: the call only reads from the buffer. The destination may be unmapped; the caller is
    // responsible for its contents.
    let copied = unsafe {
        libc::process_vm_writev(process.as_raw(), &raw const local, 1, &raw const remote, 1, 0)
    };
    // An error is negative, and there is no other negative result.
    OsError::result(copied).map(|copied| copied as usize)
}

/// Converts an address of a process to the kernel's pointer type.
fn remote_pointer(addr: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(addr)
}

impl<'a> UserMemory<'a> {
    /// The memory of the calling process.
    pub(crate) const OWN: Self = Self(Whose::Own);

    /// Returns the memory of another process.
    #[cfg(feature = "loopback")]
    pub(crate) const fn of(thread: &'a dyn Foreign) -> Self {
        Self(Whose::Process(thread))
    }

    /// Returns a memory of `len` bytes at `real`, which the program sees at `base`.
    pub(crate) const fn window(base: u64, len: u64, real: u64) -> Self {
        Self(Whose::Window(Window { base, len, real }))
    }

    /// Returns the real address of `len` bytes at an address of the program.
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

    /// Returns the process that has the memory. Not cached, since a fork changes it.
    fn process(self) -> Pid {
        match self.0 {
            Whose::Process(thread) => thread.thread(),
            _ => Pid::this(),
        }
    }

    /// Returns whether the process ID still belongs to the caller.
    fn is_current(self) -> bool {
        match self.0 {
            Whose::Process(thread) => thread.is_waiting(),
            _ => true,
        }
    }

    /// Copies from user memory at `addr`.
    ///
    /// # Errors
    /// `EFAULT` if a part is unmapped or unreadable; otherwise the errno of the system call, such
    /// as that of a lack of memory.
    pub(crate) fn read(self, addr: u64, buf: &mut [u8]) -> Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let len = buf.len();
        let remote = self.locate(addr, len)?;
        let copied = copy_from(self.process(), remote, buf)?;
        if copied == len && self.is_current() { Ok(()) } else { Err(Errno::FAULT) }
    }

    /// Copies to user memory at `addr`.
    ///
    /// # Errors
    /// The errors of [`UserMemory::read`].
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
        let copied = copy_to(self.process(), remote, buf)?;
        if copied == buf.len() { Ok(()) } else { Err(Errno::FAULT) }
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

    /// Checks that `len` bytes of user memory are zero. A nonzero byte is `E2BIG`: the caller uses
    /// a newer structure. The first nonzero or unreadable byte decides.
    fn check_zeroed(self, addr: u64, len: u64) -> Result<()> {
        let mut buf = [0; 4096];
        let mut done = 0;
        while done < len {
            // Up to the end of a page: the next page may be unreadable.
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

    /// Copies a structure of `user_size` bytes in the caller's header, which may differ from the
    /// size of `into`. Missing bytes become zero; extra bytes must be zero.
    pub(crate) fn read_struct(self, addr: u64, user_size: u64, into: &mut [u8]) -> Result<()> {
        let known = into.len() as u64;
        if user_size > known {
            self.check_zeroed(addr.wrapping_add(known), user_size - known)?;
        }
        let common = user_size.min(known) as usize;
        into[common..].fill(0);
        self.read(addr, &mut into[..common])
    }

    /// Copies a structure of the driver to the caller, which may have another size. A smaller
    /// structure is truncated, a larger one is filled with zeros.
    ///
    /// `min_size` is the original size of the structure.
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

    /// Checks that copies work: a sandbox may forbid the system calls.
    pub(crate) fn probe() -> std::io::Result<()> {
        let source = 0x5a_u8;
        let mut copy = [0_u8];
        let addr = std::ptr::from_ref(&source).expose_provenance();
        copy_from(Pid::this(), addr, &mut copy)?;
        if copy == [source] { Ok(()) } else { Err(std::io::Error::other("process_vm_readv lies")) }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// Calls `f` in a thread in which copies fail with an errno, as in some sandboxes.
    fn with_copies_failing<T: Send>(errno: i32, f: impl FnOnce() -> T + Send) -> T {
        use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};

        let instruction = |code: u32, jf, k| libc::sock_filter { code: code as u16, jt: 0, jf, k };
        let check =
            |call: libc::c_long, jf| instruction(BPF_JMP | BPF_JEQ | BPF_K, jf, call as u32);
        let returns = |k| instruction(BPF_RET | BPF_K, 0, k);
        let fails = returns(libc::SECCOMP_RET_ERRNO | errno as u32);
        let mut filter = [
            instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0),
            check(libc::SYS_process_vm_readv, 1),
            fails,
            check(libc::SYS_process_vm_writev, 1),
            fails,
            returns(libc::SECCOMP_RET_ALLOW),
        ];
        let mut install = move || {
            let program =
                libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            nix::sys::prctl::set_no_new_privs().unwrap();
            // SAFETY: the program and its instructions are valid for the call, which copies both.
            let result = unsafe {
                libc::syscall(
                    libc::SYS_seccomp,
                    libc::SECCOMP_SET_MODE_FILTER,
                    0,
                    &raw const program,
                )
            };
            OsError::result(result).unwrap();
        };
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                install();
                f()
            });
            thread.join().unwrap()
        })
    }

    #[test]
    fn only_bad_pointers_are_efault() {
        let mut bytes = [0_u8; 8];
        let there = bytes.as_mut_ptr().expose_provenance() as u64;
        let nowhere = 8;
        let copies =
            |at| (UserMemory::OWN.read(at, &mut [0; 8]), UserMemory::OWN.write(at, &[0; 8]));
        assert_eq!(copies(there), (Ok(()), Ok(())));
        assert_eq!(copies(nowhere), (Err(Errno::FAULT), Err(Errno::FAULT)));
        for errno in [libc::ENOMEM, libc::EPERM] {
            let expected = Err(Errno(errno));
            assert_eq!(with_copies_failing(errno, || copies(there)), (expected, expected));
        }
    }
}
