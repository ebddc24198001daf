//! The seccomp filter, which selects the system calls that notify the supervisor.
//!
//! The filter sees integers only. So it notifies all calls with a path, ioctls of three types, and
//! mmaps that can concern a device. All other calls cost next to nothing.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::libc::{self, c_long, sock_filter};
use nix::sys::prctl::set_no_new_privs;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Ge, MaskedEq, Ne};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use super::error::Error;

/// Lowest mmap offset that only a device can have.
const FIRST_OFFSET: u64 = 1 << 40;

/// Notified ioctl types: those of DRM, dma-bufs and sync files.
pub(super) const IOCTL_TYPES: [u8; 3] = [b'd', b'b', b'>'];

/// Data bits of a trace action that stand for user notification. `seccompiler` does not know that
/// action, so [`program`] replaces them.
const NOTIFY_MARK: u32 = 0x5ca1;

/// System calls that are always notified.
const ALWAYS: &[c_long] =
    &[libc::SYS_openat, libc::SYS_openat2, libc::SYS_fstat, libc::SYS_readlinkat, libc::SYS_statfs];

/// System calls that are notified unless the tree is mounted at its paths.
const LOOKS: &[c_long] = &[
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getxattr,
    libc::SYS_lgetxattr,
    libc::SYS_listxattr,
    libc::SYS_llistxattr,
];

/// Notified system calls that only older architectures have.
#[cfg(target_arch = "x86_64")]
const LEGACY: &[c_long] = &[libc::SYS_open, libc::SYS_creat, libc::SYS_readlink];
#[cfg(target_arch = "aarch64")]
const LEGACY: &[c_long] = &[];
#[cfg(target_arch = "x86_64")]
const LEGACY_LOOKS: &[c_long] = &[libc::SYS_stat, libc::SYS_lstat, libc::SYS_access];
#[cfg(target_arch = "aarch64")]
const LEGACY_LOOKS: &[c_long] = &[];

/// 32-bit architecture that the same kernel supports: its `AUDIT_ARCH_*` value, and its numbers of
/// open, openat, openat2 and ioctl.
pub(super) struct Narrow {
    pub(super) arch: u32,
    pub(super) opens: [u32; 3],
    pub(super) ioctl: u32,
}

#[cfg(target_arch = "x86_64")]
pub(super) const NARROW: Narrow = Narrow { arch: 0x4000_0003, opens: [5, 295, 437], ioctl: 54 };
#[cfg(target_arch = "aarch64")]
pub(super) const NARROW: Narrow = Narrow { arch: 0x4000_0028, opens: [5, 322, 437], ioctl: 54 };

#[cfg(target_arch = "x86_64")]
const ARCH: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCH: TargetArch = TargetArch::aarch64;

/// Offsets in `struct seccomp_data`.
const NR: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGS: u32 = 16;

/// Returns the filter of a loopback. `mounted` says that the tree is mounted at its paths.
pub(super) fn program(mounted: bool) -> Result<Vec<sock_filter>, Error> {
    let native = native(mounted).map_err(|error| {
        Error::new("compile the seccomp filter", "this is a defect")
            .because(io::Error::other(error))
    })?;
    let mut program = narrow();
    // x32 calls fail with `ENOSYS`, as on a kernel without x32.
    #[cfg(target_arch = "x86_64")]
    program.extend([
        load(NR),
        jump(libc::BPF_JGE, 0x4000_0000, 0, 1),
        answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
    ]);
    program.extend(native.into_iter().map(|instruction| {
        let k = match instruction.k {
            mark if mark == libc::SECCOMP_RET_TRACE | NOTIFY_MARK => libc::SECCOMP_RET_USER_NOTIF,
            // Calls of any other architecture stay with the kernel.
            libc::SECCOMP_RET_KILL_PROCESS => libc::SECCOMP_RET_ALLOW,
            other => other,
        };
        let k = if is_return(instruction.code) { k } else { instruction.k };
        sock_filter { code: instruction.code, jt: instruction.jt, jf: instruction.jf, k }
    }));
    Ok(program)
}

fn is_return(code: u16) -> bool {
    u32::from(code) == libc::BPF_RET | libc::BPF_K
}

fn native(mounted: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for &call in ALWAYS.iter().chain(LEGACY) {
        rules.insert(call, Vec::new());
    }
    if mounted {
        // Only calls on a descriptor, or relative to a directory, which can be one of `/proc`.
        rules.insert(libc::SYS_newfstatat, not_of_a_path(3)?);
        rules.insert(libc::SYS_statx, not_of_a_path(2)?);
    } else {
        rules.extend(LOOKS.iter().chain(LEGACY_LOOKS).map(|&call| (call, Vec::new())));
    }
    let types = IOCTL_TYPES.iter().map(|&kind| {
        SeccompRule::new(vec![SeccompCondition::new(
            1,
            Dword,
            MaskedEq(0xff00),
            u64::from(kind) << 8,
        )?])
    });
    rules.insert(libc::SYS_ioctl, types.collect::<Result<_, _>>()?);
    // Shared mappings of files, and all mappings at an offset that only a device has.
    let shared = MaskedEq((libc::MAP_SHARED | libc::MAP_ANONYMOUS) as u64);
    let shared = SeccompCondition::new(3, Dword, shared, libc::MAP_SHARED as u64)?;
    let far = SeccompCondition::new(5, Qword, Ge, FIRST_OFFSET)?;
    let mmap = vec![SeccompRule::new(vec![shared])?, SeccompRule::new(vec![far])?];
    rules.insert(libc::SYS_mmap, mmap);
    let notify = SeccompAction::Trace(NOTIFY_MARK);
    SeccompFilter::new(rules, SeccompAction::Allow, notify, ARCH)?.try_into()
}

/// Returns rules for calls on a descriptor, and for paths relative to a directory other than the
/// current one.
///
/// `flags` is the index of the argument with the `AT_*` flags.
fn not_of_a_path(flags: u8) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let empty = libc::AT_EMPTY_PATH as u64;
    let here = u64::from(libc::AT_FDCWD as u32);
    Ok(vec![
        SeccompRule::new(vec![SeccompCondition::new(flags, Dword, MaskedEq(empty), empty)?])?,
        SeccompRule::new(vec![SeccompCondition::new(0, Dword, Ne, here)?])?,
    ])
}

/// Returns the rules for 32-bit programs: calls that can reach a device are notified, to be
/// refused.
fn narrow() -> Vec<sock_filter> {
    let Narrow { arch, opens, ioctl } = NARROW;
    let drm = u32::from(IOCTL_TYPES[0]) << 8;
    let body = [
        load(NR),
        jump(libc::BPF_JEQ, opens[0], 7, 0),
        jump(libc::BPF_JEQ, opens[1], 6, 0),
        jump(libc::BPF_JEQ, opens[2], 5, 0),
        jump(libc::BPF_JEQ, ioctl, 0, 3),
        load(ARGS + 8),
        statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0xff00),
        jump(libc::BPF_JEQ, drm, 1, 0),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(libc::SECCOMP_RET_USER_NOTIF),
    ];
    let mut program = vec![load(ARCHITECTURE), jump(libc::BPF_JEQ, arch, 0, body.len() as u8)];
    program.extend(body);
    program
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

fn jump(condition: u32, k: u32, if_true: u8, if_false: u8) -> sock_filter {
    let code = (libc::BPF_JMP | condition | libc::BPF_K) as u16;
    sock_filter { code, jt: if_true, jf: if_false, k }
}

fn answer(action: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, action)
}

/// Puts the calling thread and its future descendants under the filter; returns the listener.
pub(super) fn install(program: &mut [sock_filter]) -> Result<OwnedFd, Error> {
    set_no_new_privs().map_err(|errno| {
        Error::new("give up new privileges", "Linux 3.5 or newer is needed").because(errno.into())
    })?;
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let flags =
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: `filter` holds a valid pointer to the program and its length.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            std::ptr::from_ref(&filter),
        )
    };
    if fd < 0 {
        return Err(Error::of_install(io::Error::last_os_error()));
    }
    // SAFETY: the kernel just created the descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interprets the filter; returns its action.
    fn run(program: &[sock_filter], arch: u32, nr: u32, args: [u64; 6]) -> u32 {
        let word = |offset: u32| match offset {
            NR => nr,
            ARCHITECTURE => arch,
            _ => {
                let at = (offset - ARGS) as usize;
                (args[at / 8] >> (at % 8 * 8)) as u32
            }
        };
        let (mut at, mut accumulator) = (0, 0_u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            let code = u32::from(code);
            at += 1;
            let take = |condition: bool| usize::from(if condition { jt } else { jf });
            match code & 7 {
                libc::BPF_LD => accumulator = word(k),
                libc::BPF_ALU => accumulator &= k,
                libc::BPF_RET => return k,
                libc::BPF_JMP => {
                    at += match code & 0xf0 {
                        libc::BPF_JA => k as usize,
                        libc::BPF_JEQ => take(accumulator == k),
                        libc::BPF_JGT => take(accumulator > k),
                        libc::BPF_JGE => take(accumulator >= k),
                        _ => panic!("a jump of another kind: {code:#x}"),
                    }
                }
                _ => panic!("an instruction of another kind: {code:#x}"),
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    const NATIVE: u32 = 0xc000_003e;
    #[cfg(target_arch = "aarch64")]
    const NATIVE: u32 = 0xc000_00b7;

    const NOTIFY: u32 = libc::SECCOMP_RET_USER_NOTIF;
    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

    #[test]
    fn paths_are_notified_and_other_calls_are_not() {
        let program = program(false).unwrap();
        for &call in ALWAYS.iter().chain(LEGACY).chain(LOOKS).chain(LEGACY_LOOKS) {
            assert_eq!(run(&program, NATIVE, call as u32, [0; 6]), NOTIFY, "call {call}");
        }
        for call in [libc::SYS_read, libc::SYS_close, libc::SYS_dup3, libc::SYS_futex] {
            assert_eq!(run(&program, NATIVE, call as u32, [0; 6]), ALLOW, "call {call}");
        }
    }

    #[test]
    fn looks_at_mounted_paths_are_not_notified() {
        let program = program(true).unwrap();
        for &call in ALWAYS.iter().chain(LEGACY) {
            assert_eq!(run(&program, NATIVE, call as u32, [0; 6]), NOTIFY, "call {call}");
        }
        for &call in LOOKS.iter().chain(LEGACY_LOOKS) {
            let here = [libc::AT_FDCWD as u64, 0, 0, 0, 0, 0];
            assert_eq!(run(&program, NATIVE, call as u32, here), ALLOW, "call {call}");
        }
        for (call, flags) in [(libc::SYS_newfstatat, 3), (libc::SYS_statx, 2)] {
            let mut args = [7, 0, 0, 0, 0, 0];
            assert_eq!(run(&program, NATIVE, call as u32, args), NOTIFY, "from a directory on");
            args[0] = libc::AT_FDCWD as u64;
            args[flags] = libc::AT_SYMLINK_NOFOLLOW as u64;
            assert_eq!(run(&program, NATIVE, call as u32, args), ALLOW);
            args[flags] |= libc::AT_EMPTY_PATH as u64;
            assert_eq!(run(&program, NATIVE, call as u32, args), NOTIFY, "of what is open");
        }
    }

    #[test]
    fn ioctls_are_notified_by_type() {
        let program = program(false).unwrap();
        let ioctl =
            |request| run(&program, NATIVE, libc::SYS_ioctl as u32, [3, request, 0, 0, 0, 0]);
        for request in [0xc010_6440, 0x4008_6200, 0xc030_3e03, 0xffff_ffff_c010_6440] {
            assert_eq!(ioctl(request), NOTIFY, "{request:#x}");
        }
        for request in [0x5401, 0x8004_5430, 0x541b, 0xc010_0064] {
            assert_eq!(ioctl(request), ALLOW, "{request:#x}");
        }
    }

    #[test]
    fn mmaps_are_notified_if_they_can_be_of_a_device() {
        let program = program(false).unwrap();
        let mmap = |flags: i32, offset| {
            let args = [0, 4096, 3, flags as u64, 3, offset];
            run(&program, NATIVE, libc::SYS_mmap as u32, args)
        };
        assert_eq!(mmap(libc::MAP_SHARED, 0), NOTIFY);
        assert_eq!(mmap(libc::MAP_PRIVATE, 1 << 40), NOTIFY);
        assert_eq!(mmap(libc::MAP_PRIVATE, 1 << 56), NOTIFY);
        assert_eq!(mmap(libc::MAP_PRIVATE, (1 << 40) - 4096), ALLOW);
        assert_eq!(mmap(libc::MAP_SHARED | libc::MAP_ANONYMOUS, 0), ALLOW);
        assert_eq!(mmap(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, 0), ALLOW);
    }

    #[test]
    fn narrow_programs_are_heard_where_they_would_reach_a_device() {
        let program = program(false).unwrap();
        let Narrow { arch, opens, ioctl } = NARROW;
        for nr in opens {
            assert_eq!(run(&program, arch, nr, [0; 6]), NOTIFY);
        }
        assert_eq!(run(&program, arch, ioctl, [3, 0xc010_6440, 0, 0, 0, 0]), NOTIFY);
        assert_eq!(run(&program, arch, ioctl, [3, 0x5401, 0, 0, 0, 0]), ALLOW);
        assert_eq!(run(&program, arch, 3, [0; 6]), ALLOW);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn x32_is_not_there() {
        let program = program(false).unwrap();
        let nosys = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
        assert_eq!(run(&program, NATIVE, 0x4000_0002, [0; 6]), nosys);
    }
}
