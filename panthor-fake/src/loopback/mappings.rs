//! Which parts of the device's memory processes have mapped.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::ops::Range;

use nix::sys::stat::{major, minor};

/// What is mapped of a file.
#[derive(Debug)]
pub(super) struct Mappings {
    ranges: Vec<Range<u64>>,
    /// Whether a process that may have some could not be looked into.
    incomplete: bool,
}

impl Mappings {
    /// Looks into all processes that can have the file of that device and inode number mapped.
    pub(super) fn of(identity: (u64, u64)) -> Self {
        let mut found = Self { ranges: Vec::new(), incomplete: false };
        match fs::read_dir("/proc") {
            Ok(entries) => {
                let ids =
                    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
                for id in ids {
                    found.look_into(id, identity);
                }
            }
            Err(_) => found.incomplete = true,
        }
        found
    }

    fn look_into(&mut self, process: u32, (device, inode): (u64, u64)) {
        let maps = match fs::File::open(format!("/proc/{process}/maps")) {
            Ok(maps) => maps,
            Err(error) => {
                // That of another user cannot have it, unless it comes from here.
                self.incomplete |=
                    error.kind() == ErrorKind::PermissionDenied && is_descendant(process);
                return;
            }
        };
        let device = format!("{:02x}:{:02x}", major(device), minor(device));
        let inode = inode.to_string();
        let mut lines = BufReader::new(maps);
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => {}
                // What ends meanwhile has nothing mapped.
                Err(_) => return,
            }
            self.ranges.extend(parse(&line, &device, &inode));
        }
    }

    /// Whether nobody has any of it mapped.
    pub(super) fn is_unmapped(&self, range: &Range<u64>) -> bool {
        let overlaps = |mapped: &Range<u64>| mapped.start < range.end && range.start < mapped.end;
        !self.incomplete && !self.ranges.iter().any(overlaps)
    }
}

/// The part of the file that a line of `/proc/PID/maps` maps.
fn parse(line: &[u8], device: &str, inode: &str) -> Option<Range<u64>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let offset = words.nth(1)?;
    if words.next()? != device || words.next()? != inode {
        return None;
    }
    let number = |text| u64::from_str_radix(text, 16).ok();
    let offset = number(offset)?;
    Some(offset..offset + (number(to)? - number(from)?))
}

/// Whether this process started another, itself or by others.
fn is_descendant(process: u32) -> bool {
    let own = std::process::id();
    let mut at = process;
    // The tree may change underneath.
    for _ in 0..256 {
        let Ok(stat) = fs::read(format!("/proc/{at}/stat")) else {
            return false;
        };
        // The name, in parentheses, may be anything.
        let after = stat.iter().rposition(|&byte| byte == b')').map(|at| &stat[at + 1..]);
        let parent = after
            .and_then(|rest| std::str::from_utf8(rest).ok())
            .and_then(|rest| rest.split_ascii_whitespace().nth(1)?.parse().ok());
        match parent {
            Some(parent) if parent == own => return true,
            Some(0) | None => return false,
            Some(parent) => at = parent,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps() {
        let line = b"7f00-9f00 rw-s 10000200000 00:01 1027    /memfd:panthor-fake (deleted)\n";
        assert_eq!(parse(line, "00:01", "1027"), Some(0x100_0020_0000..0x100_0020_2000));
        assert_eq!(parse(line, "00:01", "1028"), None);
        assert_eq!(parse(b"7f00-8f00 rw-p 00000000 00:00 0\n", "00:01", "1027"), None);
    }

    #[test]
    fn own_mappings_are_found() {
        use std::num::NonZeroUsize;

        use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

        let memory = crate::bo::memory::Memory::new().unwrap();
        let stat = nix::sys::stat::fstat(&memory).unwrap();
        let at = memory.allocate(8192).unwrap();
        let length = NonZeroUsize::new(4096).unwrap();
        let flags = MapFlags::MAP_SHARED;
        // SAFETY: it replaces nothing.
        let map = unsafe { mmap(None, length, ProtFlags::PROT_READ, flags, &memory, at as i64) };
        let map = map.unwrap();
        let identity = (stat.st_dev, stat.st_ino);
        let mappings = Mappings::of(identity);
        assert!(!mappings.is_unmapped(&(at..at + 8192)));
        assert!(mappings.is_unmapped(&(at + 4096..at + 8192)));
        // SAFETY: it is the mapping from above, which nothing looks at.
        unsafe { munmap(map, 4096) }.unwrap();
        assert!(Mappings::of(identity).is_unmapped(&(at..at + 8192)));
    }

    #[test]
    fn children_are_descendants() {
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        assert!(is_descendant(child.id()));
        assert!(!is_descendant(1));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
