//! Contents of a file's fdinfo.

use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use super::core::set_name;
use super::sync_file;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("fdinfo");
    names(cases);
    memory(cases);
    active(cases);
}

fn names(cases: &mut Cases) {
    cases.add("of_a_primary_node", |c| {
        c.open_primary();
        c.fdinfo();
    });
    cases.add("name_of_the_client", |c| {
        for name in ["first", "second!", "two words", "", "third"] {
            set_name(c, name.as_bytes());
            c.fdinfo();
        }
        c.open();
        c.fdinfo();
    });
}

fn memory(cases: &mut Cases) {
    cases.add("a_bo", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.fdinfo();
        c.bind(vm, &[map(bo, 0, GIB, PAGE, 0)]);
        c.fdinfo();
        c.bind(vm, &[unmap(GIB, PAGE)]);
        c.fdinfo();
        c.close_bo(bo);
        c.fdinfo();
    });
    cases.add("an_exported_bo", |c| {
        let (bo, other) = (c.bo(MIB), c.bo(PAGE));
        let fd = c.export(bo);
        c.fdinfo();
        drop(fd);
        c.fdinfo();
        c.close_bo(bo);
        c.fdinfo();
        c.close_bo(other);
    });
    cases
        .add("an_imported_bo", |c| {
            let fd = c.foreign_dma_buf(4 * PAGE);
            c.import(fd.as_raw_fd());
            c.fdinfo();
        })
        .needs_foreign_memory();
}

/// Waits for the fences of a dma-buf and records fdinfo.
fn told_again(c: &mut Client<'_>, fd: &OwnedFd) {
    c.until_readable(fd);
    c.fdinfo();
}

fn active(cases: &mut Cases) {
    for (name, usage) in [("write", DMA_BUF_SYNC_WRITE), ("read", DMA_BUF_SYNC_READ)] {
        cases
            .add(format!("a_bo_with_a_fence_to_{name}"), move |c| {
                let mut gate = c.gate(1);
                let file = sync_file::pending(c, &mut gate, 0);
                let bo = c.bo(2 * MIB);
                let dma_buf = c.export(bo);
                c.add_implicit_fences(&dma_buf, usage, &file);
                c.fdinfo();
                c.pass(&mut gate, 0);
                told_again(c, &file);
            })
            .needs_held_jobs();
    }
    cases
        .add("an_imported_bo_with_a_fence", |c| {
            let mut gate = c.gate(1);
            let file = sync_file::pending(c, &mut gate, 0);
            let dma_buf = c.foreign_dma_buf(4 * PAGE);
            c.import(dma_buf.as_raw_fd());
            c.add_implicit_fences(&dma_buf, DMA_BUF_SYNC_WRITE, &file);
            c.fdinfo();
            c.pass(&mut gate, 0);
            told_again(c, &file);
        })
        .needs_held_jobs()
        .needs_foreign_memory();
    cases
        .add("fences_of_jobs_do_not_count", |c| {
            let mut gate = c.gate(1);
            let file = sync_file::pending(c, &mut gate, 0);
            c.bo(MIB);
            c.exclusive_bo(MIB, gate.vm);
            c.fdinfo();
            c.pass(&mut gate, 0);
            told_again(c, &file);
        })
        .needs_held_jobs();
}
