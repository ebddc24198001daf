//! Descriptors as their owner sees them: their kinds and their contents.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use panthor_sys::*;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{OFlags, SeekFrom, fcntl_getfl, seek};
use rustix::io::{FdFlags, fcntl_getfd, read};

use super::client::Client;
use super::ops::zeroed;
use super::show;

impl Client<'_> {
    /// Creates an eventfd without a blocked reader.
    pub fn eventfd(&mut self) -> OwnedFd {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let fd = eventfd(0, flags).expect("an eventfd");
        let name = self.introduce(fd.as_raw_fd());
        self.note(format_args!("eventfd: {name}"));
        fd
    }

    /// Another descriptor of what a descriptor is of.
    pub fn duplicate(&mut self, fd: &OwnedFd) -> OwnedFd {
        let duplicate = fd.try_clone().expect("a duplicate");
        let (name, of) = (self.introduce(duplicate.as_raw_fd()), self.called(fd.as_raw_fd()));
        self.note(format_args!("duplicate of {of}: {name}"));
        duplicate
    }

    /// Reads the counter of an eventfd, which is zero then.
    pub fn counter(&mut self, fd: &OwnedFd) {
        let mut count = [0; 8];
        let count = read(fd, &mut count[..]).map_or(0, |_| u64::from_ne_bytes(count));
        let name = self.called(fd.as_raw_fd());
        self.note(format_args!("  counter of {name}: {count}"));
    }

    /// Waits for an eventfd or a sync file that can surely be read some time.
    pub fn until_readable(&mut self, fd: &OwnedFd) {
        let readable = is_readable(fd, None);
        let name = self.called(fd.as_raw_fd());
        self.note(format_args!("  {name} becomes readable: {readable}"));
    }

    /// Writes down whether a descriptor can be read now.
    pub fn readable(&mut self, fd: &OwnedFd) {
        let readable = is_readable(fd, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        let name = self.called(fd.as_raw_fd());
        self.note(format_args!("  {name} is readable: {readable}"));
    }

    /// Writes down how a descriptor was opened.
    pub fn describe(&mut self, fd: &OwnedFd) {
        let exec = fcntl_getfd(fd).expect("its flags");
        let access = match fcntl_getfl(fd).expect("its mode") & OFlags::RWMODE {
            OFlags::RDONLY => "r",
            OFlags::WRONLY => "w",
            _ => "rw",
        };
        let exec = if exec.contains(FdFlags::CLOEXEC) { "" } else { ", not closed by exec" };
        let name = self.called(fd.as_raw_fd());
        self.note(format_args!("  {name}: {access}{exec}"));
    }

    /// Records the fdinfo that the driver prints for the file, without the values that the kernel
    /// or the GPU chooses.
    pub fn fdinfo(&mut self) {
        let text = self.node().fdinfo();
        let varies = |key: &str| key == "drm-client-id" || key.contains("freq");
        // The memory that the driver has for itself depends on the firmware.
        for line in text.lines().filter(|line| line.starts_with("drm-")) {
            let (key, value) = line.split_once(':').expect("a key and a value");
            let value = if varies(key) { "some" } else { value.trim() };
            self.note(format_args!("  {key}: {value}"));
        }
    }

    /// Records the size of a dma-buf: the offset of its end.
    pub fn dma_buf_size(&mut self, fd: &OwnedFd) {
        let size = seek(fd, SeekFrom::End(0)).expect("its end");
        let name = self.called(fd.as_raw_fd());
        self.note(format_args!("  size of {name}: {size:#x}"));
    }

    /// Exports a syncobj as a descriptor.
    #[track_caller]
    pub fn syncobj_fd(&mut self, handle: u32) -> OwnedFd {
        let args = drm_syncobj_handle { handle, fd: -1, ..zeroed() };
        let fd = self.must(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd;
        self.own(fd)
    }

    /// Exports the fence of a syncobj as a sync file.
    #[track_caller]
    pub fn sync_file(&mut self, handle: u32) -> OwnedFd {
        let flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        let args = drm_syncobj_handle { handle, flags, fd: -1, ..zeroed() };
        let fd = self.must(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, args).fd;
        self.own(fd)
    }

    /// Writes down how the fence of a syncobj ended, if it has.
    pub fn fence(&mut self, handle: u32) {
        let sync_file = self.quietly(|client| client.sync_file(handle));
        let status = match self.node().fence_status(&sync_file) {
            0 => String::from("pending"),
            1 => String::from("done"),
            errno => show::result(errno),
        };
        self.note(format_args!("  fence of syncobj {handle}: {status}"));
    }

    /// Imports a syncobj by its descriptor.
    #[track_caller]
    pub fn import_syncobj(&mut self, fd: &OwnedFd) -> u32 {
        let args = drm_syncobj_handle { fd: fd.as_raw_fd(), ..zeroed() };
        self.must(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, args).handle
    }

    /// Puts the fence of a sync file into a syncobj.
    pub fn import_sync_file(&mut self, fd: &OwnedFd, handle: u32) -> i32 {
        let flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE;
        let mut args = drm_syncobj_handle { handle, flags, fd: fd.as_raw_fd(), ..zeroed() };
        self.call(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &mut args)
    }

    /// Asks for a write to an eventfd when a point is done, or with a flag when it is there.
    pub fn syncobj_eventfd(&mut self, fd: &OwnedFd, handle: u32, point: u64, flags: u32) -> i32 {
        let fd = fd.as_raw_fd();
        let mut args = drm_syncobj_eventfd { handle, flags, point, fd, pad: 0 };
        self.call(DRM_IOCTL_SYNCOBJ_EVENTFD, &mut args)
    }

    /// Copies the fence at a point (0: all) of one syncobj to a point (0: all) of another.
    pub fn transfer(&mut self, from: (u32, u64), to: (u32, u64), flags: u32) -> i32 {
        let (src_handle, src_point, dst_handle, dst_point) = (from.0, from.1, to.0, to.1);
        let mut args =
            drm_syncobj_transfer { src_handle, dst_handle, src_point, dst_point, flags, pad: 0 };
        self.call(DRM_IOCTL_SYNCOBJ_TRANSFER, &mut args)
    }
}

fn is_readable(fd: &OwnedFd, timeout: Option<&Timespec>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
    poll(&mut fds, timeout).expect("to poll");
    fds[0].revents().contains(PollFlags::IN)
}
