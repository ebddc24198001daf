//! Read-only files with a fixed text.

use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};

use crate::sharing::descriptors::path;

/// Creates a sealed memfd with this text; returns a read-only descriptor.
pub(super) fn text_file(name: &CStr, text: &str) -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = std::fs::File::from(memfd_create(name, flags)?);
    file.write_all(text.as_bytes())?;
    // The mode of sysfs files: readable by all users, and not executable.
    fchmod(&file, Mode::from_bits_truncate(0o644))?;
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    Ok(open(path(file.as_raw_fd()).as_str(), flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_file_cannot_be_written() {
        let fd = text_file(c"text", "a line\n").unwrap();
        let path = path(fd.as_raw_fd());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a line\n");
        assert!(std::fs::write(&path, "another\n").is_err());
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        assert!((&file).write_all(b"x").is_err() && file.set_len(0).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a line\n");
    }
}
