//! Requests on sync files and dma-bufs themselves.

use std::ffi::c_char;
use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use super::client::Client;
use super::ops::{address_mut, zeroed};

impl Client<'_> {
    /// What a sync file says of itself, and of its fences if there is room for so many.
    pub fn file_info(&mut self, file: &OwnedFd, room: usize) -> i32 {
        let mut fences = vec![zeroed::<sync_fence_info>(); room];
        let at = if room == 0 { 0 } else { address_mut(fences.as_mut_slice()) };
        let mut args = sync_file_info { num_fences: room as u32, sync_fence_info: at, ..zeroed() };
        let result = self.descriptor_call(file.as_raw_fd(), SYNC_IOC_FILE_INFO, &mut args);
        if result == 0 {
            let told = fences.len().min(args.num_fences as usize);
            for fence in &fences[..told] {
                self.show("fence", std::slice::from_ref(fence));
            }
        }
        result
    }

    /// A sync file of the fences of two.
    #[track_caller]
    pub fn merge(&mut self, one: &OwnedFd, other: &OwnedFd) -> OwnedFd {
        let mut args = sync_merge_data { fd2: other.as_raw_fd(), fence: -1, ..zeroed() };
        let result = self.descriptor_call(one.as_raw_fd(), SYNC_IOC_MERGE, &mut args);
        assert_eq!(result, 0, "SYNC_IOC_MERGE failed");
        self.own(args.fence)
    }

    /// The fences that an access to a dma-buf must wait for.
    #[track_caller]
    pub fn implicit_fences(&mut self, dma_buf: &OwnedFd, flags: u64) -> OwnedFd {
        let mut args = dma_buf_export_sync_file { flags: flags as u32, fd: -1 };
        let request = DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
        let result = self.descriptor_call(dma_buf.as_raw_fd(), request, &mut args);
        assert_eq!(result, 0, "EXPORT_SYNC_FILE failed");
        self.own(args.fd)
    }

    /// Adds fences to a dma-buf.
    pub fn add_implicit_fences(&mut self, dma_buf: &OwnedFd, flags: u64, file: &OwnedFd) -> i32 {
        let mut args = dma_buf_import_sync_file { flags: flags as u32, fd: file.as_raw_fd() };
        self.descriptor_call(dma_buf.as_raw_fd(), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &mut args)
    }
}

/// A name as the structures have it.
pub fn name(text: &str) -> [c_char; 32] {
    let mut name = [0; 32];
    for (to, byte) in name.iter_mut().zip(text.bytes()) {
        *to = byte as c_char;
    }
    name
}

/// The text of a name.
pub fn text(name: &[c_char; 32]) -> String {
    name.iter().take_while(|&&char| char != 0).map(|&char| char::from(char as u8)).collect()
}
