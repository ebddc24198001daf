//! `openat2(2)`, with its restrictions on path resolution.

use nix::errno::Errno as OsError;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;
use nix::sys::stat::Mode;

use super::listener::{Answer, Notification};
use super::open::{open, open_found};
use super::paths::{Place, is_elsewhere};
use super::tree::Found;
use super::world::World;
use crate::call::errno::{Errno, Result};
use crate::call::uaccess::{Foreign, UserMemory};

/// Restriction to cached path components. `EAGAIN`, which makes the caller retry without it, is
/// always a valid answer.
const CACHED: ResolveFlag = ResolveFlag::from_bits_retain(libc::RESOLVE_CACHED);

/// Answers `openat2(2)`.
pub(super) fn openat2_call(
    world: &World,
    call: &Notification<'_>,
    directory: i32,
    address: u64,
    how: u64,
    size: u64,
) -> Answer {
    restricted(world, call, (directory, address), (how, size)).unwrap_or_else(Answer::Error)
}

fn restricted(
    world: &World,
    call: &Notification<'_>,
    (directory, address): (i32, u64),
    (how, size): (u64, u64),
) -> Result<Answer> {
    let mut words = [0_u64; 3];
    if size < size_of_val(&words) as u64
        || !is_read(UserMemory::of(call).read(how, bytemuck::bytes_of_mut(&mut words)))?
    {
        return Ok(Answer::Continue);
    }
    let [flags, mode, resolve] = words;
    let resolve = ResolveFlag::from_bits_retain(resolve);
    let rest = size - size_of_val(&words) as u64;
    if is_refused(flags, mode, resolve)
        || !is_zero(call, how.wrapping_add(size_of_val(&words) as u64), rest)?
    {
        return Ok(Answer::Continue);
    }
    if resolve.is_empty() {
        return Ok(open(world, call, directory, address, flags as i32));
    }
    // With `RESOLVE_IN_ROOT` an absolute path starts at the directory.
    let in_root = resolve.contains(ResolveFlag::RESOLVE_IN_ROOT);
    let is_elsewhere = |path: &[u8]| !in_root && is_elsewhere(path);
    let Some(path) = world.path_unless(call, address, is_elsewhere)? else {
        return Ok(Answer::Continue);
    };
    let flags = OFlag::from_bits_retain(flags as i32);
    match find_restricted(world, call, (directory, &path), flags, resolve)? {
        Some(found) => open_found(world, call.thread(), &found, flags),
        None => Ok(Answer::Continue),
    }
}

/// Returns whether a copy of the arguments was made; `false` if the kernel will refuse them.
fn is_read(copied: Result<()>) -> Result<bool> {
    match copied {
        Ok(()) => Ok(true),
        // A process that cannot be read does not see the device.
        Err(Errno::FAULT | Errno::PERM | Errno::NOSYS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Returns whether the kernel refuses the arguments before it resolves the path, by a call with an
/// empty path.
fn is_refused(flags: u64, mode: u64, resolve: ResolveFlag) -> bool {
    let (Ok(flags), Ok(mode)) = (i32::try_from(flags), libc::mode_t::try_from(mode)) else {
        return true;
    };
    let (flags, mode) = (OFlag::from_bits_retain(flags), Mode::from_bits_retain(mode));
    let how = OpenHow::new().flags(flags).mode(mode).resolve(resolve);
    openat2(AT_FDCWD, "", how).is_err_and(|errno| errno == OsError::EINVAL)
}

/// Returns whether the unknown part of the structure is zero. The kernel refuses more than a page
/// of it.
fn is_zero(call: &Notification<'_>, at: u64, size: u64) -> Result<bool> {
    let mut rest = [0; 4096];
    let Some(rest) = usize::try_from(size).ok().and_then(|size| rest.get_mut(..size)) else {
        return Ok(false);
    };
    Ok(is_read(UserMemory::of(call).read(at, rest))? && rest.iter().all(|&byte| byte == 0))
}

/// Finds the file of the tree behind a path; `None` if the path leads elsewhere.
fn find_restricted(
    world: &World,
    call: &Notification<'_>,
    (directory, path): (i32, &[u8]),
    flags: OFlag,
    resolve: ResolveFlag,
) -> Result<Option<Found>> {
    let tree = &world.tree;
    let absolute = path.starts_with(b"/");
    let in_root = resolve.contains(ResolveFlag::RESOLVE_IN_ROOT);
    let beneath = resolve.contains(ResolveFlag::RESOLVE_BENEATH);
    if beneath && absolute {
        return Ok(None);
    }
    let base = if absolute && !in_root {
        Vec::new()
    } else {
        match tree.base(call.thread(), directory)? {
            Some(base) => base.strip_prefix(b"/").unwrap_or(&base).to_vec(),
            None => return Ok(None),
        }
    };
    // With `RESOLVE_IN_ROOT` no path leads above the directory.
    let inner = if in_root { below_root(path) } else { path.to_vec() };
    match tree.place(call.thread(), libc::AT_FDCWD, &[b"/", &base[..], b"/", &inner].concat()) {
        Place::Tree(_) | Place::Nowhere(_) => {}
        // A reopen by the kernel would not create a new open of the node.
        Place::Descriptor { .. } if resolve.contains(CACHED) => {
            return Err(Errno(libc::EAGAIN));
        }
        _ => return Ok(None),
    }
    if resolve.contains(CACHED) {
        return Err(Errno(libc::EAGAIN));
    }
    let top = |path: &[u8]| path.starts_with(b"dev") || path.starts_with(b"sys");
    if resolve.contains(ResolveFlag::RESOLVE_NO_XDEV) && (!top(&base) || (absolute && !in_root)) {
        // On a board `/dev` and `/sys` are separate file systems.
        return Err(Errno(libc::EXDEV));
    }
    let kept = flags & (OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY);
    let found = if beneath || in_root {
        tree.walk(tree.directory(&base)?, path, kept, resolve)?
    } else {
        let path = [&base[..], b"/", path].concat();
        let resolve = resolve | ResolveFlag::RESOLVE_IN_ROOT;
        tree.walk(tree.directory(b"")?, &path, kept, resolve)?
    };
    Ok(Some(found))
}

/// Removes detours from a path below a root; `..` at the root stays at the root.
fn below_root(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_above_a_root() {
        for path in ["/a/b", "../a//./b", "a/../../a/b", "/../../a/b/"] {
            assert_eq!(below_root(path.as_bytes()), b"a/b", "{path}");
        }
    }
}
