//! DMA_BUF_IOCTL_SYNC, and the fences that dma-bufs carry.

use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

/// Steps of a case with a dma-buf.
type Steps = Box<dyn Fn(&mut Client<'_>, &OwnedFd) + Send + Sync>;

/// Makes a dma-buf.
type Make = fn(&mut Client<'_>) -> OwnedFd;

const OWN: Make = |c| {
    let bo = c.bo(PAGE);
    c.export(bo)
};

const FOREIGN: Make = |c| c.foreign_dma_buf(PAGE);

const ACCESSES: [(&str, u64); 3] =
    [("read", DMA_BUF_SYNC_READ), ("write", DMA_BUF_SYNC_WRITE), ("both", DMA_BUF_SYNC_RW)];

pub fn add(cases: &mut Cases) {
    for (group, make, is_foreign) in
        [("dma_buf_of_panthor", OWN, false), ("dma_buf_of_another_driver", FOREIGN, true)]
    {
        cases.group(group);
        let mut add = |name: String, steps: Steps| {
            let case = cases.add(name, move |c| {
                let dma_buf = make(c);
                steps(c, &dma_buf);
            });
            if is_foreign {
                case.needs_foreign_memory();
            }
        };
        for flags in (0..16).chain([1 << 32 | 1, 1 << 63 | 1]) {
            add(
                format!("sync_{flags:x}"),
                Box::new(move |c, dma_buf| {
                    let ends = flags & DMA_BUF_SYNC_END != 0 && flags & DMA_BUF_SYNC_RW != 0;
                    // That of the foreign memory knows of no end without a beginning.
                    if ends && is_foreign {
                        let mut args = dma_buf_sync { flags: flags & !DMA_BUF_SYNC_END };
                        c.descriptor_call(dma_buf.as_raw_fd(), DMA_BUF_IOCTL_SYNC, &mut args);
                    }
                    let mut args = dma_buf_sync { flags };
                    c.descriptor_call(dma_buf.as_raw_fd(), DMA_BUF_IOCTL_SYNC, &mut args);
                }),
            );
        }
        for flags in [0, 1, 2, 3, 4, 5, 1 << 31 | 1] {
            add(
                format!("export_sync_file_{flags:x}"),
                Box::new(move |c, dma_buf| {
                    let mut args = dma_buf_export_sync_file { flags, fd: -1 };
                    let request = DMA_BUF_IOCTL_EXPORT_SYNC_FILE;
                    if c.descriptor_call(dma_buf.as_raw_fd(), request, &mut args) == 0 {
                        let file = c.own(args.fd);
                        c.describe(&file);
                        c.file_info(&file, 1);
                    }
                }),
            );
            add(
                format!("import_sync_file_{flags:x}"),
                Box::new(move |c, dma_buf| {
                    let handle = c.signaled_syncobj();
                    let file = c.sync_file(handle);
                    c.add_implicit_fences(dma_buf, u64::from(flags), &file);
                }),
            );
        }
        for len in [0, 1, 30, 31, 32, 40] {
            add(
                format!("name_of_{len}_bytes"),
                Box::new(move |c, dma_buf| {
                    for request in [DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B] {
                        c.name_dma_buf(dma_buf.as_raw_fd(), request, &"n".repeat(len));
                    }
                }),
            );
        }
        for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(4), Bad::Ends(33)] {
            add(
                format!("name_at_{}", bad.name()),
                Box::new(move |c, dma_buf| {
                    c.memory.write_before_end(&[b'n'; 40]);
                    for request in [DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B] {
                        c.descriptor_at(dma_buf.as_raw_fd(), request, bad);
                    }
                }),
            );
        }
        add(
            "import_of_what_is_no_sync_file".into(),
            Box::new(|c, dma_buf| {
                let eventfd = c.eventfd();
                for fd in [-1, 1_000_000, eventfd.as_raw_fd(), dma_buf.as_raw_fd()] {
                    let mut args = dma_buf_import_sync_file { flags: 1, fd };
                    let request = DMA_BUF_IOCTL_IMPORT_SYNC_FILE;
                    c.descriptor_call(dma_buf.as_raw_fd(), request, &mut args);
                }
            }),
        );
        add(
            "unknown_requests".into(),
            Box::new(|c, dma_buf| {
                for request in [0x6200, 0x4008_6207, 0x4010_6200, SYNC_IOC_FILE_INFO] {
                    c.descriptor_call(
                        dma_buf.as_raw_fd(),
                        request,
                        &mut zeroed::<sync_file_info>(),
                    );
                }
            }),
        );
        for bad in [Bad::Null, Bad::Unmapped, Bad::Ends(7)] {
            add(
                format!("argument_at_{}", bad.name()),
                Box::new(move |c, dma_buf| {
                    for request in [
                        DMA_BUF_IOCTL_SYNC,
                        DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
                        DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
                    ] {
                        c.descriptor_at(dma_buf.as_raw_fd(), request, bad);
                    }
                }),
            );
        }
    }
    fences(cases);
}

fn fences(cases: &mut Cases) {
    cases.group("dma_buf_fences");
    for (before, import) in ACCESSES {
        for (after, export) in ACCESSES {
            cases
                .add(format!("{before}_before_{after}"), move |c| {
                    let (mut gate, job, dma_buf) = (c.gate(1), c.syncobj(), OWN(c));
                    c.submit_held(&mut gate, 0, &[signal(job, 0)]);
                    let file = c.sync_file(job);
                    c.add_implicit_fences(&dma_buf, import, &file);
                    let waited = c.implicit_fences(&dma_buf, export);
                    c.readable(&waited);
                    c.file_info(&waited, 2);
                    c.pass(&mut gate, 0);
                    c.until_readable(&waited);
                })
                .needs_held_jobs();
        }
    }
    cases
        .add("of_two_queues", |c| {
            let (mut gate, dma_buf) = (c.gate(2), OWN(c));
            for queue in [0, 1] {
                let job = c.syncobj();
                c.submit_held(&mut gate, queue, &[signal(job, 0)]);
                let file = c.sync_file(job);
                c.add_implicit_fences(&dma_buf, DMA_BUF_SYNC_WRITE, &file);
            }
            let waited = c.implicit_fences(&dma_buf, DMA_BUF_SYNC_READ);
            c.file_info(&waited, 4);
            c.pass(&mut gate, 0);
            c.pass(&mut gate, 1);
            c.until_readable(&waited);
        })
        .needs_held_jobs();
    cases
        .add("of_a_timeline", |c| {
            let (mut gate, timeline, dma_buf) = (c.gate(2), c.syncobj(), OWN(c));
            c.submit_held(&mut gate, 0, &[signal(timeline, 2)]);
            c.submit_held(&mut gate, 1, &[signal(timeline, 4)]);
            let file = c.sync_file(timeline);
            c.add_implicit_fences(&dma_buf, DMA_BUF_SYNC_WRITE, &file);
            let waited = c.implicit_fences(&dma_buf, DMA_BUF_SYNC_READ);
            c.file_info(&waited, 4);
            c.pass(&mut gate, 0);
            c.wait_points(&[timeline], &[2], 0, i64::MAX);
            c.readable(&waited);
            c.pass(&mut gate, 1);
            c.until_readable(&waited);
        })
        .needs_held_jobs();
    cases
        .add("jobs_leave_none", |c| {
            let (mut gate, job, bo) = (c.gate(1), c.syncobj(), c.bo(PAGE));
            c.bind(gate.vm, &[map(bo, 0, GIB, PAGE, NOEXEC)]);
            let dma_buf = c.export(bo);
            c.submit_held(&mut gate, 0, &[signal(job, 0)]);
            for (_, flags) in ACCESSES {
                let waited = c.implicit_fences(&dma_buf, flags);
                c.readable(&waited);
            }
            c.pass(&mut gate, 0);
            c.wait(&[job], 0, i64::MAX);
        })
        .needs_held_jobs();
    cases
        .add("seen_by_another_file", |c| {
            let (mut gate, job, bo) = (c.gate(1), c.syncobj(), c.bo(PAGE));
            let dma_buf = c.export(bo);
            c.submit_held(&mut gate, 0, &[signal(job, 0)]);
            let file = c.sync_file(job);
            c.add_implicit_fences(&dma_buf, DMA_BUF_SYNC_WRITE, &file);
            c.open();
            let (_, bo) = c.import(dma_buf.as_raw_fd());
            let again = c.export(bo);
            let waited = c.implicit_fences(&again, DMA_BUF_SYNC_WRITE);
            c.readable(&waited);
            c.on(0);
            c.pass(&mut gate, 0);
            c.until_readable(&waited);
        })
        .needs_held_jobs();
}
