//! The fake at the boundary of system calls: programs that open `/dev/dri/renderD128` find it there.
//!
//! A [`Loopback`] puts threads of this process, and the programs that they start, under a filter of the kernel
//! (seccomp user notification). Their opens, ioctls and the like are answered by a supervisor, which is a
//! thread outside; all else they do goes its way. It needs no privileges, and no change to a program: static
//! programs, and those that make system calls by themselves, see the device like any other.
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
//! - The descriptor that a program gets for a node is the memory of the device, a sealed memfd in which each BO
//!   is at its mmap offset: mmap, dup, fork, exec, sending and closing are done by the kernel. Each open has a
//!   description of its own, which its file position and a lock tell from others; the file of the fake is released when the last
//!   duplicate and the last mapping are gone, before the next call on another node is answered.
//! - Ioctls go to the same functions as those of [`File::ioctl`](crate::File::ioctl), with the memory and the
//!   descriptors of the program. One that sleeps keeps its caller waiting and nobody else; a signal interrupts
//!   it.
//! - The files around the nodes (`/dev/dri`, and what sysfs has about the device) are in a read-only tmpfs that is
//!   mounted nowhere and ends with its last descriptor. A program gets real descriptors of them, which lead to
//!   nothing of the host, whatever root directory the program has. That takes `CAP_SYS_ADMIN` or user namespaces.
//!   Without both the files are in a private directory below `$TMPDIR`; `SECURITY.md` has the limits of that.
//!
//! # Mounts
//!
//! A notified call ends with `EINTR` where a signal arrives before the supervisor has received it, if the handler
//! lacks `SA_RESTART`: also calls that natively never do, like `stat(2)`. [`Loopback::with_mounts`] has the kernel
//! answer what only looks at a path. It makes a mount namespace in which the files are at their paths, and which the
//! function of [`Loopback::run`] and all that it starts are in. Then
//!
//! - opens, `readlink(2)`, `statfs(2)`, `fstat(2)` and `mmap(2)` are notified as ever;
//! - `stat(2)` of `/dev/fd/N` or `/proc/PID/fd/N` shows an open node as a regular file, but with `fstatat(2)` from
//!   a directory on;
//! - the working directory can be `/dev/dri`, which can be watched as well, and `..` of it is the host's `/dev`;
//! - a directory of the host that lacks a mount point (`/dev`, and parts of `/sys`) is covered by a tmpfs with the
//!   same entries: what the host adds later right below it is missing;
//! - what the program mounts the host does not see.
//!
//! # What cannot be done
//!
//! - 32-bit programs find no device, nor do programs that forbid being read, and ones that open files through
//!   io_uring. The first two are told on the standard error. x32 calls are answered as by a kernel without them.
//! - `poll(2)` on a node says that it is ready, and `epoll_ctl(2)` refuses it, where a board's is quiet;
//!   `read(2)`, `write(2)`, `fallocate(2)` and their like reach the memory of all BOs, and `mremap(2)` makes a
//!   mapping longer, into what is behind its BO. `mprotect(2)` makes the page of the flush ID writable, for all.
//!   `/proc/PID/maps` shows the memory and not the node.
//! - Locks of `fcntl(2)` that cover a whole node are refused, but for those of open file descriptions, which keep
//!   others from opening one; and `flock(2)` knows one file, which all open nodes are. `fchmod(2)` changes all of
//!   them, for the server too where it is not root. A private mapping is refused only where a BO or the registers can be, not below.
//! - The directory that stands for `/dev/dri` can be opened and listed, but not made the current one by its
//!   path, nor watched; in it `getcwd(2)` has no path. What is above it, like `/dev/dri/..`, has the tree's files
//!   and none of the host's. A symbolic link of the program's own making does not lead to a node.
//! - Where a program makes itself a user or mount namespace, or another root directory, the device stays at these
//!   paths, whatever is mounted over them; in a user namespace nobody has the capabilities that the driver asks for.
//!   In a process namespace the numbers in `/proc/PID/fd` are taken for those outside; `/proc/self` is right.
//! - An imported dma-buf of another device cannot be mapped by the CPU, nor an exported one through its own
//!   descriptor: the program's mmap of the first fails with `ENODEV`, and so does that of the second.
//! - What a program has closed or unmapped itself is gone for its next call. What another thread or process closes at
//!   the same time may be noticed a moment later.
//! - Another loopback, or any supervisor of that kind, inside: the kernel permits one.
//!
//! It runs on x86-64 and AArch64, with Linux 5.19 or newer.

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

/// A device at the boundary of system calls.
#[derive(Debug)]
pub struct Loopback {
    world: Arc<World>,
    threads: Threads,
}

impl Drop for Loopback {
    fn drop(&mut self) {
        // Of what nobody uses any more nothing should be left when the process ends.
        self.threads.settle(Duration::from_millis(100));
    }
}

impl Loopback {
    /// Makes the nodes of a device; nobody sees them yet.
    ///
    /// # Errors
    /// What the system lacks for it.
    pub fn new(device: &Device) -> Result<Self, Error> {
        Self::with(device, None)
    }

    /// Makes the nodes of a device, and a mount namespace in which they and the files around them are at their
    /// paths.
    ///
    /// Calls that only look at a path are not notified then, so that no signal interrupts them, and they cost
    /// nothing: `stat(2)`, `access(2)` and the like. The documentation of the [module](self#mounts) has what
    /// differs.
    ///
    /// # Errors
    /// What the system lacks for it: besides the needs of [`Loopback::new`], the capabilities `SYS_ADMIN`,
    /// `SYS_CHROOT` and `MKNOD`.
    pub fn with_mounts(device: &Device) -> Result<Self, Error> {
        Self::with(device, Some(Mounts::new()?))
    }

    fn with(device: &Device, mounts: Option<Mounts>) -> Result<Self, Error> {
        let world = Arc::new(World::new(device.clone(), mounts)?);
        Ok(Self { world, threads: Threads::default() })
    }

    /// Runs something that finds the device in `/dev/dri`, on a thread of its own.
    ///
    /// The threads and the processes that it starts find it as well, for as long as they live; this returns when
    /// the function does. A panic goes on in the caller. The calling thread should not be one that a loopback
    /// has started itself.
    ///
    /// # Errors
    /// Why the thread could not be put under the filter.
    pub fn run<T: Send>(&self, function: impl FnOnce() -> T + Send) -> Result<T, Error> {
        let mut program = filter::program(self.world.mounts.is_some())?;
        let (sender, receiver) = mpsc::sync_channel(0);
        let (go, served) = mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            // Dropped on the way out: a client that is not served does not start.
            let go = go;
            let thread = std::thread::Builder::new().name("panthor-client".into());
            let client = thread.spawn_scoped(scope, move || {
                let entered = self.world.mounts.as_ref().map_or(Ok(()), Mounts::enter);
                let listener = entered.and_then(|()| filter::install(&mut program));
                // From here on the calls that are notified wait for the supervisor.
                sender.send(listener).ok()?;
                served.recv().ok()?;
                Some(function())
            });
            let client = client.map_err(|error| Error::new("start a thread", "").because(error))?;
            // Without an answer the thread has panicked, which is told below.
            if let Ok(listener) = receiver.recv() {
                // On this side of the filter, which threads hand down.
                let (world, threads) = (self.world.clone(), self.threads.clone());
                Supervisor::start(world, Listener::new(listener?), threads)?;
                // Should the client be gone, joining it tells why.
                let _ = go.send(());
            }
            match client.join() {
                Ok(Some(value)) => Ok(value),
                Ok(None) => Err(Error::new("start a thread under the filter", "")),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Waits until all threads and processes have ended that find the device. What they had open is closed
    /// then.
    pub fn finish(self) {
        self.threads.join();
        self.world.nodes.reap();
    }

    /// Waits as [`finish`](Self::finish) does, for that time at most; returns whether all have ended.
    ///
    /// A call may still go on when its program was killed, if something holds it in the kernel.
    pub fn finish_within(self, time: Duration) -> bool {
        let ended = self.threads.settle(time);
        if ended {
            self.world.nodes.reap();
        }
        ended
    }

    /// Checks that a process, which a function of [`Loopback::run`] has started, can be served.
    ///
    /// # Errors
    /// Why it cannot be looked into. One that has ended already is no error.
    pub fn check(process: u32) -> Result<(), Error> {
        let process = Pid::from_raw(i32::try_from(process).unwrap_or(i32::MAX));
        process::check_readable(process).map_err(Error::of_inspection)
    }
}
