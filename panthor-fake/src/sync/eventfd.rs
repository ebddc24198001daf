//! Eventfd signals with the kernel's semantics: they never block.
//!
//! A write to an eventfd with a full counter blocks, unless the program set `O_NONBLOCK` on the
//! description. The kernel's own signals never block: they add one, and leave a full counter full.
//! A program gets such a signal from the completion of an asynchronous read with `IOCB_FLAG_RESFD`
//! of `io_submit(2)`. Here the read has no bytes and targets the eventfd itself; it completes at
//! once, with an irrelevant error.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::{self, c_long};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Adds one to the counter of an eventfd; a full counter stays full.
///
/// Errors are ignored, since no caller could handle them.
pub(crate) fn signal(eventfd: BorrowedFd<'_>) {
    if complete_read(eventfd).is_err() {
        write_one(eventfd);
    }
}

/// Signals by a write where asynchronous reads are forbidden.
///
/// The write blocks only if another thread fills the counter at the same moment, and then blocks no
/// other thread.
fn write_one(eventfd: BorrowedFd<'_>) {
    let flags = fcntl(eventfd, FcntlArg::F_GETFL).map_or(OFlag::empty(), OFlag::from_bits_retain);
    let mut fds = [PollFd::new(eventfd, PollFlags::POLLOUT)];
    let returns_at_once = flags.contains(OFlag::O_NONBLOCK)
        || poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready == 1);
    if returns_at_once {
        let _ = nix::unistd::write(eventfd, &1_u64.to_ne_bytes());
    }
}

/// The kernel's `aio_context_t`.
type Context = libc::c_ulong;

/// The kernel's `struct iocb`.
#[repr(C)]
#[derive(Default)]
struct Iocb {
    data: u64,
    #[cfg(target_endian = "little")]
    key: u32,
    rw_flags: i32,
    #[cfg(target_endian = "big")]
    key: u32,
    opcode: u16,
    priority: i16,
    fd: u32,
    buf: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    eventfd: u32,
}

/// The kernel's `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct IoEvent([u64; 4]);

const _: () = assert!(size_of::<Iocb>() == 64 && size_of::<IoEvent>() == 32);

const IOCB_CMD_PREAD: u16 = 0;
const IOCB_FLAG_RESFD: u32 = 1;

/// The maximum number of reads in progress in a context. Each thread has one, for a moment.
const CONTEXT_READS: c_long = 64;

/// Completes an empty read, which signals the eventfd.
fn complete_read(eventfd: BorrowedFd<'_>) -> nix::Result<()> {
    /// 0 before the first signal. A child of a fork inherits the number, but not the context.
    static CONTEXT: AtomicU64 = AtomicU64::new(0);

    let fd = eventfd.as_raw_fd() as u32;
    let (opcode, flags) = (IOCB_CMD_PREAD, IOCB_FLAG_RESFD);
    let read = Iocb { opcode, fd, flags, eventfd: fd, ..Iocb::default() };
    let known = CONTEXT.load(Ordering::Acquire);
    if known != 0 {
        match submit(known as Context, &read) {
            Err(Errno::EINVAL) => {}
            done => return done,
        }
    }
    let new = create_context()?;
    let done = submit(new as Context, &read);
    let keep = || CONTEXT.compare_exchange(known, new, Ordering::AcqRel, Ordering::Acquire).is_ok();
    // Another thread may have stored a context first.
    if done.is_err() || !keep() {
        destroy_context(new as Context);
    }
    done
}

fn create_context() -> nix::Result<u64> {
    let mut context: Context = 0;
    // SAFETY: the call writes a number to the pointer's target.
    let made = unsafe { libc::syscall(libc::SYS_io_setup, CONTEXT_READS, &raw mut context) };
    Errno::result(made)?;
    Ok(context as u64)
}

fn destroy_context(context: Context) {
    // SAFETY: the context belongs to this module, and no other thread knows its number.
    let _ = unsafe { libc::syscall(libc::SYS_io_destroy, context) };
}

fn submit(context: Context, read: &Iocb) -> nix::Result<()> {
    let list = [std::ptr::from_ref(read)];
    let one: c_long = 1;
    // SAFETY: the kernel copies the request, which is valid. The read has no bytes, so it writes no
    // memory.
    let submitted = unsafe { libc::syscall(libc::SYS_io_submit, context, one, list.as_ptr()) };
    let submitted = Errno::result(submitted);
    // Reaping completions makes room for other reads.
    let mut events = [IoEvent::default(); 4];
    let (least, most): (c_long, c_long) = (0, events.len() as c_long);
    let no_timeout = std::ptr::null::<libc::timespec>();
    // SAFETY: the call writes at most `most` events to the array, and does not wait.
    let _ = unsafe {
        libc::syscall(libc::SYS_io_getevents, context, least, most, events.as_mut_ptr(), no_timeout)
    };
    match submitted? {
        1 => Ok(()),
        _ => Err(Errno::EAGAIN),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::sys::eventfd::{EfdFlags, EventFd};

    use super::*;

    /// Both methods have the effect of a kernel signal.
    #[test]
    fn a_signal_adds_one_and_leaves_a_full_counter_full() {
        complete_read(EventFd::new().unwrap().as_fd()).expect("io_submit");
        let ways: [fn(BorrowedFd<'_>); 2] = [signal, write_one];
        for way in ways {
            for flags in [EfdFlags::empty(), EfdFlags::EFD_NONBLOCK] {
                let eventfd = EventFd::from_flags(flags).unwrap();
                for _ in 0..200 {
                    way(eventfd.as_fd());
                }
                assert_eq!(eventfd.read(), Ok(200));
                eventfd.write(u64::MAX - 1).unwrap();
                way(eventfd.as_fd());
                way(eventfd.as_fd());
                assert!(eventfd.read().unwrap() >= u64::MAX - 1);
            }
        }
    }

    #[test]
    fn many_threads_signal_at_once() {
        let eventfd = EventFd::new().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| signal(eventfd.as_fd())));
            }
        });
        assert_eq!(eventfd.read(), Ok(8000));
    }
}
