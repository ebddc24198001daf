//! Floor of a system call that another thread answers. A filter notifies of one call, and a
//! supervisor answers without looking at anything.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::mpsc;

use nix::libc::{self, sock_filter};
use nix::sys::prctl::set_no_new_privs;

/// Argument of the last call.
const LAST: u64 = 1;

/// Makes the measured system call, which does nothing and ignores its parameters.
pub(super) fn call(argument: u64) {
    // SAFETY: it only returns a number.
    unsafe { libc::syscall(libc::SYS_getppid, argument) };
}

/// Runs a function on a thread with notified [`call`]s.
pub(super) fn under<T: Send>(function: impl FnOnce() -> T + Send) -> io::Result<T> {
    let (sender, receiver) = mpsc::sync_channel(0);
    std::thread::scope(|scope| {
        let client = scope.spawn(move || {
            let listener = install();
            let installed = listener.is_ok();
            if sender.send(listener).is_err() || !installed {
                return None;
            }
            let value = function();
            call(LAST);
            Some(value)
        });
        let listener = receiver.recv().map_err(io::Error::other)??;
        // A failed supervisor leaves the client waiting forever: end the benchmark.
        serve(&listener).unwrap_or_else(|error| panic!("the floor's supervisor: {error}"));
        let value = client.join().map_err(|_| io::Error::other("the floor's client panicked"))?;
        value.ok_or_else(|| io::Error::other("the floor's client did not start"))
    })
}

/// Answers until the last call.
fn serve(listener: &OwnedFd) -> io::Result<()> {
    loop {
        // SAFETY: zeros are a valid value, and the one that the kernel asks for.
        let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the request fills this structure.
        unsafe { control(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &mut call) }?;
        let mut answer = libc::seccomp_notif_resp { id: call.id, val: 1, error: 0, flags: 0 };
        // SAFETY: the request reads this structure.
        unsafe { control(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &mut answer) }?;
        if call.data.args[0] == LAST {
            return Ok(());
        }
    }
}

/// Issues an ioctl on a listener.
///
/// # Safety
///
/// The request takes this structure.
unsafe fn control<T>(listener: &OwnedFd, request: libc::Ioctl, arg: &mut T) -> io::Result<()> {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), request, std::ptr::from_mut(arg)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Puts the calling thread under the filter, as the loopback does.
fn install() -> io::Result<OwnedFd> {
    let step = |code: u32, k, jt, jf| sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_getppid as u32, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    set_no_new_privs()?;
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let flags =
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: the kernel reads the program, which is as long as it says.
    let fd = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made the descriptor, which has no other owner.
    let listener = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    const SYNC_WAKE_UP: usize = 1;
    // SAFETY: the argument is a number. Before Linux 6.6 it is unknown, and both are slower.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
    Ok(listener)
}
