//! The kernel that this program runs on, by its nodes.

use std::ffi::c_void;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use panthor_raw::descriptors::Udmabuf;
use panthor_sys::{SYNC_IOC_FILE_INFO, sync_file_info};

use super::kernel::{Capability, Kernel, Mapped, Memory, Node, Trouble};

/// Panthor device of this machine. Its mappings are visible to root, where debugfs is mounted.
pub struct Real {
    render: PathBuf,
    primary: Option<PathBuf>,
    /// The listing of all VMs.
    gpuvas: Option<PathBuf>,
    jobs_run: bool,
    jobs_can_be_held: bool,
}

impl Real {
    /// Opens the device with this render node.
    pub fn new(render: &Path, jobs_run: bool, jobs_can_be_held: bool) -> io::Result<Self> {
        let name = render.file_name().unwrap_or_default();
        let class = Path::new("/sys/class/drm").join(name).join("device/drm");
        let minors =
            fs::read_dir(class)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let card = minors.into_iter().find(|minor| minor.starts_with("card"));
        let minor = card.as_deref().and_then(|card| card.strip_prefix("card"));
        let listing = |minor| Path::new("/sys/kernel/debug/dri").join(minor).join("gpuvas");
        Ok(Self {
            render: render.to_owned(),
            primary: card.as_ref().map(|card| Path::new("/dev/dri").join(card)),
            gpuvas: minor.map(listing).filter(|path| path.exists()),
            jobs_run,
            jobs_can_be_held,
        })
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Node>> {
    Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
}

impl Kernel for Real {
    fn open(&self) -> io::Result<Box<dyn Node>> {
        open(&self.render)
    }

    fn open_primary(&self) -> io::Result<Box<dyn Node>> {
        open(self.primary.as_deref().ok_or(io::ErrorKind::NotFound)?)
    }

    fn address_spaces(&self) -> Option<Vec<Vec<Mapped>>> {
        let text = listing(self.gpuvas.as_ref()?).expect("what could be read before");
        // The first is the firmware's.
        let sections = text.split("DRM GPU VA space").skip(2);
        Some(sections.map(|section| section.lines().filter_map(row).collect()).collect())
    }

    fn foreign_dma_buf(&self, size: u64) -> io::Result<OwnedFd> {
        Ok(Udmabuf::open()?.create(size)?.0)
    }

    fn allow(&self, capability: Capability, allowed: bool) -> io::Result<()> {
        let capability = match capability {
            Capability::SysAdmin => CapabilitySet::SYS_ADMIN,
            Capability::SysNice => CapabilitySet::SYS_NICE,
        };
        // Those of the calling thread alone. Only what is permitted can become effective.
        let mut sets = capabilities(None)?;
        sets.effective.set(capability & sets.permitted, allowed);
        Ok(set_capabilities(None, sets)?)
    }

    fn jobs_run(&self) -> bool {
        self.jobs_run
    }

    fn jobs_can_be_held(&self) -> bool {
        self.jobs_can_be_held
    }
}

/// Reads the listing of all VMs, which fails while one of them is on its way out.
fn listing(gpuvas: &Path) -> io::Result<String> {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        match fs::read_to_string(gpuvas) {
            Err(error)
                if error.raw_os_error() == Some(libc::ENODEV) && Instant::now() < patience =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

/// Parses a line with a mapping: start, size, end, object, offset.
fn row(line: &str) -> Option<Mapped> {
    let number = |field: &str| u64::from_str_radix(field.trim().strip_prefix("0x")?, 16).ok();
    let fields: Vec<_> = line.split('|').skip(1).map_while(number).collect();
    match fields[..] {
        [va, size, _end, object, offset] => Some(Mapped { va, size, object, offset }),
        _ => None,
    }
}

/// Calls `ioctl(2)` with any argument.
pub fn ioctl(fd: i32, request: u32, arg: *mut c_void) -> i32 {
    // SAFETY: the callers' contract, see `Node`.
    unsafe { panthor_raw::descriptors::ioctl(fd, request, arg) }
}

impl Node for File {
    unsafe fn ioctl(&self, request: u32, arg: *mut c_void) -> i32 {
        ioctl(self.as_raw_fd(), request, arg)
    }

    unsafe fn descriptor_ioctl(&self, fd: i32, request: u32, arg: *mut c_void) -> i32 {
        ioctl(fd, request, arg)
    }

    fn fdinfo(&self) -> String {
        let path = format!("/proc/self/fdinfo/{}", self.as_raw_fd());
        let text = fs::read_to_string(path).expect("its fdinfo");
        let own = |line: &&str| line.starts_with("drm-") || line.starts_with("panthor-");
        text.lines().filter(own).map(|line| format!("{line}\n")).collect()
    }

    fn map(&self, len: usize, writable: bool, offset: u64) -> Result<Box<dyn Memory>, i32> {
        let mut prot = ProtFlags::PROT_READ;
        prot.set(ProtFlags::PROT_WRITE, writable);
        let length = NonZeroUsize::new(len).ok_or(libc::EINVAL)?;
        let offset = offset.try_into().map_err(|_| libc::EOVERFLOW)?;
        // SAFETY: anywhere, nothing is replaced.
        let start = unsafe { mmap(None, length, prot, MapFlags::MAP_SHARED, self, offset) };
        let start = start.map_err(|errno| errno as i32)?;
        Ok(Box::new(NodeMemory { start, len }))
    }

    fn fence_status(&self, sync_file: &OwnedFd) -> i32 {
        let mut info = sync_file_info::default();
        let result = ioctl(sync_file.as_raw_fd(), SYNC_IOC_FILE_INFO, (&raw mut info).cast());
        assert_eq!(result, 0, "a sync file");
        info.status
    }

    fn hold(&self, _: u32) {}

    fn step(&self, _: u32, _: u32) {}

    fn arrange(&self, _: u32, _: u32, _: Trouble) {}

    fn jam(&self, _: u32) {}

    fn begin(&self, _: u32, _: u64) {}

    fn reset(&self) {}
}

struct NodeMemory {
    start: NonNull<c_void>,
    len: usize,
}

impl Memory for NodeMemory {
    fn start(&self) -> *mut u8 {
        self.start.as_ptr().cast()
    }
}

impl Drop for NodeMemory {
    fn drop(&mut self) {
        // SAFETY: `map` mapped this range, and no reference to it exists.
        unsafe { munmap(self.start, self.len) }.expect("to unmap what was mapped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_five_numbers_are_mappings() {
        let line = "     | 0x0000000000100000 | 0x1000 | 0x101000 | 0xffff000012345678 | 0x2000";
        let mapped =
            Mapped { va: 1 << 20, size: 4096, object: 0xffff_0000_1234_5678, offset: 8192 };
        assert_eq!(row(line), Some(mapped));
        assert_eq!(row(" VAs | start | range | end | object | object offset"), None);
    }
}
