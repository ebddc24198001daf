//! Mappings of the device's memory by processes.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::ops::Range;
use std::path::Path;

use nix::libc;
use nix::sys::stat::{major, minor};

/// Mapped ranges of a file.
#[derive(Debug)]
pub(super) struct Mappings {
    ranges: Vec<Range<u64>>,
    /// Set if the mappings of some process are unknown.
    incomplete: bool,
}

impl Mappings {
    /// Reads the mappings of all processes; `identity` is the device and inode number of the file.
    pub(super) fn of(identity: (u64, u64)) -> Self {
        Self::in_proc(Path::new("/proc"), identity)
    }

    fn in_proc(proc: &Path, (device, inode): (u64, u64)) -> Self {
        let device = format!("{:02x}:{:02x}", major(device), minor(device));
        let file = (&*device, &*inode.to_string());
        let mut found = Self { ranges: Vec::new(), incomplete: false };
        let looked = numbers_in(proc, |process| {
            if let Err(error) = found.look_into(proc, process, file) {
                // A process of another user can have no mapping, unless it is a descendant of this
                // process.
                found.incomplete |=
                    error.kind() != ErrorKind::PermissionDenied || is_descendant(proc, process);
            }
            Ok(())
        });
        found.incomplete |= looked.is_err();
        found
    }

    /// Adds the mappings of a process.
    fn look_into(&mut self, proc: &Path, process: u32, file: (&str, &str)) -> io::Result<()> {
        let at = proc.join(process.to_string());
        if self.read(&at.join("maps"), file)? {
            return Ok(());
        }
        // The maps of an exited first thread are empty, although other threads may still run.
        let mut any = false;
        let looked = numbers_in(&at.join("task"), |thread| {
            if thread != process && !any {
                any = self.read(&at.join(format!("task/{thread}/maps")), file)?;
            }
            Ok(())
        });
        present(looked).map(drop)
    }

    /// Adds the mappings of the file that `maps` lists; returns whether `maps` lists any mapping.
    fn read(&mut self, maps: &Path, (device, inode): (&str, &str)) -> io::Result<bool> {
        let Some(maps) = present(fs::File::open(maps))? else {
            return Ok(false);
        };
        let mut lines = BufReader::new(maps);
        let mut line = Vec::new();
        let mut any = false;
        // A process that ends meanwhile has no mapping.
        while present(lines.read_until(b'\n', &mut line))?.is_some_and(|length| length != 0) {
            any = true;
            self.ranges.extend(parse(&line, device, inode));
            line.clear();
        }
        Ok(any)
    }

    /// Returns whether no process maps any part of the range; `false` if mappings are unknown.
    pub(super) fn is_unmapped(&self, range: &Range<u64>) -> bool {
        let overlaps = |mapped: &Range<u64>| mapped.start < range.end && range.start < mapped.end;
        !self.incomplete && !self.ranges.iter().any(overlaps)
    }
}

/// Calls `visit` for all entries of a directory that are numbers.
fn numbers_in(at: &Path, mut visit: impl FnMut(u32) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(at)? {
        if let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            visit(number)?;
        }
    }
    Ok(())
}

/// Converts the error of a process that has ended to `None`.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the range of the file that a line of `/proc/PID/maps` maps.
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

/// Returns whether a process may descend from this one.
fn is_descendant(proc: &Path, process: u32) -> bool {
    let own = std::process::id();
    let mut at = process;
    // The bound keeps the walk finite while the process tree changes.
    for _ in 0..256 {
        let stat = match present(fs::read(proc.join(format!("{at}/stat")))) {
            Ok(Some(stat)) => stat,
            // A process that has ended maps nothing. If its parent has ended, it has a new parent
            // by now.
            Ok(None) => return at != process,
            Err(_) => return true,
        };
        // The name in parentheses can contain any byte.
        let after = stat.iter().rposition(|&byte| byte == b')').map(|at| &stat[at + 1..]);
        let parent = after
            .and_then(|rest| std::str::from_utf8(rest).ok())
            .and_then(|rest| rest.split_ascii_whitespace().nth(1)?.parse().ok());
        match parent {
            Some(0) => return false,
            Some(parent) if parent != own => at = parent,
            _ => return true,
        }
    }
    true
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
        // SAFETY: the kernel chooses the address, so that no other mapping is replaced.
        let map = unsafe { mmap(None, length, ProtFlags::PROT_READ, flags, &memory, at as i64) };
        let map = map.unwrap();
        let identity = (stat.st_dev, stat.st_ino);
        let mappings = Mappings::of(identity);
        assert!(!mappings.is_unmapped(&(at..at + 8192)));
        assert!(mappings.is_unmapped(&(at + 4096..at + 8192)));
        // SAFETY: the range is the mapping from above, and no reference into it exists.
        unsafe { munmap(map, 4096) }.unwrap();
        assert!(Mappings::of(identity).is_unmapped(&(at..at + 8192)));
    }

    #[test]
    fn children_are_descendants() {
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let proc = Path::new("/proc");
        assert!(is_descendant(proc, child.id()));
        assert!(!is_descendant(proc, 1));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    const MAPPED: &str = "7f00-9f00 rw-s 00000000 00:01 1027    /memfd:panthor-fake (deleted)\n";

    /// Returns whether a page counts as unmapped with a `/proc` that contains the files of `make`.
    fn is_unmapped_with(name: &str, make: impl FnOnce(&Path)) -> bool {
        let proc = std::env::temp_dir().join(format!("panthor-{name}-{}", std::process::id()));
        fs::create_dir_all(proc.join("7/task/7")).unwrap();
        fs::create_dir_all(proc.join("7/task/9")).unwrap();
        fs::write(proc.join("7/task/9/maps"), "").unwrap();
        make(&proc);
        let mappings = Mappings::in_proc(&proc, (nix::sys::stat::makedev(0, 1), 1027));
        fs::remove_dir_all(&proc).unwrap();
        mappings.is_unmapped(&(0..4096))
    }

    #[test]
    fn mappings_of_threads_that_outlive_the_first_are_found() {
        let with = |maps: &'static str| {
            is_unmapped_with("threads", move |proc| {
                fs::write(proc.join("7/maps"), "").unwrap();
                fs::write(proc.join("7/task/9/maps"), maps).unwrap();
            })
        };
        assert!(with(""));
        assert!(with("7f00-8f00 rw-p 00000000 00:00 0\n"));
        assert!(!with(MAPPED));
    }

    #[test]
    fn processes_that_cannot_be_read_may_have_anything_mapped() {
        assert!(is_unmapped_with("gone", |_| {}));
        // A directory can be opened, but not read as a file.
        assert!(!is_unmapped_with("read", |proc| fs::create_dir(proc.join("7/maps")).unwrap()));
        assert!(!is_unmapped_with("open", |proc| {
            std::os::unix::fs::symlink("maps", proc.join("7/maps")).unwrap();
        }));
        assert!(!is_unmapped_with("thread", |proc| {
            fs::remove_file(proc.join("7/task/9/maps")).unwrap();
            std::os::unix::fs::symlink("maps", proc.join("7/task/9/maps")).unwrap();
        }));
    }
}
