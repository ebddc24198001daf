//! What sync files and their fences are called, with all numbers told as `#`.

use std::os::fd::{AsRawFd, OwnedFd};

use panthor_sys::*;

use super::sync_file;
use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;
use crate::uapi::sync_files::told;

const ROOM: usize = 4;

/// Writes down what a sync file and its fences are called.
fn names(c: &mut Client<'_>, file: &OwnedFd) {
    let mut fences = [zeroed::<sync_fence_info>(); ROOM];
    let at = address_mut(fences.as_mut_slice());
    let mut args = sync_file_info {
        num_fences: ROOM as u32,
        sync_fence_info: at,
        ..zeroed::<sync_file_info>()
    };
    c.descriptor_call(file.as_raw_fd(), SYNC_IOC_FILE_INFO, &mut args);
    c.note(format_args!("  file {:?}", told(&args.name)));
    for fence in &fences[..ROOM.min(args.num_fences as usize)] {
        c.fence_name(fence);
    }
}

pub fn add(cases: &mut Cases) {
    cases.group("sync_file_names");
    cases.add("signaled", |c| {
        let handle = c.signaled_syncobj();
        let file = c.sync_file(handle);
        names(c, &file);
    });
    cases.add("points", |c| {
        let timeline = c.syncobj();
        c.timeline_signal(&[timeline], &[3]);
        c.timeline_signal(&[timeline], &[5]);
        let file = c.sync_file(timeline);
        names(c, &file);
    });
    // The kernel does not know that a timeline is done before somebody asks.
    cases.add("points_that_somebody_has_asked_for", |c| {
        let timeline = c.syncobj();
        c.timeline_signal(&[timeline], &[3]);
        let file = c.sync_file(timeline);
        names(c, &file);
        c.file_info(&file, 0);
        names(c, &file);
    });
    cases.add("bind", |c| {
        let (vm, done) = (c.vm(), c.syncobj());
        c.bind_async(vm, &[sync_only(&[signal(done, 0)])]);
        c.wait(&[done], 0, i64::MAX);
        let file = c.sync_file(done);
        names(c, &file);
    });
    cases
        .add("failed_job", |c| {
            let file = sync_file::failed(c);
            names(c, &file);
        })
        .needs_jobs();
    pending(cases);
}

fn pending(cases: &mut Cases) {
    cases
        .add("job", |c| {
            let mut gate = c.gate(1);
            let file = sync_file::pending(c, &mut gate, 0);
            names(c, &file);
            c.pass(&mut gate, 0);
            c.until_readable(&file);
            names(c, &file);
        })
        .needs_held_jobs();
    cases
        .add("jobs_of_two_queues_and_a_bind", |c| {
            let (mut gate, done) = (c.gate(2), [c.syncobj(), c.syncobj(), c.syncobj()]);
            c.submit_held(&mut gate, 0, &[signal(done[0], 0)]);
            c.submit_held(&mut gate, 1, &[signal(done[1], 0)]);
            c.bind_async(gate.vm, &[sync_only(&[wait(done[0], 0), signal(done[2], 0)])]);
            let files = done.map(|done| c.sync_file(done));
            for file in &files {
                names(c, file);
            }
            let both = c.merge(&files[0], &files[1]);
            let all = c.merge(&both, &files[2]);
            // In the order in which VM and queues were made.
            names(c, &all);
            c.pass(&mut gate, 0);
            c.pass(&mut gate, 1);
            c.until_readable(&all);
        })
        .needs_held_jobs();
    cases
        .add("pending_point", |c| {
            let (mut gate, timeline) = (c.gate(1), c.syncobj());
            c.submit_held(&mut gate, 0, &[signal(timeline, 3)]);
            let file = c.sync_file(timeline);
            names(c, &file);
            c.pass(&mut gate, 0);
            c.until_readable(&file);
        })
        .needs_held_jobs();
    cases
        .add("cancelled_job", |c| {
            let mut gate = c.gate(1);
            let file = sync_file::pending(c, &mut gate, 0);
            c.destroy_group(gate.group);
            c.until_readable(&file);
            names(c, &file);
            c.until_mapped(1);
        })
        .needs_held_jobs();
}
