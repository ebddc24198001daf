//! The real driver as a target.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::libc;

use crate::program::{Mapped, Target};

pub(crate) struct Real(File);

impl Real {
    /// Opens the first render node.
    pub(crate) fn open() -> io::Result<Self> {
        let open = |path| File::options().read(true).write(true).open(path);
        let paths = (128..144).map(|minor| format!("/dev/dri/renderD{minor}"));
        paths.map(open).find(Result::is_ok).unwrap_or(Err(io::ErrorKind::NotFound.into())).map(Self)
    }

    pub(crate) fn finish(self) {
        drop(self.0);
    }
}

/// The listing of the mappings of all VMs.
fn listing() -> io::Result<String> {
    for entry in std::fs::read_dir("/sys/kernel/debug/dri")? {
        if let Ok(text) = std::fs::read_to_string(entry?.path().join("gpuvas")) {
            return Ok(text);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

impl Target for Real {
    unsafe fn ioctl(&mut self, request: u32, arg: *mut c_void) -> i32 {
        // SAFETY: the descriptor is open, and the caller answers for the argument.
        match unsafe { libc::ioctl(self.0.as_raw_fd(), request as _, arg) } {
            0 => 0,
            _ => -nix::errno::Errno::last_raw(),
        }
    }

    /// The programs have one VM at a time: the newest, which comes last.
    fn mappings(&mut self, _: u32) -> Vec<Mapped> {
        let text = listing().expect("debugfs with the mappings");
        let (_, newest) = text.rsplit_once("DRM GPU VA space").expect("a VM");
        let number = |field: &str| u64::from_str_radix(field.trim().strip_prefix("0x")?, 16).ok();
        let row = |line: &str| {
            let mut fields = line.split('|').skip(1).map(number);
            let (va, size) = (fields.next()??, fields.next()??);
            let (_end, object, offset) = (fields.next()??, fields.next()??, fields.next()??);
            Some((va, size, object, offset))
        };
        newest.lines().filter_map(row).collect()
    }
}
