//! Errors of a loopback, with advice.

use std::{fmt, io};

use nix::libc;

/// Reason why a loopback cannot run here.
#[derive(Debug)]
pub struct Error {
    /// Failed task.
    task: String,
    /// Missing feature, or advice.
    help: String,
    source: Option<io::Error>,
}

/// Advice where another supervisor has a filter on this process.
pub(super) const NESTED: &str = "another supervisor has this program already: a loopback cannot run inside a \
    loopback, nor inside a container whose runtime uses seccomp notifications";

impl Error {
    pub(super) fn new(task: impl Into<String>, help: impl Into<String>) -> Self {
        Self { task: task.into(), help: help.into(), source: None }
    }

    pub(super) fn because(mut self, source: io::Error) -> Self {
        self.source = Some(source);
        self
    }

    /// Returns the error of a refused seccomp filter.
    pub(super) fn of_install(source: io::Error) -> Self {
        let help = match source.raw_os_error() {
            Some(libc::EBUSY) => NESTED,
            Some(libc::EINVAL) => {
                "the kernel has no killable seccomp notifications: Linux 5.19 or newer with \
                 CONFIG_SECCOMP_FILTER is needed"
            }
            Some(libc::ENOSYS) => {
                "there is no seccomp here: qemu-user and some sandboxes lack it; run on the host, or in a \
                 virtual machine"
            }
            Some(libc::EPERM | libc::EACCES) => {
                "a sandbox or container forbids seccomp(2): permit it there"
            }
            Some(libc::ENOMEM) => "too many seccomp filters are installed already",
            _ => "Linux 5.19 or newer is needed, neither nested nor under qemu-user",
        };
        Self::new("install the seccomp filter", help).because(source)
    }

    /// Returns the error of a process with unreadable memory.
    pub(super) fn of_inspection(source: io::Error) -> Self {
        let help = match source.raw_os_error() {
            Some(libc::ENOSYS) => {
                "the kernel or a sandbox lacks process_vm_readv(2): permit it, or run elsewhere"
            }
            _ => {
                "it is forbidden to read the memory of a child: allow it with \
                 /proc/sys/kernel/yama/ptrace_scope below 2, in a container with the capability SYS_PTRACE; \
                 a program that makes itself unreadable cannot be served"
            }
        };
        Self::new("read the program's memory", help).because(source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.task)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if self.help.is_empty() { Ok(()) } else { write!(f, "\n  {}", self.help) }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = error.source.as_ref().map_or(io::ErrorKind::Other, io::Error::kind);
        Self::new(kind, error)
    }
}
