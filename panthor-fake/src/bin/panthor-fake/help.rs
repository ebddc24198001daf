//! Texts of `--help`.

/// Synopsis of all commands.
macro_rules! usage {
    () => {
        "    panthor-fake run [OPTIONS] [--] PROGRAM [ARGUMENTS]
    panthor-fake summary TRACE"
    };
}
pub(crate) use usage;

/// Text of `panthor-fake --help`.
pub(crate) const COMMANDS: &str = concat!(
    "\
Runs programs on panthor-fake, a software implementation of the Panthor DRM driver (Arm Mali GPUs).

",
    usage!(),
    "

    run                     run PROGRAM on the device; `panthor-fake run --help` lists the options
                            and the limits
    summary                 summarize a trace; `panthor-fake summary --help` lists the tables

    -h, --help              print this text
    -V, --version           print the version
"
);

/// Text of `panthor-fake summary --help`.
pub(crate) const SUMMARY: &str = "\
Summarizes a trace of JSON lines.

    panthor-fake summary TRACE

TRACE is a file that `panthor-fake run --trace TRACE --trace-format json` has written. The command
prints three tables:
    calls                   by name: number of calls, number of failures, error numbers, and total
                            and mean time in microseconds
    VM_BIND operations      by type: number of operations, and their bytes; UNMAP counts the bytes
                            that were mapped; then the peak of bytes mapped at a time
    slowest calls           the ten slowest calls: time in microseconds, start in seconds of the
                            trace, and thread

    -h, --help              print this text

The exit status is 125 if TRACE is not such a trace.
";

/// Text of `panthor-fake run --help`.
pub(crate) const RUN: &str = "\
Runs a program on panthor-fake, a software implementation of the Panthor DRM driver (Arm Mali GPUs).

    panthor-fake run [OPTIONS] [--] PROGRAM [ARGUMENTS]

PROGRAM and all its descendants find /dev/dri/renderD128, /dev/dri/card0, and the sysfs files of the
device. The command needs no privileges and no change to the program.

Options:
    --gpu NAME              the GPU: g310, g510, g610 (default), g710, g615, g715, g620, g720, g725
    --kernel VERSION        the driver of Linux 7.3 (default), 7.2 or 6.12
    --driver 1.MINOR        the driver version, 1.0 to 1.9, instead of --kernel
    --memory SIZE           memory that the GPU can pin, such as 64M (K, M and G are powers of 1024;
                            default: 8G); calls that need more fail with ENOMEM
    --swap                  enable swap: the driver evicts idle BOs before a call fails with ENOMEM
    --profiling WHAT        initial profiling of streams, which the fdinfo of nodes reports: cycles,
                            time, or cycles,time (default: none)
    --stream-time TIME      GPU time that each stream accounts for in the fdinfo, such as 20us (ns,
                            us, ms, s; default: 0s); streams still complete immediately
    --fail IOCTL:N:ERRNO    fail the Nth call of an ioctl, such as VM_BIND:3:ENOMEM; N counts over
                            all processes and files, from 1. The ioctls of dma-bufs and sync files
                            work as well, such as DMA_BUF_IOCTL_SYNC:1:EINTR. May be repeated. If
                            PROGRAM ends before that call, a line on the standard error reports it
    --at IOCTL:N:EVENT      trigger an event before the Nth call of an ioctl, counted as for --fail.
                            May be repeated. EVENT is one of
                              unplug  remove the device: this call and later ones fail with ENODEV
                              reset   reset the GPU: its current groups are lost, and innocent
                              hang    hang the next stream on the GPU: its group times out
    --mounts WHEN           mount the files around the nodes in a mount namespace of PROGRAM: always,
                            auto (if the system permits it) or never (default). It needs root with
                            the capabilities SYS_ADMIN, SYS_CHROOT and MKNOD. See \"Interrupted
                            calls\" below
    --trace FILE            write a decoded line to FILE for every open, ioctl and mmap
    --trace-format FORMAT   format of the lines: text (default), as strace would print them, or json
    -h, --help              print this text

The exit status is that of PROGRAM. If a signal ends PROGRAM, panthor-fake ends by the same signal,
or exits with 128 + N for a real-time signal N. The other exit statuses are
    125     panthor-fake itself failed: a wrong option, no program, a missing feature of the system,
            or its server was killed, which also kills PROGRAM
    126     PROGRAM cannot run
    127     PROGRAM does not exist
    137     as shells report it: SIGKILL ended panthor-fake, which also kills PROGRAM

The command needs Linux 5.19 or newer on x86-64 or AArch64 with seccomp user notification, and
permission to read the memory of its children (kernel.yama.ptrace_scope below 2). In a container that
forbids pidfd_getfd(2) calls are slower, and syncobjs do not signal eventfds. The capability
SYS_PTRACE permits that call.

Interrupted calls:
  A call that panthor-fake answers fails with EINTR if a signal arrives just before, and the handler of
  the signal lacks SA_RESTART. Such calls are stat, access, open, readlink and statfs of any path,
  fstat, and mmap. A shell that started 1000 children and tested 3000 times for a file found the file
  missing about 100 times, and more often on a busy machine. Python with a timer of 1 ms failed about
  100 of 44,000 calls. With --mounts neither happens, because the kernel answers stat and access. The
  differences with --mounts:
  - A signal can still interrupt open, readlink, statfs, fstat and mmap.
  - stat of /dev/fd/N and /proc/PID/fd/N reports an open node as a regular file, except for fstatat
    relative to a directory.
  - Copies cover /dev and some directories of /sys if these lack a mount point. A device node that
    the host adds to /dev later is missing.
  - Mounts of PROGRAM are not visible on the host.

What cannot be emulated:
  - Command streams do not run: jobs complete immediately.
  - 32-bit programs, programs that forbid reading their memory, and opens through io_uring find no
    device.
  - panthor-fake runs neither inside itself nor under qemu-user. PROGRAM runs with no_new_privs, so
    that sudo and other setuid programs gain no privileges.
  - In a user namespace, mount namespace or root directory of PROGRAM's own, the device stays at its
    paths, whatever is mounted there. In a PID namespace /proc/PID/fd is that of the PID outside.
  - poll reports a node as ready, and epoll refuses a node, where a board's node is never ready. read,
    write and mremap reach the memory of BOs. Locks of fcntl on a node fail. All nodes share one lock
    of flock.
  - Programs can open and list /dev/dri, but can neither chdir to its path nor watch it. Only the
    symbolic links of a board lead to a node. /proc/PID/maps shows memory instead of the node.
  - CPU mmap of an exported dma-buf through its own descriptor fails with ENODEV. So does mmap of a BO
    that was imported from another driver's dma-buf.
";
