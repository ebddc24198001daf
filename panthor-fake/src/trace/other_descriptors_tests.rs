//! Ioctls of dma-bufs and sync files, which no file of the fake answers.

use std::ffi::c_char;
use std::sync::{Arc, Mutex};

use panthor_sys as sys;

use super::{Event, Target, TraceOptions, Who};
use crate::call::uaccess::UserMemory;
use crate::{Config, Device};

/// Returns the trace line of a call on a descriptor, with `answer` in the place of the kernel.
fn line<T>(on: Target, request: u32, arg: &mut T, answer: impl FnOnce(&mut T) -> i32) -> String {
    let device = Device::new(Config::default()).unwrap();
    let events = Arc::new(Mutex::new(Vec::<Event>::new()));
    let seen = events.clone();
    device.trace_with(TraceOptions::text(), move |event| seen.lock().unwrap().push(event.clone()));
    let address = (&raw mut *arg).expose_provenance() as u64;
    let who = Who::new(7, 8, 5);
    let call = (request, address);
    let answer = || answer(arg);
    let trace = &device.inner().trace;
    let result = trace.around(who, on, UserMemory::OWN, call, answer);
    let events = events.lock().unwrap();
    assert_eq!((events.len(), events[0].result), (1, result));
    let line = events[0].to_string();
    let (start, end) = (line.find("ioctl(").unwrap(), line.rfind(" <").unwrap());
    assert!(line.starts_with("7:8 "), "{line}");
    line[start..end].to_owned()
}

fn name<const N: usize>(text: &str) -> [c_char; N] {
    let mut name = [0; N];
    for (to, &from) in name.iter_mut().zip(text.as_bytes()) {
        *to = from as c_char;
    }
    name
}

#[test]
fn dma_bufs() {
    let mut args = sys::dma_buf_sync { flags: sys::DMA_BUF_SYNC_END | sys::DMA_BUF_SYNC_WRITE };
    assert_eq!(
        line(Target::DmaBuf, sys::DMA_BUF_IOCTL_SYNC, &mut args, |_| 0),
        "ioctl(5<dma-buf>, DMA_BUF_IOCTL_SYNC, {flags=END|WRITE}) = 0"
    );
    let mut args = sys::dma_buf_export_sync_file { flags: 1, fd: 0 };
    let export = sys::DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
    let answer = |args: &mut sys::dma_buf_export_sync_file| {
        args.fd = 9;
        0
    };
    assert_eq!(
        line(Target::DmaBuf, export, &mut args, answer),
        "ioctl(5<dma-buf>, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, {flags=READ}) = 0 => {fd=9}"
    );
    let mut args = sys::dma_buf_import_sync_file { flags: 6, fd: -1 };
    assert_eq!(
        line(Target::DmaBuf, sys::DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &mut args, |_| -22),
        "ioctl(5<dma-buf>, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, {flags=WRITE|0x4, fd=-1}) \
         = -1 EINVAL (Invalid argument)"
    );
    for (request, letter) in [(sys::DMA_BUF_SET_NAME_A, 'A'), (sys::DMA_BUF_SET_NAME_B, 'B')] {
        let mut text = *b"scanout\0";
        assert_eq!(
            line(Target::DmaBuf, request, &mut text, |_| 0),
            format!("ioctl(5<dma-buf>, DMA_BUF_SET_NAME_{letter}, \"scanout\") = 0")
        );
    }
}

#[test]
fn sync_files() {
    let mut args = sys::sync_merge_data { name: name("both"), fd2: 6, ..Default::default() };
    let answer = |args: &mut sys::sync_merge_data| {
        args.fence = 10;
        0
    };
    assert_eq!(
        line(Target::SyncFile, sys::SYNC_IOC_MERGE, &mut args, answer),
        "ioctl(5<sync_file>, SYNC_IOC_MERGE, {name=\"both\", fd2=6, flags=0}) = 0 => {fence=10}"
    );
    let mut fences = [sys::sync_fence_info::default(); 2];
    let mut args = sys::sync_file_info {
        num_fences: 2,
        sync_fence_info: fences.as_mut_ptr() as u64,
        ..Default::default()
    };
    let answer = |args: &mut sys::sync_file_info| {
        (args.name, args.status, args.num_fences) = (name("both"), -110, 1);
        fences[0] = sys::sync_fence_info {
            obj_name: name("timeline"),
            driver_name: name("panthor"),
            status: -110,
            timestamp_ns: 77,
            ..Default::default()
        };
        0
    };
    let asked = line(Target::SyncFile, sys::SYNC_IOC_FILE_INFO, &mut args, answer);
    assert_eq!(
        asked,
        "ioctl(5<sync_file>, SYNC_IOC_FILE_INFO, {flags=0, num_fences=2}) = 0 => {num_fences=1, \
         name=\"both\", status=-110, sync_fence_info=[{obj_name=\"timeline\", \
         driver_name=\"panthor\", status=-110, flags=0, timestamp_ns=77}]}"
    );
    let mut args = sys::sync_set_deadline { deadline_ns: 5, pad: 1 };
    assert_eq!(
        line(Target::SyncFile, sys::SYNC_IOC_SET_DEADLINE, &mut args, |_| -22),
        "ioctl(5<sync_file>, SYNC_IOC_SET_DEADLINE, {deadline_ns=5, pad=0x1}) \
         = -1 EINVAL (Invalid argument)"
    );
}
