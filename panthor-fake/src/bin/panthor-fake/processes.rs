//! Process handles, and the end of all descendants.

use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// Interval between two searches for remaining descendants.
const STEP: Duration = Duration::from_millis(1);

/// Opens a pidfd of a process.
pub(crate) fn pidfd_open(process: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: all arguments are integers.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0) })?;
    // SAFETY: the kernel just created the descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Sends a signal to the process behind a pidfd.
///
/// # Errors
/// `ESRCH` if the process has ended.
pub(crate) fn send(process: &OwnedFd, signal: Signal) -> nix::Result<()> {
    let (fd, number) = (process.as_raw_fd(), signal as i32);
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the kernel accepts a null `siginfo_t`, and all other arguments are integers.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, none, 0) };
    Errno::result(sent).map(drop)
}

/// Returns the parent PID of a process.
fn parent(process: Pid) -> Option<Pid> {
    let stat = fs::read(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses can contain any byte.
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut words = std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_ascii_whitespace();
    // The first word is the state.
    words.nth(1)?.parse().ok().map(Pid::from_raw)
}

/// Kills all descendants of this subreaper, except the children `spared` and their descendants that
/// are no children of this process.
///
/// Returns `false` if descendants are left after `within`, because they hang in the kernel.
pub(crate) fn end_descendants(within: Duration, spared: &[Pid]) -> bool {
    let deadline = Instant::now() + within;
    let mut was_empty = false;
    loop {
        let mut reaped = false;
        loop {
            // SAFETY: the kernel accepts a null pointer to the status.
            let result = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
            match Errno::result(result) {
                Ok(0) => break,
                Ok(_) => reaped = true,
                Err(Errno::EINTR) => {}
                Err(_) => return true,
            }
        }
        let mut children = children();
        children.retain(|child| !spared.contains(child));
        // A list can lack a child if another child ends meanwhile.
        let is_empty = children.is_empty() && !reaped && !spared.is_empty();
        if is_empty && was_empty {
            return true;
        }
        was_empty = is_empty;
        if Instant::now() >= deadline {
            return false;
        }
        children.into_iter().for_each(kill_child);
        // Processes that fork and end faster than this loop must not outrun it.
        if !reaped {
            std::thread::sleep(STEP);
        }
    }
}

/// Lists the children of this process.
pub(crate) fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists: std::io::Result<Vec<String>> =
        threads.map(|thread| fs::read_to_string(thread.path().join("children"))).collect();
    match lists {
        Ok(lists) => {
            let words = lists.iter().flat_map(|list| list.split_ascii_whitespace());
            words.filter_map(|word| word.parse().ok().map(Pid::from_raw)).collect()
        }
        // The kernel lacks the file, or a thread has just ended.
        Err(_) => processes().filter(|&process| parent(process) == Some(Pid::this())).collect(),
    }
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
}

/// Kills a process if it is a child of this one.
fn kill_child(process: Pid) {
    let is_child = || parent(process) == Some(Pid::this());
    if !is_child() {
        return;
    }
    // The second check follows the open: the PID could have been reused before.
    if let Some(child) = pidfd_open(process).ok().filter(|_| is_child()) {
        // A failed send means that the child has ended.
        let _ = send(&child, Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_is_read_behind_the_name() {
        assert_eq!(parent(Pid::this()), Some(nix::unistd::getppid()));
    }
}
