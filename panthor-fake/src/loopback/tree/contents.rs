//! Contents of the tree: the files around the nodes.

use std::ffi::CString;

use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmod, fchmodat, mkdirat, mknodat};
use nix::unistd::{symlinkat, write};
use std::os::fd::AsFd;

use crate::loopback::node::{Kind, MAJOR};

/// Name of the GPU on the platform bus, that of the RK3588.
const GPU: &str = "fb000000.gpu";

const UEVENT: &str = "DRIVER=panthor\nOF_NAME=gpu\nOF_FULLNAME=/gpu@fb000000\n\
    OF_COMPATIBLE_0=rockchip,rk3588-mali\nOF_COMPATIBLE_1=arm,mali-valhall-csf\nOF_COMPATIBLE_N=2\n\
    MODALIAS=of:NgpuT(null)Crockchip,rk3588-maliCarm,mali-valhall-csf\n";

/// File of the tree.
#[derive(Clone, Debug)]
pub(in crate::loopback) struct Item {
    /// Path from the root of the tree, without a leading slash.
    pub(in crate::loopback) path: CString,
    pub(in crate::loopback) what: What,
}

/// Type and content of a file.
#[derive(Clone, Debug)]
pub(in crate::loopback) enum What {
    Directory,
    Text(String),
    Link(CString),
    /// Placeholder with an inode number for a node.
    Node(Kind),
}

/// Returns all files of the tree. Each directory precedes its entries.
pub(in crate::loopback) fn items() -> Vec<Item> {
    let mut items = Vec::new();
    let mut add = |path: &str, what| items.push(Item { path: c_string(path), what });
    let device = format!("sys/devices/platform/{GPU}");
    for directory in [
        "dev",
        "dev/dri",
        "dev/dri/by-path",
        "sys",
        "sys/class",
        "sys/class/drm",
        "sys/dev",
        "sys/dev/char",
        "sys/bus",
        "sys/bus/platform",
        "sys/bus/platform/devices",
        "sys/bus/platform/drivers",
        "sys/bus/platform/drivers/panthor",
        "sys/devices",
        "sys/devices/platform",
        &device,
        &format!("{device}/drm"),
    ] {
        add(directory, What::Directory);
    }
    let link = |target: &str| What::Link(c_string(target));
    let modalias = &UEVENT[UEVENT.find("of:").unwrap_or(0)..];
    add(&format!("{device}/uevent"), What::Text(UEVENT.into()));
    add(&format!("{device}/modalias"), What::Text(modalias.into()));
    add(&format!("{device}/profiling"), What::Text("0\n".into()));
    add("sys/class/drm/version", What::Text("drm 1.1.0 20060810\n".into()));
    add(&format!("{device}/subsystem"), link("../../../bus/platform"));
    add(&format!("{device}/driver"), link("../../../bus/platform/drivers/panthor"));
    let back = format!("../../../../devices/platform/{GPU}");
    add(&format!("sys/bus/platform/drivers/panthor/{GPU}"), link(&back));
    add(&format!("sys/bus/platform/devices/{GPU}"), link(&back[3..]));
    for kind in Kind::ALL {
        let (name, minor) = (kind.name(), kind.minor());
        let below = format!("{device}/drm/{name}");
        let uevent =
            format!("MAJOR={MAJOR}\nMINOR={minor}\nDEVNAME=dri/{name}\nDEVTYPE=drm_minor\n");
        add(&below, What::Directory);
        add(&format!("{below}/dev"), What::Text(format!("{MAJOR}:{minor}\n")));
        add(&format!("{below}/uevent"), What::Text(uevent));
        add(&format!("{below}/device"), link(&format!("../../../{GPU}")));
        add(&format!("{below}/subsystem"), link("../../../../../class/drm"));
        let target = format!("../../devices/platform/{GPU}/drm/{name}");
        add(&format!("sys/class/drm/{name}"), link(&target));
        add(&format!("sys/dev/char/{MAJOR}:{minor}"), link(&target));
        let role = match kind {
            Kind::Primary => "card",
            Kind::Render => "render",
        };
        add(&format!("dev/dri/by-path/platform-{GPU}-{role}"), link(&format!("../{name}")));
        add(&format!("dev/dri/{name}"), What::Node(kind));
    }
    items
}

fn c_string(text: &str) -> CString {
    // No path of the tree contains a NUL.
    CString::new(text).unwrap_or_default()
}

/// Creates the files in an empty directory, with modes that do not depend on the umask.
///
/// The function neither allocates memory nor takes locks, so that it may run in a child between
/// `fork` and `exec`.
///
/// # Errors
/// Returns the error of the failed system call. Files that exist by then stay.
pub(in crate::loopback) fn fill(root: impl AsFd, items: &[Item]) -> nix::Result<()> {
    let root = root.as_fd();
    let create = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    for Item { path, what } in items {
        let path = path.as_c_str();
        match what {
            What::Directory => {
                mkdirat(root, path, Mode::empty())?;
                let mode = Mode::from_bits_truncate(0o755);
                fchmodat(root, path, mode, FchmodatFlags::FollowSymlink)?;
            }
            What::Text(text) => {
                let file = openat(root, path, create, Mode::empty())?;
                fchmod(&file, Mode::from_bits_truncate(0o644))?;
                if write(&file, text.as_bytes())? != text.len() {
                    return Err(nix::Error::ENOSPC);
                }
            }
            What::Link(target) => symlinkat(target.as_c_str(), root, path)?,
            What::Node(_) => {
                // A whiteout (device number 0) appears as a character device in listings, and needs
                // no privilege. If the file system refuses it, a regular file replaces it.
                let whiteout = mknodat(root, path, SFlag::S_IFCHR, Mode::empty(), 0 as libc::dev_t);
                if whiteout.is_err() {
                    openat(root, path, create, Mode::empty())?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_before_their_entries() {
        let items = items();
        let mut seen = vec![""];
        for item in &items {
            let path = item.path.to_str().unwrap();
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            assert!(seen.contains(&parent), "{path}");
            if matches!(item.what, What::Directory) {
                seen.push(path);
            }
        }
    }
}
