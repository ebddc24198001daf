//! Failures of system calls, by a seccomp filter.

use std::collections::BTreeMap;

use nix::libc;
use panthor::sys;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// System calls that fail.
pub struct Failure {
    pub name: &'static str,
    numbers: &'static [libc::c_long],
    /// An argument of the calls that fail: its index, bits of it, and their values.
    only: Option<(u8, u64, u64)>,
    pub errnos: &'static [i32],
}

const MEMORY: &[i32] = &[libc::ENOMEM, libc::EIO];
const OPEN: &[i32] = &[libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO, libc::EACCES];
const DESCRIPTORS: &[i32] = &[libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO];
const ALL_BITS: u64 = u32::MAX as u64;

/// Failures of whole system calls.
const fn all_of(
    name: &'static str,
    numbers: &'static [libc::c_long],
    errnos: &'static [i32],
) -> Failure {
    Failure { name, numbers, only: None, errnos }
}

/// Failures of one request.
const fn ioctl(name: &'static str, request: u32) -> Failure {
    let only = Some((1, ALL_BITS, request as u64));
    Failure { name, numbers: &[libc::SYS_ioctl], only, errnos: &[libc::ENOMEM] }
}

/// Call by which a new fake reads the memory of its process. The fake tries the call once to learn
/// whether it is permitted.
pub const OF_NEW_FAKES: Failure =
    all_of("process_vm_readv", &[libc::SYS_process_vm_readv], &[libc::EACCES, libc::EPERM]);

pub const ALL: &[Failure] = &[
    all_of("openat", &[libc::SYS_openat], OPEN),
    all_of("getdents64", &[libc::SYS_getdents64], MEMORY),
    all_of("read", &[libc::SYS_read], MEMORY),
    all_of("write", &[libc::SYS_write], MEMORY),
    all_of("fstat", &[libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx], MEMORY),
    all_of("lseek", &[libc::SYS_lseek], MEMORY),
    all_of("memfd_create", &[libc::SYS_memfd_create], DESCRIPTORS),
    all_of("ftruncate", &[libc::SYS_ftruncate], MEMORY),
    all_of("pwrite64", &[libc::SYS_pwrite64], MEMORY),
    all_of("pipe2", &[libc::SYS_pipe2], DESCRIPTORS),
    Failure {
        name: "fcntl(F_DUPFD_CLOEXEC)",
        numbers: &[libc::SYS_fcntl],
        only: Some((1, ALL_BITS, libc::F_DUPFD_CLOEXEC as u64)),
        errnos: &[libc::EMFILE],
    },
    // Memory of the process itself is private.
    Failure {
        name: "mmap(MAP_SHARED)",
        numbers: &[libc::SYS_mmap],
        only: Some((3, libc::MAP_SHARED as u64, libc::MAP_SHARED as u64)),
        errnos: &[libc::ENOMEM],
    },
    ioctl("VERSION", sys::DRM_IOCTL_VERSION),
    ioctl("DEV_QUERY", sys::DRM_IOCTL_PANTHOR_DEV_QUERY),
    ioctl("BO_MMAP_OFFSET", sys::DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET),
    ioctl("PRIME_HANDLE_TO_FD", sys::DRM_IOCTL_PRIME_HANDLE_TO_FD),
    ioctl("PRIME_FD_TO_HANDLE", sys::DRM_IOCTL_PRIME_FD_TO_HANDLE),
    ioctl("SYNCOBJ_HANDLE_TO_FD", sys::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD),
    ioctl("SYNCOBJ_FD_TO_HANDLE", sys::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE),
];

impl Failure {
    /// Makes the calls of this thread fail from now on.
    pub fn install(&self, errno: i32) {
        let rules = |&(index, mask, value): &(u8, u64, u64)| {
            let operator = SeccompCmpOp::MaskedEq(mask);
            let is = SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value);
            SeccompRule::new(vec![is.expect("a condition")]).expect("a rule")
        };
        // Without a rule, all calls of that number.
        let rules: Vec<_> = self.only.iter().map(rules).collect();
        let calls: BTreeMap<_, _> =
            self.numbers.iter().map(|&number| (i64::from(number as i32), rules.clone())).collect();
        let refuse = SeccompAction::Errno(errno.unsigned_abs());
        let arch = std::env::consts::ARCH.try_into().expect("an architecture");
        let filter = SeccompFilter::new(calls, SeccompAction::Allow, refuse, arch);
        let program: BpfProgram = filter.expect("a filter").try_into().expect("a program");
        seccompiler::apply_filter(&program).expect("a kernel with seccomp");
    }
}
