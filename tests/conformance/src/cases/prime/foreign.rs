//! PRIME with memory of another driver. Cases map and unmap such memory as a whole only: some
//! kernels crash at a partial unmap.

use std::os::fd::AsRawFd;

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

const SIZE: u64 = 4 * PAGE;

/// Adds a case that is skipped where no other device makes dma-bufs.
fn foreign(
    cases: &mut Cases,
    name: impl AsRef<str>,
    steps: impl Fn(&mut Client<'_>) + Send + Sync + 'static,
) {
    cases.add(name, steps).needs_foreign_memory();
}

pub fn add(cases: &mut Cases) {
    cases.group("foreign_dma_buf");
    foreign(cases, "imported_twice", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        c.dma_buf_size(&fd);
        c.import(fd.as_raw_fd());
        c.import(fd.as_raw_fd());
    });
    foreign(cases, "several", |c| {
        let fds = [c.foreign_dma_buf(SIZE), c.foreign_dma_buf(PAGE), c.foreign_dma_buf(MIB)];
        for fd in fds.iter().rev().chain(&fds) {
            c.import(fd.as_raw_fd());
        }
    });
    foreign(cases, "closed_once", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        c.import(fd.as_raw_fd());
        c.close_bo(bo);
        c.close_bo(bo);
        c.bo(PAGE);
        c.import(fd.as_raw_fd());
    });
    foreign(cases, "the_descriptor_is_closed", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (vm, (_, bo)) = (c.vm(), c.import(fd.as_raw_fd()));
        drop(fd);
        c.bind(vm, &[map(bo, 0, MIB, SIZE, NOEXEC)]);
        c.mappings();
        c.bind(vm, &[unmap(MIB, SIZE)]);
    });
    foreign(cases, "in_two_files", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (vm, (_, bo)) = (c.vm(), c.import(fd.as_raw_fd()));
        c.bind(vm, &[map(bo, 0, MIB, SIZE, NOEXEC)]);
        c.open();
        let (vm, (_, bo)) = (c.vm(), c.import(fd.as_raw_fd()));
        c.bind(vm, &[map(bo, 0, MIB, SIZE, NOEXEC)]);
    });
    foreign(cases, "exported_again", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        let mut args = drm_prime_handle { handle: bo, flags: 0, fd: -1 };
        c.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut args);
        let again = c.own(args.fd);
        c.describe(&again);
        c.dma_buf_size(&again);
        c.import(again.as_raw_fd());
        c.open();
        c.import(again.as_raw_fd());
        c.import(fd.as_raw_fd());
    });
    foreign(cases, "exported_again_after_the_first_import_was_closed", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        let again = c.export(bo);
        c.close_bo(bo);
        drop(fd);
        c.import(again.as_raw_fd());
        c.import(again.as_raw_fd());
    });
    foreign(cases, "mmap_offset", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        c.mmap_offset_of(bo);
    });
    foreign(cases, "seen_by_the_cpu", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        let memory = c.cpu_map(bo, SIZE);
        memory.store(PAGE + 64, 7);
        c.note(format_args!("  word {}", memory.load(PAGE + 64)));
        c.open();
        let (_, bo) = c.import(fd.as_raw_fd());
        let memory = c.cpu_map(bo, SIZE);
        c.note(format_args!("  word {}", memory.load(PAGE + 64)));
    });
    foreign(cases, "seen_by_the_cpu_beyond_its_end", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        let offset = c.mmap_offset(bo);
        for (len, at) in [(SIZE, offset), (PAGE, offset), (SIZE + PAGE, offset)] {
            drop(c.map_node(len, true, at));
        }
    });
    foreign(cases, "seen_by_the_cpu_of_a_file_that_does_not_have_it", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        let offset = c.mmap_offset(bo);
        c.close_bo(bo);
        drop(c.map_node(SIZE, true, offset));
    });
    foreign(cases, "info", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        c.info(bo);
    });
    foreign(cases, "sync", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        for (offset, size) in [(0, SIZE), (0, 0), (SIZE, 0), (SIZE, 1)] {
            c.sync_bo(bo, offset, size);
        }
    });
    foreign(cases, "label", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, handle) = c.import(fd.as_raw_fd());
        let label = c"a camera's".as_ptr().expose_provenance() as u64;
        let mut args = drm_panthor_bo_set_label { handle, pad: 0, label };
        c.call(DRM_IOCTL_PANTHOR_BO_SET_LABEL, &mut args);
    });
    for (name, flags) in [("noexec", NOEXEC), ("readonly", READONLY), ("uncached", UNCACHED)] {
        foreign(cases, format!("mapped_{name}"), move |c| {
            let fd = c.foreign_dma_buf(SIZE);
            let (vm, (_, bo)) = (c.vm(), c.import(fd.as_raw_fd()));
            c.bind(vm, &[map(bo, 0, MIB, SIZE, flags)]);
            c.mappings();
            c.bind(vm, &[unmap(MIB, SIZE)]);
        });
    }
    for (name, offset, size) in [
        ("in_part", PAGE, PAGE),
        ("beyond_its_end", PAGE, SIZE),
        ("from_its_end", SIZE, PAGE),
        ("by_half_pages", 2048, PAGE),
    ] {
        foreign(cases, format!("mapped_{name}"), move |c| {
            let fd = c.foreign_dma_buf(SIZE);
            let (vm, (_, bo)) = (c.vm(), c.import(fd.as_raw_fd()));
            c.bind(vm, &[map(bo, offset, MIB, size, NOEXEC)]);
            c.mappings();
            c.bind(vm, &[unmap(MIB, size)]);
        });
    }
    foreign(cases, "mapped_asynchronously", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (vm, (_, bo)) = (c.vm(), c.import(fd.as_raw_fd()));
        c.bind_async(vm, &[map(bo, 0, MIB, SIZE, NOEXEC)]);
        c.settle(vm);
        c.mappings();
        c.close_bo(bo);
        c.bind_async(vm, &[unmap(MIB, SIZE)]);
        c.settle(vm);
    });
    foreign(cases, "mapped_at_two_places", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (vm, (_, bo)) = (c.vm(), c.import(fd.as_raw_fd()));
        c.bind(vm, &[map(bo, 0, MIB, SIZE, NOEXEC), map(bo, 0, 2 * MIB, SIZE, NOEXEC)]);
        c.mappings();
        c.bind(vm, &[unmap(MIB, SIZE)]);
        c.mappings();
        c.destroy_vm(vm);
    });
    foreign(cases, "of_another_file", |c| {
        let fd = c.foreign_dma_buf(SIZE);
        let (_, bo) = c.import(fd.as_raw_fd());
        c.open();
        let vm = c.vm();
        c.bind(vm, &[map(bo, 0, MIB, SIZE, NOEXEC)]);
    });
}
