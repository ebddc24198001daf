//! The texts that `--help` prints.

/// The commands with their arguments.
macro_rules! usage {
    () => {
        "    panthor-fake run [OPTIONS] [--] PROGRAM [ARGUMENTS]
    panthor-fake summary TRACE"
    };
}
pub(crate) use usage;

/// The text of `panthor-fake --help`.
pub(crate) const COMMANDS: &str = concat!(
    "\
Runs programs on a software Panthor (the DRM driver of Arm Mali GPUs) as if a Mali were there.

",
    usage!(),
    "

    run                     runs PROGRAM on the device: `panthor-fake run --help` lists the options and the limits
    summary                 counts what is in a trace: `panthor-fake summary --help` lists the numbers

    -h, --help              this text
    -V, --version           the version
"
);

/// The text of `panthor-fake summary --help`.
pub(crate) const SUMMARY: &str = "\
Counts what is in a trace of JSON lines.

    panthor-fake summary TRACE

TRACE is a file that `panthor-fake run --trace TRACE --trace-format json` has written. Three tables are printed:
    calls                   by name: how many, how many failed and with which error numbers, and the time that all
                            of them and one of them took, in microseconds
    VM_BIND operations      by type: how many were done, and their bytes; of UNMAP the bytes that were mapped
                            there; the most bytes that were mapped at a time
    slowest calls           ten of them, with the time that each took in microseconds, the second of the trace in
                            which it began, and its thread

    -h, --help              this text

The exit status is 125 if TRACE is no such trace.
";

/// The text of `panthor-fake run --help`.
pub(crate) const RUN: &str = "\
Runs a program on a software Panthor (the DRM driver of Arm Mali GPUs) as if a Mali were there.

    panthor-fake run [OPTIONS] [--] PROGRAM [ARGUMENTS]

PROGRAM and all that it starts find /dev/dri/renderD128 and /dev/dri/card0, and what sysfs has about
them. No privileges are needed, and no change to the program.

Options:
    --gpu NAME              the GPU: g310, g510, g610 (default), g710, g615, g715, g620, g720, g725
    --kernel VERSION        the driver of Linux 7.3 (default), 7.2 or 6.12
    --driver 1.MINOR        the driver by its version, 1.0 to 1.9, instead of by a kernel
    --memory SIZE           how much memory the GPU may use, such as 64M (K, M and G are powers of 1024; default: 8G);
                            what needs more is ENOMEM
    --swap                  there is swap space: the memory of idle BOs is taken before anything is ENOMEM
    --profiling WHAT        what is measured of streams at first, for the fdinfo of nodes: cycles, time, or both
                            with a comma (default: nothing)
    --stream-time TIME      how much time of the GPU every stream counts as there, such as 20us (ns, us, ms, s;
                            default: 0s); streams are done at once nonetheless
    --fail IOCTL:N:ERRNO    the Nth call of that ioctl fails, such as VM_BIND:3:ENOMEM; N counts from 1, over
                            all processes and files, also for those of dma-bufs and sync files, such as
                            DMA_BUF_IOCTL_SYNC:1:EINTR; may be repeated. If PROGRAM ends before that call, a
                            line on the standard error says so.
    --at IOCTL:N:EVENT      something happens just before the Nth call of that ioctl, counted as for --fail; may be
                            repeated. EVENT is one of
                              unplug  the device goes away: this call and all that follow are ENODEV
                              reset   the GPU is reset: the groups that it has are lost, and innocent
                              hang    the next stream on the GPU hangs: its group times out
    --mounts WHEN           mount the files around the nodes in a mount namespace of PROGRAM: always, auto (if the
                            system permits it) or never (default). It takes root with the capabilities SYS_ADMIN
                            and MKNOD. See \"Calls that a signal interrupts\" below
    --trace FILE            a decoded line for every open, ioctl and mmap, into that file
    --trace-format FORMAT   what a line is: text (default), as strace would print it, or json
    -h, --help              this text

The exit status is that of PROGRAM; if a signal ends it, panthor-fake ends by the same, or with 128 + N by a
real-time signal N. Otherwise it is
    125     if panthor-fake itself fails: a wrong option, nothing to run, what the system lacks, or its server is
            killed, and with it all that it serves
    126     if PROGRAM cannot be run
    127     if PROGRAM is not found
    137     as shells tell it, if somebody kills panthor-fake with SIGKILL, and PROGRAM with it

It needs Linux 5.19 or newer on x86-64 or AArch64 with seccomp user notification, and leave to look into
its own children (kernel.yama.ptrace_scope below 2). Where a container forbids pidfd_getfd(2) it is slower,
and sync objects do not signal eventfds; its capability SYS_PTRACE permits it.

Calls that a signal interrupts:
  A call that panthor-fake answers ends with EINTR if a signal arrives just before, and its handler lacks SA_RESTART:
  stat, access, open, readlink and statfs of any path, fstat and mmap. A shell that starts 1000 children while it
  asks 3000 times for a file is told about 100 times that the file is missing, and more often on a busy machine;
  Python with a timer of 1 ms about 100 times of 44,000. With --mounts neither happens: stat, access and the like are the kernel's own. What differs then:
  - open, readlink, statfs, fstat and mmap can still be interrupted.
  - stat of /dev/fd/N and /proc/PID/fd/N shows a node that is open as a regular file, but for fstatat with a directory.
  - /dev and some directories of /sys are covered by copies, if they lack what the device needs: a device that comes
    later has no node right below /dev. What PROGRAM mounts the host does not see.

What cannot be emulated:
  - Command streams are not run: jobs are done at once.
  - 32-bit programs, programs that forbid being read, and opens by way of io_uring see no device.
  - It does not run inside itself, nor under qemu-user. PROGRAM runs with no_new_privs: sudo and the like
    give nothing.
  - In user and mount namespaces, and roots, that PROGRAM makes itself the device stays at its paths, whatever is
    mounted there; /proc/PID/fd by numbers of a process namespace is another process's.
  - poll on a node says that it is ready and epoll refuses it, where a board's is quiet; read, write and mremap
    reach the memory of BOs; locks of fcntl on a node are refused, those of flock are one for all nodes.
  - /dev/dri can be opened and listed, but not entered with chdir by its path, nor watched; other symbolic
    links than the board's do not lead to a node. /proc/PID/maps shows memory instead of the node.
  - mmap by the CPU of an exported dma-buf through its own descriptor, and of a BO that another driver's
    dma-buf is: ENODEV.
";
