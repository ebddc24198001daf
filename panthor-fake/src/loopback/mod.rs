//! The fake at the system call boundary: programs that open `/dev/dri/renderD128` find it there.
//!
//! A [`Loopback`] puts threads of this process and their descendants under a seccomp filter with
//! user notification. A supervisor outside the filter answers their opens, ioctls and similar
//! calls. The kernel runs all other calls. A loopback needs no privileges and no change to a
//! program. Statically linked programs, and programs that make raw system calls, see the device as
//! well.
//!
//! ```
//! use panthor_fake::loopback::Loopback;
//! use panthor_fake::{Config, Device};
//!
//! let device = Device::new(Config::default())?;
//! let loopback = Loopback::new(&device)?;
//! let listing = loopback.run(|| {
//!     let _node = std::fs::File::options().read(true).write(true).open("/dev/dri/renderD128")?;
//!     std::process::Command::new("ls").arg("/dev/dri").output()
//! })??;
//! assert_eq!(listing.stdout, b"by-path\ncard0\nrenderD128\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The command `panthor-fake` (feature `cli`) runs whole programs this way.
//!
//! # How it works
//!
//! - A program's descriptor of a node is the memory of the device: a sealed memfd with each BO at
//!   its mmap offset. So the kernel does mmap, dup, fork, exec, `SCM_RIGHTS` and close. Each open
//!   has its own file description, which the loopback identifies by its file position and a lock.
//!   The fake's file is released after the last duplicate and the last mapping are gone, and before
//!   the next call on another node is answered.
//! - Ioctls reach the same functions as those of [`File::ioctl`](crate::File::ioctl), with the
//!   memory and the descriptors of the program. A sleeping ioctl blocks its caller only, and a
//!   signal interrupts it.
//! - The files around the nodes (`/dev/dri`, and the sysfs files of the device) are in a read-only
//!   tmpfs that is mounted nowhere and ends with its last descriptor. A program gets real
//!   descriptors of these files. They lead to no file of the host, whatever the root directory of
//!   the program. The tmpfs needs `CAP_SYS_ADMIN` or user namespaces. Without both the files are in
//!   a private directory below `$TMPDIR`; `SECURITY.md` lists the limits of that.
//!
//! # Mounts
//!
//! A notified call fails with `EINTR` if a signal arrives before the supervisor has received the
//! call, and the handler lacks `SA_RESTART`. Natively no signal interrupts some of these calls,
//! such as `stat(2)`. With [`Loopback::with_mounts`] the kernel answers calls that only inspect a
//! path. The function creates a mount namespace with the files at their paths. The function of
//! [`Loopback::run`] and all its descendants are in that namespace. The differences are:
//!
//! - Opens, `readlink(2)`, `statfs(2)`, `fstat(2)` and `mmap(2)` are still notified.
//! - `stat(2)` of `/dev/fd/N` or `/proc/PID/fd/N` reports an open node as a regular file, except
//!   for `fstatat(2)` relative to a directory.
//! - The working directory can be `/dev/dri`, which can be watched as well, and its `..` is the
//!   host's `/dev`.
//! - A tmpfs with the same entries covers each directory of the host that lacks a mount point
//!   (`/dev`, and parts of `/sys`). Entries that the host adds later to such a directory are
//!   missing.
//! - Mounts of the program are not visible on the host.
//!
//! # Limits
//!
//! - 32-bit programs, programs that forbid reading their memory, and opens through io_uring find no
//!   device. A line on the standard error names the first two kinds of programs. x32 calls fail as
//!   on a kernel without x32.
//! - `poll(2)` reports a node as ready, and `epoll_ctl(2)` refuses a node, where a board's node is
//!   never ready. `read(2)`, `write(2)` and `fallocate(2)` reach the memory of all BOs. `mremap(2)`
//!   can extend a mapping beyond the end of its BO. `mprotect(2)` can make the flush ID page
//!   writable, which all programs share. `/proc/PID/maps` shows the memfd instead of the node.
//! - `fcntl(2)` refuses process-owned locks on a whole node. Open file description locks on a whole
//!   node succeed and make later opens of nodes fail. All open nodes share one `flock(2)` lock.
//!   `fchmod(2)` changes the mode of all nodes, and a server that is not root then fails to open
//!   more. A private mapping fails only at offsets that BOs or registers can have.
//! - Programs can open and list the directory that stands for `/dev/dri`, but cannot watch it or
//!   `chdir(2)` to its path. `getcwd(2)` finds no path for it. Directories above it, such as
//!   `/dev/dri/..`, contain the files of the tree and none of the host's. Symbolic links that a
//!   program creates do not lead to a node.
//! - In a user namespace, mount namespace or root directory that a program creates, the device
//!   stays at its paths, whatever is mounted there. In such a user namespace no thread has the
//!   capabilities that the driver checks. In a PID namespace the PID in `/proc/PID/fd` is taken for
//!   a PID outside; `/proc/self` is correct.
//! - A CPU mapping of an imported dma-buf of another device fails with `ENODEV`. So does a CPU
//!   mapping of an exported dma-buf through its own descriptor.
//! - A node that a program has closed or unmapped is gone at its next call. A concurrent close by
//!   another thread or process can take effect a moment later.
//! - A second loopback, or any other seccomp supervisor, cannot run inside a loopback, because the
//!   kernel permits only one.
//!
//! The loopback runs on x86-64 and AArch64, with Linux 5.19 or newer.

mod attributes;
mod calls;
mod error;
mod filter;
mod ioctls;
mod links;
mod listener;
mod mappings;
mod mmap;
mod mounts;
mod node;
mod open;
mod paths;
mod process;
mod restricted;
mod rights;
mod signals;
mod stat;
mod supervisor;
mod text_file;
mod tree;
mod turns;
mod waits;
mod world;

use std::sync::{Arc, mpsc};
use std::time::Duration;

pub use error::Error;
use listener::Listener;
use mounts::Mounts;
use nix::unistd::Pid;
use supervisor::{Supervisor, Threads};
use world::World;

use crate::device::Device;

/// Device at the system call boundary.
#[derive(Debug)]
pub struct Loopback {
    world: Arc<World>,
    threads: Threads,
}

impl Drop for Loopback {
    fn drop(&mut self) {
        // Idle threads should be gone when the process ends.
        self.threads.settle(Duration::from_millis(100));
    }
}

impl Loopback {
    /// Creates the nodes of a device. They are visible to the functions of [`Loopback::run`] only.
    ///
    /// # Errors
    /// Returns an [`Error`] that names the missing feature of the system.
    pub fn new(device: &Device) -> Result<Self, Error> {
        Self::with(device, None)
    }

    /// Creates the nodes of a device, and a mount namespace with all files of the device at their
    /// paths.
    ///
    /// The kernel answers `stat(2)`, `access(2)` and other calls that only inspect a path. So no
    /// signal interrupts them, and they cost nothing extra. The [module documentation](self#mounts)
    /// lists the differences.
    ///
    /// # Errors
    /// Returns an [`Error`] that names the missing feature of the system. Besides the needs of
    /// [`Loopback::new`], the function needs the capabilities `SYS_ADMIN`, `SYS_CHROOT` and
    /// `MKNOD`.
    pub fn with_mounts(device: &Device) -> Result<Self, Error> {
        Self::with(device, Some(Mounts::new()?))
    }

    fn with(device: &Device, mounts: Option<Mounts>) -> Result<Self, Error> {
        let world = Arc::new(World::new(device.clone(), mounts)?);
        Ok(Self { world, threads: Threads::default() })
    }

    /// Runs a function on a new thread that finds the device in `/dev/dri`.
    ///
    /// Threads and processes that the function starts find the device as well, for their whole
    /// life. `run` returns when the function does, and resumes a panic of the function in the
    /// caller. Do not call `run` on a thread that is itself under a loopback.
    ///
    /// # Errors
    /// Returns the reason why the thread cannot be put under the filter.
    pub fn run<T: Send>(&self, function: impl FnOnce() -> T + Send) -> Result<T, Error> {
        let mut program = filter::program(self.world.mounts.is_some())?;
        let (sender, receiver) = mpsc::sync_channel(0);
        let (go, served) = mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            // Every return drops `go`, so that a client without a supervisor does not start.
            let go = go;
            let thread = std::thread::Builder::new().name("panthor-client".into());
            let client = thread.spawn_scoped(scope, move || {
                let entered = self.world.mounts.as_ref().map_or(Ok(()), Mounts::enter);
                let listener = entered.and_then(|()| filter::install(&mut program));
                // From here on notified calls wait for the supervisor.
                sender.send(listener).ok()?;
                served.recv().ok()?;
                Some(function())
            });
            let client = client.map_err(|error| Error::new("start a thread", "").because(error))?;
            // Without an answer the thread has panicked; the join below resumes the panic.
            if let Ok(listener) = receiver.recv() {
                // This thread is outside the filter, and new threads inherit that.
                let (world, threads) = (self.world.clone(), self.threads.clone());
                Supervisor::start(world, Listener::new(listener?), threads)?;
                // If the client has ended, the join below returns the reason.
                let _ = go.send(());
            }
            match client.join() {
                Ok(Some(value)) => Ok(value),
                Ok(None) => Err(Error::new("start a thread under the filter", "")),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Waits until all threads and processes that find the device have ended, and releases their
    /// files.
    pub fn finish(self) {
        self.threads.join();
        self.world.nodes.reap();
    }

    /// Waits as [`finish`](Self::finish) does, at most for `time`; returns whether all have ended.
    ///
    /// A call of a killed program can continue while it hangs in the kernel.
    pub fn finish_within(self, time: Duration) -> bool {
        let ended = self.threads.settle(time);
        if ended {
            self.world.nodes.reap();
        }
        ended
    }

    /// Checks that a process that a function of [`Loopback::run`] has started can be served.
    ///
    /// # Errors
    /// Returns the reason why the memory of the process is unreadable. A process that has ended is
    /// no error.
    pub fn check(process: u32) -> Result<(), Error> {
        let process = Pid::from_raw(i32::try_from(process).unwrap_or(i32::MAX));
        process::check_readable(process).map_err(Error::of_inspection)
    }
}
