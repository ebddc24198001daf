//! All cases, by ioctl.

mod bind;
mod bo;
mod bo_label;
mod bo_mmap;
mod bo_sync;
mod core;
mod dma_buf;
mod fdinfo;
mod flink;
mod group_create;
mod group_innocent;
mod group_state;
mod group_submit;
mod handle_zero;
mod heap;
mod job_access;
mod job_faults;
mod job_order;
mod job_pending;
mod jobs;
mod kernel_va;
pub mod mode_setting;
mod primary;
mod prime;
mod query;
mod request;
mod sync_file;
mod sync_file_names;
mod sync_file_times;
mod syncobj;
mod timestamp;
mod vm;
mod vm_unusable;
mod without_sys_admin;
mod without_sys_nice;

use crate::case::{Case, Cases};

pub fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    query::add(&mut cases);
    timestamp::add(&mut cases);
    request::add(&mut cases);
    handle_zero::add(&mut cases);
    vm::add(&mut cases);
    vm_unusable::add(&mut cases);
    bind::add(&mut cases);
    syncobj::add(&mut cases);
    prime::add(&mut cases);
    bo::add(&mut cases);
    bo_mmap::add(&mut cases);
    bo_label::add(&mut cases);
    bo_sync::add(&mut cases);
    group_create::add(&mut cases);
    group_state::add(&mut cases);
    group_submit::add(&mut cases);
    jobs::add(&mut cases);
    job_order::add(&mut cases);
    job_faults::add(&mut cases);
    job_access::add(&mut cases);
    group_innocent::add(&mut cases);
    job_pending::add(&mut cases);
    heap::add(&mut cases);
    kernel_va::add(&mut cases);
    core::add(&mut cases);
    primary::add(&mut cases);
    flink::add(&mut cases);
    without_sys_nice::add(&mut cases);
    without_sys_admin::add(&mut cases);
    mode_setting::add(&mut cases);
    sync_file::add(&mut cases);
    sync_file_names::add(&mut cases);
    sync_file_times::add(&mut cases);
    dma_buf::add(&mut cases);
    fdinfo::add(&mut cases);
    cases.finish()
}
