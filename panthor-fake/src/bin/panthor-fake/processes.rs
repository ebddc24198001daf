//! Other processes: handles that mean one process for good, and the end of all descendants.

use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// How often it is looked for descendants that are left.
const STEP: Duration = Duration::from_millis(1);

/// Opens a handle of a process.
pub(crate) fn pidfd_open(process: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0) })?;
    // SAFETY: the kernel made it a moment ago, and nothing else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Sends a signal to the process of a handle.
///
/// # Errors
/// `ESRCH` if the process has ended.
pub(crate) fn send(process: &OwnedFd, signal: Signal) -> nix::Result<()> {
    let (fd, number) = (process.as_raw_fd(), signal as i32);
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: without an info the call takes numbers only.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, none, 0) };
    Errno::result(sent).map(drop)
}

/// Returns whether a signal or a debugger has stopped a process.
pub(crate) fn is_stopped(process: Pid) -> bool {
    stat(process).is_some_and(|(state, _)| matches!(state, b'T' | b't'))
}

/// Returns the state and the parent of a process.
fn stat(process: Pid) -> Option<(u8, Pid)> {
    let stat = fs::read(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may be anything.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut words = std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_ascii_whitespace();
    let state = *words.next()?.as_bytes().first()?;
    Some((state, Pid::from_raw(words.next()?.parse().ok()?)))
}

/// Kills all children, and their children, which become those of this subreaper, until none is left.
///
/// Returns `false` if some are left after that time: the kernel holds them.
pub(crate) fn end_descendants(within: Duration) -> bool {
    let deadline = Instant::now() + within;
    loop {
        loop {
            // SAFETY: no status is asked for.
            let result = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
            match Errno::result(result) {
                Ok(0) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return true,
            }
        }
        if Instant::now() >= deadline {
            return false;
        }
        for process in processes() {
            kill_child(process);
        }
        std::thread::sleep(STEP);
    }
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
}

/// Kills a process if it is a child of this one.
fn kill_child(process: Pid) {
    let is_child = || stat(process).is_some_and(|(_, parent)| parent == Pid::this());
    if !is_child() {
        return;
    }
    // Again, behind the handle: another process may have the number by now.
    if let Some(child) = pidfd_open(process).ok().filter(|_| is_child()) {
        // It may have ended.
        let _ = send(&child, Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_has_the_state_and_the_parent() {
        let (state, parent) = stat(Pid::this()).unwrap();
        assert!(b"RS".contains(&state));
        assert_eq!(parent, nix::unistd::getppid());
        assert!(!is_stopped(Pid::this()));
    }
}
