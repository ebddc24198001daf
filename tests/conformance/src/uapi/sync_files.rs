//! Requests on sync files and dma-bufs themselves.

use std::ffi::{CString, c_char};
use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use super::client::Client;
use super::ops::{address_mut, zeroed};
use super::{show, wire};

impl Client<'_> {
    /// Queries a sync file, and its fences if there is `room` for all.
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

    /// Merges two sync files.
    #[track_caller]
    pub fn merge(&mut self, one: &OwnedFd, other: &OwnedFd) -> OwnedFd {
        let mut args = sync_merge_data { fd2: other.as_raw_fd(), fence: -1, ..zeroed() };
        let result = self.descriptor_call(one.as_raw_fd(), SYNC_IOC_MERGE, &mut args);
        assert_eq!(result, 0, "SYNC_IOC_MERGE failed");
        self.own(args.fence)
    }

    /// Exports the fences that an access to a dma-buf must wait for.
    #[track_caller]
    pub fn implicit_fences(&mut self, dma_buf: &OwnedFd, flags: u64) -> OwnedFd {
        let mut args = dma_buf_export_sync_file { flags: flags as u32, fd: -1 };
        let request = DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
        let result = self.descriptor_call(dma_buf.as_raw_fd(), request, &mut args);
        assert_eq!(result, 0, "EXPORT_SYNC_FILE failed");
        self.own(args.fd)
    }

    /// Records the names of a sync file and its fences, and the state of the fences. `room` has the
    /// fences of a SYNC_IOC_FILE_INFO.
    pub fn file_names(&mut self, info: &sync_file_info, room: &[u64]) {
        // Where a name with numbers is cut depends on how long they are.
        let name = told(&info.name);
        let end = name.find('#').map_or(name.len(), |number| number + 1);
        self.note(format_args!("  file {:?}", &name[..end]));
        if info.sync_fence_info == 0 {
            return;
        }
        let fences = room.chunks_exact(size_of::<sync_fence_info>() / 8);
        for fence in fences.take(info.num_fences as usize) {
            let fence: &sync_fence_info = bytemuck::from_bytes(bytemuck::cast_slice(fence));
            self.show("fence", std::slice::from_ref(fence));
            self.fence_name(fence);
        }
    }

    /// Records the names of a fence.
    pub fn fence_name(&mut self, fence: &sync_fence_info) {
        let (timeline, driver) = (told(&fence.obj_name), told(&fence.driver_name));
        self.note(format_args!("  fence of {timeline:?} of {driver:?}"));
    }

    /// Gives a dma-buf a name, with one of the two requests for that.
    pub fn name_dma_buf(&mut self, fd: i32, request: u32, name: &str) -> i32 {
        let text = CString::new(name).expect("a name without zeros");
        let address = text.as_ptr().cast_mut().cast();
        // SAFETY: the kernel reads the text, which has its zero and lives until then.
        let result = unsafe { self.node().descriptor_ioctl(fd, request, address) };
        let (called, len) = (wire::name(request), name.len());
        self.note(format_args!("{called} of {len} bytes = {}", show::result(result)));
        result
    }

    /// Adds fences to a dma-buf.
    pub fn add_implicit_fences(&mut self, dma_buf: &OwnedFd, flags: u64, file: &OwnedFd) -> i32 {
        let mut args = dma_buf_import_sync_file { flags: flags as u32, fd: file.as_raw_fd() };
        self.descriptor_call(dma_buf.as_raw_fd(), DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &mut args)
    }
}

/// Returns a name in the form of the structures.
pub fn name(text: &str) -> [c_char; 32] {
    let mut name = [0; 32];
    for (to, byte) in name.iter_mut().zip(text.bytes()) {
        *to = byte as c_char;
    }
    name
}

/// Returns the text of a name.
pub fn text(name: &[c_char; 32]) -> String {
    name.iter().take_while(|&&char| char != 0).map(|&char| char::from(char as u8)).collect()
}

/// Replaces the numbers of fences and fence contexts in a name, which the kernel chooses. Drops the
/// cut end of such a name.
pub fn told(name: &[c_char; 32]) -> String {
    let name = text(name);
    let is_cut = name.len() == 31;
    let mut told = String::new();
    for char in name.chars() {
        match char {
            '0'..='9' if told.ends_with('#') => {}
            '0'..='9' => told.push('#'),
            char => told.push(char),
        }
    }
    let end = told.find('#').filter(|_| is_cut);
    told.truncate(end.map_or(told.len(), |end| end + 1));
    told
}
