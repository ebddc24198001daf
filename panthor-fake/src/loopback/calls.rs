//! Dispatch of notified system calls.

use nix::libc::{self, c_long};

use super::filter::NARROW;
use super::listener::{Answer, Notification};
use super::paths::Place;
use super::supervisor::HandOver;
use super::world::World;
use super::{attributes, ioctls, links, mmap, open, restricted, stat};
use crate::call::uaccess::Foreign;

/// Converts an argument to a descriptor or a set of flags.
fn int(argument: u64) -> i32 {
    argument as i32
}

/// Returns the answer to a system call.
pub(super) fn answer(world: &World, call: &Notification<'_>, hand_over: &HandOver<'_>) -> Answer {
    if call.thread().as_raw() == 0 {
        // The thread is in a PID namespace that this process cannot see.
        return Answer::Continue;
    }
    // The mapping of a permitted `mmap` exists by now.
    world.nodes.memory().permits.end(call.thread());
    if call.arch == NARROW.arch {
        return narrow(world, call);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(answer) = legacy(world, call) {
        return answer;
    }
    let [a, b, c, d, e, _] = call.args;
    let follow = |flags: u64| int(flags) & libc::AT_SYMLINK_NOFOLLOW == 0;
    match call.nr as c_long {
        libc::SYS_ioctl => ioctls::ioctl(world, call, hand_over),
        libc::SYS_mmap => mmap::mmap(world, call, hand_over),
        libc::SYS_openat => open::open(world, call, int(a), b, int(c)),
        libc::SYS_openat2 => restricted::openat2_call(world, call, int(a), b, c, d),
        libc::SYS_fstat => stat::of_descriptor(world, call, int(a), stat::Form::Stat(b)),
        libc::SYS_newfstatat => stat::stat(world, call, int(a), b, int(d), stat::Form::Stat(c)),
        libc::SYS_statx => {
            stat::stat(world, call, int(a), b, int(c), stat::Form::Statx { mask: d as u32, at: e })
        }
        libc::SYS_faccessat => attributes::access(world, call, int(a), b, int(c), true),
        libc::SYS_faccessat2 => attributes::access(world, call, int(a), b, int(c), follow(d)),
        libc::SYS_readlinkat => links::readlink(world, call, int(a), b, c, d),
        libc::SYS_statfs => attributes::statfs(world, call, a, b),
        libc::SYS_getxattr => attributes::getxattr(world, call, a, true),
        libc::SYS_lgetxattr => attributes::getxattr(world, call, a, false),
        libc::SYS_listxattr => attributes::listxattr(world, call, a, true),
        libc::SYS_llistxattr => attributes::listxattr(world, call, a, false),
        _ => Answer::Continue,
    }
}

/// Answers the calls that newer architectures lack.
#[cfg(target_arch = "x86_64")]
fn legacy(world: &World, call: &Notification<'_>) -> Option<Answer> {
    let [a, b, c, ..] = call.args;
    let here = libc::AT_FDCWD;
    Some(match call.nr as c_long {
        libc::SYS_open => open::open(world, call, here, a, int(b)),
        libc::SYS_creat => {
            open::open(world, call, here, a, libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC)
        }
        libc::SYS_stat => stat::stat(world, call, here, a, 0, stat::Form::Stat(b)),
        libc::SYS_lstat => {
            stat::stat(world, call, here, a, libc::AT_SYMLINK_NOFOLLOW, stat::Form::Stat(b))
        }
        libc::SYS_access => attributes::access(world, call, here, a, int(b), true),
        libc::SYS_readlink => links::readlink(world, call, here, a, b, c),
        _ => return None,
    })
}

/// Refuses the device to 32-bit programs, because their structures have another layout.
fn narrow(world: &World, call: &Notification<'_>) -> Answer {
    const WHY: &str =
        "is a 32-bit program, which the loopback does not serve: it will not see the device";

    let [a, b, ..] = call.args;
    let refused = if call.nr as u32 == NARROW.ioctl {
        matches!(world.node(call.thread(), int(a)), Ok(Some(_)) | Err(_))
    } else {
        let (directory, path) =
            if call.nr as u32 == NARROW.opens[0] { (libc::AT_FDCWD, a) } else { (int(a), b) };
        let path = match world.path(call, path) {
            Ok(path) => path,
            Err(errno) => return Answer::Error(errno),
        };
        let place = path.map(|path| world.tree.place(call.thread(), directory, &path));
        matches!(place, Some(Place::Tree(_) | Place::Nowhere(_)))
    };
    if refused {
        world.complain(call.thread(), WHY);
        return Answer::Error(crate::call::errno::Errno::NODEV);
    }
    Answer::Continue
}
