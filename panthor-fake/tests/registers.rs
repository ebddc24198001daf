//! The page with the latest flush ID, and what an unplug does to mappings of the page.

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use common::*;
use nix::libc::{ENODEV, SIGBUS};
use panthor_fake::{Device, File, Mapping, Prot};
use panthor_sys::DRM_PANTHOR_USER_FLUSH_ID_MMIO_OFFSET;

fn map(file: &File) -> std::io::Result<Mapping> {
    file.mmap(PAGE as usize, Prot::READ, DRM_PANTHOR_USER_FLUSH_ID_MMIO_OFFSET)
}

fn load(page: &Mapping) -> u32 {
    // SAFETY: the page is mapped for reading. A load after an unplug ends the process, as
    // the test expects of its child.
    unsafe { page.as_ptr().cast::<u32>().read_volatile() }
}

/// Runs a test of this program again in a process that ends by SIGBUS.
fn dies_by_sigbus(test: &str, run: impl FnOnce()) {
    if std::env::var_os("REGISTERS_CHILD").is_some() {
        // AddressSanitizer handles the signal, and exits.
        // SAFETY: the default action is no handler.
        unsafe { nix::libc::signal(SIGBUS, nix::libc::SIG_DFL) };
        run();
        return;
    }
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program);
    let output = child.args([test, "--exact"]).env("REGISTERS_CHILD", "1").output().unwrap();
    assert_eq!(output.status.signal(), Some(SIGBUS), "{output:?}");
}

#[test]
fn load_of_a_register_after_unplug_raises_sigbus() {
    dies_by_sigbus("load_of_a_register_after_unplug_raises_sigbus", || {
        let device = device();
        let page = map(&device.open()).unwrap();
        assert_eq!(load(&page), 1);
        device.unplug();
        load(&page);
    });
}

#[test]
fn mappings_of_registers_end_after_unplug() {
    let (device, other): (Device, Device) = (device(), device());
    let file = device.open();
    let (dropped, first, second) = (map(&file).unwrap(), map(&file).unwrap(), map(&file).unwrap());
    let address = dropped.as_ptr();
    drop(dropped);
    let of_other = map(&other.open()).unwrap();
    device.unplug();
    assert_eq!(map(&file).unwrap_err().raw_os_error(), Some(ENODEV));
    // The page of another device stays, and may be where a dropped mapping was.
    assert_eq!(load(&of_other), 1, "{address:p}");
    let reserved = first.as_ptr();
    first.reserve().map_err(|(_, error)| error).unwrap();
    // SAFETY: the addresses were reserved for this test, and no code uses them.
    unsafe {
        nix::sys::mman::munmap(std::ptr::NonNull::new(reserved.cast()).unwrap(), PAGE as usize)
    }
    .unwrap();
    drop((second, file));
    device.assert_released();
}
