//! The fake as a target.

use std::ffi::c_void;

use panthor_fake::{Config, Device, File};

use crate::program::{Mapped, Target};

pub(crate) struct Fake(File);

impl Fake {
    pub(crate) fn new(minor: u32) -> Self {
        // Linux 7.2 says 1.8 and takes sparse operations.
        let config = Config::default().driver_minor(minor).sparse_in_1_8(true);
        Self(Device::new(config).unwrap().open())
    }
}

impl Target for Fake {
    unsafe fn ioctl(&mut self, request: u32, arg: *mut c_void) -> i32 {
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { self.0.ioctl(request, arg) }
    }

    fn mappings(&mut self, vm: u32) -> Vec<Mapped> {
        let all = self.0.gpu(vm).unwrap().mappings();
        let object = |handle: Option<u32>| handle.map_or(0, u64::from);
        all.iter().map(|m| (m.va, m.size, object(m.bo_handle), m.bo_offset)).collect()
    }
}
